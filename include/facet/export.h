/* Marks what libfacet.so exports. */
#ifndef FACET_EXPORT_H
#define FACET_EXPORT_H

#if defined(__GNUC__)
#define FACET_API __attribute__((visibility("default")))
#else
#define FACET_API
#endif

#endif

/* Parts that are opened on first use, so that a start does not pay for libraries it may not need
 * (FFmpeg alone costs 29 ms and 28 MB before main). A module is NAME.so, which exports one symbol:
 * a table of functions. It carries its own copy of base, so its error text is its own: the table
 * has a way to hand it back, and the caller repeats it with facet_fail.
 *
 * Looked for, in this order: the folder $FACET_MODULES and no other when it is set; beside the
 * program and beside the library that this code is in, and in `facet/` there; the build tree that
 * they are in (src/modules); the folder it was installed to. */
#ifndef FACET_BASE_MODULE_H
#define FACET_BASE_MODULE_H

/* *table receives the address of `symbol` in the module `name` ("facet-curl"), which stays open
 * until the process ends. FACET_E_UNSUPPORTED with the reason and what to install: `package` names
 * the Debian package whose library the module needs. Thread-safe, cheap when open already. */
int facet_module_open(const void **table, const char *name, const char *symbol, const char *package);

#endif

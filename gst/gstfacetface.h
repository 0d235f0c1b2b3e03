/* facetface: finds, follows and names faces in a GStreamer pipeline, over libfacet's stream.h. */
#ifndef GST_FACETFACE_H
#define GST_FACETFACE_H

#include <gst/video/gstvideofilter.h>

#include <facet/facet.h>

G_BEGIN_DECLS

#define GST_TYPE_FACETFACE (gst_facetface_get_type())
G_DECLARE_FINAL_TYPE(GstFacetface, gst_facetface, GST, FACETFACE, GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE(facetface)

G_END_DECLS

#endif

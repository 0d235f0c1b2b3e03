/* The element. Pictures pass unchanged; each face becomes a region of interest of its buffer, and what happens
 * to tracks becomes element messages (docs/gstreamer.md). GStreamer's own names and habits are used here. */
#include "gstfacetface.h"

#include <gst/video/gstvideometa.h>

#include <string.h>

#define FACES 256

GST_DEBUG_CATEGORY_STATIC(facetface_debug);
#define GST_CAT_DEFAULT facetface_debug

enum { PROP_0, PROP_DETECTOR, PROP_RECOGNISER, PROP_ANTISPOOF, PROP_GALLERY, PROP_THRESHOLD, PROP_FAR, PROP_MIN_FACE, PROP_CONFIRM,
       PROP_SCAN_EVERY, PROP_THREADS, PROP_MESSAGES };

struct _GstFacetface {
    GstVideoFilter parent;
    gchar *detector, *recogniser, *antispoof, *gallery;
    gfloat threshold;
    gdouble far_rate;
    gint min_face, confirm, scan_every;
    guint threads;
    gboolean messages;
    struct facet_stream *stream;       /* open between start and stop */
    GstClockTime last;                 /* of the picture before, for those without a time */
    struct facet_stream_face faces[FACES];
};

G_DEFINE_TYPE(GstFacetface, gst_facetface, GST_TYPE_VIDEO_FILTER)
GST_ELEMENT_REGISTER_DEFINE(facetface, "facetface", GST_RANK_NONE, GST_TYPE_FACETFACE)

#define CAPS GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE("RGB"))
static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, CAPS);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, CAPS);

/* ---- properties ---- */

static void set_text(gchar **field, const GValue *value)
{
    g_free(*field);
    *field = g_value_dup_string(value);
    if (*field && !**field)
        g_clear_pointer(field, g_free);
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstFacetface *self = GST_FACETFACE(object);
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_DETECTOR: set_text(&self->detector, value); break;
    case PROP_RECOGNISER: set_text(&self->recogniser, value); break;
    case PROP_ANTISPOOF: set_text(&self->antispoof, value); break;
    case PROP_GALLERY: set_text(&self->gallery, value); break;
    case PROP_THRESHOLD: self->threshold = g_value_get_float(value); break;
    case PROP_FAR: self->far_rate = g_value_get_double(value); break;
    case PROP_MIN_FACE: self->min_face = g_value_get_int(value); break;
    case PROP_CONFIRM: self->confirm = g_value_get_int(value); break;
    case PROP_SCAN_EVERY: self->scan_every = g_value_get_int(value); break;
    case PROP_THREADS: self->threads = g_value_get_uint(value); break;
    case PROP_MESSAGES: self->messages = g_value_get_boolean(value); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(self);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstFacetface *self = GST_FACETFACE(object);
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_DETECTOR: g_value_set_string(value, self->detector); break;
    case PROP_RECOGNISER: g_value_set_string(value, self->recogniser); break;
    case PROP_ANTISPOOF: g_value_set_string(value, self->antispoof); break;
    case PROP_GALLERY: g_value_set_string(value, self->gallery); break;
    case PROP_THRESHOLD: g_value_set_float(value, self->threshold); break;
    case PROP_FAR: g_value_set_double(value, self->far_rate); break;
    case PROP_MIN_FACE: g_value_set_int(value, self->min_face); break;
    case PROP_CONFIRM: g_value_set_int(value, self->confirm); break;
    case PROP_SCAN_EVERY: g_value_set_int(value, self->scan_every); break;
    case PROP_THREADS: g_value_set_uint(value, self->threads); break;
    case PROP_MESSAGES: g_value_set_boolean(value, self->messages); break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
    GST_OBJECT_UNLOCK(self);
}

/* ---- messages ---- */

static void post(GstFacetface *self, GstStructure *about)
{
    if (self->messages)
        gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), about));
    else
        gst_structure_free(about);
}

static GstStructure *describe(const char *name, const struct facet_stream_face *f)
{
    GstStructure *about = gst_structure_new(name, "track", G_TYPE_INT64, (gint64)f->track, "detector-score", G_TYPE_FLOAT, f->score,
                                            "quality", G_TYPE_FLOAT, f->quality, "decided", G_TYPE_BOOLEAN, f->is_decided != 0,
                                            "known", G_TYPE_BOOLEAN, f->who.is_known != 0, NULL);
    if (f->who.is_known)
        gst_structure_set(about, "name", G_TYPE_STRING, f->who.name, NULL);
    if (f->is_decided)
        gst_structure_set(about, "cosine", G_TYPE_FLOAT, f->who.cosine, "score", G_TYPE_FLOAT, f->who.score, NULL);
    if (f->is_judged)
        gst_structure_set(about, "live", G_TYPE_STRING, f->is_judged > 0 ? "real" : "spoof", NULL);
    return about;
}

static void post_face(GstFacetface *self, const char *type, const struct facet_stream_face *f, GstClockTime at)
{
    GstStructure *about = describe("facetface", f);
    gst_structure_set(about, "type", G_TYPE_STRING, type, "timestamp", G_TYPE_UINT64, (guint64)at, "x", G_TYPE_FLOAT, f->x1,
                      "y", G_TYPE_FLOAT, f->y1, "width", G_TYPE_FLOAT, f->x2 - f->x1, "height", G_TYPE_FLOAT, f->y2 - f->y1, NULL);
    post(self, about);
}

static void post_ended(GstFacetface *self)
{
    int64_t tracks[FACES];
    const int n = facet_stream_ended(self->stream, tracks, FACES);
    for (int i = 0; i < n; i++)
        post(self, gst_structure_new("facetface", "type", G_TYPE_STRING, "track_end", "track", G_TYPE_INT64, (gint64)tracks[i],
                                     "timestamp", G_TYPE_UINT64, (guint64)self->last, NULL));
}

/* ---- pictures ---- */

/* Within the picture: what counts regions in unsigned numbers must not see a face that begins left of it. */
static void add_region(GstBuffer *buffer, const struct facet_stream_face *f, const GstVideoInfo *info)
{
    const gfloat right = (gfloat)GST_VIDEO_INFO_WIDTH(info), bottom = (gfloat)GST_VIDEO_INFO_HEIGHT(info);
    const gfloat x1 = CLAMP(f->x1, 0, right), y1 = CLAMP(f->y1, 0, bottom), x2 = CLAMP(f->x2, 0, right), y2 = CLAMP(f->y2, 0, bottom);
    GstVideoRegionOfInterestMeta *roi =
        gst_buffer_add_video_region_of_interest_meta(buffer, "face", (guint)x1, (guint)y1, (guint)(x2 - x1), (guint)(y2 - y1));
    GstStructure *about = describe("facet", f);
    roi->id = (gint)f->track;
    if (f->has_points) {
        static const char *const names[5][2] = { { "left-eye-x", "left-eye-y" }, { "right-eye-x", "right-eye-y" }, { "nose-x", "nose-y" },
                                                 { "left-mouth-x", "left-mouth-y" }, { "right-mouth-x", "right-mouth-y" } };
        for (int i = 0; i < 5; i++)
            gst_structure_set(about, names[i][0], G_TYPE_FLOAT, f->points[i][0], names[i][1], G_TYPE_FLOAT, f->points[i][1], NULL);
    }
    gst_video_region_of_interest_meta_add_param(roi, about);
}

static GstClockTime time_of(GstFacetface *self, const GstVideoFrame *frame)
{
    const GstClockTime at = GST_BUFFER_PTS(frame->buffer);
    const gint n = GST_VIDEO_INFO_FPS_N(&frame->info), d = GST_VIDEO_INFO_FPS_D(&frame->info);
    if (GST_CLOCK_TIME_IS_VALID(at))
        return self->last = at;
    return self->last += n > 0 ? gst_util_uint64_scale_int(GST_SECOND, d, n) : 40 * GST_MSECOND;
}

static GstFlowReturn transform_frame_ip(GstVideoFilter *filter, GstVideoFrame *frame)
{
    GstFacetface *self = GST_FACETFACE(filter);
    const GstClockTime at = time_of(self, frame);
    const int n = facet_stream_picture(self->stream, GST_VIDEO_FRAME_PLANE_DATA(frame, 0), GST_VIDEO_FRAME_WIDTH(frame),
                                       GST_VIDEO_FRAME_HEIGHT(frame), (size_t)GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0),
                                       (double)at / GST_MSECOND, self->faces, FACES);
    if (n < 0) {
        GST_ELEMENT_ERROR(self, STREAM, FAILED, ("%s", facet_error_text()), (NULL));
        return GST_FLOW_ERROR;
    }
    for (int i = 0; i < n; i++) {
        const struct facet_stream_face *f = &self->faces[i];
        add_region(frame->buffer, f, &frame->info);
        if (f->is_new)
            post_face(self, "face_new", f, at);
        if (f->is_news)
            post_face(self, "identity", f, at);
    }
    post_ended(self);
    return GST_FLOW_OK;
}

/* A seek or the end: what comes next has nothing to do with what was. */
static gboolean sink_event(GstBaseTransform *base, GstEvent *event)
{
    GstFacetface *self = GST_FACETFACE(base);
    const GstEventType type = GST_EVENT_TYPE(event);
    if (self->stream && (type == GST_EVENT_EOS || type == GST_EVENT_FLUSH_STOP) && facet_stream_flush(self->stream) == FACET_OK)
        post_ended(self);
    return GST_BASE_TRANSFORM_CLASS(gst_facetface_parent_class)->sink_event(base, event);
}

/* ---- life ---- */

static gboolean start(GstBaseTransform *base)
{
    GstFacetface *self = GST_FACETFACE(base);
    struct facet_stream_options o = FACET_STREAM_OPTIONS_INIT;
    GST_OBJECT_LOCK(self);
    o.detector = self->detector;
    o.recogniser = self->recogniser;
    o.antispoof = self->antispoof;
    o.gallery = self->gallery;
    o.threshold = self->threshold;
    o.far_rate = self->far_rate;
    o.min_face = self->min_face;
    o.confirm = self->confirm;
    o.scan_every = self->scan_every;
    o.threads = self->threads;
    const int err = facet_stream_open(&self->stream, &o);
    GST_OBJECT_UNLOCK(self);
    self->last = 0;
    if (!err)
        return TRUE;
    if (err == FACET_E_NOT_FOUND)
        GST_ELEMENT_ERROR(self, RESOURCE, NOT_FOUND, ("%s", facet_error_text()), (NULL));
    else
        GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", facet_error_text()), (NULL));
    return FALSE;
}

static gboolean stop(GstBaseTransform *base)
{
    facet_stream_close(&GST_FACETFACE(base)->stream);
    return TRUE;
}

static void finalize(GObject *object)
{
    GstFacetface *self = GST_FACETFACE(object);
    facet_stream_close(&self->stream);
    g_free(self->detector);
    g_free(self->recogniser);
    g_free(self->antispoof);
    g_free(self->gallery);
    G_OBJECT_CLASS(gst_facetface_parent_class)->finalize(object);
}

#define FLAGS (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)

static void install_properties(GObjectClass *g)
{
    GParamSpec *const specs[] = {
        [PROP_DETECTOR] = g_param_spec_string("detector", "Detector", "Model that finds faces; the default one unless given", NULL, FLAGS),
        [PROP_RECOGNISER] = g_param_spec_string("recogniser", "Recogniser", "Model that tells faces apart; the gallery's unless given", NULL, FLAGS),
        [PROP_ANTISPOOF] = g_param_spec_string("antispoof", "Anti-spoof", "Model that judges whether faces are real; none unless given", NULL, FLAGS),
        [PROP_GALLERY] = g_param_spec_string("gallery", "Gallery", "File of who is known; the default one, where there is one, unless given", NULL, FLAGS),
        [PROP_THRESHOLD] = g_param_spec_float("threshold", "Threshold", "Cosine, same person at or above; 0: by far, or the model's own", -1, 1, 0, FLAGS),
        [PROP_FAR] = g_param_spec_double("far", "False-accept rate", "Threshold by wanted rate, from the model's measured table; 0: not asked", 0, 1, 0, FLAGS),
        [PROP_MIN_FACE] = g_param_spec_int("min-face", "Smallest face", "Pixels; 0: the detector's own", 0, 10000, 0, FLAGS),
        [PROP_CONFIRM] = g_param_spec_int("confirm", "Confirm", "Answers that must agree before a track is named; 0: 2", 0, 1000, 0, FLAGS),
        [PROP_SCAN_EVERY] = g_param_spec_int("scan-every", "Scan every", "Look over the whole picture each n-th time; 0: always", 0, 10000, 0, FLAGS),
        [PROP_THREADS] = g_param_spec_uint("threads", "Threads", "0: as many as there are", 0, 1024, 0, FLAGS),
        [PROP_MESSAGES] = g_param_spec_boolean("messages", "Messages", "Post an element message when a track begins, is named or ends", TRUE, FLAGS),
    };
    for (guint i = 1; i < G_N_ELEMENTS(specs); i++)
        g_object_class_install_property(g, i, specs[i]);
}

static void gst_facetface_class_init(GstFacetfaceClass *klass)
{
    GObjectClass *g = G_OBJECT_CLASS(klass);
    GstElementClass *e = GST_ELEMENT_CLASS(klass);
    GstBaseTransformClass *t = GST_BASE_TRANSFORM_CLASS(klass);
    g->set_property = set_property;
    g->get_property = get_property;
    g->finalize = finalize;
    install_properties(g);
    gst_element_class_set_static_metadata(e, "Facet face recogniser", "Filter/Analyzer/Video",
                                          "Finds, follows and names faces; adds regions of interest and posts messages", "Facet");
    gst_element_class_add_static_pad_template(e, &sink_template);
    gst_element_class_add_static_pad_template(e, &src_template);
    t->start = start;
    t->stop = stop;
    t->sink_event = sink_event;
    GST_VIDEO_FILTER_CLASS(klass)->transform_frame_ip = transform_frame_ip;
    GST_DEBUG_CATEGORY_INIT(facetface_debug, "facetface", 0, "Facet face recogniser");
}

static void gst_facetface_init(GstFacetface *self)
{
    self->messages = TRUE;
    gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
    gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), FALSE);
}

static gboolean plugin_init(GstPlugin *plugin)
{
    return GST_ELEMENT_REGISTER(facetface, plugin);
}

#define PACKAGE "facet"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, facet, "Finds, follows and names faces", plugin_init, FACET_VERSION, "Apache 2.0",
                  "facet", "Unknown package origin")

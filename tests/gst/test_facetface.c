/* facetface: what it is, what it says about a clip of known people, which regions it adds, what it refuses. */
#include "cli/cli.h"

#include <gst/gst.h>
#include <gst/video/gstvideometa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIP "video/short_hamilton_clip.mp4"

static int setup(void **state)
{
    int err = cli_setup(state);
    if (err)
        return err;
    cli_need_model(*state, "mtcnn");
    cli_need_model(*state, "facenet-20180402");
    return 0;
}

static void enrol(struct cli *c)
{
    char line[2048];
    snprintf(line, sizeof(line), "$FACET enroll --gallery staff.db lin %s", cli_data("gallery-hamilton/lin-manuel-miranda/1.png"));
    cli_shell(c, line);
    assert_code(c, 0);
}

/* The clip up to the element, and what follows it. */
static const char *pipeline(const char *element, const char *rest)
{
    static char text[4096];
    snprintf(text, sizeof(text), "filesrc location=%s ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=RGB ! %s ! %s",
             cli_data(CLIP), element, rest);
    return text;
}

static void launch(struct cli *c, const char *words)
{
    char line[5120];
    snprintf(line, sizeof(line), "gst-launch-1.0 -m %s", words);
    cli_shell(c, line);
}

static void test_facetface__tells_what_it_is(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "gst-inspect-1.0 facetface");
    assert_code(c, 0);
    assert_says(c->out, "Filter/Analyzer/Video");
    assert_says(c->out, "GstVideoFilter");
    static const char *const properties[] = { "detector", "recogniser", "antispoof", "gallery", "threshold", "far ", "min-face", "confirm",
                                              "scan-every", "threads", "messages" };
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        assert_says(c->out, properties[i]);
}

static void test_facetface__names_the_people_of_a_clip(void **state)
{
    struct cli *c = *state;
    enrol(c);
    launch(c, pipeline("facetface gallery=staff.db", "fakesink"));
    assert_code(c, 0);
    assert_says(c->out, "type=(string)face_new");
    assert_says(c->out, "name=(string)lin");
    assert_says(c->out, "type=(string)identity");
    assert_says(c->out, "type=(string)track_end");
    assert_says(c->out, "known=(boolean)false");       /* others are strangers */
}

static void test_facetface__is_silent_when_told_so(void **state)
{
    struct cli *c = *state;
    launch(c, pipeline("facetface messages=false scan-every=10", "fakesink"));
    assert_code(c, 0);
    assert_null(strstr(c->out, "type=(string)face_new"));
}

struct seen { int buffers, regions, named, with_points; guint outside; };

static GstPadProbeReturn look(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    struct seen *s = ctx;
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstVideoRegionOfInterestMeta *roi;
    gpointer at = NULL;
    s->buffers++;
    while ((roi = (GstVideoRegionOfInterestMeta *)gst_buffer_iterate_meta_filtered(buffer, &at, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))) {
        const GstStructure *about = gst_video_region_of_interest_meta_get_param(roi, "facet");
        const gchar *name = about ? gst_structure_get_string(about, "name") : NULL;
        s->regions++;
        s->named += name && !strcmp(name, "lin") && roi->id > 0;
        s->with_points += about && gst_structure_has_field(about, "nose-x");
        s->outside += roi->x + roi->w > 640 || roi->y + roi->h > 360;
    }
    return GST_PAD_PROBE_OK;
}

static void play(const char *words, struct seen *s)
{
    GError *why = NULL;
    GstElement *p = gst_parse_launch(words, &why);
    if (!p)
        fail_msg("%s", why->message);
    GstElement *end = gst_bin_get_by_name(GST_BIN(p), "end");
    GstPad *pad = gst_element_get_static_pad(end, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, look, s, NULL);
    gst_element_set_state(p, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(p);
    GstMessage *m = gst_bus_timed_pop_filtered(bus, 120 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    assert_non_null(m);
    assert_int_equal(GST_MESSAGE_TYPE(m), GST_MESSAGE_EOS);
    gst_message_unref(m);
    gst_object_unref(bus);
    gst_element_set_state(p, GST_STATE_NULL);
    gst_object_unref(pad);
    gst_object_unref(end);
    gst_object_unref(p);
}

static void test_facetface__adds_a_region_for_each_face(void **state)
{
    struct cli *c = *state;
    struct seen s = { 0 };
    char element[512];
    enrol(c);
    snprintf(element, sizeof(element), "facetface gallery=%s", cli_path(c, "staff.db"));
    play(pipeline(element, "fakesink name=end"), &s);
    assert_int_equal(s.buffers, 275);
    assert_true(s.regions > 300);
    assert_true(s.named > 60);
    assert_true(s.with_points > s.regions / 2);
    assert_int_equal(s.outside, 0);
}

static void test_facetface__a_picture_without_faces_passes_untouched(void **state)
{
    struct seen s = { 0 };
    play("videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=333,height=201 ! facetface ! fakesink name=end", &s);
    assert_int_equal(s.buffers, 3);
    assert_int_equal(s.regions, 0);
}

#define REFUSED(c, words, why)                                                      \
    do {                                                                            \
        launch(c, "videotestsrc num-buffers=2 ! facetface " words " ! fakesink");   \
        assert_int_not_equal((c)->code, 0);                                         \
        assert_says((c)->err, why);                                                 \
    } while (0)

static void test_facetface__refuses_what_it_cannot_use(void **state)
{
    struct cli *c = *state;
    enrol(c);
    REFUSED(c, "gallery=nowhere.db", "there is no gallery 'nowhere.db'");
    REFUSED(c, "detector=eyes", "there is no model 'eyes'");
    REFUSED(c, "detector=facenet-20180402", "its task is 'embed', not 'detect'");
    REFUSED(c, "antispoof=mtcnn", "its task is 'detect', not 'other'");
    REFUSED(c, "threshold=0.5 far=0.001", "say the same thing");
    REFUSED(c, "gallery=staff.db recogniser=mobilefacenet-photo-analyze", "its templates were made by 'facenet-20180402'");
    cli_shell(c, "head -c 5000 /dev/zero > junk.db");
    REFUSED(c, "gallery=junk.db", "junk.db");
}

static void test_facetface__says_which_model_is_to_be_pulled(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "FACET_MODELS=$PWD/none gst-launch-1.0 videotestsrc num-buffers=2 ! facetface ! fakesink");
    assert_int_not_equal(c->code, 0);
    assert_says(c->err, "run: facet models pull mtcnn");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, cli_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_facetface__tells_what_it_is),
        TEST(test_facetface__names_the_people_of_a_clip),
        TEST(test_facetface__is_silent_when_told_so),
        TEST(test_facetface__adds_a_region_for_each_face),
        TEST(test_facetface__a_picture_without_faces_passes_untouched),
        TEST(test_facetface__refuses_what_it_cannot_use),
        TEST(test_facetface__says_which_model_is_to_be_pulled),
    };
    gst_init(&argc, &argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a stream refuses before any model is needed. On real faces it is tested through the element in ../../gst. */
#include "test.h"

#include <facet/facet.h>

#include <string.h>

static void refuses(const struct facet_stream_options *o, int err, const char *why)
{
    struct facet_stream *s = NULL;
    assert_int_equal(facet_stream_open(&s, o), err);
    assert_null(s);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
}

static void test_stream__refuses_options_that_do_not_fit(void **state)
{
    struct facet_stream_options o = FACET_STREAM_OPTIONS_INIT;
    o.min_face = -1;
    refuses(&o, FACET_E_INVALID, "min_face -1");
    o = (struct facet_stream_options)FACET_STREAM_OPTIONS_INIT;
    o.threads = 5000;
    refuses(&o, FACET_E_INVALID, "threads 5000");
    o = (struct facet_stream_options)FACET_STREAM_OPTIONS_INIT;
    o.threshold = 0.5f;
    o.far_rate = 0.001;
    refuses(&o, FACET_E_INVALID, "say the same thing");
    o = (struct facet_stream_options){ 0 };
    refuses(&o, FACET_E_INVALID, "use the INIT macro");
}

static void test_stream__refuses_what_is_not_there(void **state)
{
    struct facet_stream_options o = FACET_STREAM_OPTIONS_INIT;
    o.gallery = "nowhere/nobody.db";
    refuses(&o, FACET_E_NOT_FOUND, "there is no gallery 'nowhere/nobody.db'");
    o.gallery = NULL;
    o.detector = "eyes";
    refuses(&o, FACET_E_NOT_FOUND, "there is no model 'eyes'");
    o.detector = "facenet-20180402";
    refuses(&o, FACET_E_UNSUPPORTED, "its task is 'embed', not 'detect'");
}

static void test_stream__closing_nothing_is_fine(void **state)
{
    struct facet_stream *s = NULL;
    facet_stream_close(&s);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__refuses_options_that_do_not_fit),
        cmocka_unit_test(test_stream__refuses_what_is_not_there),
        cmocka_unit_test(test_stream__closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

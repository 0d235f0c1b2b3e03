/* What sinks write for packets made by hand. */
#include "test.h"

#include "base/file.h"
#include "base/json.h"
#include "media/video.h"
#include "stages/publish/publish.h"
#include "wire/event.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct room {
    char dir[64], csv[96], events[96], video[96];
    struct facet_frame_pool *pool;
    struct facet_packet *p;
    struct facet_stage *stage;
    double fps;              /* of source 0; source 1 is a picture */
};

static const char *name_of(void *ctx, int source)
{
    return source == 0 ? "door, \"front\".mp4" : "group.jpg";
}

static double fps_of(void *ctx, int source)
{
    return source == 0 ? ((struct room *)ctx)->fps : 0;
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    snprintf(r->dir, sizeof(r->dir), "/tmp/facet-publish-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->csv, sizeof(r->csv), "%s/f.csv", r->dir);
    snprintf(r->events, sizeof(r->events), "%s/e.jsonl", r->dir);
    snprintf(r->video, sizeof(r->video), "%s/v.mp4", r->dir);
    r->fps = 25;
    assert_int_equal(facet_frame_pool_open(&r->pool, 2), FACET_OK);
    assert_int_equal(facet_packet_open(&r->p, 0), FACET_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    facet_stage_close(&r->stage);
    facet_packet_close(&r->p);
    facet_frame_pool_close(&r->pool);
    unlink(r->csv);
    unlink(r->events);
    unlink(r->video);
    rmdir(r->dir);
    free(r);
    return 0;
}

static void open_all(struct room *r, const char *csv, const char *events, const char *video)
{
    struct facet_publish_opts o = {.csv = csv, .events = events, .video = video, .run = "test run",
                                   .strategy = "edge", .device = "bench", .detector = "mtcnn",
                                   .recogniser = "facenet", .source_name = name_of,
                                   .source_fps = fps_of, .source_ctx = r};
    if (facet_stage_open(&r->stage, &facet_stage_publish, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
}

/* A frame with one face; send() publishes it. */
static struct facet_face *next_frame(struct room *r, int source, int index, int w, int h)
{
    facet_packet_reset(r->p);
    assert_int_equal(facet_frame_get(&r->p->frame, r->pool, FACET_PIXEL_RGB24, w, h), FACET_OK);
    facet_image_fill(&r->p->frame->image, 100, 100, 100);
    r->p->frame->index = index;
    r->p->frame->pts_ms = index * 40;
    r->p->frame->wall_ms = 1790000000000 + index;
    r->p->source = r->p->frame->source = source;
    r->p->n_faces = 1;
    struct facet_face *f = &r->p->faces[0];
    f->box = (struct facet_box){20, 30, 60, 80};
    f->has_points = true;
    for (int i = 0; i < FACET_LANDMARKS; i++)
        f->points.p[i] = (struct facet_point){30 + 5 * (float)i, 50};
    f->score = 0.98f;
    f->track = 7;
    f->now.cosine = f->identity.cosine = -1;
    return f;
}

static void send(struct room *r)
{
    if (facet_stage_step(r->stage, r->p) != FACET_OK)
        fail_msg("%s", facet_error_text());
}

static void send_flush(struct room *r, int source, int64_t ended)
{
    facet_packet_reset(r->p);
    r->p->source = source;
    r->p->flush = true;
    r->p->ended[0] = ended;
    r->p->n_ended = ended != 0;
    send(r);
}

static char *text_of(const char *path)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_file_read(path, 1 << 22, &data, &len), FACET_OK);
    return (char *)data;
}

/* Fields of a CSV row; quotes are kept. */
static int fields_of(char *row, char **out, int max)
{
    int n = 0;
    bool is_quoted = false;
    out[n++] = row;
    for (; *row; row++) {
        is_quoted ^= *row == '"';
        if (*row == ',' && !is_quoted && n < max) {
            *row = '\0';
            out[n++] = row + 1;
        }
    }
    return n;
}

static void test_csv__row_has_every_column(void **state)
{
    struct room *r = *state;
    open_all(r, r->csv, NULL, NULL);
    struct facet_face *f = next_frame(r, 0, 3, 100, 90);
    f->identity = (struct facet_identity){.decision = FACET_KNOWN, .person = 2, .name = "ada"};
    r->p->step_ns[FACET_STEP_INGEST] = 1500000;
    r->p->step_ns[FACET_STEP_DETECT] = 22004000;
    r->p->queue_ns = 3000;
    r->p->embedded = 1;
    r->p->bytes_received = 12;
    r->p->dropped = 2;
    send(r);
    send_flush(r, 0, 7); /* no row */
    facet_stage_close(&r->stage);
    char *text = text_of(r->csv), *rest = text, *names[40], *values[40];
    assert_string_equal(strsep(&rest, "\n"), "# facet-csv 1");
    assert_int_equal(fields_of(strsep(&rest, "\n"), names, 40), 35);
    assert_int_equal(fields_of(strsep(&rest, "\n"), values, 40), 35);
    assert_string_equal(rest, "");
    static const char *const want[][2] = {
        {"run", "test run"}, {"strategy", "edge"}, {"camera", "\"door, \"\"front\"\".mp4\""},
        {"frame", "3"}, {"pts_ms", "120.000"}, {"width", "100"}, {"height", "90"}, {"faces", "1"},
        {"decode_ms", "1.500"}, {"detect_ms", "22.004"}, {"track_ms", "0.000"},
        {"queue_ms", "0.003"}, {"energy_j", ""}, {"dropped", "2"}, {"bytes_sent", "0"},
        {"device", "bench"}, {"detector", "mtcnn"}, {"recogniser", "facenet"}, {"tracks", "1"},
        {"embedded", "1"}, {"recognised", "1"}, {"bytes_received", "12"}, {"energy_source", ""}, {"antispoof", ""}, {"spoofs", ""}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        int at = 0;
        while (at < 35 && strcmp(names[at], want[i][0]) != 0)
            at++;
        assert_true(at < 35);
        assert_string_equal(values[at], want[i][1]);
    }
    free(text);
}

static const char header[] =
    "run,strategy,camera,frame,pts_ms,width,height,faces,decode_ms,detect_ms,track_ms,align_ms,"
    "embed_ms,identify_ms,publish_ms,queue_ms,total_ms,cpu_ms,rss_bytes,energy_j,dropped,"
    "bytes_sent,device,detector,recogniser,tracks,embedded,recognised,delay_ms,bytes_received,"
    "peak_rss_bytes,energy_source,antispoof,real,spoofs\n";

static void test_csv__header_is_there_before_any_frame(void **state)
{
    struct room *r = *state;
    open_all(r, r->csv, NULL, NULL);
    char *text = text_of(r->csv);
    assert_non_null(strstr(text, header));
    facet_stage_close(&r->stage);
    free(text);
}

/* Line `number` of the events, parsed. */
static struct facet_json *event(const char *text, int number)
{
    struct facet_json *j;
    for (; number > 0 && text; number--)
        text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
    assert_true(text && *text);
    assert_int_equal(facet_json_parse(&j, text, strcspn(text, "\n"), "events"), FACET_OK);
    return j;
}

static void check_event(const char *text, int number, const char *type, int64_t frame,
                        const char *decision, const char *name)
{
    struct facet_json *j = event(text, number);
    assert_string_equal(facet_json_str(facet_json_get(j, "type"), ""), type);
    assert_string_equal(facet_json_str(facet_json_get(j, "run"), ""), "test run");
    assert_int_equal(facet_json_int(facet_json_get(j, "frame"), -9), frame);
    assert_string_equal(facet_json_str(facet_json_get(j, "decision"), ""), decision);
    assert_string_equal(facet_json_str(facet_json_get(j, "name"), ""), name);
    assert_int_equal(facet_json_size(facet_json_get(j, "box")), 4);
    facet_json_unref(&j);
}

static void test_events__tell_a_track_from_start_to_end(void **state)
{
    struct room *r = *state;
    open_all(r, NULL, r->events, NULL);
    next_frame(r, 0, 0, 100, 90)->is_new_track = true;
    send(r);
    next_frame(r, 0, 1, 100, 90); /* nothing new: no event */
    send(r);
    struct facet_face *f = next_frame(r, 0, 2, 100, 90);
    f->identity = (struct facet_identity){.decision = FACET_KNOWN, .person = 2, .name = "Zo\xc3\xab",
                                          .cosine = 0.71f, .score = 0.9f};
    f->identity_changed = true;
    send(r);
    send_flush(r, 0, 7);
    facet_stage_close(&r->stage);
    char *text = text_of(r->events), *ids[3];
    check_event(text, 0, "face_new", 0, "", "");
    check_event(text, 1, "identity", 2, "known", "Zo\xc3\xab");
    check_event(text, 2, "track_end", 2, "known", "Zo\xc3\xab");
    for (int i = 0; i < 3; i++) {
        struct facet_json *j = event(text, i);
        assert_int_equal(facet_json_int(facet_json_get(j, "track"), 0), 7);
        ids[i] = strdup(facet_json_str(facet_json_get(j, "id"), ""));
        assert_true(strlen(ids[i]) > 10);
        facet_json_unref(&j);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[1], ids[2]);
    for (int i = 0; i < 3; i++)
        free(ids[i]);
    struct facet_json *j = event(text, 2);
    assert_int_equal(facet_json_int(facet_json_get(j, "frames"), 0), 3);
    assert_float_equal(facet_json_num(facet_json_get(j, "last_ms"), 0), 80, 0.01);
    facet_json_unref(&j);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

struct heard { int n; struct facet_event all[8]; };

static void hear(void *ctx, const struct facet_event *e)
{
    struct heard *h = ctx;
    if (h->n < 8)
        h->all[h->n++] = *e;
}

static void test_events__are_handed_on_without_a_file(void **state)
{
    struct room *r = *state;
    struct heard heard = {0};
    struct facet_publish_opts o = {.run = "r", .strategy = "edge", .device = "pi", .site = "home", .source_name = name_of,
                                   .source_ctx = r, .event = hear, .event_ctx = &heard, .event_expires_ms = 5000, .live = true};
    assert_int_equal(facet_stage_open(&r->stage, &facet_stage_publish, &o), FACET_OK);
    next_frame(r, 0, 4, 100, 90)->is_new_track = true; /* no source_fps: yet no picture, as it is live */
    send(r);
    send_flush(r, 0, 7);
    assert_int_equal(heard.n, 2);
    assert_int_equal(heard.all[0].type, FACET_EVENT_NEW);
    assert_int_equal(heard.all[1].type, FACET_EVENT_END);
    assert_string_equal(heard.all[0].site, "home");
    assert_string_equal(heard.all[0].device, "pi");
    assert_int_equal(heard.all[0].width, 100);
    assert_int_equal(heard.all[0].captured_ms, 1790000000004);
    assert_int_equal(heard.all[0].expires_ms, 1790000005004);
    assert_int_equal(heard.all[1].frames, 1);
}

static void test_events__each_face_of_a_picture(void **state)
{
    struct room *r = *state;
    open_all(r, NULL, r->events, NULL);
    struct facet_face *f = next_frame(r, 1, 0, 100, 90);
    f->is_new_track = true;
    f->now = (struct facet_identity){.decision = FACET_UNKNOWN, .cosine = 0.2f};
    r->p->n_faces = 2;
    r->p->faces[1] = (struct facet_face){.box = f->box, .identity = {.cosine = -1}};
    r->p->flush = true;
    r->p->ended[0] = 7;
    r->p->n_ended = 1;
    send(r);
    facet_stage_close(&r->stage);
    char *text = text_of(r->events);
    check_event(text, 0, "face", 0, "unknown", "");
    check_event(text, 1, "face", 0, "undecided", "");
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2);
    free(text);
}

static void test_events__more_tracks_than_remembered_still_end(void **state)
{
    struct room *r = *state;
    open_all(r, NULL, r->events, NULL);
    for (int i = 0; i < 1100; i++) {
        next_frame(r, 0, i, 16, 16)->track = i + 1;
        send(r);
    }
    send_flush(r, 0, 1100);
    send_flush(r, 0, 5);
    facet_stage_close(&r->stage);
    char *text = text_of(r->events);
    struct facet_json *j = event(text, 0);
    assert_string_equal(facet_json_str(facet_json_get(j, "type"), ""), "track_end");
    assert_null(facet_json_get(j, "box"));
    facet_json_unref(&j);
    check_event(text, 1, "track_end", 4, "undecided", "");
    free(text);
}

static void test_video__is_drawn_on_and_keeps_times(void **state)
{
    struct room *r = *state;
    struct facet_video *v;
    struct facet_frame *got;
    open_all(r, NULL, NULL, r->video);
    for (int i = 0; i < 5; i++) {
        struct facet_face *f = next_frame(r, 0, i, 160, 120);
        f->identity = (struct facet_identity){.decision = FACET_KNOWN, .name = "ada", .score = 0.9f};
        send(r);
        /* the frame itself is not touched */
        assert_int_equal(r->p->frame->image.data[30 * r->p->frame->image.stride + 3 * 40], 100);
    }
    next_frame(r, 1, 0, 300, 100); /* another size: letterboxed */
    send(r);
    facet_stage_close(&r->stage);
    assert_int_equal(facet_video_open(&v, r->video, NULL), FACET_OK);
    assert_int_equal(facet_video_info(v)->width, 160);
    for (int i = 0; i < 7; i++) {
        static const double times[] = {0, 40, 80, 120, 160, 200, 2160};
        assert_int_equal(facet_video_read(v, r->pool, &got), FACET_OK);
        assert_float_equal(got->pts_ms, times[i], 1);
        const uint8_t *p = got->image.data + 30 * got->image.stride + 3 * 40;
        if (i < 5) /* the box's upper edge is green */
            assert_true(p[1] > p[0] + 20);
        else /* above the letterboxed picture it is black */
            assert_true(got->image.data[3 * 80] < 30 && got->image.data[60 * got->image.stride + 3 * 120] > 80);
        facet_frame_unref(&got);
    }
    facet_video_close(&v);
}

static void test_publish__unwritable_places_are_refused_at_open(void **state)
{
    struct room *r = *state;
    const struct facet_publish_opts bad[] = {{.csv = "/no/such/dir/x.csv"},
                                             {.events = "/no/such/dir/x.jsonl"},
                                             {.video = "/no/such/dir/x.mp4"}, {.csv = r->dir}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct facet_stage *s;
        assert_int_not_equal(facet_stage_open(&s, &facet_stage_publish, &bad[i]), FACET_OK);
        assert_non_null(strstr(facet_error_text(), i < 3 ? "/no/such/dir" : r->dir));
        assert_null(s);
    }
}

static void test_publish__full_disk_is_an_error(void **state)
{
    struct room *r = *state;
    struct facet_publish_opts o = {.csv = "/dev/full"};
    struct facet_stage *s;
    assert_int_equal(facet_stage_open(&s, &facet_stage_publish, &o), FACET_E_IO);
    struct facet_publish_opts events = {.events = "/dev/full"};
    assert_int_equal(facet_stage_open(&s, &facet_stage_publish, &events), FACET_OK);
    next_frame(r, 0, 0, 16, 16);
    assert_int_equal(facet_stage_step(s, r->p), FACET_E_IO);
    facet_stage_close(&s);
}

static void test_publish__nothing_asked_is_fine(void **state)
{
    struct room *r = *state;
    open_all(r, NULL, NULL, NULL);
    next_frame(r, 0, 0, 16, 16);
    send(r);
    send_flush(r, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_csv__row_has_every_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_csv__header_is_there_before_any_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events__tell_a_track_from_start_to_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events__are_handed_on_without_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events__each_face_of_a_picture, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events__more_tracks_than_remembered_still_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_video__is_drawn_on_and_keeps_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publish__unwritable_places_are_refused_at_open, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_publish__full_disk_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publish__nothing_asked_is_fine, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

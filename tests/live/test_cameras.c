/* Cameras as they are: a real RTSP server that is killed, stalls, slows down and talks garbage. */
#include "test.h"

#include "lib/camera.h"
#include "lib/certs.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "base/str.h"
#include "media/picture.h"
#include "stages/ingest/cameras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET "open.sesame" /* no text may hold it */
#define START_MS 8000

static struct scratch scratch;
static char told[1 << 16]; /* all log lines */
static size_t told_length;

struct rig {
    struct facet_stage *stage;
    struct facet_cameras *cameras;
    struct facet_packet *p;
    int frames[FACET_MAX_CAMERAS], flushes[FACET_MAX_CAMERAS];
    double last_pts[FACET_MAX_CAMERAS];
    int64_t age_ms[FACET_MAX_CAMERAS]; /* of the last frame when it was taken */
    int states;                    /* told by on_state */
    bool has_ended;
};

static void note(void *ctx, enum facet_log_level level, const char *topic, const char *text)
{
    size_t n = strlen(text), at = __atomic_fetch_add(&told_length, n + 1, __ATOMIC_RELAXED);
    if (at + n + 1 < sizeof(told)) {
        memcpy(told + at, text, n);
        told[at + n] = '\n';
    }
}

static void on_state(void *ctx, const struct facet_camera_status *s)
{
    struct rig *r = ctx;
    __atomic_add_fetch(&r->states, 1, __ATOMIC_RELAXED);
}

static void rig_open(struct rig *r, const struct facet_camera_conf *confs, int n)
{
    *r = (struct rig){0};
    struct facet_cameras_opts o = {.cameras = confs, .n_cameras = n, .end_when_all_end = true, .on_state = on_state, .ctx = r};
    if (facet_stage_open(&r->stage, &facet_stage_cameras, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    r->cameras = facet_stage_state(r->stage);
    assert_int_equal(facet_packet_open(&r->p, 0), FACET_OK);
}

static void rig_close(struct rig *r)
{
    facet_packet_close(&r->p);
    facet_stage_close(&r->stage);
}

/* Takes what there is; at most a tenth of a second. Always true, for conditions. */
static bool step(struct rig *r)
{
    int err = r->has_ended ? FACET_E_END : facet_stage_step(r->stage, r->p);
    int s = r->p->source;
    if (err == FACET_OK && r->p->frame) {
        assert_true(r->frames[s] == 0 || r->p->frame->pts_ms > r->last_pts[s]);
        assert_true(r->p->frame->wall_ms > 0);
        assert_int_equal(r->p->frame->source, s);
        r->last_pts[s] = r->p->frame->pts_ms;
        r->age_ms[s] = facet_clock_system.wall_ms(NULL) - r->p->frame->wall_ms;
        r->frames[s]++;
    }
    if (err == FACET_OK)
        r->flushes[s] += r->p->flush;
    else if (err == FACET_E_END)
        r->has_ended = true;
    else
        assert_int_equal(err, FACET_E_AGAIN);
    facet_packet_reset(r->p);
    return true;
}

static struct facet_camera_status status(struct rig *r, const char *name)
{
    struct facet_camera_status all[8];
    int n = facet_cameras_status(r->cameras, all, 8);
    for (int i = 0; i < n && i < 8; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i];
    fail_msg("no camera '%s'", name);
    return all[0];
}

static bool is(struct rig *r, const char *name, enum facet_camera_state state)
{
    return status(r, name).state == state;
}

static void pump_frames(struct rig *r, int source, int n, unsigned ms)
{
    int wanted = r->frames[source] + n;
    WAIT_FOR(step(r) && r->frames[source] >= wanted, ms);
}

static struct facet_camera_conf conf(const char *name, const char *url)
{
    struct facet_camera_conf c = {.timeout_ms = 3000};
    snprintf(c.name, sizeof(c.name), "%s", name);
    snprintf(c.url, sizeof(c.url), "%s", url);
    return c;
}

static void log_in(struct facet_camera_conf *c, const char *user, const char *password)
{
    assert_int_equal(facet_copy_text(c->username, sizeof(c->username), user), FACET_OK);
    assert_int_equal(facet_copy_text(c->password, sizeof(c->password), password), FACET_OK);
}

static void test_camera__gives_pictures(void **state)
{
    struct camera cam = {0};
    struct rig r;
    camera_start(&cam, &scratch, NULL);
    struct facet_camera_conf c = conf("door", camera_url(&cam, 0));
    rig_open(&r, &c, 1);
    pump_frames(&r, 0, 20, START_MS);
    struct facet_camera_status s = status(&r, "door");
    assert_int_equal(s.state, FACET_CAMERA_LIVE);
    assert_string_equal(s.codec, "h264");
    assert_string_equal(s.decoder, "software");
    assert_string_equal(s.error, "");
    assert_int_equal(s.width, 320);
    assert_int_equal(s.height, 240);
    assert_true(s.bytes > 1000 && s.frames >= 20 && s.taken >= 20);
    assert_true(r.states >= 2);
    assert_string_equal(facet_cameras_name(r.cameras, 0), "door");
    struct facet_frame *f;
    assert_int_equal(facet_cameras_picture(r.cameras, "door", &f), FACET_OK);
    assert_true(facet_clock_system.wall_ms(NULL) - f->wall_ms < 5000);
    facet_frame_unref(&f);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__without_its_password_is_lost_and_keeps_it_secret(void **state)
{
    struct camera cam = {0};
    struct rig r;
    CAMERA(&cam, &scratch, "--user", "guard", "--password", SECRET, "--digest");
    struct facet_camera_conf c[2] = {conf("wrong", camera_url(&cam, 0)), conf("right", camera_url(&cam, 0))};
    log_in(&c[0], "guard", SECRET "?");
    log_in(&c[1], "guard", SECRET);
    rig_open(&r, c, 2);
    pump_frames(&r, 1, 3, START_MS);
    WAIT_FOR(step(&r) && is(&r, "wrong", FACET_CAMERA_LOST), START_MS);
    assert_non_null(strstr(status(&r, "wrong").error, "401"));
    assert_int_equal(r.frames[0], 0);
    assert_int_equal(r.flushes[0], 0);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__login_in_its_address_is_used_and_never_told(void **state)
{
    struct camera cam = {0};
    struct rig r;
    char url[256];
    CAMERA(&cam, &scratch, "--user", "guard", "--password", SECRET);
    snprintf(url, sizeof(url), "rtsp://guard:" SECRET "@127.0.0.1:%d/cam0", cam.port);
    struct facet_camera_conf c[2] = {conf("right", url)};
    snprintf(url, sizeof(url), "rtsp://guard:" SECRET "x@127.0.0.1:%d/cam0", cam.port);
    c[1] = conf("wrong", url);
    rig_open(&r, c, 2);
    pump_frames(&r, 0, 3, START_MS);
    WAIT_FOR(step(&r) && is(&r, "wrong", FACET_CAMERA_LOST), START_MS);
    for (int i = 0; i < 2; i++) {
        struct facet_camera_status s = status(&r, c[i].name);
        assert_null(strstr(s.url, "sesame"));
        assert_null(strstr(s.error, "sesame"));
        assert_non_null(strstr(s.url, "127.0.0.1"));
    }
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__that_comes_between_keyframes_waits(void **state)
{
    struct camera cam = {0};
    struct rig r;
    CAMERA(&cam, &scratch, "--key", "30"); /* two seconds */
    struct facet_camera_conf c[2] = {conf("first", camera_url(&cam, 0)), conf("second", camera_url(&cam, 0))};
    rig_open(&r, c, 1);
    pump_frames(&r, 0, 5, START_MS);
    assert_int_equal(facet_cameras_add(r.cameras, &c[1]), FACET_OK);
    WAIT_FOR(step(&r) && is(&r, "second", FACET_CAMERA_WAITING_KEYFRAME), START_MS);
    assert_int_equal(r.frames[1], 0);
    pump_frames(&r, 1, 5, START_MS);
    assert_int_equal(status(&r, "second").state, FACET_CAMERA_LIVE);
    assert_int_equal(status(&r, "second").reconnects, 0);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__killed_server_comes_back(void **state)
{
    struct camera cam = {0};
    struct rig r;
    camera_start(&cam, &scratch, NULL);
    struct facet_camera_conf c = conf("door", camera_url(&cam, 0));
    rig_open(&r, &c, 1);
    pump_frames(&r, 0, 5, START_MS);
    proc_kill(&cam.proc);
    WAIT_FOR(step(&r) && r.flushes[0] == 1 && is(&r, "door", FACET_CAMERA_LOST), 5000);
    assert_string_not_equal(status(&r, "door").error, "");
    camera_start(&cam, &scratch, NULL);
    pump_frames(&r, 0, 5, 5000); /* of the source's return */
    assert_int_equal(status(&r, "door").state, FACET_CAMERA_LIVE);
    assert_int_equal(status(&r, "door").reconnects, 1);
    assert_int_equal(r.flushes[0], 1);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__stalled_server_is_seen_and_left(void **state)
{
    struct camera cam = {0};
    struct rig r;
    camera_start(&cam, &scratch, NULL);
    struct facet_camera_conf c = conf("door", camera_url(&cam, 0));
    c.timeout_ms = 1200;
    rig_open(&r, &c, 1);
    pump_frames(&r, 0, 5, START_MS);
    camera_say(&cam, "stall");
    WAIT_FOR(step(&r) && is(&r, "door", FACET_CAMERA_STALLED), 5000);
    assert_int_equal(r.flushes[0], 0);
    WAIT_FOR(step(&r) && is(&r, "door", FACET_CAMERA_LOST), 5000);
    WAIT_FOR(step(&r) && r.flushes[0] == 1, 1000);
    camera_say(&cam, "resume");
    pump_frames(&r, 0, 5, 8000);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__garbage_and_slowness_are_survived(void **state)
{
    struct camera cam = {0};
    struct rig r;
    camera_start(&cam, &scratch, NULL);
    struct facet_camera_conf c = conf("door", camera_url(&cam, 0));
    rig_open(&r, &c, 1);
    pump_frames(&r, 0, 5, START_MS);
    camera_say(&cam, "garbage");
    WAIT_FOR(step(&r) && status(&r, "door").dropped[FACET_DROP_DAMAGED] >= 5, 8000);
    camera_say(&cam, "resume");
    pump_frames(&r, 0, 20, 8000);
    camera_say(&cam, "slow");
    pump_frames(&r, 0, 2, 8000);
    assert_int_equal(status(&r, "door").state, FACET_CAMERA_LIVE);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__udp_works_too(void **state)
{
    struct camera cam = {0};
    struct rig r;
    camera_start(&cam, &scratch, NULL);
    struct facet_camera_conf c = conf("door", camera_url(&cam, 0));
    facet_copy_text(c.transport, sizeof(c.transport), "udp");
    rig_open(&r, &c, 1);
    pump_frames(&r, 0, 10, START_MS);
    rig_close(&r);
    proc_stop_all();
}

static struct facet_camera_conf believing(const char *name, const char *url, const char *ca, const char *fingerprint)
{
    struct facet_camera_conf c = conf(name, url);
    assert_int_equal(facet_copy_text(c.ca, sizeof(c.ca), ca), FACET_OK);
    assert_int_equal(facet_copy_text(c.fingerprint, sizeof(c.fingerprint), fingerprint), FACET_OK);
    return c;
}

/* What openssl says of a file: "sha256 Fingerprint=AB:CD...". */
static void fingerprint_of(const char *cert, char out[128])
{
    char log[512], line[256] = "";
    snprintf(log, sizeof(log), "%s", scratch_path(&scratch, "fingerprint.log"));
    unlink(log);
    assert_int_equal(RUN(log, "openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"), 0);
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) && !strstr(line, "Fingerprint="))
        continue;
    fclose(f);
    snprintf(out, 128, "%.95s", strchr(line, '=') + 1);
}

static void await_lost(struct rig *r, const char *name, const char *why)
{
    /* On a busy machine a try may end for want of time: the next one tells. */
    WAIT_FOR(step(r) && is(r, name, FACET_CAMERA_LOST) && strstr(status(r, name).error, why), START_MS);
}

static void test_camera__tls_is_believed_by_authority_or_fingerprint_only(void **state)
{
    struct camera cam = {0};
    struct rig r;
    char url[64], cert[512], key[512], ca[512], other[512], print[128], wrong[128];
    certs_make(&scratch);
    snprintf(cert, sizeof(cert), "%s", scratch_path(&scratch, "server.crt"));
    snprintf(key, sizeof(key), "%s", scratch_path(&scratch, "server.key"));
    snprintf(ca, sizeof(ca), "%s", scratch_path(&scratch, "ca.crt"));
    snprintf(other, sizeof(other), "%s", scratch_path(&scratch, "other-ca.crt"));
    fingerprint_of(cert, print);
    snprintf(wrong, sizeof(wrong), "%s", print);
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    CAMERA(&cam, &scratch, "--tls", cert, key);
    snprintf(url, sizeof(url), "rtsps://127.0.0.1:%d/cam0", cam.port);
    struct facet_camera_conf c[] = {believing("authority", url, ca, ""), believing("print", url, "", print), believing("anybody", url, "", ""),
                                    believing("nothing", url, "", ""), believing("stranger", url, other, ""), believing("wrong", url, "", wrong)};
    c[2].insecure = true;
    rig_open(&r, c, 6);
    for (int i = 0; i < 3; i++)
        pump_frames(&r, i, 10, START_MS);
    await_lost(&r, "nothing", "nobody who is believed");
    await_lost(&r, "stranger", "nobody who is believed");
    await_lost(&r, "wrong", "another certificate");
    assert_int_equal(r.frames[3] + r.frames[4] + r.frames[5], 0);
    camera_say(&cam, "drop"); /* and again, by another connection */
    pump_frames(&r, 0, 10, START_MS);
    pump_frames(&r, 1, 10, START_MS);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__tls_of_another_name_or_none_at_all_is_refused(void **state)
{
    struct camera named = {0}, plain = {0};
    struct rig r;
    char url[64], cert[512], key[512], missing[512];
    snprintf(cert, sizeof(cert), "%s", scratch_path(&scratch, "ca.crt")); /* for no host */
    snprintf(key, sizeof(key), "%s", scratch_path(&scratch, "ca.key"));
    snprintf(missing, sizeof(missing), "%s", scratch_path(&scratch, "no-such.pem"));
    CAMERA(&named, &scratch, "--tls", cert, key);
    camera_start(&plain, &scratch, NULL);
    snprintf(url, sizeof(url), "rtsps://127.0.0.1:%d/cam0", named.port);
    struct facet_camera_conf c[3] = {believing("named", url, cert, ""), believing("missing", url, missing, "")};
    snprintf(url, sizeof(url), "rtsps://127.0.0.1:%d/cam0", plain.port);
    c[2] = believing("plain", url, "", "");
    c[2].insecure = true;
    rig_open(&r, c, 3);
    await_lost(&r, "named", "another name");
    await_lost(&r, "missing", "holds no certificate");
    await_lost(&r, "plain", "cannot open");
    assert_int_equal(r.frames[0] + r.frames[1] + r.frames[2], 0);
    rig_close(&r);
    proc_stop_all();
}

/* Pictures as a camera sends them, in a file that openssl's own server sends as it is. */
static void write_mjpeg(const char *name, int pictures)
{
    struct facet_image img = {0};
    struct facet_str jpeg = FACET_STR_INIT;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 64, 48), FACET_OK);
    memset(img.data, 90, img.stride * 48);
    assert_int_equal(facet_picture_encode(&jpeg, &img, "jpeg", 80), FACET_OK);
    FILE *f = fopen(scratch_path(&scratch, name), "wb");
    assert_non_null(f);
    fputs("HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n", f);
    for (int i = 0; i < pictures; i++) {
        fprintf(f, "--next\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", jpeg.len);
        assert_int_equal(fwrite(jpeg.data, 1, jpeg.len, f), jpeg.len);
        fputs("\r\n", f);
    }
    assert_int_equal(fclose(f), 0);
    facet_image_fini(&img);
    facet_str_fini(&jpeg);
}

static void test_camera__https_is_believed_by_authority_or_fingerprint_only(void **state)
{
    struct proc web = {0};
    struct rig r;
    char url[64], line[1400], print[128];
    const int port = free_port();
    write_mjpeg("video", 20);
    snprintf(line, sizeof(line), "cd '%s' && exec openssl s_server -quiet -HTTP -accept 127.0.0.1:%d -cert server.crt -key server.key", scratch.dir, port);
    PROC(&web, scratch_path(&scratch, "web.log"), "/bin/sh", "-c", line);
    wait_port(&web, port, START_MS);
    fingerprint_of(scratch_path(&scratch, "server.crt"), print);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/video", port);
    struct facet_camera_conf c[] = {believing("print", url, "", print), believing("nothing", url, "", "")};
    rig_open(&r, c, 2);
    WAIT_FOR(step(&r) && r.frames[0] > 0, START_MS);
    assert_string_equal(status(&r, "print").codec, "mjpeg");
    await_lost(&r, "nothing", "nobody who is believed");
    assert_int_equal(r.frames[1], 0);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__mjpeg_over_http_with_and_without_password(void **state)
{
    struct camera cam = {0};
    struct rig r;
    char url[64];
    CAMERA(&cam, &scratch, "--user", "guard", "--password", SECRET);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/video?token=" SECRET, cam.http);
    struct facet_camera_conf c[2] = {conf("right", url), conf("wrong", url)};
    log_in(&c[0], "guard", SECRET);
    rig_open(&r, c, 2);
    pump_frames(&r, 0, 10, START_MS);
    assert_string_equal(status(&r, "right").codec, "mjpeg");
    WAIT_FOR(step(&r) && is(&r, "wrong", FACET_CAMERA_LOST), START_MS);
    assert_non_null(strstr(status(&r, "wrong").error, "401"));
    assert_null(strstr(status(&r, "wrong").url, "sesame"));
    rig_close(&r);
    proc_stop_all();
}

/* The way from the camera takes time. Who asks for the camera's own clock sees it, once that was told. */
static void test_camera__by_its_own_clock_is_as_old_as_the_way_is_long(void **state)
{
    enum { WAY_MS = 600 };
    struct camera cam = {0};
    struct proc way = {0};
    struct rig r;
    char program[512], from[16], to[32], delay[16], url[64];
    const int port = free_port();
    camera_start(&cam, &scratch, NULL);
    snprintf(program, sizeof(program), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    snprintf(from, sizeof(from), "%d", port);
    snprintf(to, sizeof(to), "127.0.0.1:%d", cam.port);
    snprintf(delay, sizeof(delay), "%d", WAY_MS);
    PROC(&way, scratch_path(&scratch, "way.log"), program, "netsim", "--listen", from, "--delay", delay, to);
    wait_port(&way, port, START_MS);
    snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/cam0", port);
    struct facet_camera_conf confs[] = {conf("arrival", url), conf("sender", url)};
    confs[0].timeout_ms = confs[1].timeout_ms = 20000;
    confs[1].sender_time = true;
    rig_open(&r, confs, 2);
    WAIT_FOR(step(&r) && r.frames[0] > 5 && r.age_ms[0] < WAY_MS, 4 * START_MS);
    WAIT_FOR(step(&r) && r.frames[1] > 5 && r.age_ms[1] >= WAY_MS, 4 * START_MS);
    WAIT_FOR(step(&r) && r.age_ms[0] < WAY_MS, START_MS);      /* the other knows nothing of it */
    rig_close(&r);
    proc_stop_all();
}

static void test_cameras__come_and_go_while_running(void **state)
{
    struct camera cam = {0};
    struct rig r;
    CAMERA(&cam, &scratch, "--mounts", "4", "--size", "160x120");
    struct facet_camera_conf c[4];
    for (int i = 0; i < 4; i++) {
        char name[8] = {'c', (char)('0' + i)};
        c[i] = conf(name, camera_url(&cam, i));
    }
    rig_open(&r, c, 3);
    for (int i = 0; i < 3; i++)
        pump_frames(&r, i, 5, START_MS);
    assert_int_equal(facet_cameras_add(r.cameras, &c[3]), FACET_OK);
    assert_int_equal(facet_cameras_add(r.cameras, &c[3]), FACET_E_EXISTS);
    pump_frames(&r, 3, 5, START_MS);

    assert_int_equal(facet_cameras_remove(r.cameras, "c1"), FACET_OK);
    assert_int_equal(facet_cameras_remove(r.cameras, "c1"), FACET_E_NOT_FOUND);
    WAIT_FOR(step(&r) && r.flushes[1] == 1, 2000);
    assert_string_equal(facet_cameras_name(r.cameras, 1), "c1"); /* who still tells of it may ask */
    assert_int_equal(facet_cameras_status(r.cameras, NULL, 0), 3);

    assert_int_equal(facet_cameras_enable(r.cameras, "c2", false), FACET_OK);
    WAIT_FOR(step(&r) && is(&r, "c2", FACET_CAMERA_DISABLED) && r.flushes[2] == 1, 4000);
    int before = r.frames[2];
    pump_frames(&r, 0, 5, 4000);
    assert_int_equal(r.frames[2], before);
    assert_int_equal(facet_cameras_enable(r.cameras, "c2", true), FACET_OK);
    pump_frames(&r, 2, 3, 5000);

    assert_int_equal(facet_cameras_add(r.cameras, &c[1]), FACET_OK); /* another slot: the old one rests */
    pump_frames(&r, 4, 3, START_MS);
    assert_string_equal(facet_cameras_name(r.cameras, 4), "c1");
    assert_int_equal(facet_cameras_enable(r.cameras, "nobody", true), FACET_E_NOT_FOUND);
    rig_close(&r);
    proc_stop_all();
}

static void test_camera__nobody_there_is_tried_again_and_can_be_closed(void **state)
{
    struct rig r;
    char url[64];
    snprintf(url, sizeof(url), "rtsp://guard:" SECRET "@127.0.0.1:%d/x", free_port());
    struct facet_camera_conf c = conf("door", url);
    rig_open(&r, &c, 1);
    WAIT_FOR(step(&r) && is(&r, "door", FACET_CAMERA_LOST), 5000);
    assert_non_null(strstr(status(&r, "door").error, "127.0.0.1"));
    struct facet_frame *f;
    assert_int_equal(facet_cameras_picture(r.cameras, "door", &f), FACET_E_AGAIN);
    assert_null(f);
    rig_close(&r);
}

static int setup(void **state)
{
    scratch_open(&scratch);
    facet_log_set(note, NULL, FACET_LOG_DEBUG);
    return 0;
}

static int teardown(void **state)
{
    told[sizeof(told) - 1] = '\0';
    assert_true(told_length > 0);
    assert_null(strstr(told, "sesame"));
    proc_stop_all();
    scratch_close(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_camera__gives_pictures, proc_teardown),
        cmocka_unit_test_teardown(test_camera__without_its_password_is_lost_and_keeps_it_secret, proc_teardown),
        cmocka_unit_test_teardown(test_camera__login_in_its_address_is_used_and_never_told, proc_teardown),
        cmocka_unit_test_teardown(test_camera__that_comes_between_keyframes_waits, proc_teardown),
        cmocka_unit_test_teardown(test_camera__killed_server_comes_back, proc_teardown),
        cmocka_unit_test_teardown(test_camera__stalled_server_is_seen_and_left, proc_teardown),
        cmocka_unit_test_teardown(test_camera__garbage_and_slowness_are_survived, proc_teardown),
        cmocka_unit_test_teardown(test_camera__udp_works_too, proc_teardown),
        cmocka_unit_test_teardown(test_camera__tls_is_believed_by_authority_or_fingerprint_only, proc_teardown),
        cmocka_unit_test_teardown(test_camera__tls_of_another_name_or_none_at_all_is_refused, proc_teardown),
        cmocka_unit_test_teardown(test_camera__https_is_believed_by_authority_or_fingerprint_only, proc_teardown),
        cmocka_unit_test_teardown(test_camera__mjpeg_over_http_with_and_without_password, proc_teardown),
        cmocka_unit_test_teardown(test_camera__by_its_own_clock_is_as_old_as_the_way_is_long, proc_teardown),
        cmocka_unit_test_teardown(test_cameras__come_and_go_while_running, proc_teardown),
        cmocka_unit_test(test_camera__nobody_there_is_tried_again_and_can_be_closed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

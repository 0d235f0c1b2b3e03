#include "bench/site_run.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/site_files.h"
#include "measure/measure.h"
#include "media/video.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000
#define START_MS 60000             /* until a server listens: networks may have to be planned for the first time */
#define STOP_MS 10000
#define BROKER_MS 10000
#define BROKER_TRIES 3             /* somebody may take the free port before the broker does */
#define CLOSED_S 0.3               /* all tracks have ended, and no event came since */
#define QUIET_S 2.0                /* the same, whatever tracks say */
#define SETTLE_S 60.0
#define LIMIT_S 60.0               /* a device may take so long, and so many times the video */
#define LIMIT_TIMES 20.0
#define MAX_ANSWER (1u << 20)

struct site {
    const struct facet_site_run_opts *o;
    struct facet_site_files files;
    struct facet_child broker, server, device;
    struct facet_watcher *watcher;
    struct facet_shaped *line;
    struct facet_energy *energy;
    char data[2600];               /* what the parts keep: gone at the end */
    char program[512], url[64], key[128];
    double server_cpu_s, begun_s;
    bool is_cloud;
};

static double now_s(void)
{
    return (double)facet_now_ns() * 1e-9;
}

static void rest(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
}

static bool is_cancelled(const struct site *s)
{
    return s->o->cancel && *s->o->cancel;
}

static int cancelled(void)
{
    return facet_fail(FACET_E_CANCELLED, "cancelled");
}

/* A file of the experiment; the texts live as long as `s`' caller wants them to. */
static int file_of(const struct site *s, char out[2600], const char *name)
{
    return facet_path_join(out, 2600, s->o->dir, name);
}

/* ---- the broker ---- */

static struct sockaddr_in here(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int free_port(int *port)
{
    struct sockaddr_in a = here(0);
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0;
    if (fd >= 0)
        close(fd);
    *port = ntohs(a.sin_port);
    return is_bound ? FACET_OK : facet_fail_errno("find", "a free port");
}

static int start_broker(struct site *s)
{
    char conf[2600], log[2600];
    int err = file_of(s, conf, "broker.conf");
    if (!err)
        err = file_of(s, log, "broker.log");
    if (!err)
        err = free_port(&s->files.broker_port);
    if (!err)
        err = facet_site_files_broker(&s->files, conf);
    const char *const argv[] = { s->program, "-c", conf, NULL };
    if (!err)
        err = facet_child_start(&s->broker, &(struct facet_child_opts){ .argv = argv, .out = log, .log = log });
    if (!err)
        err = facet_watcher_open(&s->watcher, "127.0.0.1", s->files.broker_port, BROKER_MS);
    if (err == FACET_E_TIMEOUT && !facet_child_is_running(&s->broker))
        err = facet_child_fail(&s->broker, "the broker", log);
    return err;
}

static int open_broker(struct site *s)
{
    const char *own = getenv("FACET_MOSQUITTO");
    int err = own && *own ? facet_copy_text(s->program, sizeof(s->program), own) : facet_child_find(s->program, sizeof(s->program), "mosquitto");
    if (err || access(s->program, X_OK) != 0)
        return facet_fail(FACET_E_NOT_FOUND, "strategies need the broker mosquitto: install the package mosquitto (FACET_MOSQUITTO names another place)");
    for (int i = 0; i < BROKER_TRIES; i++) {
        err = start_broker(s);
        if (!err || err == FACET_E_UNSUPPORTED)
            return err;
        facet_child_stop(&s->broker, STOP_MS);
    }
    return err;
}

/* ---- the server ---- */

/* FACET_E_AGAIN while it has not told where it listens. */
static int read_start(struct site *s, const char *path)
{
    uint8_t *text;
    size_t len;
    struct facet_json *j = NULL;
    if (facet_file_read(path, MAX_ANSWER, &text, &len) != FACET_OK)
        return FACET_E_AGAIN;
    int err = len > 0 && text[len - 1] == '\n' && facet_json_parse(&j, (char *)text, len, path) == FACET_OK ? FACET_OK : FACET_E_AGAIN;
    free(text);
    if (!err)
        err = facet_copy_text(s->url, sizeof(s->url), facet_json_str(facet_json_get(j, "url"), ""));
    if (!err)
        err = facet_copy_text(s->key, sizeof(s->key), facet_json_str(facet_json_get(j, "key"), ""));
    facet_json_unref(&j);
    return err;
}

static int await_server(struct site *s, const char *told, const char *log)
{
    double until = now_s() + START_MS * 1e-3;
    int err;
    while ((err = read_start(s, told)) == FACET_E_AGAIN) {
        if (is_cancelled(s))
            return cancelled();
        if (!facet_child_is_running(&s->server))
            return facet_child_fail(&s->server, "the server", log);
        if (now_s() > until)
            return facet_fail(FACET_E_TIMEOUT, "the server does not listen after %d s", START_MS / 1000);
        rest();
    }
    return err;
}

static int start_server(struct site *s)
{
    char site[2600], told[2600], log[2600], data[2700];
    const char *argv[] = { s->o->program, "serve", "--json", "--config", site, "--csv", s->o->csv, NULL };
    const char *const env[] = { data, NULL };
    snprintf(data, sizeof(data), "FACET_DATA=%s/server", s->data);
    if (!s->is_cloud)
        argv[5] = NULL;
    int err = file_of(s, site, "server.yaml");
    if (!err)
        err = file_of(s, told, "server.json");
    if (!err)
        err = file_of(s, log, "server.log");
    if (!err)
        err = facet_site_files_server(&s->files, site);
    if (!err)
        err = facet_child_start(&s->server, &(struct facet_child_opts){ .argv = argv, .env = env, .out = told, .log = log });
    if (!err)
        err = await_server(s, told, log);
    unlink(told);                  /* it holds a key */
    return err;
}

/* ---- the way, and the device ---- */

static int server_port(const struct site *s)
{
    const char *colon = strrchr(s->url, ':');
    return colon ? (int)strtol(colon + 1, NULL, 10) : 0;
}

static int open_line(struct site *s)
{
    struct facet_shaped_opts o = { .target_host = "127.0.0.1", .target_port = s->is_cloud ? server_port(s) : s->files.broker_port,
                                   .seed = (uint64_t)s->o->e->repeat };
    memcpy(o.way, s->o->e->way, sizeof(o.way));
    int err = facet_shaped_open(&s->line, &o);
    if (err)
        return err;
    snprintf(s->url, sizeof(s->url), "http://%s:%d", facet_shaped_host(s->line), facet_shaped_port(s->line));
    s->files.broker_host = facet_shaped_host(s->line);
    s->files.device_broker_port = facet_shaped_port(s->line);
    s->files.server_url = s->is_cloud ? s->url : NULL;
    return FACET_OK;
}

static int start_device(struct site *s)
{
    char site[2600], data[2700], key[160];
    const char *argv[] = { s->o->program, "run", "--json", "--quiet", "--config", site, "--csv", s->o->csv, NULL };
    const char *const env[] = { data, s->is_cloud ? key : NULL, NULL };
    snprintf(data, sizeof(data), "FACET_DATA=%s/device", s->data);
    snprintf(key, sizeof(key), "FACET_SITE_SERVER_KEY=%s", s->key);
    if (s->is_cloud)
        argv[6] = NULL;
    int err = file_of(s, site, "device.yaml");
    if (!err)
        err = facet_site_files_device(&s->files, site);
    const struct facet_power_model model = { s->o->x->idle_watts, s->o->x->core_watts };
    if (!err && facet_energy_open_or_model(&s->energy, "", &model) != FACET_OK)
        s->energy = NULL;
    s->server_cpu_s = facet_child_cpu_seconds(&s->server);
    s->begun_s = now_s();
    if (!err)
        err = facet_child_start(&s->device, &(struct facet_child_opts){ .argv = argv, .env = env, .out = s->o->answer, .log = s->o->log,
                                                                        .net_fd = facet_shaped_net_fd(s->line) });
    return err;
}

static int check_others(struct site *s)
{
    char log[2600];
    if (is_cancelled(s))
        return cancelled();
    if (!facet_child_is_running(&s->server) && file_of(s, log, "server.log") == FACET_OK)
        return facet_child_fail(&s->server, "the server", log);
    if (!facet_child_is_running(&s->broker) && file_of(s, log, "broker.log") == FACET_OK)
        return facet_child_fail(&s->broker, "the broker", log);
    return FACET_OK;
}

static int await_device(struct site *s, double video_s)
{
    double until = now_s() + LIMIT_S + LIMIT_TIMES * video_s;
    int err = FACET_OK;
    while (!err && facet_child_is_running(&s->device)) {
        err = check_others(s);
        if (!err && now_s() > until)
            err = facet_fail(FACET_E_TIMEOUT, "the device has not ended after %.0f s, %.0f s of video", LIMIT_S + LIMIT_TIMES * video_s, video_s);
        rest();
    }
    return err || s->device.cost.code == 0 ? err : facet_child_fail(&s->device, "the device", s->o->log);
}

/* The device has ended; what it sent is worked on until every track is told to its end. */
static int await_end(struct site *s)
{
    double until = now_s() + SETTLE_S, begun = now_s();
    int err = FACET_OK;
    while (!err && now_s() < until) {
        struct facet_watched_state w;
        facet_watcher_state(s->watcher, &w);
        double quiet = now_s() - begun < w.quiet_s ? now_s() - begun : w.quiet_s;
        if (quiet > QUIET_S || (w.begun > 0 && w.begun == w.ended && quiet > CLOSED_S))
            break;
        err = check_others(s);
        rest();
    }
    return err;
}

/* ---- what it came to ---- */

static int read_answer(const char *path, int64_t *first_ms, double *start_cpu_s)
{
    uint8_t *text;
    size_t len;
    struct facet_json *j = NULL;
    int err = facet_file_read(path, MAX_ANSWER, &text, &len);
    if (err)
        return err;
    err = facet_json_parse(&j, (char *)text, len, path);
    free(text);
    *first_ms = facet_json_int(facet_json_get(j, "first_frame_ms"), 0);
    *start_cpu_s = facet_json_num(facet_json_get(j, "start_cpu_seconds"), 0);
    facet_json_unref(&j);
    return err;
}

/* By the model each end is a machine of its own, with its own watts at rest. */
static void take_energy(struct site *s, struct facet_site_result *r)
{
    const struct facet_experiments *x = s->o->x;
    double seconds = now_s() - s->begun_s;
    r->joules = r->device_j = r->server_j = NAN;
    if (!s->energy || facet_energy_read(s->energy, &r->joules) != FACET_OK)
        r->joules = NAN;
    snprintf(r->energy_source, sizeof(r->energy_source), "%s", isfinite(r->joules) ? facet_energy_source(s->energy) : "");
    if (x->idle_watts > 0 || x->core_watts > 0) {
        r->device_j = x->idle_watts * seconds + x->core_watts * r->device_cpu_s;
        r->server_j = x->idle_watts * seconds + x->core_watts * r->server_cpu_s;
    }
}

static int take_result(struct site *s, struct facet_site_result *r)
{
    int64_t first_ms;
    double start_cpu_s;
    int err = read_answer(s->o->answer, &first_ms, &start_cpu_s);
    if (err)
        return err;
    r->server_cpu_s = facet_child_cpu_seconds(&s->server) - s->server_cpu_s;
    r->device_cpu_s = s->device.cost.cpu_seconds - start_cpu_s;
    take_energy(s, r);
    facet_watcher_tell(s->watcher, s->is_cloud ? first_ms : 0, &r->heard);
    facet_shaped_end(s->line, &r->line);
    r->shaped_by = facet_shaped_by(s->line);
    r->device = s->device.cost;
    r->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    facet_child_stop(&s->server, STOP_MS);
    r->server = s->server.cost;
    return FACET_OK;
}

/* ---- all of it ---- */

static int look_at_video(struct site *s, double *seconds)
{
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = NULL;
    int err = facet_video_open(&v, s->o->video, &vo);
    if (err)
        return err;
    const struct facet_video_info *info = facet_video_info(v);
    s->files.fps = info->fps > 0 ? info->fps : 25;
    *seconds = info->frames > 0 ? (double)info->frames / s->files.fps : info->duration_ms / 1000;
    facet_video_close(&v);
    return FACET_OK;
}

static void close_all(struct site *s)
{
    facet_child_stop(&s->device, STOP_MS);
    facet_child_stop(&s->server, STOP_MS);
    facet_watcher_close(&s->watcher);
    facet_shaped_close(&s->line);
    facet_child_stop(&s->broker, STOP_MS);
    facet_energy_close(&s->energy);
    if (*s->data)
        (void)facet_remove_tree(s->data);
    explicit_bzero(s->key, sizeof(s->key));
}

/* Faces that wait, events and names lie there: no longer than they must. An earlier one may have been killed. */
static int open_data(struct site *s)
{
    int err = file_of(s, s->data, "data");
    if (!err)
        err = facet_remove_tree(s->data);
    return err ? err : facet_mkdirs(s->data);
}

int facet_site_run(struct facet_site_result *out, const struct facet_site_run_opts *o)
{
    struct site s = { .o = o, .files = { .e = o->e, .gallery = o->gallery, .video = o->video },
                      .is_cloud = !strcmp(o->e->strategy, "cloud") };
    *out = (struct facet_site_result){ .cores = 0 };
    int err = look_at_video(&s, &out->video_s);
    if (!err)
        err = open_data(&s);
    if (!err)
        err = open_broker(&s);
    if (!err)
        err = start_server(&s);
    if (!err)
        err = open_line(&s);
    if (!err)
        err = start_device(&s);
    if (!err)
        err = await_device(&s, out->video_s);
    if (!err)
        err = await_end(&s);
    if (!err)
        err = take_result(&s, out);
    close_all(&s);
    return err;
}

#include "cli/out.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/commands.h"
#include "stages/ingest/cameras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cameras_options {
    const char *username, *password_file, *ca, *fingerprint;
    int transport;
    double seconds;
    int64_t timeout;
    bool hardware, insecure;
};

#define OPT(...) FACET_OPT(struct cameras_options, __VA_ARGS__)
#define OPT_RANGE(...) FACET_OPT_RANGE(struct cameras_options, __VA_ARGS__)

static const struct facet_opt cameras_opts[] = {
    OPT(username, "username", 'u', FACET_OPT_STR, "NAME", "user at the camera, instead of in its address"),
    OPT(password_file, "password-file", 0, FACET_OPT_PATH, "FILE", "file whose first line is the password; without it $FACET_CAMERA_PASSWORD is"),
    OPT(ca, "ca", 0, FACET_OPT_PATH, "FILE", "rtsps, https: certificates that are believed (default: the system's)"),
    OPT(fingerprint, "fingerprint", 0, FACET_OPT_STR, "SHA256", "rtsps, https: the one certificate that is believed, whoever signed it"),
    OPT(insecure, "insecure", 0, FACET_OPT_FLAG, NULL, "rtsps, https: do not check the certificate"),
    { .name = "transport", .kind = FACET_OPT_CHOICE, .value = "tcp|udp", .offset = offsetof(struct cameras_options, transport),
      .fallback = "tcp", .help = "of RTSP" },
    { .name = "seconds", .letter = 's', .kind = FACET_OPT_NUM, .value = "S", .min = 0.1, .max = 3600,
      .offset = offsetof(struct cameras_options, seconds), .fallback = "3", .help = "how long to look" },
    OPT_RANGE(timeout, "timeout", 0, FACET_OPT_INT, "MS", 0, 600000, "give up when nothing comes for so long; 0: 5000, half of it to open"),
    OPT(hardware, "hardware", 0, FACET_OPT_FLAG, NULL, "decode by hardware where there is some"),
    { .name = NULL },
};

static const char *const transports[] = { "tcp", "udp" };

/* Never an argument: those can be read by everybody on the machine. */
static int read_password(struct facet_camera_conf *c, const struct cameras_options *o)
{
    const char *given = getenv("FACET_CAMERA_PASSWORD");
    uint8_t *data = NULL;
    size_t len = 0;
    if (!o->password_file)
        return given ? facet_copy_text(c->password, sizeof(c->password), given) : FACET_OK;
    int err = facet_file_read(o->password_file, 4096, &data, &len);
    if (err)
        return err;
    data[strcspn((char *)data, "\r\n")] = '\0';
    if (facet_copy_text(c->password, sizeof(c->password), (char *)data))
        err = facet_fail(FACET_E_INVALID, "the password in '%s' is too long", o->password_file);
    memset(data, 0, len);
    free(data);
    return err;
}

static int read_words(struct facet_camera_conf *c, const struct cameras_options *o, const char *url)
{
    *c = (struct facet_camera_conf){ .name = "probe", .hardware = o->hardware, .timeout_ms = (int)o->timeout };
    c->insecure = o->insecure;
    facet_copy_text(c->transport, sizeof(c->transport), transports[o->transport]);
    if ((o->ca && facet_copy_text(c->ca, sizeof(c->ca), o->ca)) ||
        (o->fingerprint && facet_copy_text(c->fingerprint, sizeof(c->fingerprint), o->fingerprint)))
        return facet_fail(FACET_E_INVALID, "--ca or --fingerprint is too long");
    if (facet_copy_text(c->url, sizeof(c->url), url))
        return facet_fail(FACET_E_INVALID, "the camera's address is too long");
    if (o->username && facet_copy_text(c->username, sizeof(c->username), o->username))
        return facet_fail(FACET_E_INVALID, "the user's name is too long");
    return o->username ? read_password(c, o) : FACET_OK;
}

static double kbit(const struct facet_camera_probe *p)
{
    return p->seconds > 0 ? (double)p->bytes * 8 / p->seconds / 1000 : 0;
}

static void tell_text(const struct facet_cli *cli, const struct facet_camera_probe *p)
{
    facet_say(cli, "%s\n", p->url);
    facet_say(cli, "  codec    %s, decoded by %s\n", p->codec, p->decoder);
    facet_say(cli, "  size     %dx%d\n", p->width, p->height);
    facet_say(cli, "  rate     %.1f frames a second, %.0f kbit/s\n", p->fps, kbit(p));
    facet_say(cli, "  opened   after %.0f ms, first picture after %.0f ms\n", p->opened_ms, p->first_ms);
    facet_say(cli, "  damaged  %lld of %lld pictures in %.1f s\n", (long long)p->damaged, (long long)p->frames, p->seconds);
}

static int tell_json(const struct facet_camera_probe *p)
{
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "url", p->url);
    facet_jsonw_kstr(&a.w, "codec", p->codec);
    facet_jsonw_kstr(&a.w, "decoder", p->decoder);
    facet_jsonw_kint(&a.w, "width", p->width);
    facet_jsonw_kint(&a.w, "height", p->height);
    facet_jsonw_knum(&a.w, "fps", p->fps, 2);
    facet_jsonw_knum(&a.w, "kbit_per_second", kbit(p), 1);
    facet_jsonw_knum(&a.w, "opened_ms", p->opened_ms, 1);
    facet_jsonw_knum(&a.w, "first_frame_ms", p->first_ms, 1);
    facet_jsonw_knum(&a.w, "seconds", p->seconds, 3);
    facet_jsonw_kint(&a.w, "frames", p->frames);
    facet_jsonw_kint(&a.w, "damaged", p->damaged);
    facet_jsonw_kint(&a.w, "bytes", p->bytes);
    return facet_answer_end(&a);
}

static int probe_run(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct cameras_options *o = options;
    struct facet_camera_conf conf;
    struct facet_camera_probe p;
    int err = read_words(&conf, o, argv[0]);
    if (!err)
        err = facet_camera_probe(&p, &conf, o->seconds, cli->cancel);
    memset(&conf, 0, sizeof(conf));
    if (err)
        return err;
    if (cli->json)
        return tell_json(&p);
    tell_text(cli, &p);
    return FACET_EXIT_OK;
}

static const struct facet_sub cameras_subs[] = {
    { "probe", "URL", "open a camera, look for a few seconds, say what it is", 1, 1, probe_run },
    { .name = NULL },
};

const struct facet_cmd facet_cmd_cameras = {
    .name = "cameras",
    .group = "Look",
    .summary = "try a camera out before it goes into a site's file",
    .usage = "probe [options] URL",
    .details = "URL is rtsp://, rtsps://, http:// or https:// (MJPEG), /dev/videoN, or a file. The password comes from --password-file or "
               "$FACET_CAMERA_PASSWORD. What is told of an address never holds its user or password. A camera that shows a certificate "
               "which nobody who is believed has signed is refused, and its fingerprint told. docs/cameras.md.",
    .options = cameras_opts,
    .options_size = sizeof(struct cameras_options),
    .min_args = 1,
    .max_args = -1,
    .subs = cameras_subs,
    .examples = "facet cameras probe rtsp://192.168.1.20/stream1\n"
                "FACET_CAMERA_PASSWORD=secret facet cameras probe -u viewer --json rtsp://192.168.1.20/stream1\n"
                "facet cameras probe /dev/video0\n",
};

/* One row a frame (docs/csv.md). The first line names the schema's version; columns are only ever
 * added at the end. */
#include "stages/publish/sink_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "measure/measure.h"

#include <string.h>

static const char head[] =
    "# facet-csv 1\n"
    "run,strategy,camera,frame,pts_ms,width,height,faces,decode_ms,detect_ms,track_ms,align_ms,"
    "embed_ms,identify_ms,publish_ms,queue_ms,total_ms,cpu_ms,rss_bytes,energy_j,dropped,"
    "bytes_sent,device,detector,recogniser,tracks,embedded,recognised,delay_ms,bytes_received,"
    "peak_rss_bytes,energy_source,antispoof,real,spoofs\n";

struct csv {
    struct facet__lines out;
    double joules; /* of the counter at the last row */
    int dropped;   /* told by flushes, owed to the next row */
};

static const char *csv_path(const struct facet_publish_opts *o)
{
    return o->csv;
}

static int csv_open(void *state, const struct facet__publish *pub, const char *path)
{
    struct csv *c = state;
    int err = facet__lines_open(&c->out, path);
    if (!err && pub->o.energy && facet_energy_read(pub->o.energy, &c->joules) != FACET_OK)
        c->joules = 0;
    if (!err)
        err = facet_str_puts(&c->out.text, head);
    return err ? err : facet__lines_write(&c->out);
}

/* RFC 4180: quoted where it must be, quotes doubled. */
static void add_text(struct facet_str *s, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        facet_str_puts(s, text);
        return;
    }
    facet_str_puts(s, "\"");
    for (size_t n; *text; text += n) {
        n = strcspn(text, "\"");
        facet_str_append(s, text, n);
        if (text[n] == '"') {
            facet_str_puts(s, "\"\"");
            n++;
        }
    }
    facet_str_puts(s, "\"");
}

static void add_ms(struct facet_str *s, uint64_t ns)
{
    facet_str_printf(s, ",%llu.%03llu", (unsigned long long)(ns / 1000000),
                     (unsigned long long)(ns / 1000 % 1000));
}

static void add_bytes(struct facet_str *s, int64_t bytes)
{
    if (bytes >= 0)
        facet_str_printf(s, ",%lld", (long long)bytes);
    else
        facet_str_puts(s, ",");
}

static void add_times(struct facet_str *s, const struct facet_packet *p, uint64_t publish_ns)
{
    for (int i = FACET_STEP_INGEST; i <= FACET_STEP_IDENTIFY; i++)
        add_ms(s, p->step_ns[i]);
    uint64_t now = facet_now_ns();
    add_ms(s, publish_ns);
    add_ms(s, p->queue_ns);
    add_ms(s, p->born_ns && now > p->born_ns ? now - p->born_ns : 0);
    add_ms(s, p->cpu_ns);
}

static void add_energy(struct csv *c, const struct facet__publish *pub)
{
    double joules;
    if (pub->o.energy && facet_energy_read(pub->o.energy, &joules) == FACET_OK) {
        facet_str_printf(&c->out.text, ",%.6f", joules - c->joules);
        c->joules = joules;
    } else {
        facet_str_puts(&c->out.text, ",");
    }
}

static void add_counts(struct facet_str *s, const struct facet_packet *p)
{
    int tracks = 0, recognised = 0;
    for (int i = 0; i < p->n_faces; i++) {
        tracks += p->faces[i].track != 0;
        recognised += facet__identity_of(&p->faces[i])->decision == FACET_KNOWN;
    }
    facet_str_printf(s, ",%d,%d,%d", tracks, p->embedded, recognised);
}

static void add_start(struct facet_str *s, const struct facet__publish *pub,
                      const struct facet_packet *p)
{
    const struct facet_frame *f = p->frame;
    add_text(s, pub->o.run);
    facet_str_puts(s, ",");
    add_text(s, pub->o.strategy);
    facet_str_puts(s, ",");
    add_text(s, facet__source_name(pub, p->source));
    facet_str_printf(s, ",%lld,%.3f,%d,%d,%d", (long long)f->index, f->pts_ms, f->image.width,
                     f->image.height, p->n_faces);
}

static void add_names(struct facet_str *s, const struct facet__publish *pub)
{
    const char *const names[] = {pub->o.device, pub->o.detector, pub->o.recogniser};
    for (int i = 0; i < 3; i++) {
        facet_str_puts(s, ",");
        add_text(s, names[i]);
    }
}

static void add_delay(struct facet_str *s, const struct facet_frame *f)
{
    int64_t delay = facet_clock_system.wall_ms(facet_clock_system.ctx) - f->wall_ms;
    if (f->wall_ms > 0)
        facet_str_printf(s, ",%lld", (long long)(delay > 0 ? delay : 0));
    else
        facet_str_puts(s, ",");
}

static void add_live(struct facet_str *s, const struct facet__publish *pub, const struct facet_packet *p)
{
    int real = 0, spoofs = 0;
    for (int i = 0; i < p->n_faces; i++) {
        real += p->faces[i].live == FACET_LIVE_REAL;
        spoofs += p->faces[i].live == FACET_LIVE_SPOOF;
    }
    facet_str_puts(s, ",");
    add_text(s, pub->o.antispoof);
    if (*pub->o.antispoof)
        facet_str_printf(s, ",%d,%d", real, spoofs);
    else
        facet_str_puts(s, ",,");
}

static int csv_put(void *state, const struct facet__publish *pub, const struct facet_packet *p)
{
    struct csv *c = state;
    struct facet_str *s = &c->out.text;
    int64_t sent = p->bytes_sent, received = p->bytes_received;
    c->dropped += p->dropped;
    if (!p->frame)
        return FACET_OK;
    if (pub->o.network)
        pub->o.network(pub->o.network_ctx, &sent, &received);
    add_start(s, pub, p);
    add_times(s, p, facet_now_ns() - pub->begun_ns);
    add_bytes(s, facet_rss_bytes());
    add_energy(c, pub);
    facet_str_printf(s, ",%d,%lld", c->dropped, (long long)sent);
    add_names(s, pub);
    add_counts(s, p);
    add_delay(s, p->frame);
    add_bytes(s, received);
    add_bytes(s, facet_peak_rss_bytes());
    facet_str_puts(s, ",");
    add_text(s, pub->o.energy ? facet_energy_source(pub->o.energy) : "");
    add_live(s, pub, p);
    facet_str_puts(s, "\n");
    c->dropped = 0;
    return facet__lines_write(&c->out);
}

static int csv_close(void *state)
{
    struct csv *c = state;
    return facet__lines_close(&c->out);
}

const struct facet__sink facet__sink_csv = {
    .name = "csv",
    .state_size = sizeof(struct csv),
    .path = csv_path,
    .open = csv_open,
    .put = csv_put,
    .close = csv_close,
};

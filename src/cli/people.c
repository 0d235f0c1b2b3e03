#include "cli/people.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "media/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int facet_known_gallery(struct facet_gallery **out, const char *path, bool read_only)
{
    struct facet_gallery_opts o = { .path = path, .read_only = read_only };
    return facet_gallery_open(out, &o);
}

int facet_known_picture(struct facet_image *out, const char *path, char *sha256)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = facet_file_read(path, FACET_MAX_IMAGE_FILE, &data, &len);
    if (!err && sha256)
        facet_sha256_of(data, len, sha256);
    if (!err)
        err = facet_picture_decode(out, data, len, path);
    free(data);
    return err;
}

static int look_at(struct facet_jsonw *w, const struct facet_look *l, const char *path)
{
    struct facet_image img = { .data = NULL };
    int err = facet_known_picture(&img, path, NULL);
    if (l->decoded)
        l->decoded(l->ctx);
    if (err && err != FACET_E_NOMEM) {
        facet_complain("%s", facet_error_text());
        (*l->failed)++;
        return FACET_OK;
    }
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "file", path);
    facet_jsonw_key(w, "faces");
    facet_jsonw_array(w);
    if (!err)
        err = l->faces(l->ctx, path, &img);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
    facet_image_fini(&img);
    return err;
}

int facet_known_look(const struct facet_cli *cli, struct facet_jsonw *w, const struct facet_look *l, int n, char *const *paths)
{
    int err = FACET_OK;
    facet_jsonw_key(w, "pictures");
    facet_jsonw_array(w);
    for (int i = 0; !err && i < n; i++)
        err = *cli->cancel ? facet_fail(FACET_E_CANCELLED, "interrupted") : look_at(w, l, paths[i]);
    facet_jsonw_end_array(w);
    return err;
}

void facet_say_time(char out[25], int64_t ms)
{
    facet_format_time(out, ms);
    if (strlen(out) > 16)
        memcpy(out + 16, "Z", 2); /* minutes are enough for people */
}

void facet_say_box(struct facet_jsonw *w, struct facet_box b)
{
    facet_jsonw_key(w, "box");
    facet_jsonw_array(w);
    facet_jsonw_int(w, lroundf(b.x1));
    facet_jsonw_int(w, lroundf(b.y1));
    facet_jsonw_int(w, lroundf(facet_box_width(b)));
    facet_jsonw_int(w, lroundf(facet_box_height(b)));
    facet_jsonw_end_array(w);
}

/* Pictures that requests bring: parts of a form, raw bodies, base64 in JSON. */
#include "serve/serve_priv.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"
#include "media/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int missing(struct facet_http_request *q, const char *part)
{
    return facet__refused(q, 422, facet_fail(FACET_E_NOT_FOUND, "there is no picture: send one as the part '%s' of a form, as the body with "
                                             "an image's content-type, or in base64 as the JSON member '%s'", part, part));
}

static int from_json(struct facet_http_request *q, const char *part, struct facet__picture_source *out)
{
    struct facet_json *j;
    const char *text;
    int err = facet__body_json(q, &j);
    if (err)
        return err;
    text = facet_json_str(facet_json_get(j, part), "");
    const char *comma = strncmp(text, "data:", 5) ? NULL : strchr(text, ',');
    text = comma ? comma + 1 : text;
    size_t n = strlen(text), cap = n / 4 * 3 + 3;
    out->memory = n ? malloc(cap) : NULL;
    if (!n)
        err = missing(q, part);
    else if (!out->memory)
        err = facet_fail_nomem();
    else if (facet_base64_decode(out->memory, cap, &out->len, text))
        err = facet__refused(q, 422, facet_fail(FACET_E_FORMAT, "the member '%s' is not base64", part));
    out->data = out->memory;
    facet_json_unref(&j);
    return err;
}

int facet__body_picture_bytes(struct facet_http_request *q, const char *part, int i, struct facet__picture_source *out)
{
    const char *type = facet_http_header(q, "content-type"), *file = NULL;
    int err = FACET_OK;
    *out = (struct facet__picture_source){ .len = 0 };
    if (!type)
        return facet__refused(q, 415, facet_fail(FACET_E_FORMAT, "the request has no content-type"));
    if (!strncasecmp(type, "multipart/form-data", 19)) {
        out->data = facet_http_part(q, part, i, &out->len, &file);
        if (!out->data)
            err = missing(q, part);
    } else if (i > 0) {
        err = missing(q, part);
    } else if (!strncasecmp(type, "application/json", 16)) {
        err = from_json(q, part, out);
    } else if (!strncasecmp(type, "image/", 6) || !strcasecmp(type, "application/octet-stream")) {
        out->data = facet_http_body(q, &out->len);
    } else {
        err = facet__refused(q, 415, facet_fail(FACET_E_FORMAT, "the content-type is neither a form, nor an image, nor JSON"));
    }
    if (err)
        facet__picture_source_fini(out);
    if (err)
        return err;
    snprintf(out->name, sizeof(out->name), "%s", file && *file ? facet_path_base(file) : "");
    facet_sha256_of(out->data, out->len, out->sha256);
    return FACET_OK;
}

void facet__picture_source_fini(struct facet__picture_source *p)
{
    free(p->memory);
    *p = (struct facet__picture_source){ .len = 0 };
}

int facet__decode_picture(struct facet_http_request *q, const struct facet__picture_source *p, struct facet_image *out)
{
    *out = (struct facet_image){ .data = NULL };
    if (!p->len)
        return facet__refused(q, 422, facet_fail(FACET_E_FORMAT, "the picture is empty"));
    if (!facet_picture_kind(p->data, p->len))
        return facet__refused(q, 415, facet_fail(FACET_E_FORMAT, "the picture is neither JPEG, PNG, GIF, BMP nor PNM"));
    int err = facet_picture_decode(out, p->data, p->len, *p->name ? p->name : "the picture");
    return err == FACET_E_FORMAT ? facet__refused(q, 422, err) : err;
}

int facet__body_pictures(struct facet_http_request *q, const char *part, int i, struct facet_image *out)
{
    struct facet__picture_source p;
    *out = (struct facet_image){ .data = NULL };
    int err = facet__body_picture_bytes(q, part, i, &p);
    if (err)
        return err;
    err = facet__decode_picture(q, &p, out);
    facet__picture_source_fini(&p);
    return err;
}

int facet__body_picture(struct facet_http_request *q, const char *part, struct facet_image *out)
{
    return facet__body_pictures(q, part, 0, out);
}

/* facet people import: JSON lines with base64 into a gallery in memory. The first bytes of an input
 * that is an export are made to fit the gallery, so that mutations reach what is behind the head. */
#include "store/gallery.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CONTRACT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD "{\"facet\":\"gallery\",\"format\":1,\"contract\":\"" CONTRACT "\",\"model\":\"seeded\",\"dim\":4}\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void import(const char *text, size_t len)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = {
        .path = ":memory:", .model = "seeded", .dim = 4, .create = true,
        .contract = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    if (facet_gallery_open(&g, &o))
        abort();
    int people = 0, templates = 0;
    int err = facet_gallery_import_text(g, text, len, "input", &people, &templates);
    if (err && (people || templates))
        abort();
    if (facet_gallery_check(g)) /* whatever came in is whole */
        abort();
    facet_gallery_close(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t head = strlen(HEAD);
    char *text = malloc(head + len + 1);
    if (!text)
        return 0;
    memcpy(text, HEAD, head);
    if (len)
        memcpy(text + head, data, len);
    import(text, head + len);
    import(text + head, len);
    free(text);
    return 0;
}

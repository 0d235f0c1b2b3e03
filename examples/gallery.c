/* A gallery loop: the first pictures are enrolled, as NAME=PICTURE; in all others everyone is named. */
#include <facet/facet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int enrol(struct facet_people *known, const char *word)
{
    struct facet_photo *photo = NULL;
    const char *equals = strchr(word, '=');
    char name[128];
    int err = facet_photo_read(&photo, equals + 1);

    snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
    if (err == FACET_OK)
        err = facet_people_enrol(known, name, photo);
    facet_photo_close(&photo);
    return err;
}

static int name_everyone(struct facet_session *session, struct facet_people *known, const char *path)
{
    struct facet_photo *photo = NULL;
    struct facet_found faces[64];
    struct facet_who who;
    float *embedding = calloc((size_t)facet_session_dim(session), sizeof(*embedding));
    int n = embedding ? facet_photo_read(&photo, path) : FACET_E_NOMEM;

    if (n == FACET_OK)
        n = facet_session_find(session, photo, faces, 64);
    for (int i = 0; i < n; i++) {
        int err = facet_session_embed(session, photo, &faces[i], embedding);
        if (err == FACET_OK)
            err = facet_people_identify(known, embedding, &who);
        if (err == FACET_OK)
            printf("%s: %s  cosine %.3f\n", path, who.is_known ? who.name : "unknown", who.cosine);
    }
    facet_photo_close(&photo);
    free(embedding);
    return n < 0 ? n : FACET_OK;
}

int main(int argc, char **argv)
{
    struct facet_session *session = NULL;
    struct facet_people *known = NULL;
    struct facet_people_options o = FACET_PEOPLE_OPTIONS_INIT;
    int err = facet_session_open(&session, NULL);

    o.path = ":memory:";
    if (err == FACET_OK)
        err = facet_people_open(&known, session, &o);
    for (int i = 1; i < argc && err == FACET_OK; i++)
        err = strchr(argv[i], '=') ? enrol(known, argv[i]) : name_everyone(session, known, argv[i]);
    if (err != FACET_OK)
        fprintf(stderr, "gallery: %s\n", facet_error_text());
    facet_people_close(&known);
    facet_session_close(&session);
    return err == FACET_OK ? 0 : 3;
}

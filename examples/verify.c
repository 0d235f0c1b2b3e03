/* Are two pictures of the same person? */
#include <facet/facet.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct facet_session *session = NULL;
    struct facet_photo *a = NULL, *b = NULL;
    struct facet_comparison c;
    int err, code = 3;

    if (argc != 3) {
        fprintf(stderr, "usage: verify PICTURE PICTURE\n");
        return 2;
    }
    err = facet_session_open(&session, NULL);
    if (err == FACET_OK)
        err = facet_photo_read(&a, argv[1]);
    if (err == FACET_OK)
        err = facet_photo_read(&b, argv[2]);
    if (err == FACET_OK)
        err = facet_session_verify(session, a, b, &c);
    if (err == FACET_OK) {
        printf("%s  cosine %.3f, threshold %.3f, score %.3f\n", c.is_same ? "same" : "different", c.cosine,
               c.threshold, c.score);
        code = c.is_same ? 0 : 1;
    } else {
        fprintf(stderr, "verify: %s\n", facet_error_text());
    }
    facet_photo_close(&b);
    facet_photo_close(&a);
    facet_session_close(&session);
    return code;
}

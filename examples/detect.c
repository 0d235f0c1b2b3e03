/* Faces of one picture: build with `cc detect.c $(pkg-config --cflags --libs facet)`. */
#include <facet/facet.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct facet_session *session = NULL;
    struct facet_photo *photo = NULL;
    struct facet_found faces[64];
    int n = FACET_OK;

    if (argc != 2) {
        fprintf(stderr, "usage: detect PICTURE\n");
        return 2;
    }
    n = facet_session_open(&session, NULL);
    if (n == FACET_OK)
        n = facet_photo_read(&photo, argv[1]);
    if (n == FACET_OK)
        n = facet_session_find(session, photo, faces, 64);
    if (n < 0)
        fprintf(stderr, "detect: %s\n", facet_error_text());
    for (int i = 0; i < n; i++)
        printf("%.0f %.0f %.0f %.0f  score %.3f  quality %.2f\n", faces[i].x1, faces[i].y1, faces[i].x2, faces[i].y2,
               faces[i].score, faces[i].quality);
    facet_photo_close(&photo);
    facet_session_close(&session);
    return n > 0 ? 0 : n == 0 ? 1 : 3;
}

/* Errors: every function that can fail returns 0 or one of these negative codes.
 *
 * The text that explains the last failure of the calling thread is kept by the library;
 * it names what could not be done and why, and stays until the thread's next failure. */
#ifndef FACET_ERROR_H
#define FACET_ERROR_H

#include <facet/export.h>

/* name, number, short text */
#define FACET_ERROR_LIST(X)                                       \
    X(INVALID, -1, "invalid argument")                            \
    X(NOMEM, -2, "out of memory")                                 \
    X(IO, -3, "input or output failed")                           \
    X(NOT_FOUND, -4, "not found")                                 \
    X(FORMAT, -5, "damaged or unknown format")                    \
    X(UNSUPPORTED, -6, "not supported")                           \
    X(LIMIT, -7, "a limit was exceeded")                          \
    X(EXISTS, -8, "exists already")                               \
    X(CONTRACT, -9, "embedding contract differs")                 \
    X(STORE, -10, "the gallery failed")                           \
    X(NET, -11, "the network failed")                             \
    X(HASH, -12, "checksum differs")                              \
    X(NO_FACE, -13, "no face found")                              \
    X(MANY_FACES, -14, "more than one face found")                \
    X(QUALITY, -15, "face quality too low")                       \
    X(TIMEOUT, -16, "timed out")                                  \
    X(CANCELLED, -17, "cancelled")                                \
    X(AGAIN, -18, "nothing yet, call again")                      \
    X(END, -19, "end of stream")                                  \
    X(PERMISSION, -20, "permission denied")                       \
    X(INTERNAL, -21, "internal error")

enum facet_error {
    FACET_OK = 0,
#define FACET_ERROR_ENUM(name, number, text) FACET_E_##name = number,
    FACET_ERROR_LIST(FACET_ERROR_ENUM)
#undef FACET_ERROR_ENUM
};

#ifdef __cplusplus
extern "C" {
#endif

/* The code's name, for example "FACET_E_IO"; "FACET_E_UNKNOWN" for a number that is none. */
FACET_API const char *facet_error_name(int err);

/* The calling thread's last error text, never NULL, valid until its next failure. */
FACET_API const char *facet_error_text(void);

#ifdef __cplusplus
}
#endif

#endif

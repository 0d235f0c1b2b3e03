/* Other engines' shared libraries: never linked, opened by name when a back end is asked for. */
#ifndef FACET_ENGINE_BACKENDS_LIBRARY_H
#define FACET_ENGINE_BACKENDS_LIBRARY_H

#include <stddef.h>

struct facet_library {
    const char *backend;          /* "openvino" */
    const char *variable;         /* "FACET_OPENVINO_LIB": names the file or its folder; when set, nothing else is tried */
    const char *files[3];         /* how the file's name begins, "libopenvino_c.so"; NULL-ended */
    const char *package;          /* where its Python package keeps it, "openvino/libs"; NULL: nowhere */
    const char *remedy;           /* "pip install openvino": how to get it */
};

/* Looks at the variable, then in .cache/rivals (scripts/bench-rivals.sh), in the Python packages of the virtual
 * environment, the user and the system, and among the system's libraries. It stays open until the process ends.
 * FACET_E_UNSUPPORTED with the reason and the remedy. */
int facet_library_open(void **out, const struct facet_library *l);

struct facet_symbol { const char *name; size_t at; };     /* where in the table its address goes */
/* FACET_E_UNSUPPORTED names the first that the library lacks. */
int facet_library_symbols(void *lib, const struct facet_library *l, const struct facet_symbol *s, size_t n, void *table);

#endif

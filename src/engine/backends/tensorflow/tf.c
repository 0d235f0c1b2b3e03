#include "engine/backends/tensorflow/tf.h"

#include "base/errors.h"
#include "engine/backends/library.h"

#include <stdlib.h>
#include <threads.h>

#define SYMBOL(result, name, arguments) { #name, offsetof(struct facet_tf, name) },
static const struct facet_symbol symbols[] = { FACET_TF_FUNCTIONS(SYMBOL) };

static const struct facet_library library = {
    .backend = "tensorflow", .variable = "FACET_TENSORFLOW_LIB", .files = { "libtensorflow_cc.so", "libtensorflow.so" },
    .package = "tensorflow", .remedy = "pip install tensorflow-cpu (2.12 or later)",
};

/* It reads these when it is loaded: no lines of its own on standard error, and as many threads for each session as the
 * session says instead of as many for all as the first one said. What the user set stays. */
static void prepare_environment(void)
{
    setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
    setenv("TF_OVERRIDE_GLOBAL_THREADPOOL", "1", 0);
}

int facet_tf_open(struct facet_tf *out)
{
    static once_flag once = ONCE_FLAG_INIT;
    void *lib = NULL;
    call_once(&once, prepare_environment);
    int err = facet_library_open(&lib, &library);
    return err ? err : facet_library_symbols(lib, &library, symbols, sizeof(symbols) / sizeof(symbols[0]), out);
}

int facet_tf_check(const struct facet_tf *tf, void *status, const char *doing)
{
    int err = FACET_OK;
    if (!status)
        return facet_fail_nomem();
    if (tf->TF_GetCode(status) != 0) {
        const char *why = tf->TF_Message(status);
        err = facet_fail(FACET_E_UNSUPPORTED, "TensorFlow cannot %s: %.400s", doing, why ? why : "no reason is given");
    }
    tf->TF_DeleteStatus(status);
    return err;
}

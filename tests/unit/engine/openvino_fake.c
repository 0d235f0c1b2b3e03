/* A library with OpenVINO's C interface that runs nothing; FACET_FAKE_OPENVINO says in which way it misbehaves. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))

struct version { const char *build, *description; };
struct shape { int64_t rank; int64_t *dims; };
struct dimension { int64_t min, max; };
struct partial { struct dimension rank; struct dimension *dims; };

static char thing[64];                  /* what every handle points at */
static char message[4096];

static int is(const char *word)
{
    const char *how = getenv("FACET_FAKE_OPENVINO");
    return how && strcmp(how, word) == 0;
}

static int make(const char *step, void **out)
{
    if (is(step))
        return -1;
    *out = thing;
    return 0;
}

#define GIVES(name, arguments, ...) SHOWN int name arguments; SHOWN int name arguments { __VA_ARGS__ }
#define FREES(name, type) SHOWN void name(type x); SHOWN void name(type x) { (void)x; }

FREES(ov_version_free, struct version *)
FREES(ov_core_free, void *)
FREES(ov_model_free, void *)
FREES(ov_compiled_model_free, void *)
FREES(ov_output_const_port_free, void *)
FREES(ov_tensor_free, void *)
FREES(ov_infer_request_free, void *)

SHOWN void ov_free(const char *text);
SHOWN void ov_free(const char *text)
{
    free((void *)(uintptr_t)text);
}

SHOWN const char *ov_get_error_info(int status);
SHOWN const char *ov_get_error_info(int status)
{
    return is("mute") ? NULL : "GENERAL_ERROR";
}

SHOWN const char *ov_get_last_err_msg(void);
SHOWN const char *ov_get_last_err_msg(void)
{
    if (is("mute") || is("run"))
        return NULL;
    memset(message, 'x', sizeof(message) - 1);
    snprintf(message + 3000, sizeof(message) - 3000, "\nCheck failed:\nthe fake would not\n");
    return message;
}

GIVES(ov_get_openvino_version, (struct version *v),
      v->description = NULL; v->build = is("nameless") ? NULL : "2099.9.9-1-fake"; return is("mute") ? -1 : 0;)
GIVES(ov_core_create, (void **core), if (is("hollow")) { *core = NULL; return 0; } return make("start", core);)
GIVES(ov_core_read_model_from_memory_buffer, (const void *core, const char *text, size_t len, const void *weights, void **model),
      return make("read", model);)
GIVES(ov_core_compile_model, (const void *core, const void *model, const char *device, size_t words, void **compiled, ...),
      return make("compile", compiled);)
GIVES(ov_model_inputs_size, (const void *model, size_t *n), *n = is("inputs") ? 2 : is("huge") ? SIZE_MAX : 1; return 0;)
GIVES(ov_model_outputs_size, (const void *model, size_t *n), *n = is("outputs") ? 1 : 2; return 0;)
GIVES(ov_model_reshape_by_port_indexes, (const void *model, const size_t *ports, const struct partial *shapes, size_t n),
      return is("reshape") ? -1 : 0;)
GIVES(ov_compiled_model_input_by_index, (const void *compiled, size_t i, void **port), return make("port", port);)
GIVES(ov_compiled_model_output_by_index, (const void *compiled, size_t i, void **port), return make("port", port);)
GIVES(ov_compiled_model_get_property, (const void *compiled, const char *key, char **value),
      *value = is("speechless") ? NULL : strdup(is("precision") ? "f16" : "f32"); return 0;)
GIVES(ov_compiled_model_create_infer_request, (const void *compiled, void **request), return make("request", request);)
GIVES(ov_port_get_element_type, (const void *port, int *type), *type = 4; return 0;)

static size_t bytes;

GIVES(ov_tensor_create_from_host_ptr, (int type, struct shape s, void *data, void **tensor),
      bytes = is("types") ? 8 : 4; for (int64_t i = 0; i < s.rank; i++) bytes *= (size_t)s.dims[i]; return make("tensor", tensor);)
GIVES(ov_tensor_get_byte_size, (const void *tensor, size_t *n), *n = bytes; return 0;)
GIVES(ov_infer_request_set_input_tensor_by_index, (void *request, size_t i, const void *tensor), return is("put") ? -1 : 0;)
GIVES(ov_infer_request_set_output_tensor_by_index, (void *request, size_t i, const void *tensor), return 0;)
GIVES(ov_infer_request_infer, (void *request), return is("run") ? -1 : 0;)

#include "engine/backend.h"

#include "base/errors.h"
#include "base/module.h"
#include "base/str.h"

#include <string.h>

/* The preferred one first. */
const struct facet_backend_ops *const facet_backends[] = {
    &facet_backend_cpu,
    &facet_backend_ref,
    &facet_backend_onnxruntime,
    &facet_backend_openvino,
    &facet_backend_tensorflow,
    NULL,
};

/* Other people's engines whose libraries are linked: each a module of its own, opened on first use. */
static const struct { const char *name, *module, *package; } modules[] = {
    {"onednn", "facet-onednn", "libdnnl2 (to build: libdnnl-dev)"},
    {"xnnpack", "facet-xnnpack", "libxnnpack0 (to build: libxnnpack-dev)"},
    {"opencv", "facet-opencv", "libopencv-dnn406 (to build: libopencv-dnn-dev)"},
};

const char *const facet_backend_names[] = { "cpu", "ref", "onnxruntime", "onednn", "xnnpack", "openvino", "opencv", "tensorflow", NULL };

static int open_module(const struct facet_backend_ops **out, size_t i)
{
    const void *table = NULL;
    int err = facet_module_open(&table, modules[i].module, FACET_BACKEND_SYMBOL, modules[i].package);
    if (err)
        return facet_fail_prefix(err, "back end '%s' is not here", modules[i].name);
    const struct facet_backend_module *m = table;
    if (strcmp(m->version, FACET_VERSION) != 0 || m->ops_size != sizeof(struct facet_backend_ops))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use module '%s': it is of another version of facet; install both together",
                          modules[i].module);
    *out = m->ops;
    return FACET_OK;
}

static int no_such(const char *name)
{
    struct facet_str names = FACET_STR_INIT;
    for (int i = 0; facet_backend_names[i]; i++)
        (void)facet_str_printf(&names, "%s%s", i == 0 ? "" : facet_backend_names[i + 1] ? ", " : " and ", facet_backend_names[i]);
    int err = facet_fail(FACET_E_NOT_FOUND, "no back end is named '%s': there are %s", name, names.data ? names.data : "others");
    facet_str_fini(&names);
    return err;
}

static int find(const struct facet_backend_ops **out, const char *name)
{
    for (int i = 0; facet_backends[i]; i++)
        if (!name || strcmp(facet_backends[i]->name, name) == 0) {
            *out = facet_backends[i];
            return FACET_OK;
        }
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
        if (strcmp(modules[i].name, name) == 0)
            return open_module(out, i);
    return no_such(name);
}

int facet_backend_find(const struct facet_backend_ops **out, const char *name)
{
    char version[64];
    *out = NULL;
    int err = find(out, name);
    if (!err && (*out)->available)
        err = facet_backend_failed(*out, (*out)->available(version, sizeof(version)));
    if (err)
        *out = NULL;
    return err;
}

int facet_backend_failed(const struct facet_backend_ops *ops, int err)
{
    if (!err || !ops->error_text)
        return err;
    return facet_fail(err, "%s", ops->error_text());
}

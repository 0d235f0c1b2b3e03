#include "bench/rivals.h"

#include "base/errors.h"

#include <string.h>

const char *const facet_bench_rivals[FACET_BENCH_RIVALS] = { "onnxruntime", "onednn", "xnnpack", "openvino", "opencv", "tensorflow" };

bool facet_bench_is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        size_t len = strcspn(at, ",");
        if (len == n && strncmp(at, word, n) == 0)
            return true;
    }
    return false;
}

int facet_bench_check_list(const char *list, const char *const *names, size_t n, const char *what)
{
    for (const char *at = list; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < n && (strlen(names[i]) != len || strncmp(names[i], at, len) != 0))
            i++;
        if (i == n)
            return facet_fail(FACET_E_NOT_FOUND, "there is no %s '%.*s'", what, (int)len, at);
    }
    return FACET_OK;
}

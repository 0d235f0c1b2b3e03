#include "stages/publish/sink_priv.h"

#include "base/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int facet__lines_open(struct facet__lines *l, const char *path)
{
    *l = (struct facet__lines){.fd = -1, .path = path};
    l->is_stdout = strcmp(path, "-") == 0;
    l->fd =
        l->is_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return l->fd < 0 ? facet_fail_errno("write", path) : FACET_OK;
}

int facet__lines_write(struct facet__lines *l)
{
    if (l->text.err)
        return facet_fail(l->text.err, "cannot write '%s': a line is too long", l->path);
    for (size_t at = 0; at < l->text.len;) {
        ssize_t n = write(l->fd, l->text.data + at, l->text.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return facet_fail_errno("write", l->path);
        at += (size_t)n;
    }
    facet_str_clear(&l->text);
    return FACET_OK;
}

int facet__lines_close(struct facet__lines *l)
{
    int err = FACET_OK;
    if (!l->path) /* never opened */
        return FACET_OK;
    if (l->fd >= 0 && !l->is_stdout && close(l->fd) != 0)
        err = facet_fail_errno("write", l->path);
    facet_str_fini(&l->text);
    *l = (struct facet__lines){.fd = -1};
    return err;
}

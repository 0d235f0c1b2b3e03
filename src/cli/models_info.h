/* What `facet models info` says of a network. */
#ifndef FACET_CLI_MODELS_INFO_H
#define FACET_CLI_MODELS_INFO_H

#include "cli/cmd.h"

/* `what` is a model of the manifest, one part of it ("mtcnn/pnet"), or an ONNX file. Of a model with
 * several parts all are told. `backend` NULL: cpu. An exit code, or a negative error. */
int facet_models_info(struct facet_cli *cli, const char *what, const char *backend);

#endif

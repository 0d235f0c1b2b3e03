#!/bin/bash
# Every measurement of docs/accuracy.md, on the pinned data beside the checkout or in $FACET_MIRROR.
# usage: scripts/eval.sh BUILD       results are left in eval/
set -euo pipefail
cd "$(dirname "$0")/.."
facet=$1/src/cli/facet
data=${FACET_MIRROR:-../shared}/data
if [ ! -f "$data/lfw/pairs.txt" ]; then
    echo "facet: eval: '$data/lfw/pairs.txt' is not there; set FACET_MIRROR to the folder with models/ and data/" >&2
    exit 1
fi
mkdir -p eval
for model in facenet-20180402 mobilefacenet-photo-analyze; do
    "$facet" models pull --quiet mtcnn "$model"
    echo "== $model, LFW"
    "$facet" eval verify --recogniser "$model" --pairs "$data/lfw/pairs.txt" --folds 1-5 --far-table "$data/lfw/images" |
        tee "eval/lfw-$model.txt"
done

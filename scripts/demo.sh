#!/bin/bash
# Recognises two people in a real video, and leaves in demo/: annotated.mp4, events.jsonl, frames.csv.
# usage: scripts/demo.sh BUILD
# Nothing is done twice: a stamp holds the contents that the outputs were made from.
set -euo pipefail
cd "$(dirname "$0")/.."
facet=$1/src/cli/facet
demo=demo
mkdir -p "$demo"

"$facet" models pull mtcnn facenet-20180402
"$facet" data pull hamilton "$demo/data"

inputs()
{
    sha256sum scripts/demo.sh models/manifest.yaml "$facet" "$1"/src/modules/*.so
    find "$demo/data" -type f -print0 | sort -z | xargs -0 sha256sum
}
outputs="annotated.mp4 events.jsonl frames.csv summary.txt"
stamp()
{
    inputs "$1"
    (cd "$demo" && sha256sum $outputs 2>/dev/null) || echo "not all there"
}

if [ ! -f "$demo/.stamp" ] || [ "$(stamp "$1")" != "$(cat "$demo/.stamp")" ]; then
    rm -rf "$demo/.stamp" "$demo/gallery.db"*
    people=$demo/data/gallery-hamilton
    "$facet" enroll --quiet --gallery "$demo/gallery.db" "Lin-Manuel Miranda" "$people"/lin-manuel-miranda/*
    "$facet" enroll --quiet --gallery "$demo/gallery.db" "Alex Lacamoire" "$people"/alex-lacamoire/*
    "$facet" run --gallery "$demo/gallery.db" --video "$demo/annotated.mp4" --events "$demo/events.jsonl" \
        --csv "$demo/frames.csv" "$demo/data/video/short_hamilton_clip.mp4" >"$demo/summary.txt"
    stamp "$1" >"$demo/.stamp"
else
    echo "nothing has changed since the last run; its summary:"
fi
cat "$demo/summary.txt"

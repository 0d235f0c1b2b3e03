#!/usr/bin/env python3
"""Writes a header with a hash of the engine's sources: what packed weights and plan files are stamped with,
so that those of another engine are never taken for this one's."""
import hashlib
import pathlib
import sys


def main():
    out, depfile, folder = (pathlib.Path(p) for p in sys.argv[1:4])
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h", ".build"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    text = f'#define FACET_ENGINE_ID "{digest.hexdigest()[:32]}"\n'
    if not out.exists() or out.read_text() != text:
        out.write_text(text)
    depfile.write_text(f"{out}: " + " ".join(str(p).replace(" ", "\\ ") for p in files) + "\n")


main()

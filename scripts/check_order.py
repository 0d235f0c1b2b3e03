#!/usr/bin/python3
"""The order of the path of a face is written down three times; they must agree."""
import re
import sys
from pathlib import Path


def in_code(root):
    text = (root / 'src/stages/stages.c').read_text()
    return re.findall(r'&facet_stage_(\w+),', text)


def in_build(root):
    """What has a remark behind it is beside the path."""
    return re.findall(r"^subdir\('(\w+)'\)$", (root / 'src/stages/meson.build').read_text(), re.M)


def in_book(root):
    """The numbered list under "The path of a face"."""
    text = (root / 'docs/architecture.md').read_text()
    part = text.split('## The path of a face', 1)
    return re.findall(r'^\d+\. `(\w+)`', part[1].split('\n## ')[0], re.M) if len(part) == 2 else []


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else '.')
    code, build, book = in_code(root), in_build(root), in_book(root)
    for name, order in (('src/stages/stages.c', code), ('src/stages/meson.build', build),
                        ('docs/architecture.md', book)):
        print(f'{name}: {" -> ".join(order) or "(none found)"}')
    return not (code and code == build == book)


if __name__ == '__main__':
    sys.exit(main())

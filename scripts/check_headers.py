#!/usr/bin/python3
"""Every header compiles alone, and twice. usage: check_headers.py ROOT BUILD CC..."""
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ['-std=c11', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-unused-function',
         '-D_GNU_SOURCE', '-DFACET_VERSION="0"']
# Templates and per-CPU bodies are included by one .c file each and mean nothing alone.
LEFT_OUT = ('.inc.h', '_body.h')


def compile_twice(cc, header, flags, source):
    source.write_text(f'#include {header}\n#include {header}\nextern int facet_alone;\n')
    return subprocess.run([*cc, *flags, str(source)], capture_output=True, text=True)


def main():
    root, build, cc = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    faults = count = 0
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / 'alone.c'
        cases = [(f'<{p.relative_to(root / "include").as_posix()}>', ['-pedantic', f'-I{root}/include'])
                 for p in sorted((root / 'include').rglob('*.h'))]
        inner = [f'-I{root}/src', f'-I{root}/include', f'-I{build}/src', f'-I{build}/src/engine', f'-I{root}/tests']
        cases += [(f'"{p.relative_to(root / "src").as_posix()}"', inner)
                  for p in sorted((root / 'src').rglob('*.h')) if not p.name.endswith(LEFT_OUT)]
        for header, flags in cases:
            done = compile_twice(cc, header, FLAGS + flags, source)
            count += 1
            if done.returncode:
                faults += 1
                print(f'{header} does not compile alone:\n{done.stderr}')
    print(f'headers: {count} compiled alone, {faults} faults')
    return faults != 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/python3
"""usage: build.py SOURCE-ROOT
The built page in web/dist is what web/src builds to, is small, and asks nobody but its own server."""
import filecmp
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT = 200_000


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


def differences(built, kept):
    for name in sorted(set(files(built)) | set(files(kept))):
        if not (built / name).exists():
            yield f'{name}: not built any more'
        elif not (kept / name).exists():
            yield f'{name}: missing'
        elif not filecmp.cmp(built / name, kept / name, shallow=False):
            yield f'{name}: differs'


def rebuild(web, out):
    vite = ['npx', '--no-install', 'vite', 'build', '--emptyOutDir', '--logLevel', 'warn', '--outDir']
    for command in (['npx', '--no-install', 'tsc', '--noEmit'], vite + [out + '/dist'],
                    vite + [out + '/dist-report', '-c', 'vite.report.config.ts']):
        done = subprocess.run(command, cwd=web, capture_output=True, text=True)
        if done.returncode:
            yield f'{" ".join(command)}: {done.stdout}{done.stderr}'


def outside(dist):
    for name in files(dist):
        if name.endswith(('.js', '.css', '.html')):
            text = (dist / name).read_text().replace('http://www.w3.org', '')   # names of vocabularies
            for found in re.findall(r'(?:https?:|["\'(])//[a-z0-9.-]+\.[a-z]{2,}', text):
                yield f'{name}: names {found}'


def main():
    root = Path(sys.argv[1]).resolve()
    web, dist = root / 'web', root / 'web/dist'
    faults = []
    deps = subprocess.run([root / 'scripts/web-deps.sh'], capture_output=True, text=True)
    if deps.returncode:
        faults.append(deps.stderr)
    else:
        with tempfile.TemporaryDirectory() as out:
            faults += rebuild(web, out)
            if not faults:
                for folder in ('dist', 'dist-report'):
                    faults += [f'web/{folder}/{d}; run `npm run build` in web/ and commit'
                               for d in differences(Path(out) / folder, web / folder)]
    size = sum((dist / f).stat().st_size for f in files(dist))
    if size > LIMIT:
        faults.append(f'web/dist has {size} bytes, at most {LIMIT}')
    faults += [*outside(dist), *outside(web / 'dist-report')]
    print('\n'.join(faults) if faults else f'web/dist: {len(files(dist))} files, {size} bytes, as built from web/src')
    return 1 if faults else 0


sys.exit(main())

#!/usr/bin/python3
"""What STYLE asks of the text itself: banned calls, lengths, words that must not be in the tree,
and that no picture of a face is committed."""
import re
import subprocess
import sys
from pathlib import Path

BANNED = re.compile(r'(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|rand|srand|'
                    r'alloca|tmpnam|mktemp)\s*\(')
UNFINISHED = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
STRUCT_TYPEDEF = re.compile(r'^\s*typedef\s+(struct|enum|union)\b')
MACHINE_PATH = re.compile(r'(?<![\w./])/(work|home|root)/\w')
PICTURE = {'.jpg', '.jpeg', '.png', '.pgm', '.bmp', '.gif', '.mp4', '.avi', '.mkv', '.webm', '.mov', '.onnx',
           '.npy', '.caffemodel', '.params', '.tflite', '.db'}
LINE, FILE, FUNCTION = 160, 800, 100
SAYS_WHY = 'Long file:'


def tracked(root):
    """Files git knows or would add; the tree as it lies without git."""
    try:
        out = subprocess.run(['git', '-C', root, 'ls-files', '-co', '--exclude-standard'], check=True,
                             capture_output=True, text=True).stdout
        return sorted(set(out.splitlines()))
    except (OSError, subprocess.CalledProcessError):
        skip = re.compile(r'^(build|\.git|demo|eval)')
        return sorted(p.relative_to(root).as_posix() for p in Path(root).rglob('*')
                      if p.is_file() and not skip.match(p.relative_to(root).as_posix()))


def blank_text(source):
    """Comments and string contents become spaces, so that only code is judged."""
    def spaces(found):
        return re.sub(r'[^\n]', ' ', found[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', spaces, source, flags=re.S)


def check_c(name, text, fault):
    lines, code = text.splitlines(), blank_text(text).splitlines()
    if len(lines) > FILE and SAYS_WHY not in '\n'.join(lines[:20]):
        fault(name, 1, f'{len(lines)} lines; split it, or say "{SAYS_WHY} ..." in its head')
    start = None
    for number, (line, bare) in enumerate(zip(lines, code), 1):
        if len(line) > LINE:
            fault(name, number, f'{len(line)} columns, at most {LINE}')
        if '\t' in line:
            fault(name, number, 'a tab')
        found = BANNED.search(bare)
        if found:
            fault(name, number, f'{found[1]}() is banned')
        if STRUCT_TYPEDEF.match(bare):
            fault(name, number, 'a typedef of a struct, enum or union')
        if bare.startswith('{'):
            start = number
        elif bare.startswith('}') and start:
            if number - start > FUNCTION:
                fault(name, start, f'a function of {number - start} lines, at most {FUNCTION}')
            start = None


def check_text(name, text, fault):
    for number, line in enumerate(text.splitlines(), 1):
        if name != 'scripts/check_style.py' and UNFINISHED.search(line):
            fault(name, number, 'unfinished: ' + line.strip()[:60])
        if MACHINE_PATH.search(line):
            fault(name, number, 'a path of one machine')
        if line != line.rstrip() and not name.endswith('.md'):
            fault(name, number, 'space at the end of the line')
    if text and not text.endswith('\n'):
        fault(name, len(text.splitlines()), 'no newline at the end')


def is_made_here(name):
    """Fuzz corpora and small fixtures are made by our own scripts and show nobody; the built pages are compared by tests/page."""
    return name.startswith(('fuzz/corpus/', 'web/dist')) or '/fixtures/' in name


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    faults = []

    def fault(name, number, text):
        faults.append(f'{name}:{number}: {text}')

    names = tracked(root)
    for name in names:
        path = root / name
        if path.suffix.lower() in PICTURE and not is_made_here(name):
            fault(name, 1, 'pictures, videos, weights and galleries are not committed')
            continue
        if not path.is_file() or is_made_here(name):
            continue
        try:
            text = path.read_text(encoding='utf-8')
        except UnicodeDecodeError:
            fault(name, 1, 'not text')
            continue
        if name == 'LICENSE':
            continue
        check_text(name, text, fault)
        if path.suffix in ('.c', '.h'):
            check_c(name, text, fault)
    print('\n'.join(faults + [f'style: {len(names)} files, {len(faults)} faults']))
    return bool(faults)


if __name__ == '__main__':
    sys.exit(main())

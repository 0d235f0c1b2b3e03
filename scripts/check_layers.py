#!/usr/bin/python3
"""Holds every #include under src/ and include/ against scripts/layers.conf."""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def read_rules(path):
    """room -> (rooms it may see or None for all), header pattern -> owner"""
    rooms, owners = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split('#')[0].strip()
        if not line:
            continue
        room, colon, rest = line.partition(':')
        if not colon:
            sys.exit(f'{path}:{number}: not `room: rooms  owns: headers`')
        sees, _, owned = rest.partition('owns:')
        sees = sees.split()
        rooms[room.strip()] = None if sees == ['*'] else set(sees) - {'-'}
        for header in owned.split():
            owners[header] = room.strip()
    for room, sees in rooms.items():
        for other in sees or ():
            if other not in rooms:
                sys.exit(f'{path}: {room} may see {other}, which is no room')
    return rooms, owners


def room_of(path, rooms):
    """The longest room that `path` (relative to src/) lies in."""
    parts = path.split('/')[:-1]
    while parts:
        if '/'.join(parts) in rooms:
            return '/'.join(parts)
        parts.pop()
    return None


def owner_of(header, owners):
    for pattern, owner in owners.items():
        if pattern.endswith('*'):
            continue  # named in the list so that it is known, shared by all
        if header == pattern or (pattern.endswith('/') and header.startswith(pattern)):
            return owner
    return None


def check_include(room, quote, header, rooms, owners):
    """What is wrong with `header` included in `room`, or None."""
    owner = owner_of(header, owners)
    if owner and owner != room:
        return f'<{header}> belongs to {owner} alone'
    if quote == '<':
        public = header.startswith('facet/') and header not in ('facet/error.h', 'facet/export.h')
        return 'public headers are for api' if public and room != 'api' else None
    if '/' not in header:
        return None if owner or header.endswith('.inc.h') else f'"{header}" is not rooted in src/'
    other = room_of(header, rooms)
    if other is None:
        return f'"{header}" lies in no room'
    if other != room and header.endswith('_priv.h'):
        return f'"{header}" never leaves {other}'
    sees = rooms[room]
    if other == room or sees is None or other in sees:
        return None
    if other.startswith('stages/') and 'stages' in sees:
        return None  # `stages` stands for its seven folders
    return f'{room} may not see {other}'


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    rooms, owners = read_rules(root / 'scripts/layers.conf')
    faults = files = 0
    for path in sorted([*(root / 'src').rglob('*.[ch]')]):
        name = path.relative_to(root / 'src').as_posix()
        room = room_of(name, rooms)
        files += 1
        if room is None:
            print(f'src/{name}: lies in no room of scripts/layers.conf')
            faults += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            fault = found and check_include(room, found[1], found[2], rooms, owners)
            if fault:
                print(f'src/{name}:{number}: {fault}')
                faults += 1
    print(f'layers: {files} files in {len(rooms)} rooms, {faults} faults')
    return faults != 0


if __name__ == '__main__':
    sys.exit(main())

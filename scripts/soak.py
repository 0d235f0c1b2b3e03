#!/usr/bin/python3
"""Runs a whole site for a long time and says what grows: RTSP cameras, a broker, a server, an edge and a hybrid device.

  scripts/soak.py [--build build] [--minutes 60] [--edge 2] [--hybrid 2] [--clip FILE] [--out FOLDER] [--report FILE]

Memory, descriptors and threads of every program are read each few seconds; after the first minutes (--settle) a line is
fitted to each and its slope told with what it may be off by (95 %). A program that ends, an event that the server has not,
or has twice, is a fault. --report writes a block for docs/reliability.md; samples.csv in --out holds every sample.

Needs mosquitto, the build with its tests (tests/live/rtsp_server), the models and a clip (FACET_MIRROR). With ffmpeg the
clip is joined end to end, so that cameras are not lost each time it ends."""
import argparse
import csv
import json
import math
import os
import platform
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

COLUMNS = ('rss_kb', 'fds', 'threads')
CAMERA = 4      # events of this type tell a camera's state; they stay where they are made
# What a slope may be before it is called growth: beyond its own uncertainty, and more than this an hour.
ALLOWED = {'rss_kb': 2048, 'fds': 1, 'threads': 0.5}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_port(port, child, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.process.poll() is not None:
            break
        with socket.socket() as s:
            s.settimeout(0.5)
            if s.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f'soak: {child.name} does not listen; {child.log} says why')


class Child:
    def __init__(self, name, words, out, env=None, stdin=None):
        self.name, self.log = name, out / f'{name}.log'
        self.process = subprocess.Popen([str(w) for w in words], stdin=stdin or subprocess.DEVNULL, stdout=open(self.log, 'ab'),
                                        stderr=subprocess.STDOUT, env=env)
        self.samples, self.cpu = [], 0.0

    def sample(self, t):
        proc = Path(f'/proc/{self.process.pid}')
        try:
            status = (proc / 'status').read_text()
            stat = (proc / 'stat').read_text().rsplit(')', 1)[1].split()
            row = {'t': t, 'rss_kb': int(re.search(r'VmRSS:\s+(\d+)', status)[1]), 'fds': len(os.listdir(proc / 'fd')),
                   'threads': int(re.search(r'Threads:\s+(\d+)', status)[1])}
        except (OSError, TypeError):
            return False
        self.cpu = (int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK')
        self.samples.append(row)
        return True

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return 'killed: it did not end within %d s' % seconds


def slope(rows, column):
    """Per hour, and what it may be off by. Neighbouring samples are alike, so a tenth of them is counted."""
    n = len(rows)
    if n < 20:
        return float('nan'), float('inf')
    x = [r['t'] / 3600 for r in rows]
    y = [r[column] for r in rows]
    mx, my = sum(x) / n, sum(y) / n
    sxx = sum((a - mx) ** 2 for a in x)
    b = sum((a - mx) * (c - my) for a, c in zip(x, y)) / sxx
    rest = sum((c - my - b * (a - mx)) ** 2 for a, c in zip(x, y))
    return b, 1.96 * math.sqrt(rest / max(n / 10 - 2, 1) / (sxx / 10))


def long_clip(clip, out, minutes):
    """The clip again and again in one file, about ten minutes of it; itself where ffmpeg is not there."""
    if not shutil.which('ffmpeg'):
        return clip
    joined = out / 'clip.mp4'
    subprocess.run(['ffmpeg', '-v', 'error', '-y', '-stream_loop', str(min(60, max(6, minutes * 7))), '-i', clip, '-c', 'copy', '-an', joined],
                   check=True)
    return joined


def own_copies(o, out, env):
    """Program, modules and list of models as they are now: what is built or ended by name meanwhile does not touch them."""
    (out / 'modules').mkdir()
    for module in (o.build / 'src/modules').glob('*.so'):
        shutil.copy(module, out / 'modules')
    for name in ('manifest.yaml', 'facenet-20180402.files.tsv'):
        shutil.copy(o.build / 'models' / name, out)
    env.update(FACET_MODULES=str(out / 'modules'), FACET_MANIFEST=str(out / 'manifest.yaml'))
    shutil.copy(o.build / 'tests/live/rtsp_server', out / 'soak-cameras')
    o.node = shutil.copy(o.build / 'src/cli/facet', out / 'soak-node')


def site_text(o, device, cameras, rtsp, broker, out):
    text = f'site: soak\nmqtt: {{host: 127.0.0.1, port: {broker}, insecure: true}}\n'
    if device == 'server':
        return text + (f'gallery: {{path: {out}/server.db}}\nserve: {{port: {o.port}, keys: {out}/keys.json}}\n'
                       f'store: {{events: {out}/server-events.db}}\noutbox: {{path: {out}/server-outbox.db}}\n')
    text += f'device: {device}\nstrategy: {device}\ngallery: {{path: {out}/people.db}}\n'
    text += f'store: {{events: {out}/{device}-events.db}}\noutbox: {{path: {out}/{device}-outbox.db}}\ncameras:\n'
    for n in cameras:
        text += f'  - {{name: cam{n}, url: "rtsp://127.0.0.1:{rtsp}/cam{n}"}}\n'
    return text


def start(o, out, env):
    broker, rtsp = free_port(), free_port()
    o.port = free_port()
    children = []
    (out / 'mosquitto.conf').write_text(f'user root\nlistener {broker} 127.0.0.1\nallow_anonymous true\npersistence true\n'
                                        f'persistence_location {out}/\nlog_type error\n')
    mosquitto = shutil.copy(shutil.which('mosquitto') or '/usr/sbin/mosquitto', out / 'soak-broker')
    children.append(Child('broker', [mosquitto, '-c', out / 'mosquitto.conf'], out))
    wait_port(broker, children[0])
    children.append(Child('cameras', [out / 'soak-cameras', '--mounts', o.edge + o.hybrid, '--clip', o.clip, '--port', rtsp], out,
                          stdin=subprocess.PIPE))
    wait_port(rtsp, children[1])
    roles = [('server', []), ('edge', range(o.edge)), ('hybrid', range(o.edge, o.edge + o.hybrid))]
    for name, cameras in roles:
        if name == 'server' and o.no_server or name != 'server' and not len(cameras):
            continue
        path = out / f'{name}.yaml'
        path.write_text(site_text(o, name, cameras, rtsp, broker, out))
        words = [o.node, 'serve', '--config', path] if name == 'server' else [o.node, 'run', '--config', path]
        child = Child(name, words, out, env)
        children.append(child)
        if name == 'server':
            wait_port(o.port, child)
    return children


def enrol(o, out, env):
    facet = o.node
    for model in ('mtcnn', 'facenet-20180402'):
        subprocess.run([facet, 'models', 'pull', model], env=env, check=True, stdout=subprocess.DEVNULL)
    for person in sorted(p for p in (o.mirror / 'data/gallery-hamilton').iterdir() if p.is_dir()):
        subprocess.run([facet, 'enroll', '--gallery', out / 'people.db', person.name, *sorted(person.iterdir())], env=env, check=True,
                       stdout=subprocess.DEVNULL)
    for name in ('people.db', 'people.db-wal', 'people.db-shm'):
        if (out / name).exists():
            shutil.copy(out / name, out / name.replace('people', 'server'))


def ids_of(path):
    if not path.exists():
        return {}
    db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
    counts = {}
    for (event,) in db.execute('SELECT id FROM events WHERE type <> ?', (CAMERA,)):
        counts[event] = counts.get(event, 0) + 1
    db.close()
    return counts


def health(o):
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{o.port}/v1/health', timeout=10) as r:
            return r.status == 200
    except OSError:
        return False


def watch(o, children, out):
    begun, faults, misses, next_told = time.monotonic(), [], 0, 60
    gone = set()
    with open(out / 'samples.csv', 'w', newline='') as f:
        w = csv.writer(f)
        w.writerow(('seconds', 'program', *COLUMNS))
        while time.monotonic() - begun < o.minutes * 60:
            t = time.monotonic() - begun
            for c in children:
                if c.sample(t):
                    w.writerow((f'{t:.1f}', c.name, *(c.samples[-1][k] for k in COLUMNS)))
                if c.process.poll() is not None and c.name not in gone:
                    gone.add(c.name)
                    faults.append(f'{c.name} ended after {t:.0f} s with {c.process.returncode}')
                    print('soak:', faults[-1], flush=True)
            misses += not o.no_server and not health(o)
            if t >= next_told:
                next_told += 60
                f.flush()
                print(f'{t / 60:5.1f} min', '  '.join(f"{c.name} {c.samples[-1]['rss_kb'] / 1024:.1f} MB {c.samples[-1]['fds']} fd "
                                                       f"{c.samples[-1]['threads']} thr" for c in children if c.samples), flush=True)
            time.sleep(max(0, o.every - (time.monotonic() - begun - t)))
    if misses:
        faults.append(f'the server did not answer {misses} of its health requests')
    return time.monotonic() - begun, faults


def settle_events(o, out, devices):
    """Waits until what devices keep has arrived at the server, at most half a minute."""
    for _ in range(30):
        have = ids_of(out / 'server-events.db')
        missing = {d: [i for i in ids_of(out / f'{d}-events.db') if i not in have] for d in devices}
        if not any(missing.values()):
            break
        time.sleep(1)
    return have, missing


def end(o, children, out, faults):
    by_name = {c.name: c for c in children}
    devices = [d for d in ('edge', 'hybrid') if d in by_name]
    codes = {}
    for d in devices:
        codes[d] = by_name[d].stop()
    lines = []
    if not o.no_server:
        have, missing = settle_events(o, out, devices)
        kept = {d: len(ids_of(out / f'{d}-events.db')) for d in devices}
        lines.append('events: ' + ', '.join(f'{kept[d]} made by {d}, {len(missing[d])} of them not at the server' for d in devices)
                     + f'; {len(have)} at the server, {sum(v > 1 for v in have.values())} twice')
        faults += [f'{len(m)} events of {d} are not at the server, first {m[0]}' for d, m in missing.items() if m]
        codes['server'] = by_name['server'].stop()
    # Stopped by a signal in the middle of its work is how every soak ends: 0, or 130 for "interrupted".
    faults += [f'{d} ended with {code}' for d, code in codes.items() if code not in (0, 130)]
    for name in ('cameras', 'broker'):
        by_name[name].stop(5)
    return lines


def report(o, children, seconds, lines, faults):
    cores = os.cpu_count()
    text = [f'{seconds / 60:.0f} minutes, {o.edge} cameras at an edge device and {o.hybrid} at a hybrid one ({o.source.name}), server'
            f'{" left out" if o.no_server else ""}, broker; {cores} cores, {platform.system()} {platform.release().split("-")[0]}. Slopes are per hour, without the '
            f'first {o.settle:g} minutes; +- is 95 %.', '',
            '| program | processor | memory MB (start, end, most) | slope KB/h | descriptors | slope/h | threads | slope/h |', '|---|---|---|---|---|---|---|---|']
    for c in children:
        rows = [r for r in c.samples if r['t'] >= o.settle * 60]
        if not rows:
            continue
        cells = []
        for k in COLUMNS:
            b, off = slope(rows, k)
            ours = c.name in ('server', 'edge', 'hybrid')
            if ours and not math.isnan(b) and b - off > ALLOWED[k]:
                faults.append(f'{c.name}: {k} grows by {b:.1f} (+- {off:.1f}) an hour')
            v = [r[k] for r in rows]
            told = f'{v[0] / 1024:.1f}, {v[-1] / 1024:.1f}, {max(v) / 1024:.1f}' if k == 'rss_kb' else f'{min(v)} to {max(v)}'
            cells += [told, f'{b:+.1f} +- {off:.1f}']
        text.append(f'| {c.name} | {100 * c.cpu / seconds:.0f} % | ' + ' | '.join(cells) + ' |')
    text += ['', *lines, '', 'faults: ' + ('; '.join(faults) if faults else 'none')]
    return '\n'.join(text) + '\n'


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--build', type=Path, default=Path('build'))
    p.add_argument('--minutes', type=float, default=60)
    p.add_argument('--edge', type=int, default=2)
    p.add_argument('--hybrid', type=int, default=2)
    p.add_argument('--every', type=float, default=5, help='seconds between samples')
    p.add_argument('--settle', type=float, help='minutes left out at the start; a sixth of all, at most 10')
    p.add_argument('--clip', type=Path)
    p.add_argument('--out', type=Path, default=Path('soak'))
    p.add_argument('--report', type=Path)
    p.add_argument('--no-server', action='store_true')
    o = p.parse_args()
    o.mirror = Path(os.environ.get('FACET_MIRROR', Path(__file__).resolve().parent.parent.parent / 'shared'))
    o.source = o.clip or o.mirror / 'data/video/short_hamilton_clip.mp4'
    o.settle = min(10, o.minutes / 6) if o.settle is None else o.settle
    o.build = o.build.resolve()
    return o


def main():
    o = parse()
    out = o.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    env = dict(os.environ, FACET_DATA=str(out / 'data'), FACET_CACHE=str(out / 'cache'), FACET_MIRROR=str(o.mirror))
    env.setdefault('FACET_MODELS', str(o.build / 'test-models'))
    o.clip = long_clip(o.source, out, math.ceil(o.minutes))
    own_copies(o, out, env)
    enrol(o, out, env)
    children = []
    try:
        children = start(o, out, env)
        seconds, faults = watch(o, children, out)
        lines = end(o, children, out, faults)
    finally:
        for c in children:
            if c.process.poll() is None:
                c.process.kill()
    text = report(o, children, seconds, lines, faults)
    print(text, flush=True)
    (out / 'report.md').write_text(text)
    (out / 'faults.json').write_text(json.dumps(faults))
    if o.report:
        o.report.write_text(text)
    return bool(faults)


if __name__ == '__main__':
    sys.exit(main())

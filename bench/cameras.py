#!/usr/bin/python3
"""How many cameras a machine carries: looped 720-line clips at 10 fps, played at their own rate, one count after the other.

    bench/cameras.py CLIP... [--counts 1,2,4,6,8] [--seconds 20] [--strategy edge|hybrid|cloud] [--cores 2] [--site MORE.yaml]
                     [-- further words for facet run]

Each clip is made 720 lines high and 10 frames a second once (by the program ffmpeg, which must be there), with H.264 and a
keyframe each two seconds. Cameras take the clips in turn. A count is carried when at least 95 % of all pictures were looked at,
and, where a server says the names (hybrid), 95 % of them came within two seconds.

Told are, per count: pictures looked at a second and camera, the share of them, processor time per second of the device and of
the server, delay (edge: from capture to the end of the path; hybrid: to the server's name; cloud: to the end of the server's
path; mean, p95), memory of both. For hybrid and cloud a broker (mosquitto) and a server are started, too, all on the same
--cores. --site is appended to the file of device and server: models, detection. The decoding of H.264 is in it, the receiving
by RTSP is not; cloud has sending and receiving by HTTP in it."""

import argparse
import csv
import datetime
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

WARM_S = 3          # what is left out at the start
IDENTITY = 2        # events of this type say a name, or that nobody is known
LATE_MS = 2000


def make_clip(clip, folder, number, lines, fps):
    out = os.path.join(folder, "clip%d.mp4" % number)
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-t", "20", "-an", "-vf", "scale=-2:%d,fps=%g" % (lines, fps),
                    "-c:v", "libx264", "-preset", "fast", "-g", str(int(2 * fps)), out], check=True)
    return out


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(args, words, log=None):
    if args.cores:
        words = ["taskset", "-c", "0-%d" % (args.cores - 1)] + words
    out = open(log, "wb") if log else None
    return subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT if log else None)


def stop(child):
    if child and child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def used(child):
    """Processor time of a process so far, in seconds, and its memory now, in MB."""
    with open("/proc/%d/stat" % child.pid, encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page / 1e6


def listens(port, child):
    """Whether it does within a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


class Server:
    """facet serve, and for hybrid a broker."""

    def __init__(self, args, folder, more):
        self.folder, self.port, self.mqtt, self.broker = folder, free_port(), free_port(), None
        self.log = os.path.join(folder, "server.log")
        text = "site: bench\ngallery: {path: '%s/people.db'}\nserve: {port: %d, keys: '%s/keys.json'}\n" % (folder, self.port, folder)
        text += "store: {events: '%s/server.db'}\noutbox: {path: '%s/server-outbox.db'}\nhybrid: {inbox: '%s/inbox.db'}\n" % ((folder,) * 3)
        if args.strategy == "hybrid":
            self.start_broker(args)
            text += "mqtt: {host: 127.0.0.1, port: %d}\n" % self.mqtt
        path = os.path.join(folder, "server.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + more)
        self.child = start(args, [args.facet, "serve", "--config", path], self.log)
        if not listens(self.port, self.child):
            self.stop()
            with open(self.log, encoding="utf-8") as f:
                sys.exit("cameras: the server does not listen: %s" % f.read().strip())
        with open(self.log, encoding="utf-8") as f:
            self.key = re.search(r"fct_[A-Za-z0-9_-]+", f.read())[0]

    def start_broker(self, args):
        conf = os.path.join(self.folder, "mosquitto.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("listener %d 127.0.0.1\nallow_anonymous true\nlog_type error\n" % self.mqtt)
        self.broker = start(args, [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", conf], conf + ".log")
        if not listens(self.mqtt, self.broker):
            stop(self.broker)
            sys.exit("cameras: mosquitto does not listen")

    def ask(self, path):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), headers={"x-api-key": self.key})
        with urllib.request.urlopen(request, timeout=10) as r:
            return json.load(r)

    def taken(self):
        return sum(c["taken"] for c in self.ask("/v1/cameras")["items"])

    def name_delays(self, since_ms):
        db = sqlite3.connect("file:%s/server.db?mode=ro" % self.folder, uri=True)
        rows = db.execute("SELECT captured_ms, body FROM events WHERE type = ? AND captured_ms >= ?", (IDENTITY, since_ms)).fetchall()
        db.close()
        return [datetime.datetime.fromisoformat(json.loads(body)["published_at"]).timestamp() * 1000 - ms for ms, body in rows]

    def stop(self):
        stop(self.child)
        stop(self.broker)


def write_site(args, path, clips, count, more, server):
    folder = os.path.dirname(path)
    with open(path, "w", encoding="utf-8") as f:
        f.write("site: bench\ndevice: bench\ngallery: {path: '%s/device.db'}\ncameras:\n" % folder)
        for i in range(count):
            f.write("  - {name: c%d, url: '%s', native_rate: true, loop: true}\n" % (i, clips[i % len(clips)]))
        if args.strategy == "hybrid":
            f.write("mqtt: {host: 127.0.0.1, port: %d, insecure: true}\noutbox: {path: '%s/outbox.db'}\n" % (server.mqtt, folder))
        if args.strategy == "cloud":
            f.write("server: {url: 'http://127.0.0.1:%d', insecure: true, key: '%s'}\n" % (server.port, server.key))
        f.write(more)


def look(args, device, server):
    """What both have done so far."""
    cpu, mb = used(device)
    server_cpu, server_mb = used(server.child) if server else (0, 0)
    return {"at": time.monotonic(), "ms": time.time() * 1000, "cpu": cpu, "mb": mb, "server_cpu": server_cpu, "server_mb": server_mb,
            "taken": server.taken() if args.strategy == "cloud" else 0}


def run_once(args, clips, count, folder, more):
    server = Server(args, folder, more) if args.strategy != "edge" else None
    site, rows = os.path.join(folder, "site.yaml"), os.path.join(folder, "run.csv")
    device = None
    try:
        write_site(args, site, clips, count, more, server)
        words = [args.facet, "run", "--config", site, "--strategy", args.strategy, "--quiet"] + args.words
        words += ["--csv", rows] if args.strategy != "cloud" else []
        device = start(args, words)
        time.sleep(WARM_S)
        before = look(args, device, server)
        time.sleep(args.seconds)
        if device.poll() is not None:
            sys.exit("cameras: facet run ended by itself, with code %d" % device.returncode)
        after = look(args, device, server)
        delays = server.name_delays(before["ms"]) if args.strategy == "hybrid" else []
        stats = server.ask("/v1/stats") if args.strategy == "cloud" else {}
    finally:
        stop(device)
        if server:
            server.stop()
    return {"before": before, "after": after, "seconds": after["at"] - before["at"], "name_delays": delays, "stats": stats,
            "rows": read_rows(rows) if args.strategy != "cloud" else []}


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(line for line in f if not line.startswith("#")))


def quantile(values, q):
    values = sorted(values)
    return values[min(int(q * len(values)), len(values) - 1)] if values else 0.0


def from_rows(rows, count):
    """Pictures a second and camera, and their delays; from the third second on: the start is not the work."""
    first = min((float(r["pts_ms"]) for r in rows), default=0) + 1000 * WARM_S
    rows = [r for r in rows if float(r["pts_ms"]) >= first]
    spans = {}
    for r in rows:
        spans.setdefault(r["camera"], []).append(float(r["pts_ms"]))
    seconds = max((max(v) - min(v) for v in spans.values()), default=0) / 1000
    return len(rows) / count / seconds if seconds > 0 else 0, [float(r["delay_ms"]) for r in rows if r["delay_ms"]]


def tell(args, count, run):
    a, b, seconds = run["before"], run["after"], run["seconds"]
    rate, delays = from_rows(run["rows"], count)
    if args.strategy == "hybrid":
        delays = run["name_delays"]
    mean, p95 = sum(delays) / len(delays) if delays else 0, quantile(delays, 0.95)
    if args.strategy == "cloud":
        rate = (b["taken"] - a["taken"]) / count / seconds
        mean, p95 = run["stats"]["delay"]["mean_ms"], run["stats"]["delay"]["p95_ms"]
    share = rate / args.fps
    print("%7d  %8.2f  %5.1f%%  %8.2f  %8.2f  %6.0f  %6.0f  %9.0f  %9.0f" %
          (count, rate, 100 * min(share, 1), (b["cpu"] - a["cpu"]) / seconds, (b["server_cpu"] - a["server_cpu"]) / seconds, mean, p95,
           b["mb"], b["server_mb"]), flush=True)
    return share >= 0.95 and (args.strategy != "hybrid" or p95 <= LATE_MS)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("clips", nargs="+", metavar="CLIP")
    p.add_argument("--facet", default="build/src/cli/facet")
    p.add_argument("--counts", default="1,2,3,4,6,8")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--fps", type=float, default=10)
    p.add_argument("--lines", type=int, default=720)
    p.add_argument("--strategy", default="edge", choices=("edge", "hybrid", "cloud"))
    p.add_argument("--cores", type=int, default=2, help="processors given to all of it; 0: all")
    p.add_argument("--site", help="file appended to the site's, of device and server")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    args = p.parse_args(words[:cut])
    args.words = words[cut + 1:]
    more = open(args.site, encoding="utf-8").read() if args.site else ""
    carried = 0
    with tempfile.TemporaryDirectory(prefix="facet-cameras-") as folder:
        clips = [make_clip(c, folder, i, args.lines, args.fps) for i, c in enumerate(args.clips)]
        print("strategy %s, %d lines, %g fps, %d cores, %g s each" % (args.strategy, args.lines, args.fps, args.cores, args.seconds))
        print("cameras  fps each   taken  device/s  server/s   delay     p95  device MB  server MB", flush=True)
        for count in (int(n) for n in args.counts.split(",")):
            work = os.path.join(folder, str(count))
            os.mkdir(work)
            if not tell(args, count, run_once(args, clips, count, work, more)):
                break
            carried = count
    print("carried: %d" % carried)


main()

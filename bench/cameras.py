#!/usr/bin/python3
"""How many cameras a machine carries: looped 720-line clips at 10 fps, played at their own rate, one count after the other.

    bench/cameras.py CLIP... [--counts 1,2,4,6,8] [--seconds 20] [--strategy edge] [--cores 2] [--site MORE.yaml]
                     [-- further words for facet run]

Each clip is made 720 lines high and 10 frames a second once (by the program ffmpeg, which must be there), with H.264 and a
keyframe each two seconds. Cameras take the clips in turn. A count is carried when at least 95 % of all pictures were looked at.
Told are, per count: pictures looked at a second and camera, the share of them, processor time per second, delay from capture to
the end of the path (mean, p95), memory. --site is appended to the site's file: a broker and a server for hybrid and cloud.
The decoding of H.264 is in it, the receiving by RTSP is not."""

import argparse
import csv
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time


def make_clip(clip, folder, number, lines, fps):
    out = os.path.join(folder, "clip%d.mp4" % number)
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-t", "20", "-an", "-vf", "scale=-2:%d,fps=%g" % (lines, fps),
                    "-c:v", "libx264", "-preset", "fast", "-g", str(int(2 * fps)), out], check=True)
    return out


def write_site(path, clips, count, more):
    with open(path, "w", encoding="utf-8") as f:
        f.write("site: bench\ndevice: bench\ncameras:\n")
        for i in range(count):
            f.write("  - {name: c%d, url: '%s', native_rate: true, loop: true}\n" % (i, clips[i % len(clips)]))
        f.write(more)


def run_once(args, clips, count, folder, more):
    site, rows = os.path.join(folder, "site.yaml"), os.path.join(folder, "run.csv")
    write_site(site, clips, count, more)
    words = [args.facet, "run", "--config", site, "--strategy", args.strategy, "--csv", rows, "--quiet"] + args.words
    if args.cores:
        words = ["taskset", "-c", "0-%d" % (args.cores - 1)] + words
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    child = subprocess.Popen(words)
    try:
        child.wait(args.seconds)
        sys.exit("cameras: facet run ended by itself, with code %d" % child.returncode)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)
        child.wait(30)
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return read_rows(rows), cpu / seconds


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(line for line in f if not line.startswith("#")))


def quantile(values, q):
    values = sorted(values)
    return values[min(int(q * len(values)), len(values) - 1)] if values else 0.0


def tell(count, rows, cpu, fps):
    """Pictures are counted from the second second on: the start is not the work."""
    first = min((float(r["pts_ms"]) for r in rows), default=0) + 2000
    rows = [r for r in rows if float(r["pts_ms"]) >= first]
    spans = {}
    for r in rows:
        spans.setdefault(r["camera"], []).append(float(r["pts_ms"]))
    seconds = max((max(v) - min(v) for v in spans.values()), default=0) / 1000
    rate = len(rows) / count / seconds if seconds > 0 else 0
    delays = [float(r["delay_ms"]) for r in rows if r["delay_ms"]]
    memory = max((int(r["rss_bytes"]) for r in rows), default=0) / 1e6
    faces = sum(int(r["faces"]) for r in rows) / len(rows) if rows else 0
    share = rate / fps
    print("%7d  %8.2f  %5.1f%%  %6.2f  %6.0f  %6.0f  %6.0f  %5.2f" %
          (count, rate, 100 * min(share, 1), cpu, sum(delays) / len(delays) if delays else 0, quantile(delays, 0.95), memory, faces), flush=True)
    return share >= 0.95


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("clips", nargs="+", metavar="CLIP")
    p.add_argument("--facet", default="build/src/cli/facet")
    p.add_argument("--counts", default="1,2,3,4,6,8")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--fps", type=float, default=10)
    p.add_argument("--lines", type=int, default=720)
    p.add_argument("--strategy", default="edge")
    p.add_argument("--cores", type=int, default=2, help="processors given to it; 0: all")
    p.add_argument("--site", help="file appended to the site's")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    args = p.parse_args(words[:cut])
    args.words = words[cut + 1:]
    more = open(args.site, encoding="utf-8").read() if args.site else ""
    carried = 0
    with tempfile.TemporaryDirectory(prefix="facet-cameras-") as folder:
        clips = [make_clip(c, folder, i, args.lines, args.fps) for i, c in enumerate(args.clips)]
        print("strategy %s, %d lines, %g fps, %d cores, %g s each" % (args.strategy, args.lines, args.fps, args.cores, args.seconds))
        print("cameras  fps each  taken  cpu/s   delay     p95      MB  faces", flush=True)
        for count in (int(n) for n in args.counts.split(",")):
            rows, cpu = run_once(args, clips, count, folder, more)
            if not tell(count, rows, cpu, args.fps):
                break
            carried = count
    print("carried: %d" % carried)


main()

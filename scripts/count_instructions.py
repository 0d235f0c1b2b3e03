#!/usr/bin/env python3
"""usage: scripts/count_instructions.py

Instructions of the inner loops of the fp32 kernels, from their disassembly: compiles the kernels of each CPU kind for
which there is a compiler, takes of each object the loop of a whole tile, and prints what it is made of. A multiply-add counts once for each of its lanes. Needs gcc, objdump and, for NEON, aarch64-linux-gnu-gcc."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU = ROOT / "src/engine/backends/cpu"
AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512", "-mtune=znver3"]
KINDS = [
    ("avx512", "x86", "", AVX512, 16, 24, r"^v(fn?madd|fnmadd)\w*ps .*zmm", r"\(%"),
    ("avx2", "x86", "", ["-mavx2", "-mfma"], 8, 12, r"^v(fn?madd|fnmadd)\w*ps .*ymm", r"\(%"),
    ("neon", "arm", "aarch64-linux-gnu-", [], 4, 24, r"^fml[as]\s+v\d+\.4s", r"^ld"),
]
KERNELS = [("conv", "tile of the convolution"), ("convpool", "first layer with maximum"), ("dw_f32", "depthwise")]


def disassemble(prefix, source, flags, folder):
    obj = Path(folder) / "kernel.o"
    subprocess.run([prefix + "gcc", "-std=c11", "-O3", "-D_GNU_SOURCE", "-I" + str(ROOT / "include"), "-I" + str(ROOT / "src"),
                    *flags, "-c", str(source), "-o", str(obj)], check=True)
    text = subprocess.run([prefix + "objdump", "-d", "--no-show-raw-insn", str(obj)], check=True, capture_output=True, text=True).stdout
    lines = []
    for line in text.splitlines():
        m = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
        if m:
            lines.append((int(m.group(1), 16), re.sub(r"\s+", " ", m.group(2))))
    return lines


def loops(lines):
    """Innermost: from the target of a backward jump to the jump, with no other backward jump inside."""
    index = {a: i for i, (a, _) in enumerate(lines)}
    last = -1
    for i, (_, text) in enumerate(lines):
        m = re.match(r"(?:j\w+|b\.\w+|cbn?z \w+,|tbn?z \w+, #\d+,)\s+(?:0x)?([0-9a-f]+)", text)
        start = index.get(int(m.group(1), 16)) if m else None
        if start is None or start > i:
            continue
        if start > last:
            yield [t for _, t in lines[start:i + 1]]
        last = i


def blocks(lines):
    """Straight runs of code between jumps, where a kernel has no loop of its own."""
    run = []
    for _, text in lines:
        run.append(text)
        if re.match(r"(j\w+|b|b\.\w+|cbn?z|tbn?z|ret\w*)( |$)", text):
            yield run
            run = []


def best(lines, fma, straight, whole):
    """The shortest part that has just as many multiply-adds as a whole tile."""
    def count(part):
        return sum(bool(re.match(fma, t)) for t in part)
    parts = [p for p in (blocks(lines) if straight else loops(lines)) if count(p) == whole]
    return min(parts, key=len, default=[])


def main():
    print(f"{'kind':8} {'kernel':26} {'instructions':>12} {'multiply-adds':>13} {'reads':>6} {'a MAC':>7} {'a vector MAC':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for kind, room, prefix, flags, lanes, tile, fma, read in KINDS:
            if not shutil.which(prefix + "gcc") or not shutil.which(prefix + "objdump"):
                print(f"{kind:8} needs {prefix}gcc and {prefix}objdump", file=sys.stderr)
                continue
            for name, what in KERNELS:
                straight = name == "dw_f32"
                lines = disassemble(prefix, CPU / room / f"{kind}_{name}.c", flags, folder)
                part = best(lines, fma, straight, 72 if straight else tile)
                fmas = sum(bool(re.match(fma, t)) for t in part)
                reads = sum(bool(re.search(read, t)) and not re.match(r"(lea|v?mov\w+ [%$][^,]*, ?[-0-9a-fx]*\(|st)", t) for t in part)
                if fmas:
                    print(f"{kind:8} {what:26} {len(part):12} {fmas:13} {reads:6} {len(part) / fmas / lanes:7.3f} {len(part) / fmas:12.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

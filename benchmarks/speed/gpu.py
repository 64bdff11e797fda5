"""What ganzoo does on a card, within minutes: a row is written as soon as it is measured, and none stops the next.

python -m benchmarks.speed.gpu                              on a machine that lacks packages: tools/gpu.sh
python -m benchmarks.speed.gpu --device cpu --quick         tries the script itself
python -m benchmarks.speed.gpu --table benchmarks/results/gpu-NAME.json

A part runs in a process of its own, so that no crash, no endless kernel and no broken CUDA context reaches the next.
CIFAR-10 is read from JPEG shards under $GANZOO_DATA/cifar10-jpeg; without them there is noise in its place.
"""

import argparse
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.speed.gpu_parts import PARTS, ROOT, Row
from ganzoo.cli.train import quiet
from ganzoo.files import write_atomically

FORK = multiprocessing.get_context("fork")
FIELDS = ("name", "value", "low", "high", "unit", "ratio", "seconds", "error")


class Report:
    """The file of all rows, whole at any time."""

    def __init__(self, path: Path, header: Row) -> None:
        self.path = path
        self.write({"header": header, "rows": []})

    def write(self, record: dict[str, Any]) -> None:
        write_atomically(self.path, lambda part: part.write_text(json.dumps(record, indent=1) + "\n"))

    def add(self, name: str, **known: Any) -> None:
        row = {**dict.fromkeys(FIELDS), "name": name}
        row |= {key: round(value, 6) if isinstance(value, float) else value for key, value in known.items()}
        record = json.loads(self.path.read_text())
        record["rows"].append(row)
        self.write(record)
        print(" | ".join(cells(row)), flush=True)

    def failed(self, name: str, error: Exception) -> None:
        traceback.print_exc()
        self.add(name, error=f"{type(error).__name__}: {error}".splitlines()[0][:300])

    def measure(self, name: str, work: Callable[[], dict[str, Row]]) -> None:
        start = time.perf_counter()
        try:
            rows = work()
        except Exception as error:
            self.failed(name, error)
            return
        seconds = time.perf_counter() - start
        for key, row in rows.items():
            self.add(f"{name}: {key}", **{"seconds": seconds, **row})


def cells(row: Row) -> list[str]:
    value = row["error"] or f"{row['value']:.4g} {row['unit']}"
    spread = "" if row["low"] is None else f"{row['low']:.4g} .. {row['high']:.4g}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return [row["name"], value, spread, ratio, "" if row["seconds"] is None else f"{row['seconds']:.1f}"]


def table(path: Path) -> str:
    """Return the rows as Markdown; tests that passed are only counted."""
    record = json.loads(path.read_text())
    passed = [row["seconds"] for row in record["rows"] if row["unit"] == "passed"]
    lines = [", ".join(f"{key} {value}" for key, value in record["header"].items()), ""]
    lines += ["| what | median | min .. max of 5 | ratio of times | s |", "|---|---|---|---|---|"]
    lines += [f"| tests | {len(passed)} passed | | | {sum(passed):.1f} |"]
    rows = [cells(row) for row in record["rows"] if row["unit"] != "passed"]
    return "\n".join(lines + [f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |" for row in rows])


def header(device: str) -> Row:
    name, driver = card(device)
    versions = {"torch": torch.__version__, "CUDA": torch.version.cuda, "lightning": L.__version__}
    return {"card": name, "driver": driver, **versions, "ganzoo": commit(), "date": str(date.today())}


def card(device: str) -> tuple[str, str]:
    """Return name and driver; torch is not asked, which would spoil the card for the processes of the parts."""
    if device == "cpu":
        return "CPU", "none"
    try:
        name, driver = output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").split(", ")[:2]
    except (OSError, ValueError, subprocess.CalledProcessError):
        return device, "unknown"
    return name, driver.splitlines()[0]


def commit() -> str:
    """Return the commit of this tree; where git cannot tell, the one that was packed."""
    packed = ROOT / "wheels" / "commit"
    try:
        return output("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    except (OSError, subprocess.CalledProcessError):
        return packed.read_text().strip() if packed.is_file() else "unknown"


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


# -- processes


def work(given: argparse.Namespace, part: str) -> None:
    try:
        for name, measure in PARTS[part][0](given):
            given.report.measure(name, measure)
    except Exception as error:
        given.report.failed(part, error)


def alone(given: argparse.Namespace, part: str, limit: float) -> None:
    """Run a part in a process of its own, for at most ``limit`` seconds."""
    process = FORK.Process(target=work, args=(given, part))
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        given.report.add(part, seconds=limit, error=f"stopped after {limit:.0f} s: only the rows above were measured")
    elif process.exitcode:
        given.report.add(part, error=f"its process died with status {process.exitcode}")


def spoilt() -> bool:
    """Whether CUDA is closed to the processes of the parts, because something in this one has asked for a card."""
    probe = FORK.Process(target=lambda: sys.exit(torch.cuda._is_in_bad_fork()))
    probe.start()
    probe.join()
    return probe.exitcode != 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny counts: the numbers say nothing")
    parser.add_argument("--out", type=Path, metavar="FOLDER", default=ROOT / "benchmarks" / "results")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--deadline", type=float, default=330, metavar="SECONDS", help="nothing goes on after them")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of what was measured, and no more")
    return parser.parse_args()


def main() -> None:
    given = parse()
    if given.table:
        print(table(given.table))
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for deterministic kernels: before the first product
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # looks for a card without spoiling it
    if given.device == "cuda" and not torch.cuda.device_count():
        sys.exit("no CUDA device here: --device cpu --quick tries the script itself")
    if given.quick:
        torch.set_num_threads(1)
    quiet()
    warnings.filterwarnings("ignore")
    known = header(given.device)
    slug = re.sub("[^a-z0-9]+", "-", known["card"].lower()).strip("-")
    given.report = Report(given.out / f"gpu-{slug}.json", known)
    run(given)
    print(f"written to {given.report.path}")


def run(given: argparse.Namespace) -> None:
    """Run the parts that were asked for, until the time is over."""
    start, together = time.monotonic(), given.device == "cuda" and spoilt()
    for part in given.only:
        left = given.deadline - (time.monotonic() - start)
        if left < 5:
            given.report.add(part, error=f"skipped: the {given.deadline:.0f} s were over")
        elif together:
            work(given, part)
        else:
            alone(given, part, min(left, PARTS[part][1]))


if __name__ == "__main__":
    main()

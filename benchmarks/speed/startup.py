"""Start-up times of the command and of the import: python -m benchmarks.speed.startup [--repeats 5]."""

import argparse
import subprocess
import sys
import time

from benchmarks.machine import made

CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import ganzoo (with Python's own start)": [sys.executable, "-c", "import ganzoo"],
    "ganzoo --help": [sys.executable, "-m", "ganzoo", "--help"],
    "ganzoo list": [sys.executable, "-m", "ganzoo", "list"],
    "ganzoo fitt (a typo)": [sys.executable, "-m", "ganzoo", "fitt"],
    "import torch": [sys.executable, "-c", "import torch"],
    "import lightning.pytorch.cli": [sys.executable, "-c", "import lightning.pytorch.cli"],
    "ganzoo fit --print_config": [sys.executable, "-m", "ganzoo", "fit", "--config", "models/dcgan", "--print_config"],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"{'; '.join(made().values())}; best of {repeats}\n")
    print("| what | seconds |\n|---|---|")
    for name, command in CASES.items():
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=False)
            times.append(time.perf_counter() - start)
        print(f"| {name} | {min(times):.3f} |")


if __name__ == "__main__":
    main()

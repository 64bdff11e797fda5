"""What belongs beside every figure: the command, the day, the hardware and the versions."""

import datetime
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].split(":")[1].strip() if names else platform.processor()


def made(*packages: str) -> dict[str, str]:
    """Return what made the figures of this process; ``packages`` are those whose versions matter beside torch's."""
    spec = sys.modules["__main__"].__spec__
    script = f"-m {spec.name}" if spec else Path(sys.argv[0]).name
    versions = [f"{name} {version(name)}" for name in ("torch", "lightning", *packages)]
    return {
        "command": f"python {script} {shlex.join(sys.argv[1:])}".strip(),
        "date": str(datetime.date.today()),
        "hardware": f"{processor()}, {os.cpu_count()} cores",
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
    }

"""The trained models that come with the package, in ``ganzoo/pretrained``: published folders, found by their names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.catalogue import PACKAGE, nearest

FOLDER = PACKAGE / "pretrained"
SHOW = "(`ganzoo list pretrained` shows all)"
FACTS = (  # of a training that its checkpoint does not know; strings, but for cpu_minutes
    *("name", "recipe", "command", "generator", "cpu_minutes", "hardware", "torch", "inversion"),
    *("licence", "data_licence"),
)


@dataclass(frozen=True)
class Bundled:
    """A trained model that comes with the package; what nobody has written down is None.

    Args:
        name: What ``ganzoo.load`` takes.
        variant: Class of its game.
        data: Name of its training images.
        metric: The first of its verdict, of a game over a given generator its reconstruction.
        value: Of this metric.
        floor: What real images get.
        megabytes: Of its files, in 10^6 bytes.
        cpu_minutes: Of its training.
        licence: Of its weights.
    """

    name: str
    variant: str
    data: str | None
    metric: str | None
    value: float | None
    floor: float | None
    megabytes: float
    cpu_minutes: float | None
    licence: str | None


def names() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def with_encoder() -> list[str]:
    """Return the names of those that have an encoder."""
    configs = {name: json.loads((FOLDER / name / "config.json").read_text()) for name in names()}
    return [name for name, config in configs.items() if "encoder" in config["networks"]]


def folder_of(name: str) -> Path | None:
    """Return the folder of the model of this name, if one comes with the package."""
    return FOLDER / name if name in names() else None


def suggested(name: str) -> str | None:
    """Return the error for a word that is nearly the name of one; None if it is not."""
    near = "" if "/" in name or "\\" in name or "." in name else nearest(name, names())
    return f"no model {name!r}{near} {SHOW}" if near else None


def list_pretrained() -> list[Bundled]:
    """Return what comes with the package, as the ``config.json`` of each model says it; torch is not imported."""
    return [described(FOLDER / name) for name in names()]


def described(folder: Path) -> Bundled:
    """Return what the ``config.json`` of a published folder says in short."""
    config = json.loads((folder / "config.json").read_text())
    training, measured = config["training"], config["metrics"]
    metric = headline(training, measured.get("metrics", {}))
    return Bundled(
        name=folder.name,
        variant=last(config["variant"]),
        data=last(training["data"]) if training.get("data") else None,
        metric=metric,
        value=measured["metrics"][metric] if metric else None,
        floor=measured.get("floors", {}).get(metric),
        megabytes=megabytes(folder),
        cpu_minutes=training.get("cpu_minutes"),
        licence=training.get("licence"),
    )


def headline(training: dict[str, Any], metrics: dict[str, Any]) -> str | None:
    """Return the metric that stands for a verdict; None if there is no verdict."""
    encodes = training.get("generator") is not None and "recon_mse" in metrics
    return "recon_mse" if encodes else next(iter(metrics), None)


def last(config: dict[str, Any]) -> str:
    """Return the name of the class of a configuration."""
    return str(config["class_path"]).rpartition(".")[2]


def megabytes(folder: Path) -> float:
    """Return the size of the files in a folder, in 10^6 bytes."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6


def table(models: Sequence[Bundled]) -> list[str]:
    """Return the lines of an aligned table, the first of them its heading."""
    rows = [("name", "game", "data", "metric", "value", "floor", "MB", "CPU minutes", "licence")]
    for one in models:
        numbers = (short(one.value), short(one.floor), f"{one.megabytes:.2f}", short(one.cpu_minutes))
        rows.append((one.name, one.variant, one.data or "-", one.metric or "-", *numbers, one.licence or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def short(value: float | None) -> str:
    """Return a number of a table; "-" if there is none."""
    return "-" if value is None else f"{value:.3g}"

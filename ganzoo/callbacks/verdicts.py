"""What is said of a verdict: a table on the screen, and a file in the run's folder."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from ganzoo.config import config_or_reason
from ganzoo.files import write_json
from ganzoo.metrics.features import Extractor
from ganzoo.metrics.judge import KINDS, Verdict
from ganzoo.metrics.names import metric_name
from ganzoo.metrics.references import Reference
from ganzoo.metrics.statistics import known_origin


def report(
    trainer: L.Trainer, game: Any, verdict: Verdict, extractor: Extractor, reference: Reference, how: dict[str, Any]
) -> None:
    """Print a verdict, and write it beside those on other weights, other images, by other extractors or of other n.

    Args:
        trainer: Its folder is the run's.
        game: Whose samples were judged.
        verdict: The values.
        extractor: By which.
        reference: Against which images.
        how: Plain values for the file: stage, batches, ...
    """
    Console(width=max(Console().width, 110)).print(table(verdict, extractor, reference))
    data = trainer.datamodule  # type: ignore[attr-defined]
    told = {
        **record(verdict, extractor, reference, data.classes),
        **how,
        "data": config_or_reason(data),
        "images_seen": getattr(game, "images_seen", 0),
        "world_size": trainer.world_size,
        "device": str(game.device),
        "torch": torch.__version__,
    }
    path = Path(trainer.default_root_dir) / "verdicts" / file_name(verdict, extractor, reference, how["batches"])
    write_json(path, told)
    floor = f"{verdict.n_floor} real images against the others"
    if "file" in reference.meta:
        floor = f"{verdict.n_floor} test images of {data.name} against the file"
    trainer_print(trainer, f"floor: {floor}; written to {path}")


def file_name(verdict: Verdict, extractor: Extractor, reference: Reference, batches: int) -> str:
    """Return the name of a verdict's file: what it is against and the start of its hash, extractor, n, weights."""
    meta = reference.meta
    name, digest = meta.get("data"), meta.get("pixels")
    if "file" in meta:
        name, digest = Path(meta["file"]).stem[:80], meta["file_sha256"]
    images = f"{name}-{str(digest)[:6]}"
    return re.sub(r"[^\w.-]+", "-", f"{images}_{extractor.id}_n{verdict.n}_batch{batches}.json")


def against(reference: Reference) -> str:
    """Return what samples are judged against: images, or a file."""
    meta, images = reference.meta, "its images, their resizing and the weights are not known"
    if known_origin(reference):
        images = f"{reference.n} {meta['split']} images of {meta['data']}"
    return f"{meta['file']} (sha256 {meta['file_sha256'][:8]}; {images})" if "file" in meta else images


def table(verdict: Verdict, extractor: Extractor, reference: Reference) -> Table:
    """Return the values with their floors and meanings."""
    made = Table(title=escape(f"{verdict.n} samples against {against(reference)}"))
    for column in ("metric", "value", "floor", "meaning"):
        made.add_column(column, justify="right" if column in ("value", "floor") else "left", no_wrap=True)
    for kind, value in verdict.values.items():
        floor = f"{verdict.floors[kind]:.4g}" if kind in verdict.floors else "-"  # "-": it says nothing of samples
        made.add_row(metric_name(kind, extractor), f"{value:.4g}", floor, KINDS[kind])
    return made


def record(verdict: Verdict, extractor: Extractor, reference: Reference, names: Sequence[str]) -> dict[str, Any]:
    """Return what was measured, and against what, as plain values."""

    def named(values: dict[str, float]) -> dict[str, float]:
        return {metric_name(kind, extractor): value for kind, value in values.items()}

    told: dict[str, Any] = {"metrics": named(verdict.values), "floors": named(verdict.floors)}
    if verdict.classes is not None:
        told["classes"] = {
            metric_name(kind, extractor): {names[k] if k < len(names) else str(k): value for k, value in values.items()}
            for kind, values in verdict.classes.items()
        }
    return {
        **told,
        "n_samples": verdict.n,
        "n_floor": verdict.n_floor,
        "n_reference": reference.n,
        "reference": reference.meta,
        "weights": "average (G_ema)",
    }


def trainer_print(trainer: L.Trainer, text: str) -> None:
    """Print without breaking the progress bar."""
    bar = trainer.progress_bar_callback
    if bar is not None:
        bar.print(text)
    else:
        tqdm.write(text)

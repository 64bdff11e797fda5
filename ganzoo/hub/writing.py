"""Writing a published model."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import save as tensors_to_bytes

from ganzoo import __version__
from ganzoo.files import write_atomically
from ganzoo.hub.card import card
from ganzoo.hub.form import FILES, FORMAT, networks_of
from ganzoo.hub.reading import game_of
from ganzoo.inference import sample_seeds
from ganzoo.models.generative import Generative
from ganzoo.pictures import picture, save_png
from ganzoo.roles import Generator


def publish(
    model: Generative, folder: str | Path, training: dict[str, Any], metrics: dict[str, Any] | None = None
) -> Path:
    """Write a published model.

    Args:
        model: A game; the averages of its G and E are published.
        folder: Made if needed.
        training: Plain values: data, batches, seed, ...
        metrics: The content of ``metrics.json``.
    """
    folder = Path(folder)
    networks = networks_of(model)
    config: dict[str, Any] = {
        "format": FORMAT,
        "ganzoo": __version__,
        "variant": model.config(),
        "networks": {name: network.config() for name, network in networks.items()},
        "sha256": {},
        "training": training,
        "metrics": metrics or {},
    }
    for name, network in networks.items():
        tensors = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
        data = tensors_to_bytes(tensors)
        config["sha256"][FILES[name]] = hashlib.sha256(data).hexdigest()
        write_atomically(folder / FILES[name], lambda temporary, data=data: temporary.write_bytes(data))  # type: ignore[misc]
    for name in FILES.keys() - networks:  # of another model that was there
        (folder / FILES[name]).unlink(missing_ok=True)
    text = json.dumps(config, indent=2)
    save_png(picture(sample_seeds(model.G_ema.eval(), range(64), _any_labels(model.G_ema, 64))), folder / "grid.png")
    write_atomically(folder / "README.md", lambda temporary: temporary.write_text(card(config, model)))
    write_atomically(folder / "config.json", lambda temporary: temporary.write_text(text + "\n"))
    return folder


def export_checkpoint(checkpoint: str | Path, out: str | Path) -> str:
    """Publish the generator of a checkpoint; the metrics of its run are taken along. Returns a line to print."""
    path = Path(checkpoint)
    model, ours = game_of(path)
    measured = path.resolve().parent.parent / "metrics.json"
    metrics = json.loads(measured.read_text()) if measured.is_file() else None
    if metrics and metrics.get("batches") != ours["batches"]:
        metrics = None  # measured on another checkpoint of the run
    training = {key: ours[key] for key in ("data", "seed", "batches", "images_seen")}
    ((training["data"] or {}).get("init_args") or {}).pop("root", None)  # where the data lay is nobody else's business
    folder = publish(model, out, training, metrics)
    labels = " --labels 0" if model.published.generator.num_classes else ""
    return f"published to {folder}: use it with ganzoo.load({str(folder)!r}) or `ganzoo generate {folder}{labels}`"


def _any_labels(generator: Generator, n: int) -> list[int] | None:
    return [i % generator.num_classes for i in range(n)] if generator.num_classes else None

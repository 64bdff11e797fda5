"""Writing a published model."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image
from safetensors.torch import save as tensors_to_bytes
from torch import nn

from ganzoo.bundled import FACTS
from ganzoo.config import Config, Configurable, __version__
from ganzoo.engine.game import Game
from ganzoo.files import write_atomically
from ganzoo.hub.card import card
from ganzoo.hub.form import FORMAT, check_names, hash_of, place_of, weights_of
from ganzoo.hub.reading import load
from ganzoo.inference import Inference
from ganzoo.pictures import picture, save_png
from ganzoo.roles import Classes, Generator, Images
from ganzoo.trust import read_json

SHOWN = 32  # seeds on the card
HOW = ("batch_size", "seed", "num_workers", "in_memory")  # arguments of data that change no image


def publish(game: Game, folder: str | Path, training: dict[str, Any], metrics: dict[str, Any] | None = None) -> Path:
    """Write what a game publishes, the averages of its networks, as a folder that loads safely.

    Args:
        game: Trained.
        folder: Made if needed.
        training: Plain values: data, batches, seed, ...
        metrics: A verdict, as ``ganzoo test`` writes it.

    Raises:
        ValueError: the game publishes no generator, or a network does not remember its arguments.
    """
    return write_networks(game.published, game.config(), folder, training, metrics)


def write_networks(
    networks: Mapping[str, nn.Module],
    variant: Config,
    folder: str | Path,
    training: dict[str, Any],
    metrics: dict[str, Any] | None = None,
    grid: Path | None = None,
) -> Path:
    """Write networks as a published folder; nothing is written before all of it is known to be right.

    Args:
        networks: By their names; in evaluation mode.
        variant: How the game that trained them was made.
        folder: Made if needed.
        training: Plain values: data, batches, seed, ...
        metrics: A verdict, as ``ganzoo test`` writes it.
        grid: The picture of a translator, whose images are not those of seeds; none: the card shows none.
    """
    folder, model = Path(folder), Inference(networks)
    check_names(networks, "published networks")
    model.generator.eval()
    files = {weights_of(name): tensors_of(network) for name, network in networks.items()}
    config: dict[str, Any] = {
        "format": FORMAT,
        "ganzoo": __version__,
        "variant": variant,
        "networks": {name: made_as(name, network) for name, network in networks.items()},
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "training": training,
        "metrics": metrics or {},
    }
    config["sha256"]["config.json"] = hash_of(config)
    shown = seeds_shown(model)
    pictured = shown is not None or grid is not None
    texts = {"README.md": card(config, model, pictured), "config.json": json.dumps(config, indent=2) + "\n"}
    for name, data in files.items():
        write_atomically(folder / name, lambda temporary, data=data: temporary.write_bytes(data))  # type: ignore[misc]
    for other in folder.glob("*.safetensors"):  # of another model that was there
        if other.name not in files:
            other.unlink()
    if shown is not None:
        save_png(shown, folder / "grid.png")
    elif grid is not None:
        write_atomically(folder / "grid.png", lambda temporary: shutil.copyfile(grid, temporary))
    else:
        (folder / "grid.png").unlink(missing_ok=True)
    for name, text in texts.items():
        write_atomically(folder / name, lambda temporary, text=text: temporary.write_text(text))  # type: ignore[misc]
    return folder


def seeds_shown(model: Inference) -> Image | None:
    """Return the picture of the first seeds, of classes in turn; None of a translator."""
    if isinstance(model.generator.condition, Images):
        return None
    return picture(model.sample(SHOWN, condition=any_classes(model.generator, SHOWN)))


def export_checkpoint(
    checkpoint: str | Path,
    out: str | Path,
    words: str = "",
    facts: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
) -> str:
    """Publish the networks of a checkpoint; the metrics of its run are taken along. Returns a line to print.

    Args:
        checkpoint: A .ckpt, or the folder of a run, or a published one, which is written anew.
        out: Folder.
        words: What the commands that are printed need besides, such as `` --import my_gan``.
        facts: Of the training, what the checkpoint does not know: values of ``ganzoo.bundled.FACTS`` by their names.
        without: Names of networks to leave out, such as a discriminator that nobody needs.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: a network that is to be left out is none of the model's, or the generator.
    """
    path = place_of(checkpoint)
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint at {path}: export takes a .ckpt, or the folder of a run")
    model = load(path)
    networks = kept(model.networks, without)
    ours, run = model.config["training"], path.resolve().parent.parent
    metrics = model.config["metrics"] if path.is_dir() else verdict_of(run, ours)
    training = {key: ours.get(key) for key in ("data", "seed", "batches", "images_seen")}
    known = {**ours, **(facts or {})}
    training |= {key: known[key] for key in FACTS if key in known}
    ((training["data"] or {}).get("init_args") or {}).pop("root", None)  # where the data lay is nobody else's business
    grid = path / "grid.png" if path.is_dir() else run / "grids" / f"{ours.get('batches') or 0:07d}.png"
    drawn = grid if grid.is_file() else None
    folder = write_networks(networks, model.config["variant"], out, training, metrics, drawn)
    condition = model.generator.condition
    if isinstance(condition, Images):
        use = f"translate{words} {folder} FILE"
    else:
        use = f"generate{words} {folder}{' --labels 0' if isinstance(condition, Classes) else ''}"
    return f"published {path} to {folder}: use it with ganzoo.load({str(folder)!r}) or `ganzoo {use}`"


def kept(networks: Mapping[str, nn.Module], without: Sequence[str]) -> dict[str, nn.Module]:
    """Return networks but for some.

    Raises:
        ValueError: one of these is not there, or the generator.
    """
    others = [name for name in networks if name != "generator"]
    if wrong := [name for name in without if name not in others]:
        raise ValueError(f"cannot leave out {wrong[0]!r}: choose of {', '.join(others) or 'none'}")
    return {name: network for name, network in networks.items() if name not in without}


def verdict_of(run: Path, ours: dict[str, Any]) -> dict[str, Any] | None:
    """Return what ``ganzoo test`` wrote of these weights on the data that they were trained on, with most samples.

    Args:
        run: The run's folder.
        ours: What the checkpoint says of itself.
    """
    found = [read_json(path) for path in sorted((run / "verdicts").glob("*.json"))]
    found = [one for one in found if is_verdict(one) and one["batches"] == ours["batches"]]
    found = [one for one in found if "file" not in (one.get("reference") or {})]  # of statistics of unknown images
    found = [one for one in found if images_of(one.pop("data", None)) == images_of(ours["data"])]
    return max(found, key=lambda one: int(one["n_samples"]), default=None)


def images_of(data: Any) -> Any:
    """Return a data module's configuration without what does not change the images."""
    match data:
        case {"class_path": path, "init_args": dict() as arguments}:
            return path, {key: value for key, value in arguments.items() if key not in HOW}
    return data


def is_verdict(measured: Any) -> bool:
    """Whether a value is what ``ganzoo test`` writes."""
    if not isinstance(measured, dict):
        return False
    tables = [measured.get("metrics"), measured.get("floors", {})]
    numbers = [value for table in tables if isinstance(table, dict) for value in table.values()]
    counts = [measured.get(key) for key in ("n_samples", "first_seed", "n_reference", "batches")]
    return (
        all(isinstance(table, dict) for table in [*tables, measured.get("reference") or {}])
        and all(value is None or isinstance(value, (int, float)) for value in numbers)
        and all(isinstance(count, int) for count in counts)
    )


def tensors_of(network: nn.Module) -> bytes:
    """Return the weights and buffers of a network as the content of a file."""
    return tensors_to_bytes({key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()})


def made_as(name: str, network: nn.Module) -> Config:
    """Return how a network was made.

    Raises:
        ValueError: it does not remember.
    """
    if not isinstance(network, Configurable):
        raise ValueError(
            f"the {name}, {type(network).__name__}, cannot be written to a file: let it inherit from"
            " ganzoo.config.Configurable, as Generator, Encoder and Discriminator do"
        )
    return network.config()


def any_classes(generator: Generator, n: int) -> list[int] | None:
    """Return the classes in turn for ``n`` seeds; None if G is told none."""
    return [i % generator.condition.K for i in range(n)] if isinstance(generator.condition, Classes) else None

"""Published models: a folder of plain values and tensors that loads without running code from it.

config.json            how the networks were made, hashes of the files, what they were trained on
model.safetensors      weights of the generator (its average)
encoder.safetensors    weights of the encoder (its average), if the game has one
labeller.safetensors   weights of the network that names classes, if the game has one
discriminator.safetensors
README.md, grid.png    card and samples
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn
from tqdm import tqdm

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo import __version__
from ganzoo.card import card
from ganzoo.catalogue import classes, configs, find_config, nearest
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import Config, Configurable, build
from ganzoo.files import write_atomically
from ganzoo.generative import Generative
from ganzoo.inference import Inference
from ganzoo.pictures import picture, save_images, save_npz, save_png
from ganzoo.roles import Encoder, Generator, check_labels, sample_seeds

FORMAT = "ganzoo/1"
FILES = {
    "generator": "model.safetensors",
    "encoder": "encoder.safetensors",
    "labeller": "labeller.safetensors",
    "discriminator": "discriminator.safetensors",
}
KEYS = {"format", "ganzoo", "variant", "networks", "sha256", "training", "metrics"}


class Pretrained(Inference):
    """A generator ready to be sampled, and an encoder and a labeller if there are.

    Args:
        networks: By their names: "generator", maybe "encoder", "labeller" and "discriminator".
        config: What ``config.json`` says.
    """

    def __init__(self, networks: dict[str, Any], config: dict[str, Any]) -> None:
        for network in networks.values():
            network.eval().requires_grad_(False)
        super().__init__(networks["generator"], networks.get("encoder"), networks.get("labeller"))
        self.discriminator: nn.Module | None = networks.get("discriminator")
        self.config = config

    def to(self, device: torch.device | str) -> "Pretrained":
        """Move the networks to ``device`` and return itself."""
        super().to(device)
        if self.discriminator is not None:
            self.discriminator.to(device)
        return self


class Trained(Generator):
    """The generator of a published model or of a checkpoint: an object of the class that it was made as.

    For games over a G that is given: ``--model.generator ganzoo.hub.Trained --model.generator.path CKPT``. What
    remembers its arguments is the network itself, so that a checkpoint of the game does not need the file again.

    Args:
        path: A folder written by ``export``, a checkpoint, or a model id of the Hugging Face hub.
        image_shape: Of the data: what G makes must have it.

    Raises:
        ValueError: G makes images of another shape.
    """

    def __new__(cls, path: str, image_shape: Sequence[int] | None = None) -> Any:
        """Load it."""
        generator = load(path).generator
        if image_shape is not None and tuple(image_shape) != generator.image_shape:
            raise ValueError(f"{path} makes images {generator.image_shape}, the data has {tuple(image_shape)}")
        return generator

    def __init__(self, path: str, image_shape: Sequence[int] | None = None) -> None:
        """Never called: ``__new__`` returns an object of another class."""


del Configurable.known["ganzoo.hub.Trained"]  # a file never decides what other files are opened


def load(source: str | Path) -> Pretrained:
    """Load a generator from a folder written by ``export``, a checkpoint, or a model id of the Hugging Face hub.

    Raises:
        ValueError: the files are damaged, altered, of another shape than the configuration says, or hold pickles.
        FileNotFoundError: there is nothing at ``source``.
    """
    path = Path(source)
    if path.is_dir():
        return _from_folder(path)
    if path.suffix in (".safetensors", ".json"):
        raise ValueError(f"{source} is part of a published model: give its folder, {path.parent}")
    if path.is_file():
        return _from_checkpoint(path)
    if str(source).count("/") == 1 and not str(source).endswith(".ckpt") and not path.parent.exists():
        return _from_folder(_download(str(source)))
    raise FileNotFoundError(f"no model at {source}: expected a folder with config.json, a .ckpt, or OWNER/NAME")


def create(name: str, image_shape: Sequence[int] = (1, 32, 32), generator: Generator | None = None) -> Generative:
    """Return an untrained game from the configuration ``models/<name>``.

    Args:
        name: Such as "dcgan".
        image_shape: Of the images, (C, H, W).
        generator: Instead of the configuration's; games over a trained generator need one. The images are its own.

    Raises:
        ValueError: there is no such configuration, or it needs a generator.
    """
    known = [c.removeprefix("models/") for c in configs() if c.startswith("models/")]
    if name.lower() not in known:
        raise ValueError(f"no model {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    with open(find_config(f"models/{name.lower()}")) as file:
        config = yaml.safe_load(file)["model"]
    arguments = config["init_args"]
    if generator is None and arguments["generator"]["class_path"] == "ganzoo.hub.Trained":
        raise ValueError(f"{name} is played over a trained generator: give generator=ganzoo.load(PATH).generator")
    for network in FILES:
        if network in arguments:
            shape = image_shape if generator is None else generator.image_shape
            arguments[network].setdefault("init_args", {})["image_shape"] = list(shape)
    made: Generative = build({**config, "init_args": {**arguments, **({"generator": generator} if generator else {})}})
    return made


def list_models() -> list[str]:
    """Return the names of the variants."""
    return list(classes("models"))


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


def networks_of(model: Generative) -> dict[str, Any]:
    """Return what is published of a game, by name: averages where there are any."""
    ready = model.published
    found = {
        "generator": ready.generator,
        "encoder": ready.encoder,
        "labeller": ready.labeller,
        "discriminator": getattr(model, "D", None),
    }
    return {name: network for name, network in found.items() if network is not None}


def export_checkpoint(checkpoint: str | Path, out: str | Path) -> str:
    """Publish the generator of a checkpoint; the metrics of its run are taken along. Returns a line to print."""
    path = Path(checkpoint)
    model, ours = _game_of(path)
    measured = path.resolve().parent.parent / "metrics.json"
    metrics = json.loads(measured.read_text()) if measured.is_file() else None
    if metrics and metrics.get("batches") != ours["batches"]:
        metrics = None  # measured on another checkpoint of the run
    training = {key: ours[key] for key in ("data", "seed", "batches", "images_seen")}
    ((training["data"] or {}).get("init_args") or {}).pop("root", None)  # where the data lay is nobody else's business
    folder = publish(model, out, training, metrics)
    labels = " --labels 0" if model.published.generator.num_classes else ""
    return f"published to {folder}: use it with ganzoo.load({str(folder)!r}) or `ganzoo generate {folder}{labels}`"


def write_samples(source: str, seeds: range, out: str | Path, form: str, labels: Sequence[int] | None = None) -> str:
    """Write the images of seeds as one picture, as files or as an array. Returns a line to print."""
    model, folder = load(source), Path(out)
    check_labels(labels, len(seeds), model.generator.num_classes)
    if folder.is_file():
        raise ValueError(f"{folder} is a file: give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in tqdm(range(0, len(seeds), 256), desc="sampling", unit="batch", disable=None):
        some = seeds[start : start + 256]
        own = labels if labels is None or len(labels) == 1 else labels[start : start + 256]
        parts.append(model.sample(len(some), some.start, own).float().cpu())
    images = torch.cat(parts)
    name = f"seeds-{seeds.start}-{seeds.stop - 1}"
    if form == "npz" or (form == "png" and images.ndim == 2):
        return f"{len(images)} images in {save_npz(images, seeds, folder / f'{name}.npz')}"
    if form == "png":
        save_images(images, folder, [f"{seed:06d}" for seed in seeds])
        return f"{len(images)} images in {folder}"
    return f"{len(images)} images in {save_png(picture(images), folder / f'{name}.png')}"


# -- reading


def _from_folder(folder: Path) -> Pretrained:
    config = _read_config(folder)
    networks = {
        name: _network(folder / FILES[name], made, config["sha256"].get(FILES[name]))
        for name, made in config["networks"].items()
    }
    for name, role in (("generator", Generator), ("encoder", Encoder), ("labeller", Encoder)):
        if name in networks and not isinstance(networks[name], role):
            raise ValueError(f"{folder / 'config.json'} names {type(networks[name]).__name__} as {name}, which is none")
    return Pretrained(networks, config)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no config.json: it is not a model written by `ganzoo export`")
    try:
        config = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ValueError(f"{path} must say format {FORMAT!r}; a newer ganzoo may have written it")
    if set(config) != KEYS:
        raise ValueError(f"{path} must have the keys {sorted(KEYS)}, got {sorted(config)}")
    networks, hashes = config["networks"], config["sha256"]
    if not isinstance(networks, dict) or not isinstance(hashes, dict):
        raise ValueError(f"{path}: networks and sha256 must be objects")
    if set(networks) - set(FILES) or "generator" not in networks:
        raise ValueError(f"{path}: networks must be among {sorted(FILES)} with a generator, got {sorted(networks)}")
    return config


def _network(path: Path, config: Config, expected: str | None) -> nn.Module:
    """Make a network without weights, check a file of tensors against it, and put them in."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = path.read_bytes()
    if data[:2] == b"PK" or data[:1] == b"\x80":
        raise ValueError(f"{path} is a pickle, not safetensors: refused, because loading it could run code")
    if hashlib.sha256(data).hexdigest() != expected:
        raise ValueError(f"{path} was altered or damaged: its SHA-256 is not the one in config.json. Download it again")
    try:
        tensors = tensors_from_bytes(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is not safetensors: {error}") from error
    network = _without_weights(config, path)
    wanted = network.state_dict()
    if wanted.keys() != tensors.keys():
        raise ValueError(
            f"{path} and config.json do not belong together: missing {sorted(wanted.keys() - tensors.keys())[:3]},"
            f" unknown {sorted(tensors.keys() - wanted.keys())[:3]}"
        )
    for key, value in wanted.items():
        if tensors[key].shape != value.shape or tensors[key].dtype != value.dtype:
            raise ValueError(f"{path}: {key} is {_kind(tensors[key])}, config.json needs {_kind(value)}")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network


def _without_weights(config: Config, path: Path) -> nn.Module:
    """Make a network that takes no memory, so that nothing is allocated before the shapes are known to be right."""
    try:
        with torch.device("meta"):
            network = build(config)
    except Exception as error:  # a damaged configuration can fail in any way
        raise ValueError(f"{path.parent / 'config.json'} describes no network: {error}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"{path.parent / 'config.json'} names {type(network).__name__}, which is no network")
    return network


def _kind(tensor: Tensor) -> str:
    return f"{list(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"


def _from_checkpoint(path: Path) -> Pretrained:
    model, ours = _game_of(path)
    return Pretrained(networks_of(model), {"variant": model.config(), "training": ours})


def _game_of(path: Path) -> tuple[Generative, dict[str, Any]]:
    checkpoint = read_checkpoint(path)
    ours = checkpoint["ganzoo"]
    if "reason" in ours["model"]:
        raise ValueError(f"{path} cannot be rebuilt: {ours['model']['reason']}")
    model = build(ours["model"])
    if not isinstance(model, Generative):
        raise ValueError(f"{path} holds a {type(model).__name__}, which has no generator to sample")
    try:
        model.load_state_dict(checkpoint["state_dict"], strict=True)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit its own configuration: {error}") from error
    model.eval()
    return model, ours


def _any_labels(generator: Generator, n: int) -> list[int] | None:
    return [i % generator.num_classes for i in range(n)] if generator.num_classes else None


def _download(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ValueError(f"to load {name!r} from the Hugging Face hub: pip install 'ganzoo[hub]'") from error
    patterns = ["config.json", "*.safetensors", "README.md", "grid.png"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # no network, no such model, no right to it: the hub has an exception for each
        raise ValueError(f"could not get {name!r} from the Hugging Face hub: {error}") from error

"""Loading trained models: published folders, checkpoints, models of the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.catalogue import classes, configs, find_config, nearest
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import Configurable, build
from ganzoo.hub.form import FILES, Pretrained, networks_of, read_config
from ganzoo.hub.tensors import read_network, rebuilt
from ganzoo.models.generative import Generative
from ganzoo.roles import Encoder, Generator


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


# -- reading


def _from_folder(folder: Path) -> Pretrained:
    config = read_config(folder)
    networks = {
        name: read_network(folder / FILES[name], made, config["sha256"].get(FILES[name]))
        for name, made in config["networks"].items()
    }
    for name, role in (("generator", Generator), ("encoder", Encoder), ("labeller", Encoder)):
        if name in networks and not isinstance(networks[name], role):
            raise ValueError(f"{folder / 'config.json'} names {type(networks[name]).__name__} as {name}, which is none")
    return Pretrained(networks, config)


def _from_checkpoint(path: Path) -> Pretrained:
    model, ours = game_of(path)
    return Pretrained(networks_of(model), {"variant": model.config(), "training": ours})


def game_of(path: Path) -> tuple[Generative, dict[str, Any]]:
    """Return the game of a checkpoint, and what the checkpoint says of it.

    Raises:
        ValueError: the file is damaged, or does not fit its own configuration.
    """
    checkpoint = read_checkpoint(path)
    ours = checkpoint["ganzoo"]
    if "reason" in ours["model"]:
        raise ValueError(f"{path} cannot be rebuilt: {ours['model']['reason']}")
    model = rebuilt(ours["model"], checkpoint["state_dict"], str(path))
    if not isinstance(model, Generative):
        raise ValueError(f"{path} holds a {type(model).__name__}, which has no generator to sample")
    model.eval()
    return model, ours


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

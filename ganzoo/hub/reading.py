"""Loading trained models: published folders, checkpoints, models of the Hugging Face hub."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor, nn

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import Config, build
from ganzoo.hub.form import Pretrained, read_config, weights_of
from ganzoo.hub.games import game_of
from ganzoo.roles import Encoder, Generator
from ganzoo.trust import checked


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


# -- reading


def _from_folder(folder: Path) -> Pretrained:
    config = read_config(folder)
    networks = {}
    for name, made in config["networks"].items():
        path = folder / weights_of(name, config["format"])
        tensors = _tensors(path, config["sha256"].get(path.name))
        networks[name] = filled(made, tensors, f"{path}", f"{folder / 'config.json'}")
    return Pretrained(checked_roles(networks, folder / "config.json"), config)


def _tensors(path: Path, expected: str | None) -> dict[str, Tensor]:
    """Return the tensors of a file whose SHA-256 is known."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = path.read_bytes()
    if data[:2] == b"PK" or data[:1] == b"\x80":
        raise ValueError(f"{path} is a pickle, not safetensors: refused, because loading it could run code")
    if hashlib.sha256(data).hexdigest() != expected:
        raise ValueError(f"{path} was altered or damaged: its SHA-256 is not the one in config.json. Download it again")
    try:
        return tensors_from_bytes(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is not safetensors: {error}") from error


def _from_checkpoint(path: Path) -> Pretrained:
    checkpoint = read_checkpoint(path)
    ours = checkpoint["ganzoo"]
    if "networks" not in ours:  # of version 0.1, which wrote down the game alone
        game, _ = game_of(path)
        return Pretrained(game.published, {"variant": ours["model"], "training": ours})
    weights: dict[str, Tensor] = checkpoint["state_dict"]
    networks = {}
    for name, made in ours["networks"].items():
        if "reason" in made and name != "generator":
            continue  # it was trained, but no file can say how it was made
        if "reason" in made:
            raise ValueError(f"{path} cannot be used without its game: the generator {made['reason']}")
        prefix = str(made.get("prefix"))
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        networks[name] = filled({key: made[key] for key in made if key != "prefix"}, own, f"{path}", f"{path}")
    return Pretrained(checked_roles(networks, path), {"variant": ours["model"], "training": ours})


def filled(config: Config, tensors: dict[str, Tensor], weights: str, source: str) -> nn.Module:
    """Make a network without weights, check tensors against it, and put them in.

    Args:
        config: How the network was made.
        tensors: Its weights and buffers, by their names.
        weights: Where these stand.
        source: Where the configuration stands.

    Raises:
        ValueError: they do not belong together.
    """
    network = _without_weights(config, source)
    wanted = network.state_dict()
    if wanted.keys() != tensors.keys():
        raise ValueError(
            f"{weights} and {source} do not belong together: missing {sorted(wanted.keys() - tensors.keys())[:3]},"
            f" unknown {sorted(tensors.keys() - wanted.keys())[:3]}"
        )
    for key, value in wanted.items():
        if tensors[key].shape != value.shape or tensors[key].dtype != value.dtype:
            raise ValueError(f"{weights}: {key} is {_kind(tensors[key])}, {source} needs {_kind(value)}")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network


def checked_roles(networks: dict[str, nn.Module], source: Path) -> dict[str, nn.Module]:
    """Return networks whose names say what they are.

    Raises:
        ValueError: one is something else.
    """
    for name, role in (("generator", Generator), ("encoder", Encoder), ("labeller", Encoder)):
        if name in networks and not isinstance(networks[name], role):
            raise ValueError(f"{source} names {type(networks[name]).__name__} as {name}, which is none")
    return networks


def _without_weights(config: Config, source: str) -> nn.Module:
    """Make a network that takes no memory, so that nothing is allocated before the shapes are known to be right."""
    config = checked(config, nn.Module, source)
    try:
        with torch.device("meta"):
            network = build(config)
    except Exception as error:  # a damaged configuration can fail in any way
        raise ValueError(f"{source} describes no network: {error}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"{source} names {type(network).__name__}, which is no network")
    return network


def _kind(tensor: Tensor) -> str:
    return f"{list(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"


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

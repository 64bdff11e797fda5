"""Loading trained models: published folders, checkpoints, models of the Hugging Face hub."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

import ganzoo.models
import ganzoo.networks  # noqa: F401
from ganzoo.checkpoints import read_checkpoint
from ganzoo.config import Config
from ganzoo.hub.form import Pretrained, check_names, place_of, read_config, weights_of
from ganzoo.hub.games import game_of
from ganzoo.hub.tensors import fitted, made, read_network
from ganzoo.roles import Encoder, Generator


def load(source: str | Path) -> Pretrained:
    """Load a trained model; its ``source`` and its ``repr`` say which file it is.

    Args:
        source: A folder written by ``export``, a checkpoint, the folder of a run, of which the best checkpoint is taken
            or else the last; if there is no such path, the name of a model that comes with the package
            (``list_pretrained``), or a model id of the Hugging Face hub.

    Raises:
        ValueError: the files are damaged, altered, of another shape than the configuration says, or hold pickles.
        FileNotFoundError: there is nothing at ``source``.
    """
    path = place_of(source)
    if path.is_dir():
        return _from_folder(path)
    if path.suffix in (".safetensors", ".json"):
        raise ValueError(f"{source} is part of a published model: give its folder, {path.parent}")
    if path.is_file():
        return _from_checkpoint(path)
    if str(source).count("/") == 1 and not str(source).endswith(".ckpt") and not path.parent.exists():
        return _from_folder(_download(str(source)))
    raise FileNotFoundError(
        f"no model at {source}: expected a folder with config.json, that of a run, a .ckpt, a name of"
        " `ganzoo list pretrained`, or OWNER/NAME"
    )


# -- reading


def _from_folder(folder: Path) -> Pretrained:
    config = read_config(folder)
    networks = {}
    for name, written in config["networks"].items():
        path = folder / weights_of(name, config["format"])
        networks[name] = read_network(path, written, config["sha256"].get(path.name))
    return Pretrained(checked_roles(networks, folder / "config.json"), config, folder)


def _from_checkpoint(path: Path) -> Pretrained:
    parts: dict[str, tuple[Config, dict[str, Tensor]]] = {}
    ours = read_checkpoint(path, lambda checkpoint: parts.update(parts_of(checkpoint, str(path))))["ganzoo"]
    if "networks" not in ours:  # of version 0.1, which wrote down the game alone
        game, _ = game_of(path)
        return Pretrained(game.published, {"variant": ours["model"], "training": ours}, path)
    networks = {name: made(config, tensors) for name, (config, tensors) in parts.items()}
    return Pretrained(checked_roles(networks, path), {"variant": ours["model"], "training": ours}, path)


def parts_of(checkpoint: dict[str, Any], where: str) -> dict[str, tuple[Config, dict[str, Tensor]]]:
    """Return the configuration and the tensors of each published network in a checkpoint, by its name.

    Raises:
        ValueError: they do not belong together, or the generator cannot be made without its game.
    """
    weights: dict[str, Tensor] = checkpoint["state_dict"]
    networks = checkpoint["ganzoo"].get("networks", {})
    check_names(networks, where)
    parts = {}
    for name, written in networks.items():
        if "reason" in written and name != "generator":
            continue  # it was trained, but no file can say how it was made
        if "reason" in written:
            raise ValueError(f"{where} cannot be used without its game: the generator {written['reason']}")
        prefix = str(written.get("prefix"))
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        parts[name] = fitted({key: written[key] for key in written if key != "prefix"}, own, where), own
    return parts


def checked_roles(networks: dict[str, nn.Module], source: Path) -> dict[str, nn.Module]:
    """Return networks whose names say what they are.

    Raises:
        ValueError: one is something else.
    """
    for name, role in (("generator", Generator), ("encoder", Encoder), ("labeller", Encoder)):
        if name in networks and not isinstance(networks[name], role):
            raise ValueError(f"{source} names {type(networks[name]).__name__} as {name}, which is none")
    return networks


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

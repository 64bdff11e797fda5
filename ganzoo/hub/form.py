"""What a published folder is.

config.json            how the networks were made, hashes of the files, what they were trained on
generator.safetensors  weights of the generator (its average)
NAME.safetensors       of each other published network: encoder, labeller, discriminator, ...
README.md, grid.png    card and samples
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ganzoo.bundled import folder_of, suggested
from ganzoo.inference import Inference
from ganzoo.trust import read_json

FORMAT = "ganzoo/2"
OLDER = ("ganzoo/1",)  # in which the generator's weights were in model.safetensors
KEYS = {"format", "ganzoo", "variant", "networks", "sha256", "training", "metrics"}


def weights_of(name: str, form: str = FORMAT) -> str:
    """Return the file of a network's weights."""
    return "model.safetensors" if form in OLDER and name == "generator" else f"{name}.safetensors"


class Pretrained(Inference):
    """Published networks, ready to be used: a generator, and what else there is.

    Args:
        networks: By their names: "generator", maybe "encoder", "labeller", "discriminator" and others.
        config: What ``config.json`` says.
        source: The folder or the checkpoint that they were read from.
    """

    def __init__(self, networks: dict[str, nn.Module], config: dict[str, Any], source: Path | None = None) -> None:
        for network in networks.values():
            network.eval().requires_grad_(False)
        super().__init__(networks)
        self.config, self.source = config, source

    @property
    def discriminator(self) -> nn.Module | None:
        """D, if there is one."""
        return self.networks.get("discriminator")

    def __repr__(self) -> str:
        variant = self.config.get("variant", {}).get("class_path", "Pretrained").rpartition(".")[2]
        batches = self.config.get("training", {}).get("batches")
        return self.about(f"{variant}, trained for {batches} batches, from {self.source}")


def place_of(source: str | Path, prefer: Sequence[str] = ("best", "last")) -> Path:
    """Return where a model is: every verb and function that takes one looks here.

    A path wins over the name of a model that comes with the package. Of a run's folder it is the first checkpoint of
    ``prefer`` that the run has. What is neither is returned as it is.

    Raises:
        FileNotFoundError: a folder that is neither that of a run nor a published one, or nearly the name of a model.
    """
    path, bundled = Path(source), folder_of(str(source))
    if not path.exists() and bundled is not None:
        return bundled
    if not path.exists() and (near := suggested(str(source))):
        raise FileNotFoundError(near)
    if not path.is_dir() or (path / "config.json").is_file():
        return path
    for name in prefer:
        if (checkpoint := path / "checkpoints" / f"{name}.ckpt").is_file():
            return checkpoint
    raise FileNotFoundError(
        f"no model in {path}: expected config.json, which `ganzoo export` writes, or checkpoints/best.ckpt or"
        " checkpoints/last.ckpt of a run"
        + (f". The model of this name that comes with ganzoo is {bundled}" if bundled else "")
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return what ``config.json`` of a folder says, if it is well formed.

    Raises:
        ValueError: it is damaged, of another format, or lacks something.
        FileNotFoundError: there is none.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no config.json: it is not a model written by `ganzoo export`")
    config = read_json(path)
    if not isinstance(config, dict) or config.get("format") not in (FORMAT, *OLDER):
        raise ValueError(f"{path} must say format {FORMAT!r}; a newer ganzoo may have written it")
    if set(config) != KEYS:
        raise ValueError(f"{path} must have the keys {sorted(KEYS)}, got {sorted(config)}")
    networks, hashes = config["networks"], config["sha256"]
    if not isinstance(networks, dict) or not isinstance(hashes, dict):
        raise ValueError(f"{path}: networks and sha256 must be objects")
    if config["format"] == FORMAT and hashes.get("config.json") != hash_of(config):
        raise ValueError(f"{path} was altered or damaged: its own SHA-256 is not the one in it. Download it again")
    if "generator" not in networks:
        raise ValueError(f"{path}: networks must hold a generator, got {sorted(networks)[:8]}")
    check_names(networks, str(path))
    return config


def hash_of(config: dict[str, Any]) -> str:
    """Return the hash of what ``config.json`` says, but for this hash itself; its layout does not matter."""
    files = {name: digest for name, digest in config["sha256"].items() if name != "config.json"}
    return hashlib.sha256(json.dumps({**config, "sha256": files}, sort_keys=True).encode()).hexdigest()


def check_names(networks: Iterable[str], source: str) -> None:
    """Check that the names of networks can be those of files.

    Raises:
        ValueError: names the one that cannot.
    """
    for name in networks:
        if not re.fullmatch("[a-z][a-z0-9_]{0,63}", name):
            raise ValueError(f"{source}: a network's name must be of lower-case letters, digits and _, got {name!r}")

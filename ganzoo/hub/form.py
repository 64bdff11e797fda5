"""What a published folder is.

config.json            how the networks were made, hashes of the files, what they were trained on
model.safetensors      weights of the generator (its average)
encoder.safetensors    weights of the encoder (its average), if the game has one
labeller.safetensors   weights of the network that names classes, if the game has one
discriminator.safetensors
README.md, grid.png    card and samples
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ganzoo.inference import Inference
from ganzoo.models.generative import Generative

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


def read_config(folder: Path) -> dict[str, Any]:
    """Return what ``config.json`` of a folder says, if it is well formed.

    Raises:
        ValueError: it is damaged, of another format, or lacks something.
        FileNotFoundError: there is none.
    """
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

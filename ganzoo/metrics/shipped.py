"""Networks that ship with the package: their weights are, byte for byte, those that an id stands for."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load, save_file
from torch import nn

from ganzoo.metrics.features import file_sha256

FOLDER = Path(__file__).parent / "weights"

Network = TypeVar("Network", bound=nn.Module)


def load_shipped(make: Callable[[], Network], id: str, sha256: str, weights: str | Path | None = None) -> Network:
    """Return a network with its shipped weights, in evaluation mode and never to be trained.

    Args:
        make: The class of the network.
        id: Name of the weights; others, even by one byte, have another id.
        sha256: Hash of their file.
        weights: File to read instead of the shipped one; it must have the same content.

    Raises:
        ValueError: the file is missing or is not, byte for byte, the one that the id stands for.
    """
    path = shipped(id) if weights is None else Path(weights)
    if not path.is_file():
        raise ValueError(f"no weights at {path}: reinstall ganzoo")
    if (found := file_sha256(path)) != sha256:
        raise ValueError(f"{path} is not {id}: SHA-256 should be {sha256}, is {found}; reinstall ganzoo")
    with torch.device("meta"):
        network = make()
    network.load_state_dict(load(path.read_bytes()), assign=True)
    return network.requires_grad_(False).eval()


def write_shipped(network: nn.Module, path: Path) -> str:
    """Write the weights of a network that is to be shipped; return a line that says what was written."""
    state = {name: value.contiguous() for name, value in network.state_dict().items() if "num_batches" not in name}
    path.parent.mkdir(exist_ok=True)
    save_file(state, path)
    return f"{path}: {path.stat().st_size} bytes, SHA-256 {file_sha256(path)}"


def shipped(id: str) -> Path:
    """Return the file of weights with this id."""
    return FOLDER / f"{id}.safetensors"

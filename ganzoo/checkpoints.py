"""Reading training checkpoints without running anything that they contain."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

REMEDY = "use another, such as best.ckpt"


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint written by a game; only tensors and plain values are accepted.

    Raises:
        ValueError: the file is damaged, holds pickled objects, or was not written by a game.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    pickled = f"{path} holds pickled objects and was refused: loading them could run code"
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            bare = file.read(1) == b"\x80"
        raise ValueError(pickled if bare else f"{path} is cut off, damaged or no checkpoint: {REMEDY}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can fail in any way
        if isinstance(error, pickle.UnpicklingError) and "operand" not in str(error):
            raise ValueError(pickled) from error
        raise ValueError(f"{path} is damaged ({type(error).__name__}): {REMEDY}") from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("ganzoo"), dict):
        raise ValueError(f"{path} was not written by a ganzoo game")
    return checkpoint

"""Reading training checkpoints without running anything that they contain."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint written by a game; only tensors and plain values are accepted.

    Raises:
        ValueError: the file is damaged, holds pickled objects, or was not written by a game.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} holds pickled objects and was refused: loading them could run code") from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is damaged or no checkpoint ({str(error).splitlines()[0]}): use another, such as best.ckpt"
        ) from error
    if not isinstance(checkpoint, dict) or "ganzoo" not in checkpoint or "state_dict" not in checkpoint:
        raise ValueError(f"{path} was not written by a ganzoo game")
    return checkpoint

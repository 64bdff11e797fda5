"""Writing files whole or not at all, and where ganzoo keeps what it can compute again."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

DAMAGE = (  # what numpy raises at damaged files
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    AttributeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def cache_dir() -> Path:
    """Return the folder of what can be computed again: ``$GANZOO_CACHE``, by default ``~/.cache/ganzoo``."""
    return Path(os.environ.get("GANZOO_CACHE", "~/.cache/ganzoo")).expanduser()


def write_atomically(target: Path, write: Callable[[Path], Any]) -> None:
    """Call ``write(temporary)`` and move the flushed result to ``target``; a reader never sees half a file.

    Raises:
        OSError: names the target and the remedy; the old target is untouched.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, RuntimeError) as error:  # torch's zip writer reports a full disk as RuntimeError
        raise OSError(
            f"could not write {target}: {error}. Free some space or choose another folder;"
            " the previous file is untouched"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a npz file by their names, or the one of a npy file as ""; nothing in it is run.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it is damaged, cut off, or needs pickle.
    """
    import numpy as np

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with path.open("rb") as opened:
            found = np.load(opened, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"": found}
            with found as file:
                return {name: np.asarray(file[name]) for name in file.files}
    except DAMAGE as error:
        why = "" if "allow_pickle" in str(error) else f": {error}"  # numpy's advice would be to run what it holds
        raise ValueError(f"{path} is damaged, cut off, or no npz without pickle{why}") from error

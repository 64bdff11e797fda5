"""Writing files whole or not at all, and where ganzoo keeps what it can compute again."""

import contextlib
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
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


def write_json(path: Path, values: Any) -> None:
    """Write plain values as JSON, whole or not at all; a number that is not finite becomes null, as JSON has none."""
    text = json.dumps(finite(values), indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text))


def finite(values: Any) -> Any:
    """Return plain values with None in place of numbers that are not finite."""
    if isinstance(values, dict):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def write_arrays(path: Path, arrays: dict[str, Any], compressed: bool = False) -> None:
    """Write arrays as a npz file, whole or not at all."""
    import numpy as np

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            (np.savez_compressed if compressed else np.savez)(file, **arrays)

    write_atomically(path, write)


def read_arrays(path: Path, limits: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return the arrays of a npz file by their names, or the one of a npy file as ""; nothing in it is run.

    Args:
        path: The file.
        limits: The most bytes of each array of a npz; all others are left unread. None: all of any size.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: it is damaged, cut off, or needs pickle, or an array is larger than its limit.
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
                sizes = {part.filename.removesuffix(".npy"): part.file_size for part in file.zip.infolist()}
                most = {n: limits[n] for n in limits if n in sizes} if limits else dict.fromkeys(sizes, math.inf)
                arrays = {name: np.asarray(file[name]) for name, limit in most.items() if sizes[name] <= limit}
    except DAMAGE as error:
        why = "" if "allow_pickle" in str(error) else f": {error}"  # numpy's advice would be to run what it holds
        raise ValueError(f"{path} is damaged, cut off, or no npz without pickle{why}") from error
    for name in sorted(most.keys() - arrays.keys()):
        raise ValueError(f"{path}: {name} has {sizes[name]} bytes, more than {most[name]}")
    return arrays

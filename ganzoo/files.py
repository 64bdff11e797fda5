"""Writing files whole or not at all, and where ganzoo keeps what it can compute again."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


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

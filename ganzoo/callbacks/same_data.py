"""Is the data that a run goes on with the data that it was trained on?"""

from typing import Any, Literal

import lightning as L
from lightning.pytorch.utilities import rank_zero_warn

OnChange = Literal["raise", "warn"]


def content(trainer: L.Trainer) -> dict[str, Any]:
    """Return what tells the trainer's data from other data: its contents, their number and the classes; {}: unknown."""
    data: Any = getattr(trainer, "datamodule", None)
    if not hasattr(data, "fingerprint"):
        return {}
    return {"train": data.fingerprint("train"), "images": len(data.labels("train")), "classes": list(data.classes)}


def compare(then: dict[str, Any], now: dict[str, Any], on_change: OnChange) -> None:
    """Check that the data of a checkpoint is the data of now; what is unknown is not compared.

    Raises:
        ValueError: it changed.
    """
    if not then or not now or then["train"] == now["train"]:
        return
    words = [f"{len(found['classes'])} classes with {found['images']} images" for found in (then, now)]
    what = f"of {words[0]}, now there are {words[1]}" if words[0] != words[1] else f"of {words[0]}, with other contents"
    changed = f"the training data is not what the checkpoint was trained on: that was {what}"
    if on_change == "raise":
        raise ValueError(
            f"{changed}. Put it back, or go on with what is there now by --checkpoint.on_changed_data warn"
            " (in Python: Checkpoints(on_changed_data='warn'))"
        )
    rank_zero_warn(f"{changed}. Training goes on with what is there now, and not as the uninterrupted run would have")


def known(state: Any) -> bool:
    """Whether a value from a checkpoint is a ``content``."""
    keys = isinstance(state, dict) and {"train", "images", "classes"} <= state.keys()
    return keys and isinstance(state["classes"], list)

"""A run as a moving picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

from ganzoo import pictures
from ganzoo.callbacks.grid import SampleGrid


class Animation(L.Callback):
    """Writes ``animation.gif`` into the run's folder at the end, from all pictures that ``SampleGrid`` drew.

    ``SampleGrid(every=...)`` decides how many frames there are. A resumed run has those from before it stopped, too.

    Args:
        fps: Frames per second.
        hold: Seconds for which the last frame stands.

    Raises:
        ValueError: ``fps`` is not from 1 to 50, or ``hold`` is negative.
    """

    def __init__(self, fps: int = 10, hold: float = 2.0) -> None:
        if not 1 <= fps <= 50:
            raise ValueError(f"fps must be from 1 to 50, as GIF counts in hundredths of a second, got {fps}")
        if hold < 0:
            raise ValueError(f"hold must not be negative, got {hold}")
        self.fps, self.hold = fps, hold

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Look for what draws the frames.

        Raises:
            ValueError: nothing does.
        """
        if stage == "fit" and not any(isinstance(c, SampleGrid) for c in trainer.callbacks):  # type: ignore[attr-defined]
            raise ValueError("Animation is made of the pictures of SampleGrid: add SampleGrid() to the callbacks")

    @rank_zero_only
    def on_fit_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Write the animation, after the last picture has been drawn, in whichever order the callbacks stand."""
        run = Path(trainer.default_root_dir)
        frames = sorted((run / "grids").glob("*.png"))
        if frames:
            save_gif(frames, run / "animation.gif", self.fps, self.hold)


def save_gif(frames: list[Path], path: str | Path, fps: int = 10, hold: float = 2.0) -> Path:
    """Write pictures as one GIF that repeats for ever, whole or not at all.

    Args:
        frames: The pictures in their order; those of another size than the last one are left out.
        path: Where to.
        fps: Frames per second.
        hold: Seconds for which the last frame stands.
    """
    size = size_of(frames[-1])
    frames = [frame for frame in frames if size_of(frame) == size]
    durations = [round(1000 / fps)] * (len(frames) - 1) + [round(1000 * max(hold, 1 / fps))]
    return pictures.save_gif(opened(frames), path, durations)


def opened(frames: list[Path]) -> Iterator[Image.Image]:
    """Yield pictures, one at a time."""
    for frame in frames:
        with Image.open(frame) as image:
            yield image.copy()


def size_of(frame: Path) -> tuple[int, int]:
    """Return width and height of a picture."""
    with Image.open(frame) as image:
        return image.size

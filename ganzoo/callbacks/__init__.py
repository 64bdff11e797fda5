"""Callbacks: they know a game only by what it samples and publishes."""

from ganzoo.callbacks.animation import Animation
from ganzoo.callbacks.checkpoints import Checkpoints
from ganzoo.callbacks.compile import Compile
from ganzoo.callbacks.evaluate import Evaluate
from ganzoo.callbacks.grid import SampleGrid
from ganzoo.callbacks.progress import Progress
from ganzoo.callbacks.watch import Collapse, Explosion, Watch
from ganzoo.callbacks.writer import SampleWriter

__all__ = [
    "Animation",
    "Checkpoints",
    "Collapse",
    "Compile",
    "Evaluate",
    "Explosion",
    "Progress",
    "SampleGrid",
    "SampleWriter",
    "Watch",
]

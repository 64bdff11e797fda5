"""What street scenes are drawn on: dice that fall alike on every machine, textures, and a block of canvases."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

CLASSES = ("road", "pavement", "building", "tree", "sky", "car", "person", "pole")
ROAD, PAVEMENT, BUILDING, TREE, SKY, CAR, PERSON, POLE = range(len(CLASSES))
SIDE = 256  # of a texture, which repeats
CELLS = (1, 4, 8, 32)  # pixels from one random value of a texture to the next
WHITE, FINE, MIDDLE, COARSE, MIXED = range(5)  # textures
TEXTURES = 1001  # their seed, which no scenes have
BITS = 24  # of a random number: all that a float32 holds
MOODS = (0, 0, 0, 0, 0, 1, 1, 1, 2, 2)  # sun, clouds, evening, as frequent as they are
LIGHTS = ((1.05, 1.02, 0.95), (0.85, 0.88, 0.92), (0.95, 0.78, 0.62))  # of each mood
SKIES = (  # of each mood, at the top and at the horizon
    ((0.25, 0.5, 0.9), (0.7, 0.84, 0.97)),
    ((0.62, 0.66, 0.7), (0.84, 0.86, 0.87)),
    ((0.35, 0.4, 0.65), (0.98, 0.7, 0.45)),
)

Floats = np.ndarray[Any, Any]  # float32
Mask = np.ndarray[Any, Any]  # bool


class Dice:
    """Random numbers from the raw bits of Philox, a stream that numpy keeps for ever.

    Args:
        key: Two numbers that tell the stream from others.
    """

    def __init__(self, *key: int) -> None:
        self.philox = np.random.Philox(key=np.array(key, dtype=np.uint64))

    def uniform(self, low: float, high: float, *shape: int) -> Floats:
        """Return float32 numbers in [low, high)."""
        unit = self._bits(shape).astype(np.float32) / np.float32(2**BITS)
        return unit * np.float32(high - low) + np.float32(low)

    def index(self, n: int, *shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return int64 numbers from 0 to below ``n``."""
        return self._bits(shape) * n >> BITS

    def _bits(self, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
        raw = self.philox.random_raw(int(np.prod(shape)))
        return (raw >> np.uint64(64 - BITS)).astype(np.int64).reshape(shape)


@cache
def textures() -> Floats:
    """Return noise in [0, 1] that repeats, [5, 256, 256]: white, fine, middle, coarse, and a mixture of all."""
    dice = Dice(TEXTURES, 0)
    kinds = [smooth(dice.uniform(0, 1, SIDE // cell, SIDE // cell), cell) for cell in CELLS]
    white, fine, middle, coarse = kinds
    return np.stack([*kinds, (white + 2 * fine + 3 * middle + 4 * coarse) / 10])


def smooth(grid: Floats, cell: int) -> Floats:
    """Return noise with a value every ``cell`` pixels and f² (3 - 2 f) between two."""
    at = np.arange(SIDE, dtype=np.float32) / cell
    low = np.floor(at)
    f, first = at - low, low.astype(np.int64)
    f, second = f * f * (3 - 2 * f), (first + 1) % (SIDE // cell)
    rows = grid[first] * (1 - f[:, None]) + grid[second] * f[:, None]
    return rows[:, first] * (1 - f) + rows[:, second] * f


class Canvas:
    """A block of ``n`` scenes while they are drawn, with the light and the camera of each.

    Lengths are in heights of the picture. Nearness is 1 at the lower edge of the picture and 0 at the horizon: at
    nearness q everything is q times as large as at the lower edge.

    Args:
        dice: What decides.
        n: Number of scenes.
        size: Side of the pictures.
    """

    def __init__(self, dice: Dice, n: int, size: int) -> None:
        self.dice, self.n, self.size = dice, n, size
        centres = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = centres.reshape(1, 1, -1), centres.reshape(1, -1, 1)
        self.rgb = np.empty((3, n, size, size), np.float32)
        self.labels = np.full((n, size, size), SKY, np.uint8)
        self.near = np.zeros((n, size, size), np.float32)
        mood = np.array(MOODS)[dice.index(len(MOODS), n)]
        self.light = np.array(LIGHTS, np.float32)[mood].T.reshape(3, n, 1, 1)
        self.top, self.low = np.array(SKIES, np.float32)[mood].transpose(1, 2, 0).reshape(2, 3, n, 1, 1)
        self.season, self.sun = self.u(0, 1), self.u(0.62, 1)  # from summer to autumn, light on walls at the left
        self.white, self.fine, self.middle, self.mixed = map(self.texture, (WHITE, FINE, MIDDLE, MIXED))
        self._set_up_camera()

    def _set_up_camera(self) -> None:
        """Place the horizon, the point where the street vanishes, the kerbs and the walls along the street."""
        self.horizon, self.vanish = self.u(0.34, 0.5), self.u(0.3, 0.7)
        self.kerbs = self.u(-0.3, 0.2), self.u(0.8, 1.3)  # where they meet the lower edge of the picture
        self.walls = self.kerbs[0] - self.u(0.15, 0.45), self.kerbs[1] + self.u(0.15, 0.45)
        self.ground = (self.y - self.horizon) / (1 - self.horizon)  # nearness of the ground in each row
        self.left = self.x < self.vanish
        left, right = ((self.x - self.vanish) / (wall - self.vanish) for wall in self.walls)
        self.wall = np.maximum(np.where(self.left, left, right), np.float32(0.09))  # nearness of it in each column

    def u(self, low: float, high: float, *shape: int) -> Floats:
        """Return a number in [low, high) for each scene, [n, 1, 1], or [n, *shape]."""
        return self.dice.uniform(low, high, self.n, *(shape or (1, 1)))

    def texture(self, kind: int) -> Floats:
        """Return a random part of a texture for each scene, [n, size, size]."""
        at = np.arange(self.size)
        top, left = self.dice.index(SIDE, 2, self.n, 1)
        part: Floats = textures()[kind][((top + at) % SIDE)[:, :, None], ((left + at) % SIDE)[:, None, :]]
        return part

    def pick(self, table: Sequence[tuple[float, ...]], dark: float = 0.8, bright: float = 1.15) -> Floats:
        """Return a random colour of a table for each scene, made darker or brighter, [3, n, 1, 1]."""
        rows = np.array(table, np.float32)[self.dice.index(len(table), self.n)]
        colour: Floats = rows.T.reshape(3, self.n, 1, 1) * self.u(dark, bright)
        return colour

    def lit(self, colour: Sequence[float]) -> Floats:
        """Return a colour in the light of each scene, [3, n, 1, 1]."""
        lit: Floats = np.array(colour, np.float32).reshape(3, 1, 1, 1) * self.light
        return lit

    def tint(self, mask: Mask, colour: Sequence[Floats | float] | Floats) -> None:
        """Give three channels to the pixels of a mask, whose class remains."""
        for channel, values in zip(self.rgb, colour, strict=True):
            np.copyto(channel, values, where=mask)

    def paint(self, mask: Mask, label: int, colour: Sequence[Floats | float] | Floats, near: Floats) -> None:
        """Give three channels, a class and a nearness to the pixels of a mask."""
        self.tint(mask, colour)
        np.copyto(self.labels, np.uint8(label), where=mask)
        np.copyto(self.near, near, where=mask)

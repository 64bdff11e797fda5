"""Street scenes and their label maps, drawn by arithmetic: scene i is a function of (seed, i) on every machine.

Only + - * /, floor, comparisons and the raw bits of Philox are used, and no sum depends on its order.
"""

from typing import Any

import numpy as np

from ganzoo.data.street_canvas import (
    BUILDING,
    CAR,
    COARSE,
    MIXED,
    PAVEMENT,
    PERSON,
    POLE,
    ROAD,
    SIDE,
    SKY,
    TREE,
    WHITE,
    Canvas,
    Dice,
    Floats,
    Mask,
    textures,
)

BLOCK = 64  # scenes that are drawn together
SEGMENTS = 20  # houses and gaps along each side of a street
PLASTER = (
    *((0.72, 0.44, 0.34), (0.85, 0.78, 0.62), (0.62, 0.62, 0.6), (0.9, 0.88, 0.84)),
    *((0.55, 0.4, 0.32), (0.6, 0.68, 0.72), (0.8, 0.6, 0.42)),
)
PAINTS = (
    *((0.75, 0.08, 0.08), (0.1, 0.2, 0.6), (0.92, 0.92, 0.92), (0.08, 0.08, 0.1)),
    *((0.6, 0.62, 0.65), (0.85, 0.7, 0.1), (0.1, 0.4, 0.25)),
)
CLOTHS = tuple((0.6 * r, 0.6 * g, 0.6 * b) for r, g, b in PAINTS)
SKINS = ((0.9, 0.72, 0.6), (0.55, 0.38, 0.28), (0.75, 0.55, 0.42))
BARK = (0.3, 0.22, 0.15)
PANE, SHIELD = (0.12, 0.16, 0.22), (0.15, 0.2, 0.26)  # of houses and of cars
HEADLIGHT, TAILLIGHT = (1.0, 0.95, 0.8), (0.9, 0.1, 0.1)

Bytes = np.ndarray[Any, Any]  # uint8


def scenes(n: int, seed: int, size: int, start: int = 0) -> tuple[Bytes, Bytes]:
    """Return the scenes start, ..., start + n - 1 of a seed: photographs [n, 3, size, size], labels [n, size, size]."""
    first, last = start // BLOCK, -(-(start + n) // BLOCK)
    drawn = [block(Dice(seed, number), size) for number in range(first, last)]
    here = slice(start - first * BLOCK, start - first * BLOCK + n)
    photos, labels = (np.concatenate(parts)[here] for parts in zip(*drawn, strict=True))
    return photos, labels


def block(dice: Dice, size: int) -> tuple[Bytes, Bytes]:
    """Draw 64 scenes from far to near."""
    canvas = Canvas(dice, BLOCK, size)
    sky(canvas)
    along(canvas)
    pavement(canvas)
    road(canvas)
    bounds = {tree: (0.15, 1.0, 3), pole: (0.15, 0.9, 2), car: (0.18, 0.85, 3), person: (0.3, 0.95, 3)}
    nears = {thing: np.sort(canvas.u(*bound), axis=1) for thing, bound in bounds.items()}
    for k in range(3):
        for thing, near in nears.items():
            if k < near.shape[1]:
                thing(canvas, near[:, k].reshape(-1, 1, 1))
    return air(canvas), canvas.labels


def fraction(x: Floats) -> Floats:
    """Return x - floor(x)."""
    return x - np.floor(x)


def sky(canvas: Canvas) -> None:
    """Draw a sky that is paler at the horizon, with clouds."""
    down = np.clip(canvas.y / canvas.horizon, 0, 1)
    cloud = np.clip((canvas.texture(MIXED) - canvas.u(0.4, 0.65)) * 6, 0, 1) * (0.9 - 0.27 * down)
    for c in range(3):
        clear = canvas.top[c] * (1 - down) + canvas.low[c] * down
        canvas.rgb[c] = clear + (0.95 * canvas.light[c] - clear) * cloud


def along(canvas: Canvas) -> None:
    """Draw what stands along the street: houses, and trees in the gaps between them."""
    far = 1 / canvas.wall
    segment = np.minimum((far * canvas.u(0.7, 1.3) + canvas.u(0, 3)).astype(np.int64), SEGMENTS - 1)
    segment = segment + SEGMENTS * canvas.left
    at = segment + 2 * SEGMENTS * np.arange(canvas.n).reshape(-1, 1, 1)
    tall = canvas.u(0.75, 2.2, 2 * SEGMENTS).reshape(-1)[at]
    house = (canvas.u(0, 1, 2 * SEGMENTS) < 0.72).reshape(-1)[at]
    height = (canvas.wall - canvas.ground) * (1 - canvas.horizon) / canvas.wall
    standing = canvas.ground < canvas.wall
    built = standing & house & (height < tall)
    canvas.paint(built, BUILDING, facades(canvas, segment, at, height, tall), canvas.wall)
    tops = 0.35 + 0.5 * (canvas.middle - 0.3) + 0.2 * tall
    canvas.paint(standing & ~built & (height < tops), TREE, leaves(canvas), canvas.wall)


def facades(canvas: Canvas, segment: Any, at: Any, height: Floats, tall: Floats) -> list[Floats]:
    """Return the colours of houses: plaster, and windows of which some are bright."""
    plaster = np.array(PLASTER, np.float32)[canvas.dice.index(len(PLASTER), canvas.n, 2 * SEGMENTS)]
    plaster = (plaster * canvas.u(0.75, 1.1, 2 * SEGMENTS, 1)).reshape(-1, 3)[at]
    across, up = canvas.u(4, 8) / canvas.wall, height * canvas.u(3.5, 6)
    column, storey = (np.floor(axis).astype(np.int64) for axis in (across, up))
    across, up = fraction(across), fraction(up)
    sharp = np.minimum(canvas.wall * 2.2, np.float32(1))  # far ones are blurred
    pane = (across > 0.28) & (across < 0.76) & (up > 0.25) & (up < 0.8) & (height < tall - 0.08)
    window = pane * sharp
    bright = textures()[WHITE][(storey * 7 + segment * 13) % SIDE, (column * 11 + segment) % SIDE]
    shade = np.where(canvas.left, canvas.sun, 1.62 - canvas.sun) * (0.75 + 0.5 * canvas.fine)
    shade = shade * (1 - 0.25 * ((up < 0.08) * sharp))
    glass = 0.5 * bright * bright
    return [(plaster[..., c] * (1 - window) + (PANE[c] + glass) * window) * shade * canvas.light[c] for c in range(3)]


def leaves(canvas: Canvas, gleam: Floats | float = 1.0) -> list[Floats]:
    """Return the colours of leaves, from green to red with the season."""
    season = canvas.season
    green = (0.12 + 0.5 * season * season, 0.36 + 0.08 * season, 0.1 + 0.02 * season)
    bush = (0.35 + 1.3 * canvas.fine * canvas.middle + 0.25 * canvas.white) * gleam
    return [green[c] * canvas.light[c] * bush for c in range(3)]


def pavement(canvas: Canvas) -> None:
    """Draw the ground, with gaps between its slabs; the road is drawn over it."""
    ground, away = canvas.ground, 1 / np.maximum(canvas.ground, np.float32(0.02))
    gap = (fraction(away * canvas.u(4, 8)) < 0.14) * np.minimum(ground * 2, np.float32(1))
    grey = canvas.u(0.5, 0.75) * (1 - 0.22 * gap) * (0.8 + 0.35 * canvas.fine)
    warm = canvas.u(-0.04, 0.08)
    colour = [(grey + warm * (1 - c)) * canvas.light[c] for c in range(3)]
    canvas.paint((ground >= canvas.wall) & (ground > 0), PAVEMENT, colour, np.maximum(ground, np.float32(0)))


def road(canvas: Canvas) -> None:
    """Draw the asphalt, its markings, and the shadow of the houses on it."""
    near = np.maximum(canvas.ground, np.float32(0))
    left, right = (canvas.vanish + (kerb - canvas.vanish) * canvas.ground for kerb in canvas.kerbs)
    mask = (canvas.ground >= canvas.wall) & (canvas.ground > 0) & (canvas.x > left) & (canvas.x < right)
    asphalt = canvas.u(0.24, 0.46) * (0.72 + 0.35 * canvas.mixed + 0.25 * canvas.white)
    asphalt = np.where(markings(canvas, left, right, near), 0.68 + 0.17 * canvas.fine, asphalt)
    across = (canvas.x - left) / np.maximum(right - left, np.float32(0.01))
    dark = across < canvas.u(-0.6, 0.7) + 0.25 * (canvas.middle - 0.5)
    asphalt = asphalt * np.where(dark, np.float32(0.55), np.float32(1))
    blue = canvas.u(0, 0.025)
    canvas.paint(mask, ROAD, [(asphalt + blue * c) * canvas.light[c] for c in range(3)], near)


def markings(canvas: Canvas, left: Floats, right: Floats, near: Floats) -> Mask:
    """Return where the dashes in the middle of the road are, and the line at its left that some have."""
    away = 1 / np.maximum(canvas.ground, np.float32(0.02))
    dashed = fraction(away * canvas.u(1.2, 2) + canvas.u(0, 1)) < 0.55
    middle = dashed & (np.abs(canvas.x - (left + right) / 2) < 0.018 * near + 0.002)
    edge = (np.abs(canvas.x - left - 0.05 * near) < 0.012 * near) & (canvas.u(0, 1) < 0.5)
    marked: Mask = middle | edge
    return marked


def stand(canvas: Canvas, near: Floats, low: float, high: float, on_road: bool = False) -> tuple[Floats, Floats]:
    """Return how far each pixel is right of the foot of a thing, and how far above it.

    It stands at a share from ``low`` to ``high`` of the way from kerb to kerb, or from a kerb to the wall.
    """
    right, share = canvas.u(0, 1) < 0.5, canvas.u(low, high)
    a, b = canvas.kerbs
    if not on_road:
        a, b = np.where(right, b, a), np.where(right, canvas.walls[1], canvas.walls[0])
    foot = canvas.vanish + (a + (b - a) * share - canvas.vanish) * near
    return canvas.x - foot, canvas.horizon + near * (1 - canvas.horizon) - canvas.y


def tree(canvas: Canvas, near: Floats) -> None:
    """Draw a trunk and a crown, brighter at the sunny side."""
    dx, dy = stand(canvas, near, 0.3, 0.9)
    there = canvas.u(0, 1) < 0.6
    trunk = there & (np.abs(dx) < 0.025 * near + 0.004) & (dy > 0) & (dy < 0.5 * near)
    canvas.paint(trunk, TREE, canvas.lit(BARK) * (0.6 + 0.6 * canvas.white), near)
    wide, high = canvas.u(0.16, 0.28) * near, canvas.u(0.2, 0.34) * near
    dx, dy = dx / wide, (dy - 0.4 * near - 0.8 * high) / high
    crown = there & (dx * dx + dy * dy + 1.4 * (canvas.middle - 0.5) < 1)
    sunny = np.where(canvas.sun > 0.81, dx, -dx)
    canvas.paint(crown, TREE, leaves(canvas, 1 + 0.3 * dy + 0.25 * sunny), near)


def pole(canvas: Canvas, near: Floats) -> None:
    """Draw a pole, which may bear a sign."""
    dx, dy = stand(canvas, near, 0.05, 0.2)
    there, tall = canvas.u(0, 1) < 0.6, canvas.u(0.7, 1.1) * near
    canvas.paint(
        there & (np.abs(dx) < 0.01 * near + 0.006) & (dy > 0) & (dy < tall), POLE, [canvas.u(0.25, 0.6)] * 3, near
    )
    sign = there & (canvas.u(0, 1) < 0.6) & (np.abs(dx) < 0.075 * near) & (np.abs(dy - tall) < 0.075 * near)
    canvas.paint(sign, POLE, canvas.pick(PAINTS) * canvas.light, near)


def car(canvas: Canvas, near: Floats) -> None:
    """Draw a car from behind or from before, with its shadow on the road."""
    dx, dy = stand(canvas, near, 0.14, 0.86, on_road=True)
    there = canvas.u(0, 1) < 0.62
    dx, dy = np.abs(dx) / (canvas.u(0.2, 0.26) * near), dy / (canvas.u(0.32, 0.42) * near)
    canvas.tint(there & (canvas.labels == ROAD) & (dx < 1.15) & (np.abs(dy) < 0.14), canvas.rgb * 0.4)
    body, slope = (dx < 1) & (dy > 0) & (dy < 0.58), 0.45 * (dy - 0.5)
    cabin = (dx < 1 - slope) & (dy >= 0.58) & (dy < 1)
    canvas.paint(there & (body | cabin), CAR, canvas.pick(PAINTS) * canvas.light * (0.75 + 0.4 * dy), near)
    glass = there & (dx < 0.88 - slope) & (dy > 0.62) & (dy < 0.92)
    canvas.tint(glass, [SHIELD[c] + 0.35 * canvas.mixed * dy for c in range(3)])
    canvas.tint(there & body & (dy < 0.16) & (dx > 0.55), [0.05] * 3)  # wheels
    lamp, behind = there & body & (dx > 0.7) & (dy > 0.3) & (dy < 0.46), canvas.u(0, 1) < 0.6
    canvas.tint(lamp & behind, TAILLIGHT)
    canvas.tint(lamp & ~behind, HEADLIGHT)


def person(canvas: Canvas, near: Floats) -> None:
    """Draw a head, a trunk and legs."""
    dx, dy = stand(canvas, near, 0.15, 0.95)
    there, tall = canvas.u(0, 1) < 0.7, canvas.u(0.4, 0.5) * near
    dx, dy = np.abs(dx) / tall, dy / tall
    head = dx * dx + (dy - 0.9) * (dy - 0.9) < 0.0095
    trunk = (dx < 0.15) & (dy > 0.42) & (dy < 0.82)
    legs = (dx < 0.12) & (dy > 0) & (dy <= 0.42) & ~((dx < 0.03) & (dy < 0.33))
    for part, table in ((head, SKINS), (trunk, PAINTS), (legs, CLOTHS)):
        canvas.paint(there & part, PERSON, canvas.pick(table) * canvas.light * (0.75 + 0.4 * canvas.fine), near)


def air(canvas: Canvas) -> Bytes:
    """Return the photographs: haze far away, a lens that blurs, uneven exposure and grain."""
    rgb, far = canvas.rgb, 1 - np.minimum(canvas.near * 1.6, np.float32(1))
    haze = np.where(canvas.labels == SKY, np.float32(0), canvas.u(0, 0.55) * far)
    rgb = rgb + (canvas.low - rgb) * haze
    rgb[..., 1:-1] = (rgb[..., :-2] + 4 * rgb[..., 1:-1] + rgb[..., 2:]) / 6
    rgb[:, :, 1:-1] = (rgb[:, :, :-2] + 4 * rgb[:, :, 1:-1] + rgb[:, :, 2:]) / 6
    gain = canvas.u(0.78, 1.15) * (0.88 + 0.24 * canvas.texture(COARSE))
    grain = (canvas.texture(WHITE) - 0.5) * canvas.u(0.02, 0.09)
    rgb = np.clip(rgb * gain + grain, 0, 1)
    photos: Bytes = (rgb * 255 + 0.5).astype(np.uint8).transpose(1, 0, 2, 3)
    return photos

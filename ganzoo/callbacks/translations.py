"""Judging translations of held-out images: near their targets, there and back, as sharp, and with the same labels."""

import math
from collections import defaultdict
from typing import Any

import lightning as L
import torch
from torch import Tensor

from ganzoo.callbacks.condition import data_with_conditions, model_of
from ganzoo.callbacks.encoders import JUDGED
from ganzoo.callbacks.samples import BLOCK
from ganzoo.callbacks.streets import StreetScores
from ganzoo.data import Streets
from ganzoo.inference import Inference
from ganzoo.metrics.pairs import l1, psnr, roughness, ssim
from ganzoo.pixels import to_float
from ganzoo.roles import Images


def translation_values(
    trainer: L.Trainer, game: Any, n: int | None = None, split: str = Images.split
) -> dict[str, float]:
    """Return what the translations of the first ``n`` images of a split, at most ``JUDGED``, are worth.

        pair_l1, pair_psnr, pair_ssim: G(x) against the y of its pair, of data in pairs
        cycle_l1, cycle_back_l1: |F(G(x)) - x|₁ and |G(F(y)) - y|₁, of games with a way back
        sharpness: mean ``roughness`` of G(x) over that of y; 1: as sharp as real, less: blurred, nan: all y are
            flat
        fcn_*, fcn_back_*: of G(x) and F(y) of ``Streets``, see ``StreetScores``

    What is random in G and F, such as dropout, is that of seed 0. Games that translate none have no values.
    """
    model, data = model_of(game), data_with_conditions(trainer)
    if model is None or data is None or not isinstance(model.generator.condition, Images):
        return {}
    n = min(n or JUDGED, JUDGED)
    x = data.conditions(split)[:n]
    y = torch.cat(list(data.images(split, min(len(data.labels(split)), n))))
    pairs = hasattr(data, "held_pairs") and data.held_pairs(split)
    device = next(model.generator.parameters()).device
    streets = StreetScores(data, device, split) if isinstance(data, Streets) else None
    rows: dict[str, list[Tensor]] = defaultdict(list)
    for first in range(0, len(x), BLOCK):
        target = to_float(y[first : first + BLOCK]) if pairs else None
        made = of_sources(model, to_float(x[first : first + BLOCK]), target, rows)
        if streets is not None:
            streets.add("fcn", made, first)
    for first in range(0, len(y), BLOCK):
        made_back = of_targets(model, to_float(y[first : first + BLOCK]), rows)
        if streets is not None and made_back is not None:
            streets.add("fcn_back", made_back, first)
    values = {kind: float(torch.cat(each).mean()) for kind, each in rows.items()}
    real = values.pop("roughness")
    values["sharpness"] = values["sharpness"] / real if real else math.nan
    return values if streets is None else values | streets.values()


def of_sources(model: Inference, x: Tensor, target: Tensor | None, rows: dict[str, list[Tensor]]) -> Tensor:
    """Return G(x), and add what it is worth, image by image, to the rows of each kind."""
    made = model.translate(x).float().cpu()
    rows["sharpness"].append(roughness(made))
    if target is not None:
        for kind, measure in (("pair_l1", l1), ("pair_psnr", psnr), ("pair_ssim", ssim)):
            rows[kind].append(measure(target, made))
    if "generator_back" in model.networks:
        rows["cycle_l1"].append(l1(x, model.translate_back(made).float().cpu()))
    return made


def of_targets(model: Inference, y: Tensor, rows: dict[str, list[Tensor]]) -> Tensor | None:
    """Return F(y), if there is an F, and add what it is worth, image by image, to the rows of each kind."""
    rows["roughness"].append(roughness(y))
    if "generator_back" not in model.networks:
        return None
    made = model.translate_back(y).float().cpu()
    rows["cycle_back_l1"].append(l1(y, model.translate(made).float().cpu()))
    return made

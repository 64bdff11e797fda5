"""Judging and drawing what a game reads in images: reconstructions and codes."""

from collections.abc import Iterator
from typing import Any

import lightning as L
import torch
from PIL import Image
from torch import Tensor

from ganzoo.callbacks.condition import model_of
from ganzoo.data.base import BLOCK
from ganzoo.inference import Inference, decode, here
from ganzoo.latent.traverse import code_values, dimension_values, traverse_code, traverse_dimension
from ganzoo.metrics.codes import matched_accuracy
from ganzoo.metrics.pairs import WINDOW
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid
from ganzoo.pixels import to_float
from ganzoo.roles import Classes

JUDGED = 1000  # images that are reconstructed
REFRESHED = 6400  # training images whose statistics the encoders' batch norm gets; streamed ones are read each time
WALKS, STEPS = 10, 10  # rows and columns of the picture of traversals


def trainer_data(trainer: L.Trainer) -> Any:
    """Return the trainer's data; None if it has no images to show."""
    data = getattr(trainer, "datamodule", None)
    return data if hasattr(data, "images") else None


def held_out(trainer: L.Trainer, n: int) -> tuple[Tensor, Tensor] | None:
    """Return the first ``n`` test images in [-1, 1] and their labels; None if the trainer's data has none to show."""
    data = trainer_data(trainer)
    labels = None if data is None else data.labels("test")[:n]
    if labels is None or not len(labels):
        return None
    return to_float(torch.cat(list(data.images("test", len(labels))))), labels


def reconstructed(model: Inference, x: Tensor, y: Tensor) -> Tensor:
    """Return G(E(x)), on the CPU; a conditional G is told the labels y unless the model names them itself."""
    told = isinstance(model.generator.condition, Classes) and model.labeller is None
    return model.reconstruct(x, y if told else None).float().cpu()


def refresh_encoders(trainer: L.Trainer, pl_module: Any) -> None:
    """Give the encoders' averages new batch norm statistics: those of training images, the same on all ranks.

    The statistics that they have belong to the weights before averaging and to the last few batches, and in an encoder
    that never sees a real image to generated ones. Donahue et al., "Adversarial Feature Learning", 2017, do the same
    before each evaluation. At its encoder's next move an average copies the old kind again: training does not change.
    """
    model, data = model_of(pl_module), trainer_data(trainer)
    if model is None or model.encoder is None or data is None:
        return
    labels, like = data.labels("train")[:REFRESHED], next(model.encoder.parameters())
    if len(labels) < 2:
        return  # one image has no variance

    def blocks() -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in zip(data.images("train", len(labels)), labels.split(BLOCK), strict=True):
            if len(x) == BLOCK or len(labels) < BLOCK:  # each has the same weight, so the rest is left out
                yield to_float(x).to(like), y.to(like.device)

    if model.labeller is not None:
        refresh_batch_norm(model.labeller, (x for x, _ in blocks()))
    if model.encoder.num_classes:
        told = ((x, y if model.labeller is None else model.classify(x)) for x, y in blocks())
        refresh_batch_norm(model.encoder, told)
    else:
        refresh_batch_norm(model.encoder, (x for x, _ in blocks()))


def inferred_values(trainer: L.Trainer, pl_module: Any) -> dict[str, float]:
    """Return how well test images are reconstructed, and what the first code tells of their classes.

    It is empty for points, and for a game without encoder and codes.
    """
    model, images = model_of(pl_module), held_out(trainer, JUDGED)
    if model is None or images is None or images[0].ndim != 4:
        return {}
    x, y = images
    found: dict[str, float] = pl_module.values(JUDGED)
    if model.encoder is not None and len(x) > 1:
        report = reconstruction_report(x, reconstructed(model, x, y))._asdict()
        if min(x.shape[2:]) < WINDOW:
            del report["ssim"]  # no window fits
        found |= {f"recon_{name}": value for name, value in report.items()}
    first = model.codes[0] if model.codes else None
    if first is not None and first.kind == "categorical" and y.ndim == 1:
        guessed = pl_module.codes(x)[first.name].cpu()
        found["code_accuracy"] = matched_accuracy(guessed, y, first.size, int(y.max()) + 1).accuracy
    return found


def traversals(model: Inference, seed: int) -> Image.Image:
    """Return a walk per row through each code, or without codes through the first latents.

    All rows start from the latent of ``seed``, and of a conditional G show class 0.
    """
    space = model.generator.spaces[model.generator.walk_space]
    z, prior = here(space, model.latents(1, seed)), space.prior
    if prior.codes:
        walks = [traverse_code(z, code, code_values(code, STEPS)) for code in prior.codes]
    else:
        dimensions = range(min(prior.dim, WALKS))
        walks = [traverse_dimension(z, k, dimension_values(prior, k, STEPS)) for k in dimensions]
    first = 0 if isinstance(model.generator.condition, Classes) else None
    rows = [decode(space, walk[0], first).float().cpu() for walk in walks]
    columns = max(len(row) for row in rows)
    black = [torch.full((columns - len(row), *row.shape[1:]), -1.0) for row in rows]
    return grid(torch.cat([part for pair in zip(rows, black, strict=True) for part in pair]), columns=columns)

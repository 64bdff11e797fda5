"""Judging a game's samples while it trains and afterwards."""

import time
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import lightning as L
import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.callbacks.condition import (
    classes_of,
    condition_of,
    conditions_of,
    data_with_conditions,
    held_out_split,
)
from ganzoo.callbacks.encoders import inferred_values, refresh_encoders, trainer_data
from ganzoo.callbacks.modes import mode_values, of_classifier
from ganzoo.callbacks.references import default_extractor, references
from ganzoo.callbacks.samples import blocks_of, drawn, extracted
from ganzoo.callbacks.streets import ceilings_of_streets
from ganzoo.callbacks.translations import translation_values
from ganzoo.callbacks.verdicts import against, report, trainer_print
from ganzoo.metrics.classes import floor_classes, judge_classes
from ganzoo.metrics.features import Extractor
from ganzoo.metrics.judge import OF_IMAGES, Verdict, floor, floor_of_file, judge
from ganzoo.metrics.names import metric_name
from ganzoo.metrics.references import Reference
from ganzoo.metrics.statistics import read_statistics
from ganzoo.roles import Images

N_VAL, N_TEST = 2_000, 10_000  # samples where none are asked for
FEWEST_SAMPLES = 10
FEWEST = {"train": 20, "test": 2}  # images; with fewer there is no floor, which halves of them make


class Evaluate(L.Callback):
    """Judges ``n`` samples of consecutive seeds in ``validate``, ``test`` and each validation of ``fit``.

    One pass through one feature extractor feeds every metric. Beside each value stands its floor: what real images
    get at the same number. How often it runs in ``fit`` is the trainer's ``val_check_interval``, in batches.
    The verdicts are the same to the last digit on any number of ranks, and training's randomness is not touched.

    Where the data knows its modes (``Gaussians``, ``StackedMNIST``) these are counted too, with the first ``n``
    training images as their floor. A conditional generator is told classes as frequent as in the training set, and is
    also judged class by class; where the extractor is a classifier of these classes (digits), so is how many samples
    are of the class asked for. A game with an encoder is judged by its reconstructions of test images, with new batch
    norm statistics, and one with codes by what the first code tells of their classes.

    The samples of a translator are translations of test images, and of the split "val" in ``validate`` and ``fit``;
    they are judged against training images of the kind that it makes. ``translation_values`` says what else those of
    the first ``n``, at most 1,000, are worth: near their targets, there and back, as sharp as real, with the labels of
    the street. The checkpoint that is kept as the
    best is that of the least fd, of a translator too: it has the translations that look most like targets, whether they
    belong to their sources or not; ``--checkpoint.metric pair_l1`` and others ask for that.

    Args:
        n: Number of samples; by default 10,000 in ``test``, 2,000 in ``validate`` and in each validation of ``fit``, of
            a translator at most as many as there are such images to translate.
        extractor: What turns images into features; by default the small digit network for grey images and stacked
            digits, raw values for points and colour. Only verified Inception weights may be called FID, KID or
            inception score.
        seed: Seed of the first sample.
        reference: File of mean and covariance, by ``ganzoo reference``, pytorch-fid, clean-fid or EDM, to be judged
            against in place of the training images. What needs single images is left out; the floor is what test
            images of the data get.
    """

    def __init__(
        self,
        n: int | None = None,
        extractor: Extractor | None = None,
        seed: int = 2**20,
        reference: str | None = None,
    ) -> None:
        if n is not None and n < FEWEST_SAMPLES:
            raise ValueError(f"n must be at least {FEWEST_SAMPLES}, got {n}")
        self.n, self.extractor, self.seed, self.reference = n, extractor, seed, reference
        self.verdict: Verdict | None = None
        self._real: tuple[Reference, Reference] | None = None
        self._floors: dict[int, tuple[dict[str, float], int]] = {}
        self._given: Reference | None = None
        self._ceilings: dict[str, dict[str, float]] = {}
        self._few = ""

    def value(self, kind: str) -> float | None:
        """Return the last value of a metric, by its name without the extractor.

        Raises:
            ValueError: there is no such metric.
        """
        if self.verdict is None:
            return None
        if kind not in self.verdict.values:
            raise ValueError(f"no metric {kind!r}: choose one of {', '.join(self.verdict.values)}")
        return self.verdict.values[kind]

    def on_fit_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Warn before training where the data has too few images to be judged against: it is trained all the same.

        A file that samples cannot be judged against is an error before training, not at the first validation.
        """
        self._few = too_few(trainer_data(trainer)) if trainer.enable_validation else ""
        if self._few and trainer.is_global_zero:
            warnings.warn(f"the samples will not be judged: {self._few}", stacklevel=2)
        if trainer.enable_validation and not self._few:
            self.given(trainer)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Judge; log the values in ``fit``, print and write them in ``validate``."""
        if not trainer.sanity_checking and not (self._few and trainer.state.fn == "fit"):
            self.run(trainer, pl_module, "val", self.number(trainer, pl_module, N_VAL))

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Judge; print the values and write them into the run's folder."""
        self.run(trainer, pl_module, "test", self.number(trainer, pl_module, N_TEST))

    def number(self, trainer: L.Trainer, pl_module: Any, usual: int) -> int:
        """Return how many samples are judged: as many as were asked for, or ``usual``, each image once at most."""
        condition, data = condition_of(pl_module), data_with_conditions(trainer)
        if self.n is not None or data is None or not isinstance(condition, Images):
            return self.n or usual
        sources: int = data.n_conditions(held_out_split(trainer))
        return min(usual, max(sources, FEWEST_SAMPLES))

    def run(self, trainer: L.Trainer, pl_module: Any, stage: str, n: int) -> None:
        """Judge, log, and outside of ``fit`` report."""
        start = time.perf_counter()
        self.verdict = verdict = self.judge(trainer, pl_module, n, held_out_split(trainer))
        extractor = self.extractor_of(trainer)
        named = {f"{stage}/{metric_name(kind, extractor)}": v for kind, v in verdict.values.items()}
        pl_module.log_dict(named, logger=False, sync_dist=True, reduce_fx="max")  # equal on all ranks
        at = batches_of(trainer, pl_module)
        for logger in trainer.loggers:
            logger.log_metrics({**named, "images": getattr(pl_module, "images_seen", 0)}, step=at)
        if trainer.is_global_zero and trainer.state.fn == "fit":
            fd, low = self.verdict.values["fd"], self.verdict.floors["fd"]
            trainer_print(trainer, f"batch {at}: {metric_name('fd', extractor)} {fd:.4g} (floor {low:.2g}, n = {n})")
        elif trainer.is_global_zero:
            assert self._real is not None
            seconds = time.perf_counter() - start
            where = {"stage": stage, "first_seed": self.seed, "batches": at, "seconds": round(seconds, 2)}
            report(trainer, pl_module, verdict, extractor, self._real[0], where)

    def judge(self, trainer: L.Trainer, pl_module: Any, n: int, split: str = Images.split) -> Verdict:
        """Return the verdict on ``n`` samples, of a translator from a split; computed on rank 0 and sent to all."""
        extractor = self.extractor_of(trainer).to(pl_module.device)
        if self._real is None:
            if few := too_few(data_of(trainer)):
                raise ValueError(few)
            self._real = self.references(trainer, extractor)
        rounds = blocks_of(n, trainer.world_size) // trainer.world_size
        silent = None if trainer.is_global_zero else True
        blocks = drawn(trainer, pl_module, self.seed, n, split)
        bar = tqdm(blocks, desc="judging", total=rounds, unit="block", leave=False, disable=silent)
        features, logits = extracted(bar, extractor, trainer.world_size)
        refresh_encoders(trainer, pl_module)
        verdict: Verdict | None = None
        if trainer.is_global_zero:
            told = classes_of(pl_module) and conditions_of(trainer, pl_module, range(self.seed, self.seed + n))
            labels = told if isinstance(told, Tensor) else None
            verdict = self.weigh(data_of(trainer), features[:n], None if logits is None else logits[:n], labels)
            verdict.values.update(inferred_values(trainer, pl_module))
            verdict.values.update(translation_values(trainer, pl_module, self.n, split))
            verdict.floors.update(self.ceilings(trainer, verdict.values, split))
        return cast(Verdict, trainer.strategy.broadcast(verdict))

    def weigh(self, data: Any, features: Tensor, logits: Tensor | None, labels: Tensor | None) -> Verdict:
        """Return the verdict on features [N, d] of samples of ``labels`` [N], and their floors."""
        assert self._real is not None
        assert self.extractor is not None
        reference, held_out = self._real
        assert held_out.features is not None
        n, classes = len(features), None
        if n not in self._floors:
            self._floors[n] = self.floors(data, n, labels is not None)
        named = of_classifier(data, self.extractor, logits)
        values = judge(features, logits, reference, held_out.features[:n])
        values |= mode_values(data, features, named)
        if labels is not None:
            obedience = judge_classes(features, named, labels, reference)
            values, classes = values | obedience.values, obedience.classes
        floors, n_floor = self._floors[n]
        return Verdict(values, floors, n, n_floor, classes)

    def floors(self, data: Any, n: int, conditional: bool) -> tuple[dict[str, float], int]:
        """Return what ``n`` real images get, and how many they were."""
        assert self._real is not None
        assert self.extractor is not None
        reference, held_out = self._real
        real = held_out if reference.features is None else reference
        assert real.features is not None
        floors, n_floor = floor_of_file(reference, held_out, n) if real is held_out else floor(reference, n)
        named = of_classifier(data, self.extractor, real.logits)
        floors |= mode_values(data, real.features[:n], None if named is None else named[:n])
        if conditional:
            held_out = replace(held_out, logits=of_classifier(data, self.extractor, held_out.logits))
            floors |= floor_classes(reference, held_out, n)
        return floors, n_floor

    def ceilings(self, trainer: L.Trainer, kinds: Iterable[str], split: str) -> dict[str, float]:
        """Return what real images of a split get of some kinds that are read in streets."""
        if split not in self._ceilings and "fcn_iou" in kinds:
            self._ceilings[split] = ceilings_of_streets(data_of(trainer), self.n, split)
        return {kind: value for kind, value in self._ceilings.get(split, {}).items() if kind in kinds}

    def extractor_of(self, trainer: L.Trainer) -> Extractor:
        """Return the extractor, chosen by the data where none was given."""
        if self.extractor is None:
            self.extractor = default_extractor(data_of(trainer))
        return self.extractor

    def references(self, trainer: L.Trainer, extractor: Extractor) -> tuple[Reference, Reference]:
        """Return what is judged against, and the held-out images; rank 0 computes them first."""
        given, data, found = self.given(trainer), data_of(trainer), None
        if trainer.is_global_zero:
            found = references(data, extractor, given)
        trainer.strategy.barrier()
        return found or references(data, extractor, given)

    def given(self, trainer: L.Trainer) -> Reference | None:
        """Return the statistics of the file that is judged against, if there is one; say once what they allow."""
        if self.reference is not None and self._given is None:
            self._given = read_statistics(self.reference, self.extractor_of(trainer))
            if trainer.is_global_zero:
                trainer_print(
                    trainer,
                    f"judged against {against(self._given)}: a file of statistics holds no images, so"
                    f" {', '.join(OF_IMAGES)} are left out",
                )
        return self._given


def too_few(data: Any) -> str:
    """Return what is missing in a set that nothing can be judged against, or nothing."""
    counts = {} if data is None else {split: len(data.labels(split)) for split in FEWEST}
    if hasattr(data, "conditions"):  # a translator's sources are no more than needed either
        counts["test"] = min(counts["test"], data.n_conditions("test"))
    if all(counts[split] >= FEWEST[split] for split in counts):
        return ""
    had, needed = (" and ".join(f"{n} {split}" for split, n in part.items()) for part in (counts, FEWEST))
    return f"{data.name} has {had} images, and {needed} images are needed"


def data_of(trainer: L.Trainer) -> Any:
    """Return the trainer's data.

    Raises:
        ValueError: it has none that can be judged against.
    """
    data = getattr(trainer, "datamodule", None)
    if data is None or not hasattr(data, "images"):
        raise ValueError("Evaluate needs real images: pass a ganzoo.data module as trainer.fit(model, datamodule=...)")
    return data


def some_real(trainer: L.Trainer, n: int) -> Tensor | None:
    """Return the first ``n`` training images, or all if they are fewer; None if the trainer's data has none to show."""
    data = trainer_data(trainer)
    if data is None:
        return None
    return torch.cat(list(data.images("train", min(n, len(data.labels("train"))))))


def batches_of(trainer: L.Trainer, pl_module: Any) -> int:
    """Return the number of batches that the weights were trained for."""
    return int(getattr(pl_module, "batches_done", trainer.global_step))

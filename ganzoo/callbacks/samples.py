"""The samples that are judged, and what each was told: drawn by seeds, in blocks that the ranks share out."""

from collections.abc import Iterable, Iterator
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from torch import Tensor

from ganzoo.callbacks.condition import conditions_of
from ganzoo.metrics.features import Extractor
from ganzoo.pixels import to_uint8

BLOCK = 64  # images per pass; a block's samples, its features and so every verdict are the same on any number of ranks

Blocks = Iterable[tuple[Tensor, Tensor | None]]  # images [BLOCK, ...], and the class or image that each was told


def drawn(trainer: L.Trainer, game: Any, seed: int, n: int, split: str) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield this rank's blocks of the samples of ``n`` seeds from ``seed`` on; rank r draws blocks r, r + W, ...

    Those of a translator are translations of images of a split.
    """
    for block in range(trainer.global_rank, blocks_of(n, trainer.world_size), trainer.world_size):
        first = seed + block * BLOCK
        told = conditions_of(trainer, game, range(first, first + BLOCK), split)
        yield game.sample(BLOCK, first, told).float(), told


def extracted(blocks: Blocks, extractor: Extractor, world: int = 1) -> tuple[Tensor, Tensor | None]:
    """Return features and, of a classifier, logits of all ranks' blocks, in the order of their seeds."""
    rows, logits = [], []
    for images, _ in blocks:
        out = extractor(to_uint8(images) if images.ndim == 4 else images)
        rows.append(out.features)
        if out.logits is not None:
            logits.append(out.logits)
    return in_order(rows, world), in_order(logits, world) if logits else None


def blocks_of(n: int, world: int) -> int:
    """Return the number of blocks of ``n`` samples in whole rounds, so that all ranks gather the same shapes."""
    return -(-n // (BLOCK * world)) * world


def in_order(parts: list[Tensor], world: int) -> Tensor:
    """Gather the ranks' blocks, each [BLOCK, d], and put them in the order of their seeds, [blocks · BLOCK, d]."""
    mine = torch.stack(parts)
    if world > 1:
        everyone = [torch.empty_like(mine) for _ in range(world)]
        dist.all_gather(everyone, mine)
        mine = torch.stack(everyone, dim=1)
    return mine.reshape(-1, mine.shape[-1]).cpu()

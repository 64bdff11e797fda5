"""The order of the data: a pure function of (seed, epoch)."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor


def mix(*parts: int | str) -> int:
    """Return a 32-bit seed made of all ``parts``: torch's CPU generator ignores higher bits."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


class Order:
    """Which images make up which batch, on every rank, and how far training has come.

    Rank r of W takes ``perm[k W B + r B : k W B + (r + 1) B]`` of global batch k, perm being the permutation
    of the epoch: W ranks with batches of B see together what one process sees with batches of W B. The last,
    incomplete global batch of an epoch is left out.

    The order counts its own batches: each pass gives out the rest of the epoch, and the end of an epoch is
    the start of the next. It does not use the trainer's count of epochs, which may be ahead after a resume.

    Args:
        n: Number of images.
        batch_size: B, images per batch and process.
        seed: Seed of the permutations.
        rank: r, this process.
        world_size: W, number of processes.

    Raises:
        ValueError: a rank that does not exist, or fewer images than one global batch.
    """

    def __init__(self, n: int, batch_size: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to {world_size - 1}, got {rank}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if n < batch_size * world_size:
            raise ValueError(
                f"{n} training images do not fill a batch of {batch_size}"
                f"{f' on each of {world_size} ranks' if world_size > 1 else ''}: lower batch_size (--data.batch_size)"
            )
        self.n, self.batch_size, self.seed, self.rank, self.world_size = n, batch_size, seed, rank, world_size
        self.epoch = 0
        self.position = 0
        self.limit = len(self)  # batches that are given out of an epoch
        self.repeats = False  # whether all epochs are like the first

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return self.n // (self.batch_size * self.world_size)

    def __iter__(self) -> Iterator[Tensor]:
        """Give out the rest of this epoch, or the next epoch if this one is over, as indices [batch_size]."""
        for indices in self.rest():
            self.position += 1
            yield indices

    def roll(self) -> None:
        """Go to the start of the next epoch if this one is over."""
        if self.position >= self.limit:
            self.epoch, self.position = self.epoch + 1, 0

    def rest(self, device: torch.device | str | None = None) -> Iterator[Tensor]:
        """Yield the indices of the batches still to come; who hands a batch on counts it in ``position``."""
        self.roll()
        permutation = self.permutation(self.epoch).to(device)
        for batch in range(self.position, self.limit):
            start = (batch * self.world_size + self.rank) * self.batch_size
            yield permutation[start : start + self.batch_size]

    def permutation(self, epoch: int) -> Tensor:
        """Return the permutation of an epoch, [n]."""
        seed = mix(self.seed, 0 if self.repeats else epoch)
        return torch.randperm(self.n, generator=torch.Generator().manual_seed(seed))

    def coins(self, epoch: int) -> Tensor:
        """Return one fair coin per image, bool [n]: whether the image is mirrored in this epoch."""
        generator = torch.Generator().manual_seed(mix(self.seed, epoch, "coins"))
        return torch.rand(self.n, generator=generator) < 0.5

    def shifts(self, epoch: int, most: int) -> Tensor:
        """Return how far down and right each image is cropped in this epoch, int64 [n, 2], from 0 to ``most``."""
        generator = torch.Generator().manual_seed(mix(self.seed, epoch, "shifts"))
        return torch.randint(most + 1, (self.n, 2), generator=generator)

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``; the place within the current epoch is kept."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Return where the order stands."""
        return {"epoch": self.epoch, "batches": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to where a saved order stood; the end of an epoch is the start of the next."""
        places = [state.get(key) for key in ("epoch", "batches")] if isinstance(state, dict) else [None]
        if not all(isinstance(place, int) and place >= 0 for place in places):
            raise ValueError(f"a place in the data is an epoch and a number of batches, got {str(state)[:80]}")
        self.epoch, self.position = state["epoch"], state["batches"]
        self.roll()

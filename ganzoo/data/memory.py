"""The fast path: a whole set as one tensor, a batch as one gather."""

from collections.abc import Iterator

from torch import Tensor

from ganzoo.data.order import Order
from ganzoo.pixels import mirror


class MemoryLoader:
    """Iterates batches (x, y) of a set held in memory, on any device: no work per image, no workers.

    It is no torch ``DataLoader``, whose sampler Lightning would replace. Lightning saves and restores its
    place.

    Args:
        images: uint8 [N, C, H, W], or float points [N, d].
        labels: int64 [N].
        order: Which images make up which batch.
        hflip: Mirror each image with probability 1/2, decided by (seed, epoch, image).

    Raises:
        ValueError: images, labels and order are not of one length, or points are to be mirrored.
    """

    def __init__(self, images: Tensor, labels: Tensor, order: Order, hflip: bool = False) -> None:
        if not len(images) == len(labels) == order.n:
            raise ValueError(f"got {len(images)} images, {len(labels)} labels and an order of {order.n}")
        if hflip and images.dim() != 4:
            raise ValueError(f"only images [N, C, H, W] can be mirrored, got {list(images.shape)}: set hflip=False")
        self.images, self.labels, self.batch_sampler, self.hflip = images, labels, order, hflip

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rest of the epoch: x, uint8 [B, C, H, W] or float [B, d], and y, [B]."""
        order, device = self.batch_sampler, self.images.device
        order.roll()
        coins = order.coins(order.epoch).to(device) if self.hflip else None
        for index in order.rest(device):
            order.position += 1
            x = self.images.index_select(0, index)
            yield x if coins is None else mirror(x, coins[index]), self.labels.index_select(0, index)

    def state_dict(self) -> dict[str, int]:
        """Return the place in the data."""
        return self.batch_sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place."""
        self.batch_sampler.load_state_dict(state)

"""The fast path: a whole set as one tensor, a batch as one gather."""

from collections.abc import Iterator

from torch import Tensor

from ganzoo.data.augment import Augment
from ganzoo.data.order import Order


class MemoryLoader:
    """Iterates batches (x, y) of a set held in memory, on any device: no work per image, no workers.

    It is no torch ``DataLoader``, whose sampler Lightning would replace. Lightning saves and restores its
    place.

    Args:
        images: uint8 [N, C, H, W], or float points [N, d].
        labels: int64 [N], or the other sides of pairs, uint8 [N, C, H, W].
        order: Which images make up which batch.
        hflip: Mirror each image with probability 1/2, decided by (seed, epoch, image), both sides of a pair alike.
        jitter: Crop images at random places by so many pixels in height and width, decided and alike in the same way.

    Raises:
        ValueError: images, labels and order are not of one length, or points are to be mirrored.
    """

    def __init__(self, images: Tensor, labels: Tensor, order: Order, hflip: bool = False, jitter: int = 0) -> None:
        if not len(images) == len(labels) == order.n:
            raise ValueError(f"got {len(images)} images, {len(labels)} labels and an order of {order.n}")
        if hflip and images.dim() != 4:
            raise ValueError(f"only images [N, C, H, W] can be mirrored, got {list(images.shape)}: set hflip=False")
        self.images, self.labels, self.batch_sampler = images, labels, order
        self.hflip, self.jitter = hflip, jitter

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rest of the epoch: x, uint8 [B, C, H, W] or float [B, d], and y, [B]."""
        order, device = self.batch_sampler, self.images.device
        order.roll()
        augment = Augment(order, self.hflip, self.jitter, device)
        for index in order.rest(device):
            order.position += 1
            x, y = self.images.index_select(0, index), self.labels.index_select(0, index)
            yield augment(x, index), augment(y, index)

    def state_dict(self) -> dict[str, int]:
        """Return the place in the data."""
        return self.batch_sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place."""
        self.batch_sampler.load_state_dict(state)

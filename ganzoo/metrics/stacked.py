"""The small digit network on each channel: the extractor and classifier of stacked MNIST."""

from torch import Tensor

from ganzoo.metrics.features import Features
from ganzoo.metrics.lenet import LeNet64, as_mnist


class StackedLeNet64(LeNet64):
    """``LeNet64`` on each of three channels: 192 features, and one logit per triple of digits.

    The logit of class 100 a + 10 b + c is log p(a) + log p(b) + log p(c), so that the greatest one is that of the
    three channels' greatest logits.

    Args:
        weights: File to read instead of the shipped one; it must have the same content.
    """

    id = "mnist-lenet64x3.v1"
    dim = 192
    family = "rgb28"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__(weights)

    def check(self, images: Tensor) -> None:
        """Raise ValueError where ``images`` are not uint8 [N, 3, H, W]."""
        super().check(images)
        if images.shape[1] != 3:
            raise ValueError(f"{self.id} takes images of three channels, a digit each, got {list(images.shape)}")

    def extract(self, images: Tensor) -> Features:
        """Return features [N, 192] and logits [N, 1000]."""
        features, logits = self.network.eval()(as_mnist(images.flatten(0, 1)[:, None]))
        a, b, c = logits.log_softmax(dim=1).view(-1, 3, 10).unbind(dim=1)
        triples = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return Features(features.view(-1, self.dim), triples.flatten(1))

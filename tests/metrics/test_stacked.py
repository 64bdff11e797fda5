import pytest
import torch

from ganzoo.data import Digits
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.names import metric_name
from ganzoo.metrics.stacked import StackedLeNet64


def triples(n=60, size=8):
    images, labels = Digits(size=size).arrays("test")
    chosen = torch.randint(len(images), (n, 3), generator=torch.Generator().manual_seed(0))
    return images[chosen, 0], labels[chosen]


@pytest.mark.parametrize("size", [8, 28])
def test_each_channel_is_seen_by_itself(size):
    images, _ = triples(size=size)
    out = StackedLeNet64()(images)
    assert out.features.shape == (60, 192)
    assert out.logits.shape == (60, 1000)
    for c in range(3):
        single = LeNet64()(images[:, c : c + 1])
        torch.testing.assert_close(out.features[:, 64 * c : 64 * (c + 1)], single.features)


def test_the_greatest_logit_is_that_of_the_three_digits():
    images, labels = triples()
    logits = StackedLeNet64()(images).logits
    digits = torch.stack([LeNet64()(images[:, c : c + 1]).logits.argmax(dim=1) for c in range(3)], dim=1)
    assert torch.equal(logits.argmax(dim=1), digits @ torch.tensor([100, 10, 1]))
    right = (logits.argmax(dim=1) == labels @ torch.tensor([100, 10, 1])).float().mean()
    assert right > 0.7  # 0.94³ = 0.83


def test_the_logits_are_log_probabilities():
    logits = StackedLeNet64()(triples(5)[0]).logits
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(5))


def test_it_has_a_name_of_its_own():
    assert metric_name("fd", StackedLeNet64()) == "fd@mnist-lenet64x3.v1"
    with pytest.raises(
        ValueError, match=r"mnist-lenet64x3.v1 takes images of three channels, a digit each, got \[2, 1"
    ):
        StackedLeNet64()(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))

"""Samples beside their nearest training images."""

import pytest
import torch

from ganzoo.latent.neighbours import nearest_training
from ganzoo.metrics.features import Features, Raw
from ganzoo.pixels import to_float, to_uint8


def draw(n, seed, shape=(1, 4, 6)):
    return to_uint8(torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1)


def test_copies_are_found_and_shown_on_the_right():
    training = draw(20, 0)
    samples = to_float(training[[7, 3, 7]]) + 0.003  # less than half a level
    got = nearest_training(samples, training)
    assert got.at.tolist() == [7, 3, 7]
    assert got.distance.tolist() == [0, 0, 0]
    assert got.images.shape == (3, 1, 4, 12)
    assert torch.equal(got.images[..., :6], to_float(training[[7, 3, 7]]))
    assert torch.equal(got.images[..., 6:], to_float(training[[7, 3, 7]]))


def test_distances_are_those_of_pixels():
    training, samples = draw(20, 0), to_float(draw(5, 1))
    got = nearest_training(samples, to_float(training))
    expected = torch.cdist(samples.flatten(1).double(), to_float(training).flatten(1).double())
    torch.testing.assert_close(got.distance, expected.amin(1))
    assert got.at.tolist() == expected.argmin(1).tolist()
    assert torch.equal(got.images[..., 6:], to_float(training[got.at]))


def test_features_decide_if_there_are_any():
    class Brightness(Raw):
        def extract(self, images):
            return Features(images.float().flatten(1).mean(dim=1, keepdim=True), None)

    training, samples = draw(20, 0), to_float(draw(5, 1))
    got = nearest_training(samples, training, Brightness(24))
    gap = (samples.flatten(1).mean(1)[:, None] - to_float(training).flatten(1).mean(1)).abs()
    assert got.at.tolist() == gap.argmin(1).tolist()
    assert got.at.tolist() != nearest_training(samples, training).at.tolist()


def test_wrong_images_are_refused():
    x = to_float(draw(3, 0))
    for samples, training in ((x[:0], x), (x, x[:0]), (x, x[..., :4]), (x[0], x)):
        with pytest.raises(ValueError, match="training images of the same C, H and W, one or more of each, got"):
            nearest_training(samples, training)

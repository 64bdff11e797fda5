"""Straight lines, arcs and paths: ends, middles, lengths, and what has no arc."""

import math

import pytest
import torch

from ganzoo.latent.interpolate import between, lerp, path, slerp
from ganzoo.priors import Coded, Normal, Uniform


def draw(n=6, dim=16, seed=0):
    return Normal(dim).seeded(range(seed, seed + n))


def test_lerp_by_hand():
    a, b = torch.tensor([[0.0, 2.0], [4.0, 4.0]]), torch.tensor([[4.0, 0.0], [4.0, 8.0]])
    assert lerp(a, b, 0.25).tolist() == [[1.0, 1.5], [4.0, 5.0]]
    assert lerp(a, b, torch.tensor([0.5, 0.75])).tolist() == [[2.0, 1.0], [4.0, 7.0]]


def test_slerp_by_hand():
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    expected = [[3 * math.cos(math.pi / 6), 3 * math.sin(math.pi / 6)]]
    torch.testing.assert_close(slerp(a, b, 1 / 3), torch.tensor(expected))
    torch.testing.assert_close(slerp(a, b, 0.5), torch.full((1, 2), 3 / math.sqrt(2)))


@pytest.mark.parametrize("way", [lerp, slerp])
def test_the_ends_are_exact(way):
    a, b = draw(), draw(seed=10)
    assert torch.equal(way(a, b, 0.0), a)
    assert torch.equal(way(a, b, 1.0), b)
    mixed = way(a, b, torch.tensor([0.0, 1.0, 0.0, 1.0, 0.3, 1.0]))
    assert torch.equal(mixed[:4], torch.stack([a[0], b[1], a[2], b[3]]))


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_slerp_goes_evenly_in_length_and_angle_and_lerp_does_not(t):
    a, b = draw(), draw(seed=10)
    z = slerp(a, b, t)
    torch.testing.assert_close(z.norm(dim=1), (1 - t) * a.norm(dim=1) + t * b.norm(dim=1))

    def angle(x, y):
        return torch.acos(torch.cosine_similarity(x.double(), y.double()))

    torch.testing.assert_close(angle(a, z), t * angle(a, b), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(angle(z, b), (1 - t) * angle(a, b), rtol=1e-5, atol=1e-6)
    assert (lerp(a, b, 0.5).norm(dim=1) < 0.9 * slerp(a, b, 0.5).norm(dim=1)).all()


def test_slerp_of_equal_lengths_is_the_papers():
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (draw().double(), draw(seed=10).double()))
    angle = torch.acos((a * b).sum(dim=1, keepdim=True))
    paper = (torch.sin(0.7 * angle) * a + torch.sin(0.3 * angle) * b) / torch.sin(angle)
    torch.testing.assert_close(slerp(a, b, 0.3), paper)


def test_parallel_rows_are_a_straight_line():
    a = draw()
    torch.testing.assert_close(slerp(a, 3 * a, 0.25), 1.5 * a)
    assert torch.equal(slerp(a, a, 0.25), a)
    zero = torch.zeros_like(a)
    torch.testing.assert_close(slerp(zero, a, 0.25), 0.25 * a)
    assert torch.equal(slerp(zero, zero, 0.25), zero)


@pytest.mark.parametrize("wobble", [0.0, 1e-6])
def test_opposite_rows_are_half_a_circle_of_the_same_length(wobble):
    a = draw()
    b = -a + wobble * draw(seed=20)
    for t in (0.25, 0.5, 0.75):
        z = slerp(a, b, t)
        torch.testing.assert_close(z.norm(dim=1), a.norm(dim=1), rtol=1e-5, atol=1e-5)
        cosine = torch.cosine_similarity(a, z)
        torch.testing.assert_close(cosine, torch.full_like(cosine, math.cos(math.pi * t)), rtol=0, atol=1e-5)
    assert torch.equal(slerp(a, b, 0.5), slerp(a, b, 0.5))


def test_opposite_rows_of_different_lengths_stay_bounded():
    a = draw()
    z = slerp(a, -2 * a + 1e-5, 0.5)
    torch.testing.assert_close(z.norm(dim=1), 1.5 * a.norm(dim=1), rtol=1e-4, atol=1e-4)


def test_one_dimension_has_no_arcs():
    assert slerp(torch.tensor([[2.0]]), torch.tensor([[-2.0]]), 0.25).tolist() == [[1.0]]


def test_normal_priors_take_arcs_and_uniform_ones_lines():
    a, b = draw(), draw(seed=10)
    assert torch.equal(between(a, b, 0.3, Normal(16)), slerp(a, b, 0.3))
    assert torch.equal(between(a, b, 0.3, Uniform(16)), lerp(a, b, 0.3))


@pytest.mark.parametrize(("noise", "way"), [(Normal(5), slerp), (Uniform(5), lerp)])
def test_codes_stay_codes(noise, way):
    prior = Coded(noise, categorical=(3, 4), uniform=2)
    a, b = prior.seeded(range(6)), prior.seeded(range(10, 16))
    for t, classes in ((0.25, a), (0.49, a), (0.5, b), (0.75, b)):
        z = between(a, b, t, prior)
        assert torch.equal(z[:, :5], way(a[:, :5], b[:, :5], t))
        assert torch.equal(z[:, 5:12], classes[:, 5:12])
        assert torch.equal(z[:, 12:], lerp(a[:, 12:], b[:, 12:], t))
    assert torch.equal(between(a, b, torch.tensor([0.0, 1.0] * 3), prior)[:2], torch.stack([a[0], b[1]]))


def test_a_path_passes_through_its_latents():
    z, prior = draw(3), Normal(16)
    way = path(z, 4, prior)
    assert way.shape == (9, 16)
    assert torch.equal(way[::4], z)
    torch.testing.assert_close(way[1], slerp(z[:1], z[1:2], 0.25)[0])
    torch.testing.assert_close(way[7], slerp(z[1:2], z[2:], 0.75)[0])
    assert torch.equal(path(z, 1, prior), z)


def test_a_loop_ends_before_it_begins_again():
    z, prior = draw(3), Normal(16)
    way = path(z, 4, prior, loop=True)
    assert way.shape == (12, 16)
    torch.testing.assert_close(way[:9], path(z, 4, prior))
    torch.testing.assert_close(way[9], slerp(z[2:], z[:1], 0.25)[0])


def test_wrong_input_is_refused():
    z, prior = draw(3), Normal(16)
    with pytest.raises(ValueError, match=r"of one shape, got \[3, 16\] and \[2, 16\]"):
        slerp(z, z[:2], 0.5)
    with pytest.raises(ValueError, match="t must be one number or 3, one for each row, got 2"):
        lerp(z, z, torch.tensor([0.0, 1.0]))
    for wrong in (z[:1], z[:, :4], z[0]):
        with pytest.raises(
            ValueError, match=r"a path needs two or more latents, \[K, 16\], such as those of two seeds, got"
        ):
            path(wrong, 4, prior)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        path(z, 0, prior)

import math

import pytest
import torch
from torch import Tensor

from ganzoo.metrics.neighbours import density_coverage, memorisation, nearest, precision_recall


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def lattice(n: int, d: int, seed: int) -> Tensor:
    """Whole numbers: full of repeated points and equal distances."""
    return torch.randint(0, 3, (n, d), generator=torch.Generator().manual_seed(seed)).float()


def far_lattice(n: int, d: int, seed: int) -> Tensor:
    """Points far from the origin: |a|² + |b|² - 2 a'b alone would be off by about 1."""
    return lattice(n, d, seed).double() + 1e8


def copies(n: int, d: int, seed: int) -> Tensor:
    """Half of the points of ``draw(n, d, 0)``, whatever the seed, among new ones."""
    return torch.cat([draw(n, d, 0)[: n // 2], draw(n - n // 2, d, seed)])


def collapsed(n: int, d: int, seed: int) -> Tensor:
    return draw(1, d, seed // 2).expand(n, d)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """One dimension after the other, so that equal pairs have equal bits wherever they stand."""
    x, y = x.double(), y.double()
    return sum((x[:, None, k] - y[None, :, k]).square() for k in range(x.shape[1])).sqrt()


def radii(x: Tensor, k: int) -> Tensor:
    d = distances(x, x)
    return d.fill_diagonal_(float("inf")).sort(1).values[:, k - 1]


CASES = pytest.mark.parametrize("make", [draw, lattice, far_lattice, copies, collapsed])
SIZES = pytest.mark.parametrize(("n", "m", "d", "k"), [(40, 30, 2, 3), (35, 50, 6, 5), (20, 20, 3, 1), (6, 7, 1, 5)])


@CASES
@SIZES
@pytest.mark.parametrize("chunk", [9, 1024])
def test_precision_recall_is_the_definition(make, n: int, m: int, d: int, k: int, chunk: int) -> None:
    real, fake = make(n, d, 0), make(m, d, 1)
    between = distances(fake, real)
    precision = (between <= radii(real, k)[None]).any(1).double().mean()
    recall = (between <= radii(fake, k)[:, None]).any(0).double().mean()
    got = precision_recall(real, fake, k, chunk)
    assert got == (pytest.approx(float(precision), abs=1e-12), pytest.approx(float(recall), abs=1e-12))


@CASES
@SIZES
@pytest.mark.parametrize("chunk", [9, 1024])
def test_density_coverage_is_the_definition(make, n: int, m: int, d: int, k: int, chunk: int) -> None:
    real, fake = make(n, d, 0), make(m, d, 1)
    inside = distances(fake, real) < radii(real, k)[None]
    density, coverage = inside.sum() / (k * m), inside.any(0).double().mean()
    got = density_coverage(real, fake, k, chunk)
    assert got == (pytest.approx(float(density), abs=1e-6), pytest.approx(float(coverage), abs=1e-12))


@pytest.mark.parametrize("d", [16, 300])
def test_copied_points_lie_on_the_border_exactly(d: int) -> None:
    """With k=1 each real point lies on a border, its neighbour's: inside for <=, outside for <, but inside its own."""
    real = draw(150, d, 0)
    nearer = distances(real, real).fill_diagonal_(float("inf")).min(1).indices
    one_sided = next(int(i) for i in nearer if int(nearer[int(i)]) not in torch.where(nearer == i)[0].tolist())
    fake = torch.cat([real[one_sided][None], draw(60, d, 1) + 1e3])
    assert density_coverage(real, fake, 1).density == pytest.approx(1 / 61, abs=1e-12)
    assert precision_recall(real, fake, 1).precision == pytest.approx(1 / 61, abs=1e-12)


def test_by_hand_on_a_line() -> None:
    real, fake = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[2.0], [5.0], [9.0]])
    # radii of the reals 1, 1, 2; of the fakes 3, 3, 4
    assert precision_recall(real, fake, 1) == (pytest.approx(2 / 3), pytest.approx(1.0))
    # 2 lies within 3's only (on the border of 1's), 5 on the border of 3's
    assert density_coverage(real, fake, 1) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_torch_fidelity_precision_recall() -> None:
    prc = pytest.importorskip("torch_fidelity.metric_prc")
    real, fake = draw(200, 8, 0).double(), 0.8 * draw(180, 8, 1).double()
    expected = prc.calculate_precision_recall_full(fake, real, 3)
    assert precision_recall(real, fake, 3) == pytest.approx(expected, abs=1e-6)  # it averages in float32


def test_one_distribution_has_density_about_one_and_a_collapsed_one_no_coverage() -> None:
    real, fake = draw(600, 4, 0), draw(600, 4, 1)
    density, coverage = density_coverage(real, fake)
    assert density == pytest.approx(1, abs=0.1)
    assert coverage == pytest.approx(0.97, abs=0.03)
    stuck = fake[:1].expand(600, 4)
    assert density_coverage(real, stuck).coverage < 0.03
    assert precision_recall(real, stuck).recall < 0.01


@CASES
@pytest.mark.parametrize("block", [7, 1024])
def test_nearest_is_exact(make, block: int) -> None:
    queries, points = make(50, 5, 0), make(60, 5, 1)
    distance, index = nearest(queries, points, block)
    expected = distances(queries, points)
    torch.testing.assert_close(distance, expected.amin(1), rtol=1e-14, atol=0)
    first = [int(torch.where(row == row.min())[0][0]) for row in expected]
    assert index.tolist() == first


def test_copies_are_at_distance_zero_even_far_from_the_origin() -> None:
    points = draw(300, 64, 0) + 1000
    distance, index = nearest(points.flip(0), points)
    assert distance.tolist() == [0] * 300
    assert index.tolist() == list(range(299, -1, -1))


def test_no_queries_have_no_neighbours() -> None:
    distance, index = nearest(torch.zeros(0, 3), torch.zeros(2, 3))
    assert (distance.shape, index.shape) == ((0,), (0,))


def test_memorisation_by_hand() -> None:
    train, test = torch.tensor([[0.0], [1.0], [10.0]]), torch.tensor([[4.0], [12.0], [8.0]])
    fake = torch.tensor([[-0.5], [2.5], [10.0]])
    got = memorisation(train, test, fake)
    # fake -> train .5, 1.5, 0; test -> train 3, 2, 2; only 2.5 is farther from 1 than 0 is
    assert got.fake_to_train == 0.5
    assert got.test_to_train == 2
    assert got.nn_ratio == 0.25
    assert got.authenticity == pytest.approx(1 / 3)
    assert got.test_authenticity == pytest.approx(1 / 3)


def test_a_memoriser_is_punished_and_an_honest_generator_is_not() -> None:
    train, test, honest = draw(500, 6, 0), draw(500, 6, 1), draw(500, 6, 2)
    fair = memorisation(train, test, honest)
    assert fair.nn_ratio == pytest.approx(1, abs=0.1)
    assert fair.authenticity == pytest.approx(fair.test_authenticity, abs=0.08)
    copier = memorisation(train, test, train[torch.arange(500) % 20])
    assert (copier.nn_ratio, copier.authenticity) == (0, 0)
    noisy = memorisation(train, test, train + 0.05 * draw(500, 6, 3))
    assert noisy.nn_ratio < 0.2
    assert noisy.authenticity < 0.05


def test_a_training_image_that_occurs_twice_does_not_hide_its_copies() -> None:
    train = draw(50, 3, 0)
    doubled = torch.cat([train, train])
    assert memorisation(doubled, draw(50, 3, 1), train).authenticity == 0


def test_wrong_input_is_refused() -> None:
    x = draw(8, 3, 0)
    with pytest.raises(ValueError, match="fake needs more than k=3 rows, got 3"):
        precision_recall(x, x[:3])
    with pytest.raises(ValueError, match="real needs more than k=5 rows, got 5"):
        density_coverage(x[:5], x)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        density_coverage(x, x, 0)
    with pytest.raises(ValueError, match=r"fake must have shape \[N, 3\], got \[8, 2\]"):
        precision_recall(x, x[:, :2])
    with pytest.raises(ValueError, match="fake must be finite"):
        density_coverage(x, x / 0)
    with pytest.raises(ValueError, match="at least 1 point"):
        nearest(x, x[:0])
    with pytest.raises(ValueError, match="needs 2 training, 1 test and 1 generated image or more, got 1, 8 and 8"):
        memorisation(x[:1], x, x)
    with pytest.warns(UserWarning, match="half of the test images are training images: nn_ratio is left out"):
        found = memorisation(x, x, x + 1)
    assert math.isnan(found.nn_ratio)
    assert math.isfinite(found.authenticity)

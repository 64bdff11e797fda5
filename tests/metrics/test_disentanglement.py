"""The images of a toy world are its factors themselves: representations can be written down."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.metrics.disentanglement import dci, mig, sap
from ganzoo.metrics.higgins import by_adagrad, factor_vae, higgins

SIZES = (3, 4, 5)
GRID = torch.cartesian_prod(*[torch.arange(size) for size in SIZES])
SMALL = {"n_train": 200, "n_test": 200}


def rotation(d: int, seed: int = 0) -> Tensor:
    return torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(seed))).Q


def same(factors: Tensor) -> Tensor:
    return factors


def true(factors: Tensor) -> Tensor:
    return factors.float()


def turned(factors: Tensor) -> Tensor:
    return factors.float() @ rotation(factors.shape[1])


def constant(factors: Tensor) -> Tensor:
    return torch.full((len(factors), 3), 0.1)


class Noise:
    """Codes that know nothing of the image."""

    def __init__(self, d: int) -> None:
        self.d, self.generator = d, torch.Generator().manual_seed(0)

    def __call__(self, images: Tensor) -> Tensor:
        return torch.randn(len(images), self.d, generator=self.generator)


class Nearly(Noise):
    """True factors with noise, each coordinate on a scale of its own."""

    def __call__(self, images: Tensor) -> Tensor:
        return (images + 0.2 * super().__call__(images)) * torch.tensor([1.0, 3.0, 9.0])


class Spy:
    """Draws the factors themselves and remembers them."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, factors: Tensor) -> Tensor:
        self.seen.append(factors)
        return factors


# -- Higgins


def test_higgins_is_1_for_true_factors_chance_for_constants_and_less_when_turned():
    assert higgins(true, same, SIZES, n_pairs=8, **SMALL) == 1
    assert higgins(constant, same, SIZES, n_pairs=8, **SMALL) == pytest.approx(1 / 3, abs=0.1)
    assert higgins(turned, same, SIZES, n_pairs=8, **SMALL) < 0.85


def test_higgins_is_1_for_true_factors_in_any_order_sign_and_with_others_beside():
    def shuffled(v):
        return torch.cat([-2.0 * v[:, [2, 0]], torch.ones(len(v), 1), v[:, 1:2] + 7.0], dim=1)

    assert higgins(shuffled, same, SIZES, n_pairs=8, **SMALL) == 1


def test_a_pair_shares_one_factor_and_all_else_is_independent():
    spy, L, m = Spy(), 40, 5
    higgins(true, spy, (2, *SIZES), factors=(1, 3), n_pairs=L, block=2 * L * m, n_train=30, n_test=30)
    v = torch.stack([seen.view(2, m, L, 4) for seen in spy.seen], dim=1).flatten(1, 2)
    assert v.shape == (2, 60, L, 4)
    assert [(v[..., k].min(), v[..., k].max()) for k in range(4)] == [(0, size - 1) for size in (2, *SIZES)]
    shared = (v[0] == v[1]).all(dim=1)
    assert set(shared.nonzero()[:, 1].tolist()) == {1, 3}
    assert (shared.sum(dim=1) == 1).all()
    k = shared.int().argmax(dim=1)
    inside = v[0].gather(2, k.view(-1, 1, 1).expand(-1, L, 1))[..., 0]
    assert (inside.amin(dim=1) < inside.amax(dim=1)).all()  # pairs of one point do not share the value
    rate = (v[0] == v[1])[..., 0].double().mean()
    assert float(rate) == pytest.approx(1 / 2, abs=5 * 0.5 / math.sqrt(60 * L))


def test_higgins_classifier_can_be_stopped_and_sees_more_with_every_step():
    def score(steps, codes=true):
        return higgins(codes, same, SIZES, n_pairs=8, steps=steps, **SMALL)

    state = torch.get_rng_state()
    few, more = score(1), score(100)
    assert few < more - 0.05
    assert score(2000) > 0.99
    assert score(1000, constant) == pytest.approx(1 / 3, abs=0.1)
    assert score(100) == more
    assert torch.equal(torch.get_rng_state(), state)


def test_adagrad_by_hand():
    """One step from Adagrad's start moves every weight by lr against the sign of its gradient."""
    x, labels = torch.tensor([[1.0, -2.0]], dtype=torch.float64), torch.tensor([1])
    bound = 2**-0.5
    first = torch.empty(2, 2, dtype=torch.float64).uniform_(-bound, bound, generator=torch.Generator().manual_seed(3))
    after = by_adagrad(x, labels, 2, 1, torch.Generator().manual_seed(3))
    step = 0.01 * torch.tensor([[-1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(after.weight, first + step, rtol=0, atol=1e-8)


def test_higgins_can_only_see_the_factors_that_are_fixed():
    def first(v):
        return v[:, :1].float()

    assert higgins(first, same, SIZES, factors=(1, 2), n_pairs=8, **SMALL) == pytest.approx(1 / 2, abs=0.15)
    assert higgins(first, same, SIZES, factors=(0, 2), n_pairs=8, **SMALL) > 0.9


def test_higgins_scores_points_that_it_has_not_seen():
    assert higgins(Noise(100), same, SIZES, n_pairs=1, n_train=50, n_test=300) < 0.5


def test_higgins_takes_differences_as_they_are():
    """Not standardised: the penalty on weights leaves codes of a small scale at chance."""
    assert higgins(lambda v: 1e-6 * v.float(), same, SIZES, n_pairs=8, **SMALL) < 0.5


# -- FactorVAE


def test_factor_vae_is_1_for_true_factors_0_for_constants_and_less_when_turned():
    assert factor_vae(true, same, SIZES, batch=32, **SMALL) == 1
    assert factor_vae(constant, same, SIZES, batch=32, **SMALL) == 0
    assert factor_vae(turned, same, SIZES, batch=32, **SMALL) < 0.85


def test_float_rounding_is_no_signal():
    def rounded(v):
        return 5 + 1e-6 * v.float()

    assert factor_vae(rounded, same, SIZES, batch=32, **SMALL) == 0
    assert mig(rounded(GRID), GRID) == 0
    assert sap(rounded(GRID), GRID) == 0
    assert dci(rounded(GRID), GRID)[:2] == (0, 0)
    assert factor_vae(lambda v: 1e-9 * v.float(), same, SIZES, batch=32, **SMALL) == 1


def test_factor_vae_divides_by_the_deviation_of_each_coordinate():
    assert factor_vae(Nearly(3), same, SIZES, batch=32, **SMALL) > 0.97


def test_factor_vae_prunes_coordinates_that_hardly_vary():
    """A coordinate that is 0 but for a few images has the least variance in nearly all batches."""

    def spiked(v):
        return torch.cat([0.1 * (v.sum(dim=1, keepdim=True) == 0), v.float()], dim=1)

    assert factor_vae(spiked, same, (6, 6, 6), batch=32, **SMALL) == 1
    assert factor_vae(lambda v: 1e-3 * spiked(v), same, (6, 6, 6), batch=32, **SMALL) == 1
    assert factor_vae(spiked, same, (6, 6, 6), batch=32, prune=0, **SMALL) < 0.7


def test_factor_vae_scores_votes_that_it_has_not_seen():
    assert factor_vae(Noise(200), same, SIZES, batch=4, n_train=100, n_test=300) < 0.5


def test_a_vote_holds_one_value_of_one_factor():
    spy, L, m = Spy(), 20, 5
    factor_vae(true, spy, (2, *SIZES), factors=(1, 3), batch=L, n_scale=100, block=L * m, n_train=30, n_test=30)
    v = torch.cat([seen.view(m, L, 4) for seen in spy.seen[1:]])
    assert v.shape == (60, L, 4)
    held = v.amin(dim=1) == v.amax(dim=1)
    assert (held.sum(dim=1) == 1).all()
    assert set(held.nonzero()[:, 1].tolist()) == {1, 3}
    assert set(v[held[:, 3], 0, 3].tolist()) == set(range(5))


def test_factor_vae_may_let_a_factor_vary_always():
    def without_first(v):
        return v[:, 1:].float()

    assert factor_vae(without_first, same, SIZES, factors=(1, 2), batch=32, **SMALL) == 1
    assert factor_vae(without_first, same, SIZES, batch=32, **SMALL) < 0.95


@pytest.mark.parametrize("metric", [higgins, factor_vae])
def test_a_seed_decides_and_nothing_else_is_touched(metric):
    def blurred(v):
        return turned(v)[:, :2]

    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    values = [metric(blurred, same, SIZES, seed=seed, **SMALL) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == numpy_before


@pytest.mark.parametrize("metric", [higgins, factor_vae])
def test_networks_run_without_a_graph(metric):
    net = torch.nn.Linear(3, 2)

    def represent(v):
        z = net(v.float())
        assert not z.requires_grad
        return z

    assert 0 <= metric(represent, same, SIZES, **SMALL) <= 1


@pytest.mark.parametrize("metric", [higgins, factor_vae])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"factors": (0,)}, r"2 or more different factors of 2 or more values, got \[0\] of sizes \[3, 4, 5\]"),
        ({"factors": (0, 3)}, r"got \[0, 3\]"),
        ({"factors": (1, 1)}, r"got \[1, 1\]"),
        ({"sizes": (3, 1, 5)}, r"got \[0, 1, 2\] of sizes \[3, 1, 5\]"),
        ({"sizes": ()}, r"got \[\]"),
        ({"n_test": 0}, "at least 1 pair"),
        ({"represent": lambda v: v}, "codes must be floating point"),
        ({"represent": lambda v: v.float().log().log()}, "codes must be finite"),
        ({"represent": lambda v: v.float()[1:]}, "a code for each image, got"),
    ],
)
def test_what_cannot_be_fixed_is_refused(metric, changed, message):
    given = {"represent": true, "draw": same, "sizes": SIZES, **SMALL, **changed}
    with pytest.raises(ValueError, match=message):
        metric(**given)


# -- MIG


def test_mig_of_independent_true_factors_is_1():
    assert mig(true(GRID), GRID) == pytest.approx(1, abs=1e-12)
    assert mig(-3 * true(GRID)[:, [2, 0, 1]] + 1, GRID) == pytest.approx(1, abs=1e-12)
    assert mig(true(GRID), 10 * GRID - 7) == pytest.approx(1, abs=1e-12)


def test_mig_of_more_values_than_bins():
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(40))
    assert mig(factors.float(), factors) == pytest.approx((1 + math.log(20) / math.log(40)) / 2, abs=1e-12)
    assert mig(factors.float(), factors, n_bins=40) == pytest.approx(1, abs=1e-12)


def test_mig_is_the_gap_to_the_second_best():
    """A second coordinate tells a half of 4 values: I = log 2 of H = log 4."""
    v = torch.arange(4)[:, None]
    assert mig(torch.cat([v, v // 2], dim=1).float(), v) == pytest.approx(0.5, abs=1e-12)
    assert mig(torch.cat([v, v // 2, v], dim=1).float(), v) == pytest.approx(0, abs=1e-12)
    assert mig(v.float(), v) == pytest.approx(1, abs=1e-12)


def test_mig_falls_when_turned_and_is_0_for_constants():
    assert mig(turned(GRID), GRID) < 0.3
    assert mig(constant(GRID), GRID) == 0


# -- SAP


def test_sap_of_a_one_to_one_linear_code_is_1():
    assert sap(true(GRID), GRID) == pytest.approx(1, abs=1e-12)
    assert sap(-3 * true(GRID)[:, [2, 0, 1]] + 1e3, GRID) == pytest.approx(1, abs=1e-6)


def test_sap_by_hand():
    """Codes v_1 and v_1 + v_2: R² of the second is the share of its variance."""
    factors = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    codes = torch.stack([factors[:, 0], factors.sum(dim=1)], dim=1).double()
    var_1, var_2 = 1 / 4, 2 / 3
    assert sap(codes, factors) == pytest.approx(var_2 / (var_1 + var_2), abs=1e-12)


def test_sap_falls_when_turned_and_is_0_for_constants():
    assert sap(turned(GRID), GRID) < 0.5
    assert sap(constant(GRID), GRID) == 0
    assert sap(constant(GRID), GRID, categorical=(0, 1, 2)) == 0


def test_sap_of_categorical_factors_is_the_accuracy_of_an_svm():
    """A line tells 2 classes apart, and of 3 in order only the outer two; chance is 1 / K."""
    factors = torch.cartesian_prod(torch.arange(2), torch.arange(3)).repeat(100, 1)
    codes = factors.float()
    two, both = sap(codes, factors, categorical=[0]), sap(codes, factors, categorical=(0, 1))
    assert two == pytest.approx((1 / 2 + 1) / 2, abs=0.05)
    assert both == pytest.approx((1 / 2 + 1 / 3) / 2, abs=0.05)


# -- DCI


def test_dci_of_true_factors_is_1():
    assert dci(true(GRID.repeat(3, 1)), GRID.repeat(3, 1)) == pytest.approx((1, 1, 1), abs=1e-12)


def test_dci_of_a_coordinate_that_holds_two_factors():
    """Weights are 1 for the pure coordinate and 2 for the mixed one, whose entropy is log 2 of log 3."""
    factors = GRID.repeat(30, 1)
    codes = torch.stack([factors[:, 0], factors[:, 1] + 4 * factors[:, 2]], dim=1).float()
    mixed = 1 - math.log(2) / math.log(3)
    assert dci(codes, factors) == pytest.approx(((1 + 2 * mixed) / 3, 1, 1), abs=0.02)
    one = (factors[:, 1] + 4 * factors[:, 2])[:, None].float()
    assert dci(one, factors[:, 1:]) == pytest.approx((0, 1, 1), abs=1e-12)


def test_dci_of_a_factor_that_two_coordinates_hold():
    factors = GRID.repeat(3, 1)
    disentanglement, completeness, informativeness = dci(true(factors)[:, [0, 1, 2, 0, 1, 2]], factors, n_trees=100)
    assert (disentanglement, informativeness) == (pytest.approx(1), pytest.approx(1))
    assert completeness == pytest.approx(1 - math.log(2) / math.log(6), abs=0.03)


def test_dci_falls_when_turned_and_only_chance_informs_of_constants():
    factors = GRID.repeat(3, 1)
    scores = dci(turned(factors), factors)
    assert max(scores[:2]) < 0.5
    disentanglement, completeness, informativeness = dci(constant(factors), factors)
    assert (disentanglement, completeness) == (0, 0)
    assert 0.1 < informativeness < 0.4


def test_dci_gives_no_weight_to_noise_beside():
    factors = GRID.repeat(30, 1)
    codes = torch.cat([true(factors) + 0.2 * Noise(3)(factors), Noise(3)(factors)], dim=1)
    assert min(dci(codes, factors)) > 0.9


def test_dci_scores_rows_that_it_has_not_seen():
    factors = GRID.repeat(3, 1)
    assert dci(Noise(5)(factors), factors).informativeness < 0.4


def test_the_seed_of_dci_decides_and_nothing_else_is_touched():
    factors = GRID.repeat(3, 1)
    codes = true(factors) + Noise(3)(factors)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    values = [dci(codes, factors, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == numpy_before


@pytest.mark.parametrize("metric", [mig, sap, dci])
@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (GRID, GRID, "codes must be floating point"),
        (GRID.float() / 0, GRID, "codes must be finite"),
        (GRID.float(), GRID.float(), r"factors must be int64 \[60, F\], got torch.float32 \[60, 3\]"),
        (GRID.float(), GRID[1:], r"factors must be int64 \[60, F\], got torch.int64 \[59, 3\]"),
        (GRID.float(), GRID[:, 0], r"got torch.int64 \[60\]"),
        (GRID.float(), GRID * torch.tensor([1, 0, 1]), r"factors \[1\] have one value only"),
        (GRID[:2].float(), GRID[:2], "at least 3 rows, got 2"),
    ],
)
def test_what_has_no_score_is_refused(metric, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        metric(codes, factors)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mig(true(GRID), GRID, n_bins=0), "n_bins must be at least 1, got 0"),
        (lambda: sap(true(GRID), GRID, categorical=(3,)), "factors from 0 to 2, got 3"),
        (lambda: dci(true(GRID), GRID[:, :1]), "at least 2 factors to tell apart, got 1"),
    ],
)
def test_what_an_argument_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

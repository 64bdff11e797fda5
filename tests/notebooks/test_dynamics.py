"""Closed forms of the bilinear game and of Dirac-GAN, and what 500 updates do."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from ganzoo.losses.objectives import Minimax, NonSaturating, Wasserstein
from notebooks.theory import alternating, bilinear, descent, dirac, eigenvalues, extragradient, factor, optimistic, simultaneous, trajectory

START = (1.0, 1.0)
BOTH = pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=["minimax", "non-saturating"])


def radii(rule, field, step, n=500, **kwargs):
    return trajectory(rule, field, START, step, n, **kwargs).norm(dim=1)


def point(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def by_real_part(numbers):
    return sorted((complex(n) for n in numbers.tolist()), key=lambda n: (round(n.real, 9), n.imag))


# -- min_x max_y x y


@pytest.mark.parametrize(
    ("rule", "rate", "last", "digits"),
    [
        (simultaneous, 1.004988, 17.016, 5e-4),
        (alternating, 1.0, 1.4103, 5e-5),
        (extragradient, 0.995038, 0.1176, 5e-5),
        (optimistic, 0.994936, 0.1129, 5e-5),
    ],
)
def test_bilinear_game(rule, rate, last, digits):
    assert factor(rule, bilinear, 0.1) == pytest.approx(rate, abs=1e-6)
    assert float(radii(rule, bilinear, 0.1)[-1]) == pytest.approx(last, abs=digits)


@pytest.mark.parametrize("step", [0.05, 0.1, 0.5])
def test_factors_of_the_bilinear_game_in_closed_form(step):
    assert factor(simultaneous, bilinear, step) == pytest.approx(math.sqrt(1 + step**2), abs=1e-12)
    assert factor(extragradient, bilinear, step) == pytest.approx(math.sqrt(1 - step**2 + step**4), abs=1e-12)
    assert factor(alternating, bilinear, step) == pytest.approx(1, abs=1e-12)


def test_simultaneous_and_extragradient_change_the_radius_by_the_factor_every_time():
    for rule in (simultaneous, extragradient):
        r = radii(rule, bilinear, 0.1, n=20)
        torch.testing.assert_close(r[1:] / r[:-1], torch.full((20,), factor(rule, bilinear, 0.1)).double())


def test_alternating_cycles():
    r = radii(alternating, bilinear, 0.1)
    assert float(r.min()) == pytest.approx(1.345, abs=5e-4)
    assert float(r.max()) == pytest.approx(math.sqrt(2), abs=1e-9)
    assert factor(alternating, bilinear, 2.1) > 1.5


def test_optimism_needs_the_direction_before():
    """x' = x - h (2 g - g before): in the first step the two are the same."""
    path = trajectory(optimistic, bilinear, START, 0.1, 2)
    torch.testing.assert_close(path[1], point(0.9, 1.1))
    torch.testing.assert_close(path[2], point(0.9 - 0.1 * (2 * 1.1 - 1), 1.1 + 0.1 * (2 * 0.9 - 1)))


def test_the_first_player_moves_first():
    torch.testing.assert_close(trajectory(alternating, bilinear, START, 0.1, 1)[1], point(0.9, 1.09))


def test_a_trajectory_has_its_start_and_float64():
    path = trajectory(simultaneous, bilinear, (3, -1), 0.1, 7)
    assert path.shape == (8, 2)
    assert path.dtype == torch.float64
    assert path[0].tolist() == [3.0, -1.0]
    assert not path.requires_grad
    assert trajectory(simultaneous, bilinear, START, 0.1, 0).shape == (1, 2)


def test_descent_is_the_gradient_of_each_players_own_loss():
    torch.testing.assert_close(descent(lambda x, y: x * y, lambda x, y: -x * y)(point(2.0, 3.0)), point(-3.0, 2.0))
    field = descent(lambda x, y: x**2 * y + y**3, lambda x, y: x * y**2 + x**5)
    torch.testing.assert_close(field(point(2.0, 3.0)), point(-12.0, -12.0))


# -- Dirac-GAN


@pytest.mark.parametrize("at", [(1.0, 1.0), (-0.5, 2.0), (0.3, -1.2)])
def test_fields_are_those_of_the_paper(at):
    theta, psi = at
    f = 1 / (1 + math.exp(psi * theta))  # f'(ψθ)
    g = 1 / (1 + math.exp(-psi * theta))
    torch.testing.assert_close(dirac(Minimax())(point(*at)), point(-psi * f, theta * f))
    torch.testing.assert_close(dirac(NonSaturating())(point(*at)), point(-psi * g, theta * f))
    torch.testing.assert_close(dirac(Wasserstein())(point(*at)), point(-psi, theta))
    torch.testing.assert_close(dirac(Minimax(), gamma=0.3)(point(*at)), point(-psi * f, theta * f - 0.3 * psi))
    penalty = 0.7 * (abs(psi) - 1) * math.copysign(1, psi)
    torch.testing.assert_close(dirac(Wasserstein(), gamma=0.7, target=1.0)(point(*at)), point(-psi, theta - penalty))


@BOTH
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.5])
def test_eigenvalues_of_dirac_gan(objective, gamma):
    """-γ/2 ± √(γ²/4 - f'(0)²): imaginary without R1, real from γ = 2 f'(0) = 1 on."""
    root = complex(gamma**2 / 4 - 0.25) ** 0.5
    expected = by_real_part(torch.tensor([-gamma / 2 - root, -gamma / 2 + root]))
    found = by_real_part(eigenvalues(dirac(objective, gamma)))
    assert found == pytest.approx(expected, abs=1e-7)  # the double one is known to √ε only


@BOTH
@pytest.mark.parametrize(("gamma", "rate"), [(0.0, 1.004988), (0.3, 0.974679), (1.0, 0.9)])
def test_factors_of_dirac_gan(objective, gamma, rate):
    assert factor(simultaneous, dirac(objective, gamma), 0.2) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(
    ("objective", "gamma", "at_once", "in_turn"),
    [
        (Minimax(), 0.0, 3.097, 1.421),
        (NonSaturating(), 0.0, 0.640, 0.284),
        (Minimax(), 0.3, 2.6e-6, 2.3e-7),
        (NonSaturating(), 0.3, 2.2e-6, 1.5e-7),
    ],
)
def test_500_updates_of_dirac_gan(objective, gamma, at_once, in_turn):
    digits = 5e-4 if gamma == 0 else 0.0
    share = 0.0 if gamma == 0 else 0.025
    field = dirac(objective, gamma)
    assert float(radii(simultaneous, field, 0.2)[-1]) == pytest.approx(at_once, abs=digits, rel=share)
    assert float(radii(alternating, field, 0.2)[-1]) == pytest.approx(in_turn, abs=digits, rel=share)


@pytest.mark.parametrize(("objective", "power"), [(Minimax(), -21), (NonSaturating(), -23)])
def test_critical_regularisation_is_fastest(objective, power):
    field = dirac(objective, gamma=1.0)
    assert round(math.log10(float(radii(simultaneous, field, 0.2)[-1]))) == power
    assert factor(simultaneous, field, 0.2) < factor(simultaneous, dirac(objective, 1.2), 0.2)
    assert factor(simultaneous, field, 0.2) < factor(simultaneous, dirac(objective, 0.8), 0.2)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_factor_of_alternating_in_closed_form(gamma):
    """Eigenvalues of [[1, -hk], [hk, 1 - hγ - h²k²]] with k = f'(0) = 1/2: at γ = 1 they are already real and apart."""
    h, k = 0.2, 0.5
    trace, det = 2 - h * gamma - (h * k) ** 2, 1 - h * gamma
    root = complex(trace**2 / 4 - det) ** 0.5
    expected = max(abs(trace / 2 + root), abs(trace / 2 - root))
    assert factor(alternating, dirac(Minimax(), gamma), h) == pytest.approx(expected, abs=1e-9)


@BOTH
def test_instance_noise_acts_like_a_penalty(objective):
    """f''(0) σ² ± √(f''(0)² σ⁴ - f'(0)²) with f'(0) = 1/2, f''(0) = -1/4: real part -σ²/4."""
    sigma = 0.7
    damping = sigma**2 / 4
    pulse = math.sqrt(0.25 - damping**2)
    found = by_real_part(eigenvalues(dirac(objective, noise=sigma)))
    assert found == pytest.approx([complex(-damping, -pulse), complex(-damping, pulse)], abs=1e-7)
    assert float(radii(simultaneous, dirac(objective, noise=sigma), 0.2, n=200)[-1]) < 0.05


@pytest.mark.parametrize("rule", [simultaneous, alternating])
def test_wasserstein_does_not_converge(rule):
    clipped = trajectory(rule, dirac(Wasserstein()), START, 0.2, 500, clip=1.0)
    assert clipped[:, 1].abs().max() == 1.0
    assert clipped[:, 0].abs().max() > 1.0  # only the critic is clipped
    assert float(clipped[-100:].norm(dim=1).min()) > 0.5
    penalised = radii(rule, dirac(Wasserstein(), gamma=0.7, target=1.0), 0.2)
    assert 0.5 < float(penalised[-100:].min()) < float(penalised[-100:].max()) < 3


def test_a_relativistic_discriminator_changes_nothing_here():
    """It sees D(x) - D(G(z)) = ψθ, because D(0) = 0: R3GAN's local convergence is that of Dirac-GAN with R1."""

    def against(gamma):
        def d_loss(theta, psi):
            return softplus(-(psi * theta)) + gamma / 2 * psi**2  # the real logit is 0, that of the sample -ψθ

        return descent(lambda theta, psi: softplus(psi * theta), d_loss)

    for gamma in (0.0, 0.3, 2.0):
        relativistic = by_real_part(eigenvalues(against(gamma)))
        assert relativistic == pytest.approx(by_real_part(eigenvalues(dirac(NonSaturating(), gamma))), abs=1e-9)


# -- what has no answer


def test_a_factor_belongs_to_an_equilibrium():
    with pytest.raises(ValueError, match=r"expected an equilibrium.*it is \[-2.0, 1.0\] at \[1.0, 2.0\]"):
        factor(simultaneous, bilinear, 0.1, at=(1.0, 2.0))


def test_a_field_that_jumps_has_no_linearisation():
    with pytest.raises(ValueError, match="jumps or bends there; follow a trajectory"):
        eigenvalues(dirac(Wasserstein(), gamma=0.7, target=1.0))
    with pytest.raises(ValueError, match="jumps or bends there"):
        factor(alternating, dirac(Wasserstein(), gamma=0.7, target=1.0), 0.1)

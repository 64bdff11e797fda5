"""The bilinear game and Dirac-GAN, closed form or published beside ours: python -m benchmarks.papers.dynamics.

500 updates from (1, 1) with step 0.1 for the bilinear game and 0.2 for Dirac-GAN. The radii in Dirac-GAN's column
"published field" were computed with that of https://github.com/LMescheder/GAN_stability from the same start and step.
"""

import cmath
import math
from collections.abc import Iterable

import torch
from torch import Tensor

from benchmarks.machine import made
from benchmarks.papers.runs import show
from ganzoo.losses.objectives import Minimax, NonSaturating, Objective, Wasserstein
from notebooks.theory import (
    alternating,
    bilinear,
    dirac,
    eigenvalues,
    extragradient,
    factor,
    optimistic,
    simultaneous,
    trajectory,
)
from notebooks.theory.dynamics import Field, Rule

N = 500
GAN, NSGAN = Minimax(), NonSaturating()
PUBLISHED: dict[tuple[float, Objective], tuple[str, str]] = {  # simultaneous, alternating
    (0.0, GAN): ("3.097", "1.421"),
    (0.0, NSGAN): ("0.640", "0.284"),
    (0.3, GAN): ("2.6e-06", "2.3e-07"),
    (0.3, NSGAN): ("2.2e-06", "1.5e-07"),
    (1.0, GAN): ("~1e-21", "-"),
    (1.0, NSGAN): ("~1e-23", "-"),
}


def path(rule: Rule, field: Field, step: float, clip: float = math.inf) -> Tensor:
    """Distances from the equilibrium."""
    return trajectory(rule, field, (1.0, 1.0), step, N, clip).norm(dim=1)


def table(title: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    print(f"\n{title}")
    show(columns.split(" | "), list(rows))


def linear_maps(h: float) -> dict[Rule, list[list[float]]]:
    """The four updates of the bilinear game as matrices on (x, y), or (x, y, x before, y before)."""
    return {
        simultaneous: [[1, -h], [h, 1]],
        alternating: [[1, -h], [h, 1 - h * h]],
        extragradient: [[1 - h * h, -h], [h, 1 - h * h]],
        optimistic: [[1, -2 * h, 0, h], [2 * h, 1, -h, 0], [1, 0, 0, 0], [0, 1, 0, 0]],
    }


def bilinear_rows(h: float = 0.1) -> Iterable[tuple[object, ...]]:
    root = cmath.sqrt((1 + 2j * h) ** 2 - 4j * h)  # of μ² - (1 + 2ih) μ + ih, for optimistic
    factors = {
        simultaneous: math.sqrt(1 + h * h),
        alternating: 1.0,
        extragradient: math.sqrt(1 - h * h + h**4),
        optimistic: max(abs(1 + 2j * h + root), abs(1 + 2j * h - root)) / 2,
    }
    for rule, rows in linear_maps(h).items():
        matrix = torch.tensor(rows, dtype=torch.float64)
        last = torch.linalg.matrix_power(matrix, N).sum(1)[:2].norm()  # from (1, 1) and, before it, (1, 1)
        ours = path(rule, bilinear, h)
        yield (
            rule.__name__,
            f"{factors[rule]:.6f}",
            f"{factor(rule, bilinear, h):.6f}",
            f"{last:.4f}",
            f"{ours[-1]:.4f}",
            f"{ours.min():.3f} to {ours.max():.3f}",
        )


def dirac_rows(h: float = 0.2) -> Iterable[tuple[object, ...]]:
    for (gamma, objective), published in PUBLISHED.items():
        field = dirac(objective, gamma)
        root = cmath.sqrt(gamma**2 / 4 - 0.25)
        at_once = max(abs(1 + h * (-gamma / 2 + sign * root)) for sign in (1, -1))
        trace, det = 2 - h * gamma - h * h / 4, 1 - h * gamma
        in_turn = max(abs(trace / 2 + sign * cmath.sqrt(trace**2 / 4 - det)) for sign in (1, -1))
        for rule, rate, theirs in zip((simultaneous, alternating), (at_once, in_turn), published, strict=True):
            radius = path(rule, field, h)[-1]
            yield (
                f"{gamma:g}",
                "GAN" if objective is GAN else "NS-GAN",
                rule.__name__,
                f"{rate:.6f}",
                f"{factor(rule, field, h):.6f}",
                theirs,
                f"{radius:.1e}" if radius < 1e-3 else f"{radius:.3f}",
            )


def other_rows(h: float = 0.2) -> Iterable[tuple[object, ...]]:
    noisy = "-0.1225 ± 0.4848i"  # f''(0) σ² ± √(f''(0)² σ⁴ - f'(0)²) with f'(0) = 1/2, f''(0) = -1/4, σ = 0.7
    cases = [
        ("GAN, instance noise 0.7", dirac(GAN, noise=0.7), math.inf, noisy),
        ("NS-GAN, instance noise 0.7", dirac(NSGAN, noise=0.7), math.inf, noisy),
        ("WGAN, clipped to 1", dirac(Wasserstein()), 1.0, "0.0000 ± 1.0000i"),
        ("WGAN-GP, γ = 0.7", dirac(Wasserstein(), gamma=0.7, target=1.0), math.inf, "-"),
    ]
    for name, field, clip, closed in cases:
        first = 0j if closed == "-" else eigenvalues(field)[0].item()
        found = "-" if closed == "-" else f"{first.real:.4f} ± {abs(first.imag):.4f}i"
        for rule in (simultaneous, alternating):
            late = path(rule, field, h, clip)[-100:]
            reached = "converges" if late.max() < 1e-2 else "does not converge"
            yield name, rule.__name__, closed, found, f"{late.min():.1e} to {late.max():.1e}", reached


def main() -> None:
    print(f"{'; '.join(made().values())}; {N} updates from (1, 1)")
    columns = "update | factor, closed form | ours | final radius, matrix power | ours | our range of radii"
    table("min_x max_y x y, step 0.1 (in continuous time: factor 1, radius 1.4142)", columns, bilinear_rows())
    columns = "γ of R1 | game | update | factor, closed form | ours | final radius, published field | ours"
    table("Dirac-GAN, step 0.2", columns, dirac_rows())
    columns = "game | update | eigenvalues, closed form | ours | our radii in the last 100 updates | so it"
    table("Dirac-GAN with other remedies, step 0.2", columns, other_rows())


if __name__ == "__main__":
    main()

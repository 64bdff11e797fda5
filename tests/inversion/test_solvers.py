"""Solvers: the minimum of each row by itself."""

import math

import pytest
import torch

from ganzoo.inversion.rows import dot, row_sum
from ganzoo.inversion.solvers import FRAMES, LBFGS, Adam, Pairs, moments_of, ramp

N, D = 7, 5


def bowls(n=N, d=D, seed=0):
    """Quadratic bowls, one for each row, that are up to 1,000 times as steep in one direction as in another."""
    random = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(n, d, d, generator=random)).Q
    steep = torch.logspace(-2, 1, d)
    A = Q @ torch.diag_embed(steep.expand(n, d)) @ Q.transpose(1, 2)
    centre = torch.randn(n, d, generator=random)

    def loss(u, rows):
        v = u - centre[rows]
        return ((A[rows] @ v[:, :, None])[:, :, 0] * v).sum(1) / 2 + rows

    return loss, centre


def rosenbrock(u, rows):
    """One valley for each row, whose floor is at (a, a²)."""
    a = 1 + rows / 10
    return (a - u[:, 0]) ** 2 + 10 * (u[:, 1] - u[:, 0] ** 2) ** 2


@pytest.mark.parametrize("shape", [(1,), (3, 7), (2, 3, 5), (4, 1024), (5, 1000), (2, 1)])
def test_rows_are_summed_like_anybody_sums_them_and_alike_in_any_company(shape):
    x = torch.randn(9, *shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(row_sum(x), x.flatten(1).sum(1), rtol=1e-5, atol=1e-5)
    assert torch.equal(row_sum(x)[4:5], row_sum(x[4:5]))
    assert torch.equal(dot(x.flatten(1), x.flatten(1))[[7, 2]], dot(x[[7, 2]].flatten(1), x[[7, 2]].flatten(1)))


def test_lbfgs_finds_the_bottom_of_each_bowl():
    loss, centre = bowls()
    found = LBFGS(200, tolerance=0).minimise(loss, torch.zeros(N, D))
    torch.testing.assert_close(found.u, centre, rtol=0, atol=2e-2)
    torch.testing.assert_close(found.loss, torch.arange(N).float(), rtol=0, atol=1e-5)


def test_lbfgs_follows_a_bent_valley():
    found = LBFGS(200, tolerance=0).minimise(rosenbrock, torch.zeros(N, 2))
    a = 1 + torch.arange(N) / 10
    torch.testing.assert_close(found.u, torch.stack([a, a**2], 1), rtol=0, atol=1e-2)


def test_curvature_is_what_makes_it_fast():
    loss, _ = bowls()
    left = [LBFGS(25, memory=m, tolerance=0).minimise(loss, torch.zeros(N, D)).loss - torch.arange(N) for m in (1, 10)]
    assert left[1].max() < left[0].max() / 10


def test_the_first_step_has_length_1_and_the_loss_never_rises():
    loss, _ = bowls()
    found = LBFGS(30).minimise(loss, torch.full((N, D), 5.0))
    assert (found.history.diff(dim=0) <= 0).all()
    assert torch.equal(found.history[-1], found.loss)
    one = LBFGS(1, trials=1).minimise(lambda u, rows: u.square().sum(1), torch.full((1, 4), 5.0))
    torch.testing.assert_close(one.u, torch.full((1, 4), 4.5))


def test_a_direction_is_that_of_the_matrix_of_the_last_pairs():
    """H = V'HV + s s' / s'y, V = I - y s' / s'y, from (s'y / y'y) I of the newest: Nocedal & Wright, Eq. 7.19."""
    random = torch.Generator().manual_seed(3)
    n, d, rows = 2, 4, torch.arange(2)
    pairs, kept = Pairs(3, n, d, like=torch.zeros(1, dtype=torch.float64)), []
    for _ in range(5):
        s, y = torch.randn(2, n, d, generator=random, dtype=torch.float64)
        y = torch.where((dot(s, y) < 0)[:, None], -y, y)
        kept = [*kept, (s, y)][-3:]
        pairs.add(s, y, rows, torch.ones(n, dtype=torch.bool))
    g = torch.randn(n, d, generator=random, dtype=torch.float64)
    got, slope = pairs.direction(g, rows)
    for i in range(n):
        s, y = (part[i] for part in kept[-1])
        H = torch.eye(d, dtype=torch.float64) * (s @ y) / (y @ y)
        for s, y in ((s[i], y[i]) for s, y in kept):
            V = torch.eye(d, dtype=torch.float64) - torch.outer(y, s) / (s @ y)
            H = V.T @ H @ V + torch.outer(s, s) / (s @ y)
        torch.testing.assert_close(got[i], -H @ g[i])
        torch.testing.assert_close(slope[i], -g[i] @ H @ g[i])


def test_pairs_that_tell_no_curvature_are_left_out():
    s, y, g, rows = torch.eye(2), torch.eye(2), torch.ones(2, 2), torch.arange(2)
    pairs = Pairs(2, 2, 2, like=g)
    pairs.add(s, torch.stack([-y[0], y[1]]), rows, torch.ones(2, dtype=torch.bool))
    pairs.add(s, 2 * y, rows, torch.tensor([False, False]))
    d, _ = pairs.direction(g, rows)
    assert torch.equal(pairs.rho, torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    assert torch.equal(d, -g)  # the second row's pair has H = I


def test_losses_are_counted_and_a_row_that_is_done_costs_nothing_more():
    calls = torch.zeros(N, dtype=torch.long)
    loss, centre = bowls()

    def counted(u, rows):
        calls.index_add_(0, rows, torch.ones_like(rows))
        return loss(u, rows)

    start = torch.zeros(N, D)
    start[3] = centre[3]
    found = LBFGS(30).minimise(counted, start)
    assert torch.equal(found.evaluations, calls)
    assert found.evaluations[3] <= 1 + 6
    assert found.evaluations.max() > 20
    assert torch.equal(found.u[3], centre[3])


@pytest.mark.parametrize("solver", [LBFGS(25), Adam(25)], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("make", [bowls, lambda: (rosenbrock, None)], ids=["bowls", "valleys"])
def test_a_row_is_solved_alike_alone_in_company_and_in_another_order(solver, make):
    loss, _ = make()
    u = torch.randn(N, 2 if loss is rosenbrock else D, generator=torch.Generator().manual_seed(2))
    together = solver.minimise(loss, u)
    for rows in (torch.tensor([4]), torch.tensor([6, 0, 3]), torch.arange(N).flip(0)):
        some = solver.minimise(lambda v, own, rows=rows: loss(v, rows[own]), u[rows])
        assert torch.equal(some.u, together.u[rows])
        assert torch.equal(some.loss, together.loss[rows])
        assert torch.equal(some.history, together.history[:, rows])
        assert torch.equal(some.evaluations, together.evaluations[rows])
        assert torch.equal(some.way, together.way[:, rows])


def test_a_row_that_is_lost_does_not_harm_the_others():
    loss, _ = bowls()

    def torn(u, rows):
        return loss(u, rows) * torch.where(rows == 2, math.nan, 1.0)

    found = LBFGS(20).minimise(torn, torch.zeros(N, D))
    others = [i for i in range(N) if i != 2]
    assert torch.equal(found.u[others], LBFGS(20).minimise(loss, torch.zeros(N, D)).u[others])
    assert torch.equal(found.u[2], torch.zeros(D))


def test_adam_is_torchs_with_a_ramp_and_keeps_the_best():
    found = Adam(40, lr=0.5).minimise(lambda u, rows: u.square().sum(1), torch.full((1, 3), 2.0))
    u = torch.full((1, 3), 2.0, requires_grad=True)
    optimizer, values = torch.optim.Adam([u], betas=(0.9, 0.999)), []
    for step in range(41):
        value = u.square().sum()
        values.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.param_groups[0]["lr"] = 0.5 * ramp(step / 40, 1 / 40)
        optimizer.step()
    assert found.loss.item() == pytest.approx(min(values), rel=1e-4, abs=1e-9)
    assert found.history[:, 0].tolist() == pytest.approx([min(values[: i + 1]) for i in range(41)], rel=1e-4, abs=1e-9)
    assert found.evaluations.tolist() == [41]


def test_the_ramp_rises_stays_and_falls():
    assert ramp(0, 0.01) == pytest.approx(0.2)
    assert ramp(0.5, 0.01) == 1
    assert ramp(0.875, 0.01) == pytest.approx(0.5)
    assert ramp(0.99, 0.01) == pytest.approx((1 - math.cos(math.pi * 0.04)) / 2)


def test_the_way_goes_from_the_start_to_the_end():
    loss, _ = bowls()
    for solver in (LBFGS(30), Adam(30)):
        found = solver.minimise(loss, torch.zeros(N, D))
        assert found.way.shape == (FRAMES, N, D)
        assert torch.equal(found.way[0], torch.zeros(N, D))
        assert torch.equal(found.way[-1], found.u)
        values = torch.stack([loss(u, torch.arange(N)) for u in found.way])
        assert (values.diff(dim=0) <= 1e-6).all()
    assert moments_of(64).tolist() == [0, 1, 4, 9, 16, 25, 36, 49, 64]


@pytest.mark.parametrize("solver", [LBFGS(3), Adam(3)])
def test_a_loss_that_is_one_number_is_refused(solver):
    with pytest.raises(ValueError, match=r"a loss must be one number for each of 7 rows, got \[\]"):
        solver.minimise(lambda u, rows: u.square().mean(), torch.zeros(N, D))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LBFGS(0),
        lambda: LBFGS(memory=0),
        lambda: LBFGS(trials=0),
        lambda: LBFGS(tolerance=-1),
        lambda: LBFGS(tolerance=math.nan),
        lambda: LBFGS(tolerance=math.inf),
        lambda: LBFGS(10**9),
        lambda: Adam(0),
        lambda: Adam(10**9),
        lambda: Adam(lr=0),
        lambda: Adam(lr=math.inf),
        lambda: Adam(beta1=1),
    ],
)
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        wrong()

import pytest
import torch

from ganzoo.metrics.frechet import frechet
from ganzoo.metrics.moments import Moments


def moments(x: torch.Tensor, batch: int, chunk: int = 32) -> Moments:
    state = Moments(x.shape[1], chunk)
    for rows in x.split(batch):
        state.update(rows)
    return state


def draw(n: int, d: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + 3


def same(a: Moments, b: Moments) -> None:
    assert a.n == b.n
    torch.testing.assert_close(a.mean, b.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(a.cov(), b.cov(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 31, 32, 33, 100, 500])
@pytest.mark.parametrize("ddof", [0, 1])
def test_moments_are_those_of_all_rows_at_once(batch: int, ddof: int) -> None:
    x = draw(500, 6)
    state = moments(x, batch)
    assert state.n == 500
    torch.testing.assert_close(state.mean, x.mean(0), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(state.cov(ddof), x.T.cov(correction=ddof), rtol=1e-12, atol=1e-12)


def test_by_hand() -> None:
    state = Moments(2)
    state.update(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    state.update(torch.tensor([[5.0, 2.0]]))
    assert state.n == 3
    assert state.mean.tolist() == [3, 2]
    torch.testing.assert_close(state.cov(), torch.tensor([[4.0, 2], [2, 4]], dtype=torch.float64))


def test_merge_in_any_order_is_one_pass() -> None:
    x = draw(301, 5)
    parts = [moments(rows, 20) for rows in x.split([1, 150, 120, 30])]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]):
        joined = Moments(5)
        for i in order:
            joined.merge(*parts[i].state())
        same(joined, moments(x, 301))


def test_merge_of_an_empty_state_changes_nothing() -> None:
    x = draw(40, 3)
    state, empty = moments(x, 40), Moments(3)
    state.merge(*empty.state())
    same(state, moments(x, 40))
    empty.merge(*state.state())
    same(empty, state)


def test_merge_counts_the_rows_that_wait() -> None:
    x = draw(20, 3)
    state = Moments(3, chunk=1000)
    state.update(x[:5])
    state.merge(*moments(x[5:], 15).state())
    same(state, moments(x, 20))


def test_updates_and_merges_do_not_change_a_state_that_was_handed_out() -> None:
    x = draw(20, 3)
    state = moments(x[:10], 10)
    n, mean, scatter = state.state()
    before = mean.clone(), scatter.clone()
    state.update(x[10:])
    state.merge(n, mean, scatter)
    assert torch.equal(mean, before[0])
    assert torch.equal(scatter, before[1])


@pytest.mark.parametrize(("offset", "limit"), [(1e2, 1e-12), (1e4, 1e-11), (1e6, 1e-9)])
def test_a_large_mean_does_not_spoil_the_distance(offset: float, limit: float) -> None:
    x, y = draw(5000, 16, 0) / 16, draw(5000, 16, 0) / 16 * 1.1

    def distance(shift: float) -> float:
        a, b = moments(x + shift, 100, 1024), moments(y + shift, 37, 1024)
        return frechet(a.mean, a.cov(), b.mean, b.cov())

    assert distance(offset) == pytest.approx(distance(0.0), abs=limit)


def test_float32_rows_are_summed_in_float64() -> None:
    x = draw(3000, 4).float()
    torch.testing.assert_close(moments(x, 64).cov(), x.double().T.cov(), rtol=1e-12, atol=1e-12)


def test_autocast_does_not_change_the_moments() -> None:
    x = draw(300, 4).float()
    expected = moments(x, 64).cov()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(moments(x, 64).cov(), expected)


def test_the_rows_of_the_caller_are_not_written_to() -> None:
    x = draw(40, 3)
    before = x.clone()
    moments(x, 40)
    assert torch.equal(x, before)


def test_the_state_has_no_graph() -> None:
    state = Moments(3)
    state.update(torch.randn(4, 3, requires_grad=True))
    assert not state.cov().requires_grad


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(3), r"features must have shape \[N, 2\], got \[3\]"),
        (torch.zeros(3, 4), r"features must have shape \[N, 2\], got \[3, 4\]"),
        (torch.zeros(3, 2, dtype=torch.uint8), "features must be floating point, got torch.uint8"),
        (torch.tensor([[0.0, float("nan")]]), "features must be finite"),
        (torch.tensor([[0.0, float("-inf")]]), "features must be finite"),
    ],
)
def test_poisoned_features_are_refused_and_leave_no_trace(features: torch.Tensor, message: str) -> None:
    state = Moments(2)
    with pytest.raises(ValueError, match=message):
        state.update(features)
    assert state.n == 0


def test_too_few_rows_have_no_covariance() -> None:
    state = Moments(2)
    state.update(torch.ones(1, 2))
    assert state.cov(ddof=0).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="needs more than 1 rows, got 1"):
        state.cov()


def test_wrong_states_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected n >= 0, mean \[2\]"):
        Moments(2).merge(*Moments(3).state())
    with pytest.raises(ValueError, match="must be finite"):
        Moments(2).merge(3, torch.zeros(2), torch.full((2, 2), float("nan")))
    with pytest.raises(ValueError, match="dim and chunk must be at least 1"):
        Moments(0)

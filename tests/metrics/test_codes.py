import itertools
import math

import pytest
import torch

from ganzoo.metrics.codes import joint_counts, matched_accuracy, mutual_information


def draw(k: int, n: int, seed: int) -> torch.Tensor:
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed))


def test_counts_by_hand():
    counts = joint_counts(torch.tensor([0, 2, 2, 2]), torch.tensor([1, 0, 0, 1]), 3, 2)
    assert counts.tolist() == [[0, 1], [0, 0], [2, 1]]
    assert counts.dtype == torch.int64


# -- matching


def test_codes_that_are_labels_under_another_name_are_right():
    labels = draw(10, 500, 0)
    names = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    accuracy, matching = matched_accuracy(names[labels], labels, 10)
    assert accuracy == 1
    assert matching == {int(names[k]): k for k in range(10)}


def test_the_matching_is_the_best_of_all_not_the_greedy_one():
    """Counts [[10, 9], [9, 0]]: to take 10 first leaves 0."""
    codes = torch.tensor([0] * 19 + [1] * 9)
    labels = torch.tensor([0] * 10 + [1] * 9 + [0] * 9)
    assert matched_accuracy(codes, labels, 2) == (pytest.approx(18 / 28), {0: 1, 1: 0})


@pytest.mark.parametrize("seed", range(5))
def test_the_matching_is_that_of_a_search_over_all(seed):
    codes, labels = draw(4, 30, seed), draw(4, 30, seed + 100)
    best = max(float((torch.tensor(m)[codes] == labels).double().mean()) for m in itertools.permutations(range(4)))
    accuracy, matching = matched_accuracy(codes, labels, 4)
    assert accuracy == pytest.approx(best)
    assert float((torch.tensor([matching[c] for c in codes.tolist()]) == labels).double().mean()) == pytest.approx(
        accuracy
    )


def test_a_mistake_in_twenty_is_five_per_cent():
    labels = torch.arange(10).repeat(20)
    codes = (labels + 3) % 10
    codes[:10] = (codes[:10] + 1) % 10
    assert 1 - matched_accuracy(codes, labels, 10).accuracy == pytest.approx(0.05)


def test_codes_and_labels_may_differ_in_number():
    codes = torch.tensor([0, 0, 0, 1, 1, 2])
    labels = torch.tensor([1, 1, 1, 0, 0, 0])
    assert matched_accuracy(codes, labels, 3, 2) == (pytest.approx(5 / 6), {0: 1, 1: 0})
    assert matched_accuracy(labels, codes, 2, 3) == (pytest.approx(5 / 6), {0: 1, 1: 0})
    assert matched_accuracy(torch.zeros(6, dtype=torch.long), codes, 1, 3) == (pytest.approx(1 / 2), {0: 0})


# -- information


@pytest.mark.parametrize("K", [2, 7, 10])
def test_a_one_to_one_map_tells_log_k(K):
    codes = torch.arange(K).repeat(3)
    counts = joint_counts(codes, (codes + 1) % K, K, K)
    assert mutual_information(counts) == pytest.approx(math.log(K), abs=1e-12)


def test_independent_frequencies_tell_nothing():
    a, b = torch.cartesian_prod(torch.arange(3), torch.arange(5)).T
    assert mutual_information(joint_counts(a, b, 3, 5)) == pytest.approx(0, abs=1e-12)
    assert mutual_information(torch.tensor([[1.0, 2.0, 3.0]]).T @ torch.tensor([[4.0, 1.0]])) == pytest.approx(
        0, abs=1e-12
    )


def test_information_is_the_definition():
    counts = torch.tensor([[3.0, 1.0], [0.0, 4.0]])
    expected = 3 / 8 * math.log(8 * 3 / (4 * 3)) + 1 / 8 * math.log(8 * 1 / (4 * 5)) + 4 / 8 * math.log(8 * 4 / (4 * 5))
    assert mutual_information(counts) == pytest.approx(expected, abs=1e-12)
    assert mutual_information(counts.T) == pytest.approx(expected, abs=1e-12)
    assert mutual_information(10 * counts) == pytest.approx(expected, abs=1e-12)


def test_the_floor_of_few_samples():
    """2 N I is χ² with (A - 1) (B - 1) degrees of freedom."""
    n, A, B, trials = 400, 4, 6, 200
    found = [mutual_information(joint_counts(draw(A, n, i), draw(B, n, i + 10**6), A, B)) for i in range(trials)]
    degrees = (A - 1) * (B - 1)
    assert 2 * n * sum(found) / trials == pytest.approx(degrees, abs=5 * math.sqrt(2 * degrees / trials))


# -- wrong input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: joint_counts(torch.zeros(3), torch.tensor([0]), 2, 2), r"codes must be whole.*torch.float32 \[3\]"),
        (lambda: joint_counts(torch.tensor([0]), torch.tensor([[0]]), 2, 2), r"labels must be whole numbers \[N\]"),
        (lambda: joint_counts(draw(2, 0, 0), draw(2, 0, 0), 2, 2), "N > 0, got torch.int64"),
        (lambda: joint_counts(torch.tensor([0, 2]), torch.tensor([0, 0]), 2, 2), "codes must be from 0 to 1, got 0 to"),
        (lambda: joint_counts(torch.tensor([0, 1]), torch.tensor([-1, 0]), 2, 2), "labels must be from 0 to 1, got -1"),
        (lambda: joint_counts(torch.tensor([0, 1]), torch.tensor([0]), 2, 2), "got 1 labels for 2 codes"),
        (lambda: matched_accuracy(torch.tensor([0, 1]), torch.tensor([0, 5]), 2), "labels must be from 0 to 1"),
        (lambda: mutual_information(torch.ones(3)), r"table of counts \[A, B\], got \[3\]"),
        (lambda: mutual_information(torch.zeros(2, 2)), "not all 0"),
        (lambda: mutual_information(torch.tensor([[1.0, -1.0]])), "not negative"),
        (lambda: mutual_information(torch.tensor([[1.0, math.nan]])), "finite"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

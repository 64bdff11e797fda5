import math

import pytest
import torch

from ganzoo.metrics.score import classifier_score


def test_equal_predictions_score_one() -> None:
    assert classifier_score(torch.zeros(20, 7), 4) == (
        pytest.approx(1, rel=1e-14),
        pytest.approx(0, abs=1e-14),
    )
    same = torch.randn(1, 7, generator=torch.Generator().manual_seed(0)).expand(20, 7)
    assert classifier_score(same, 4)[0] == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("scale", [50.0, 1e4, 1e30])
def test_balanced_certain_predictions_score_the_number_of_classes(scale: float) -> None:
    logits = scale * torch.eye(5).repeat(8, 1)
    mean, std = classifier_score(logits, 4)
    assert mean == pytest.approx(5, rel=1e-12)
    assert std == pytest.approx(0, abs=1e-12)


def test_two_images_by_hand() -> None:
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5]], dtype=torch.float64).log()
    kl = 0.9 * math.log(0.9 / 0.7) + 0.1 * math.log(0.1 / 0.3) + 0.5 * math.log(0.5 / 0.7) + 0.5 * math.log(0.5 / 0.3)
    assert classifier_score(logits, 1) == (pytest.approx(math.exp(kl / 2), rel=1e-13), 0)


def test_the_deviation_is_that_of_the_splits_themselves() -> None:
    logits = torch.cat([torch.zeros(4, 2), 100 * torch.eye(2).repeat(2, 1)])
    assert classifier_score(logits, 2) == (pytest.approx(1.5, rel=1e-12), pytest.approx(0.5, rel=1e-12))


def test_uneven_splits_use_every_image() -> None:
    logits = torch.randn(11, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1)
    scores = []
    for i in range(3):
        q = p[i * 11 // 3 : (i + 1) * 11 // 3]
        scores.append(float((q * (q / q.mean(0)).log()).sum(1).mean().exp()))
    mean, std = classifier_score(logits, 3)
    assert mean == pytest.approx(sum(scores) / 3, rel=1e-12)
    assert std == pytest.approx(float(torch.tensor(scores).double().std(correction=0)), rel=1e-6)


@pytest.mark.parametrize(("n", "splits"), [(100, 10), (57, 10), (11, 10), (30, 1)])
def test_torch_fidelity(n: int, splits: int) -> None:
    isc = pytest.importorskip("torch_fidelity.metric_isc")
    logits = 3 * torch.randn(n, 12, generator=torch.Generator().manual_seed(1))
    expected = isc.isc_features_to_metric(logits, splits, shuffle=False)
    mean, std = classifier_score(logits, splits)
    assert mean == pytest.approx(expected[isc.KEY_METRIC_ISC_MEAN], rel=1e-12)
    assert std == pytest.approx(expected[isc.KEY_METRIC_ISC_STD], rel=1e-10, abs=1e-12)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="number of images, 4, got 10"):
        classifier_score(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="splits must be from 1"):
        classifier_score(torch.zeros(4, 3), 0)
    with pytest.raises(ValueError, match="logits must be finite"):
        classifier_score(torch.full((20, 3), float("inf")))
    with pytest.raises(ValueError, match=r"logits must have shape \[N, d\], got \[20\]"):
        classifier_score(torch.zeros(20))

"""The scores of label maps, by hand."""

import pytest
import torch

from ganzoo.metrics.segmentation import confusion, segmentation_scores


def test_an_example_by_hand():
    scores = segmentation_scores(torch.tensor([[3, 1], [2, 4]]))
    assert scores.pixel == pytest.approx(7 / 10)
    assert scores.class_ == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert scores.iou == pytest.approx((3 / 6 + 4 / 7) / 2)


def test_rows_are_true_classes():
    true, guess = torch.tensor([[0, 0, 1], [2, 2, 2]]), torch.tensor([[0, 1, 1], [0, 2, 2]])
    matrix = confusion(true, guess, 4)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert torch.equal(confusion(guess, true, 4), matrix.T)
    assert torch.equal(
        confusion(true.to(torch.uint8), guess.to(torch.uint8), 4), matrix
    )  # 255 is not enough for places


def test_places_of_many_classes_do_not_overflow():
    labels = torch.arange(64, dtype=torch.uint8)
    assert torch.equal(confusion(labels, labels, 64), torch.eye(64, dtype=torch.long))


def test_classes_that_no_true_pixel_has_are_left_out():
    """Class 2 is guessed once and never true: it costs class 0, and is no mean's term; class 3 is nowhere."""
    matrix = torch.zeros(4, 4, dtype=torch.long)
    matrix[:2, :3] = torch.tensor([[3, 0, 1], [0, 4, 0]])
    scores = segmentation_scores(matrix)
    assert scores == (pytest.approx(7 / 8), pytest.approx((3 / 4 + 1) / 2), pytest.approx((3 / 4 + 1) / 2))


def test_right_is_1_and_wrong_is_0():
    true = torch.randint(3, (2, 8, 8), generator=torch.Generator().manual_seed(0))
    assert segmentation_scores(confusion(true, true, 3)) == (1, 1, 1)
    assert segmentation_scores(confusion(true, (true + 1) % 3, 3)) == (0, 0, 0)


def test_the_matrix_of_a_set_is_not_the_mean_of_images():
    """A class that fills one image and is one pixel of the other."""
    true = torch.tensor([[0, 0, 0, 1], [1, 1, 1, 1]])
    guess = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1]])
    whole = segmentation_scores(confusion(true, guess, 2))
    each = [segmentation_scores(confusion(t, g, 2)).class_ for t, g in zip(true, guess, strict=True)]
    assert whole.class_ == pytest.approx((1 + 4 / 5) / 2)
    assert sum(each) / 2 == pytest.approx(0.75)


L = torch.zeros(2, 4, 4, dtype=torch.long)


@pytest.mark.parametrize(
    ("true", "guess", "message"),
    [
        (L, L[:1], "one shape"),
        (L, L.float(), "guess must be whole numbers"),
        (L.double(), L, "true must be whole numbers"),
        (L, L + 3, "guess must be classes from 0 to 2, got 3 to 3"),
        (L - 1, L, "true must be classes from 0 to 2, got -1 to -1"),
    ],
)
def test_what_is_no_label_map_is_refused(true, guess, message):
    with pytest.raises(ValueError, match=message):
        confusion(true, guess, 3)


@pytest.mark.parametrize("matrix", [torch.zeros(2, 3), torch.ones(3), torch.zeros(2, 2), torch.full((2, 2), torch.nan)])
def test_no_score_without_pixels(matrix):
    with pytest.raises(ValueError, match="confusion matrix"):
        segmentation_scores(matrix)

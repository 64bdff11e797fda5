import math

import pytest
import torch

from ganzoo.metrics.classes import class_frechet, floor_classes, judge_classes, label_accuracy, mean_of
from ganzoo.metrics.frechet import frechet
from ganzoo.metrics.judge import gaussian, halves
from ganzoo.metrics.references import Reference


def features(n, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def reference(x, labels, logits=None):
    made = gaussian(x)
    return Reference(made.mu, made.sigma, len(x), features=x, logits=logits, labels=labels)


def one_hot(labels, K=3):
    return torch.nn.functional.one_hot(labels, K).float()


@pytest.mark.parametrize("n", [40, 8], ids=["more than dimensions", "fewer than dimensions"])
def test_shifted_classes_are_as_far_as_they_are_shifted(n):
    d = 12
    real, labels = features(3 * n, d).double(), torch.arange(3 * n) % 3
    shift = torch.zeros(3, d, dtype=torch.float64)
    shift[0, 0], shift[1, 3], shift[2, 7] = 0.5, 2.0, -3.0
    found = class_frechet(real + shift[labels], labels, real, labels)
    assert found == {0: pytest.approx(0.25, abs=1e-6), 1: pytest.approx(4, abs=1e-6), 2: pytest.approx(9, abs=1e-6)}
    assert mean_of(found) == pytest.approx(13.25 / 3, abs=1e-6)


def test_a_class_is_measured_against_its_own_class():
    real, labels = features(60).double(), torch.arange(60) % 2
    fake, asked = features(50, seed=1).double() * 2, (torch.arange(50) >= 20).long()
    found = class_frechet(fake, asked, real, labels)
    for k in (0, 1):
        a, b = gaussian(fake[asked == k]), gaussian(real[labels == k])
        assert found[k] == pytest.approx(frechet(a.mu, a.sigma, b.mu, b.sigma), rel=1e-9)
    real[labels == 1] += 5
    assert class_frechet(fake, asked, real, labels)[0] == found[0]
    assert class_frechet(fake, asked, real, labels)[1] != found[1]


def test_a_class_with_one_image_has_no_distance():
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    real = torch.tensor([0, 0, 1, 1, 2, 3])
    assert set(class_frechet(features(6), labels, features(6, seed=1), real)) == {0}
    assert math.isnan(mean_of({}))


def test_accuracy_is_the_share_that_is_named_right():
    logits = one_hot(torch.tensor([0, 1, 2, 2]))
    assert label_accuracy(logits, torch.tensor([0, 1, 2, 0])) == 0.75
    assert label_accuracy(logits, torch.tensor([1, 2, 0, 0])) == 0


def test_the_verdict_holds_both_values_and_their_classes():
    real, labels = features(60), torch.arange(60) % 3
    asked = torch.tensor([0] * 10 + [1] * 30 + [2] * 20)
    named = asked.clone()
    named[:5], named[10:40] = 2, 0
    found = judge_classes(features(60, seed=1), one_hot(named), asked, reference(real, labels))
    assert found.values["label_accuracy"] == pytest.approx(25 / 60)  # over samples, not over classes
    assert found.classes["label_accuracy"] == {0: 0.5, 1: 0.0, 2: 1.0}
    assert found.values["class_fd"] == pytest.approx(sum(found.classes["class_fd"].values()) / 3)
    assert found.classes["class_fd"] == class_frechet(features(60, seed=1), asked, real, labels)
    without = judge_classes(features(60, seed=1), None, asked, reference(real, labels))
    assert set(without.values) == set(without.classes) == {"class_fd"}


def test_the_floor_is_what_real_images_get():
    real, labels = features(90), torch.arange(90) % 3
    logits, held_out = one_hot(torch.tensor([0, 1, 1, 1])), torch.tensor([0, 1, 2, 1])
    test = reference(features(4, seed=2), held_out, logits)
    floors = floor_classes(reference(real, labels), test, 30)
    a, b = halves(90, 30)
    assert floors == {
        "class_fd": pytest.approx(mean_of(class_frechet(real[a], labels[a], real[b], labels[b]))),
        "label_accuracy": 0.75,
    }
    assert set(floor_classes(reference(real, labels), reference(features(4), held_out), 30)) == {"class_fd"}


def test_the_halves_never_meet():
    a, b = halves(9, 6)
    assert (len(a), len(b)) == (4, 5)
    assert sorted([*a.tolist(), *b.tolist()]) == list(range(9))
    assert [len(part) for part in halves(100, 10)] == [10, 90]


def test_labels_must_fit():
    with pytest.raises(ValueError, match="got 6 features with 5 labels, 6 real ones with 6"):
        class_frechet(features(6), torch.zeros(5).long(), features(6), torch.zeros(6).long())
    with pytest.raises(ValueError, match="got 3 labels for 4 images"):
        label_accuracy(torch.zeros(4, 3), torch.zeros(3).long())
    with pytest.raises(ValueError, match="got 0 labels for 0 images"):
        label_accuracy(torch.zeros(0, 3), torch.zeros(0).long())

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor

from ganzoo.metrics.probes import CS, ica_features, linear_probe, max_pooled, nearest_neighbour_accuracy, pca_features


def draw(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def task(n: int, d: int, seed: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Points and the class of the largest of some linear functions of them, with noise."""
    x = draw(n, d, seed)
    return x, (x @ draw(d, classes, 99) + draw(n, classes, seed + 1)).argmax(dim=1)


# -- 1-NN


@pytest.mark.parametrize(("n", "m", "d"), [(100, 700, 3), (400, 30, 20), (1, 5, 2)])
def test_the_nearest_neighbour_is_that_of_scikit_learn(n, m, d):
    (train_x, train_y), (test_x, test_y) = task(n, d, 0), task(m, d, 10)
    expected = KNeighborsClassifier(1, algorithm="brute").fit(train_x.double(), train_y).score(test_x.double(), test_y)
    assert nearest_neighbour_accuracy(train_x, train_y, test_x, test_y) == pytest.approx(expected, abs=1e-12)


def test_the_nearest_neighbour_by_hand():
    train_x, train_y = torch.tensor([[0.0], [2.0], [4.0]]), torch.tensor([7, 8, 9])
    test_x = torch.tensor([[-5.0], [1.0], [3.5], [100.0]])  # 1 is as near to 0 as to 2: the first counts
    assert nearest_neighbour_accuracy(train_x, train_y, test_x, torch.tensor([7, 7, 9, 9])) == 1
    assert nearest_neighbour_accuracy(train_x, train_y, test_x, torch.tensor([7, 8, 9, 7])) == 0.5


def test_neighbours_far_from_the_origin_are_told_apart():
    x, y = draw(200, 5, 0).double() + 1e6, torch.arange(200)
    assert nearest_neighbour_accuracy(x, y, x + 1e-6, y) == 1


# -- linear probe


def test_the_probe_is_scikit_learns_svm_on_standardised_features():
    (train_x, train_y), (test_x, test_y) = task(150, 6, 0), task(100, 6, 10)
    scaler = StandardScaler().fit(train_x.numpy())
    svm = LinearSVC(C=0.01, dual="auto", random_state=0).fit(scaler.transform(train_x.numpy()), train_y)
    expected = svm.score(scaler.transform(test_x.numpy()), test_y)
    assert linear_probe(train_x, train_y, test_x, test_y, C=0.01) == (pytest.approx(expected), 0.01)
    moved = linear_probe(train_x, train_y, test_x + 1, test_y, C=0.01)  # the test rows have no say in the scale
    assert moved.accuracy == pytest.approx(svm.score(scaler.transform(test_x.numpy() + 1), test_y))


def test_the_unit_of_a_feature_does_not_matter():
    (train_x, train_y), (test_x, test_y) = task(150, 6, 0), task(100, 6, 10)
    unit = torch.tensor([1e-4, 1.0, 1e4, 10.0, 1.0, 0.1])
    plain = linear_probe(train_x, train_y, test_x, test_y, C=0.01)
    assert linear_probe(train_x * unit, train_y, test_x * unit, test_y, C=0.01) == plain


def test_the_best_c_of_the_training_rows_is_used():
    (train_x, train_y), (test_x, test_y) = task(100, 30, 0), task(100, 30, 10)
    got = linear_probe(train_x, train_y, test_x, test_y)

    def folds(c):
        svm = make_pipeline(StandardScaler(), LinearSVC(C=c, dual="auto", random_state=0))
        return cross_val_score(svm, train_x.numpy(), train_y.numpy(), cv=5).mean()

    scores = {c: folds(c) for c in CS}
    assert scores[got.C] == max(scores.values()) > min(scores.values())
    assert got == linear_probe(train_x, train_y, test_x, test_y, C=got.C)
    assert linear_probe(train_x, train_y, test_x, 2 - test_y).C == got.C


def test_a_line_is_not_enough_for_what_is_not_linear():
    x = draw(400, 2, 0)
    y = (x.prod(dim=1) > 0).long()
    assert linear_probe(x[:200], y[:200], x[200:], y[200:], C=1.0).accuracy < 0.7


# -- pooling


def test_pooling_takes_the_largest_of_each_cell():
    maps = torch.arange(2 * 64.0).view(1, 2, 8, 8)
    expected = torch.stack([maps[0, c, 2 * i + 1, 2 * j + 1] for c in range(2) for i in range(4) for j in range(4)])
    assert torch.equal(max_pooled([maps]), expected[None])
    assert torch.equal(max_pooled([-maps])[0, :2], torch.tensor([-0.0, -2.0]))


def test_layers_stand_one_after_the_other():
    small, large = draw(3, 5 * 16, 0).view(3, 5, 4, 4), draw(3, 2 * 256, 1).view(3, 2, 16, 16)
    rows = max_pooled([large, small])
    assert rows.shape == (3, 16 * 7)
    assert torch.equal(rows[:, 32:], small.flatten(1))
    assert torch.equal(max_pooled([draw(2, 49, 0).view(2, 1, 7, 7)]).amax(dim=1), draw(2, 49, 0).amax(dim=1))


# -- PCA and ICA


def images(n: int, seed: int) -> Tensor:
    """Three uniform sources, mixed into 5 x 5 pixels."""
    return sources(n, seed).mul(0.2) @ draw(3, 25, 50) / 4


def sources(n: int, seed: int) -> Tensor:
    return 2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(seed)) - 1


def test_pca_is_scikit_learns_with_positive_largest_weights():
    train, test = images(300, 0), images(20, 1)
    codes, expected = pca_features(train, 3)(test), PCA(3).fit(train.numpy())
    torch.testing.assert_close(codes.abs(), torch.from_numpy(expected.transform(test.numpy())).abs())
    weights = torch.linalg.lstsq(test - train.mean(dim=0), codes).solution.T
    assert (weights.gather(1, weights.abs().argmax(dim=1, keepdim=True)) > 0).all()
    torch.testing.assert_close(pca_features(-train, 3)(test - train.mean(dim=0) * 2), codes, rtol=1e-4, atol=1e-5)


def test_ica_finds_the_sources():
    codes = ica_features(images(2000, 0), 3)(images(500, 1))
    match = torch.corrcoef(torch.cat([codes, sources(500, 1)], dim=1).T)[:3, 3:].abs()
    assert (match.amax(dim=1) > 0.99).all()
    assert sorted(match.argmax(dim=1).tolist()) == [0, 1, 2]
    assert ica_features(images(2000, 0), 3)(images(2000, 0)).std(dim=0).tolist() == pytest.approx([1] * 3, abs=1e-2)


@pytest.mark.parametrize("make", [pca_features, ica_features])
def test_the_projection_is_that_of_the_training_images(make):
    train, test = images(300, 0), images(20, 1)
    project = make(train, 2)
    codes = project(test)
    assert (codes.dtype, codes.shape) == (torch.float32, (20, 2))
    torch.testing.assert_close(project(test[:1]), codes[:1])
    assert torch.equal(make(train, 2)(test), codes)
    torch.testing.assert_close(make(train.view(-1, 1, 5, 5), 2)(test.view(-1, 1, 5, 5)), codes)


@pytest.mark.parametrize("make", [pca_features, ica_features])
def test_bytes_are_images_from_minus_1_to_1(make):
    train = torch.randint(256, (200, 1, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(make(train, 2)(train[:9]), make(train / 127.5 - 1, 2)(train[:9] / 127.5 - 1))


# -- wrong input

X, Y = draw(8, 3, 0), torch.tensor([0, 1] * 4)


@pytest.mark.parametrize("probe", [nearest_neighbour_accuracy, linear_probe])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y, X[:, :2], Y), r"test_x must have shape \[N, 3\], got \[8, 2\]"),
        ((X / 0, Y, X, Y), "train_x must be finite"),
        ((X, Y[1:], X, Y), r"train_y must be whole numbers \[8\], at least 1, got torch.int64 \[7\]"),
        ((X, Y, X, Y.float()), r"test_y must be whole numbers \[8\], at least 1, got torch.float32"),
        ((X[:0], Y[:0], X, Y), r"train_y must be whole numbers \[0\], at least 1"),
    ],
)
def test_what_cannot_be_probed_is_refused(probe, arguments, message):
    with pytest.raises(ValueError, match=message):
        probe(*arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_probe(X, Y, X, Y, C=()), "C must be positive, one or several, got"),
        (lambda: linear_probe(X, Y, X, Y, C=0), r"C must be positive, one or several, got \[0\]"),
        (lambda: max_pooled([]), "expected maps"),
        (lambda: max_pooled([torch.zeros(2, 1, 3, 4)]), r"at least 4 x 4 and one N, got \[\[2, 1, 3, 4\]\]"),
        (lambda: max_pooled([torch.zeros(2, 1, 4, 4), torch.zeros(3, 1, 4, 4)]), "one N"),
        (lambda: max_pooled([torch.zeros(2, 16)]), r"got \[\[2, 16\]\]"),
        (lambda: pca_features(X, 4), r"\[8, 3\] rows allow 1 to 3 components, got 4"),
        (lambda: ica_features(X, 0), "allow 1 to 3 components, got 0"),
        (lambda: pca_features(X / 0, 2), "train must be finite"),
    ],
)
def test_what_an_argument_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

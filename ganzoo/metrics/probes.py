"""Probes: what simple classifiers read from features, and the two linear representations to compare with."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from sklearn.decomposition import PCA, FastICA
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d
from tqdm import tqdm

from ganzoo.metrics.moments import check_features
from ganzoo.metrics.neighbours import nearest
from ganzoo.metrics.svm import L2SVM
from ganzoo.pixels import to_float

GRID = 4  # maps are pooled to GRID x GRID
CS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)  # among which DCGAN's code chooses
FOLDS = 5


class Probe(NamedTuple):
    """What ``linear_probe`` returns: a share from 0 to 1, and the C that was used."""

    accuracy: float
    C: float


def nearest_neighbour_accuracy(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor) -> float:
    """Return the share of test rows whose nearest training row, by Euclidean distance, has their label.

    Distances are compared exactly, in float64; of equally near rows the first counts. Features are taken as they
    come: one coordinate of a large scale decides alone. On MNIST raw pixels have 96.9 % already: read any other
    figure beside it.

    Args:
        train_x: Features, [N, d].
        train_y: Labels, whole numbers [N].
        test_x: Features, [M, d].
        test_y: Labels, whole numbers [M].

    Raises:
        ValueError: shapes that do not fit, features that are not finite, or an empty set.
    """
    _check(train_x, train_y, test_x, test_y)
    _, index = nearest(test_x, train_x, block=256)
    return float((train_y.to(index.device)[index] == test_y.to(index.device)).double().mean())


def linear_probe(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, C: float | Sequence[float] = CS
) -> Probe:
    """Return the accuracy of a linear SVM with squared hinge loss and squared weights (L2-SVM).

        min over w of ½ |w|² + C Σ_i max(0, 1 - y_i w'x_i)²,    one class against all others

    Of several C the one with the best mean accuracy in 5-fold cross-validation on the training rows is used, of
    equals the first. Memory is that of the training rows in float64.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Differs from the paper: features are standardised by mean and deviation of the training rows, so that C means
    the same for all of them.

    Args:
        train_x: Features, such as from ``max_pooled``, [N, d].
        train_y: Labels, whole numbers [N].
        test_x: Features, [M, d].
        test_y: Labels, whole numbers [M].
        C: Weight of the errors; of several the best is chosen.

    Raises:
        ValueError: shapes that do not fit, features that are not finite, an empty set, or no C.
    """
    _check(train_x, train_y, test_x, test_y)
    candidates = [C] if isinstance(C, int | float) else list(C)
    if not candidates or min(candidates) <= 0:
        raise ValueError(f"C must be positive, one or several, got {candidates}")
    x, y, held_x, held_y = (t.detach().cpu().numpy() for t in (train_x, train_y, test_x, test_y))
    best = candidates[0]
    if len(candidates) > 1:
        tried = tqdm(candidates, desc="linear probe", unit="C", leave=False, disable=None)
        best = max([(cross_val_score(_svm(c), x, y, cv=FOLDS).mean(), c) for c in tried], key=lambda found: found[0])[1]
    return Probe(float(_svm(best).fit(x, y).score(held_x, held_y)), best)


def max_pooled(features: Sequence[Tensor]) -> Tensor:
    """Return maps of several layers as one row per image: each map pooled to its largest values on a 4 x 4 grid.

    In DCGAN's protocol these are all convolutional layers of the discriminator, after their non-linearity: ΣC x 16
    features. Put the discriminator in evaluation mode, with statistics of batch norm that are those of real images.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434

    Args:
        features: Maps of each layer, [N, C, H, W], H and W at least 4; cells overlap where 4 does not divide them.

    Returns:
        [N, 16 ΣC], layer by layer.

    Raises:
        ValueError: no layer, maps smaller than 4 x 4, or layers of different N.
    """
    shapes = [list(maps.shape) for maps in features]
    if not shapes or any(len(s) != 4 or s[0] != shapes[0][0] or min(s[2:]) < GRID for s in shapes):
        raise ValueError(f"expected maps [N, C, H, W] of at least {GRID} x {GRID} and one N, got {shapes}")
    return torch.cat([adaptive_max_pool2d(maps, GRID).flatten(1) for maps in features], dim=1)


def pca_features(train: Tensor, n_components: int = 10, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Return the projection on the first principal components, fitted on ``train``: images to float32 [N, n].

    The largest weight of each component is positive, so its sign does not depend on chance.

    Args:
        train: Images, uint8 or in [-1, 1], [N, C, H, W]; or rows, [N, d].
        n_components: Number of components.
        seed: Of the approximate solver, which is used for many pixels.

    Raises:
        ValueError: more components than images or pixels, or values that are not finite.
    """
    return _projection(PCA(n_components, random_state=seed), train)


def ica_features(train: Tensor, n_components: int = 10, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Return the projection on independent components (FastICA), fitted on ``train``: images to float32 [N, n].

    Each has variance 1 on ``train``. Which components come out, and in which order, depends on the seed; the
    largest weight of each is positive.

    Args:
        train: Images, uint8 or in [-1, 1], [N, C, H, W]; or rows, [N, d].
        n_components: Number of components.
        seed: Of the start of the iteration.

    Raises:
        ValueError: more components than images or pixels, or values that are not finite.
    """
    return _projection(FastICA(n_components, whiten="unit-variance", max_iter=1000, random_state=seed), train)


def _projection(model: Any, train: Tensor) -> Callable[[Tensor], Tensor]:
    rows = _rows(train)
    check_features(rows, name="train")
    if not 1 <= model.n_components <= min(rows.shape):
        raise ValueError(f"{list(rows.shape)} rows allow 1 to {min(rows.shape)} components, got {model.n_components}")
    weights = torch.from_numpy(model.fit(rows.numpy()).components_).float()
    mean = torch.from_numpy(model.mean_).float()
    largest = weights.gather(1, weights.abs().argmax(dim=1, keepdim=True))
    weights = weights * largest.sign()
    return lambda images: (_rows(images) - mean) @ weights.T


def _rows(images: Tensor) -> Tensor:
    return to_float(images.detach().cpu()).flatten(1).float()


def _svm(C: float) -> Any:
    return make_pipeline(StandardScaler(), L2SVM(C))


def _check(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor) -> None:
    check_features(train_x, name="train_x")
    check_features(test_x, train_x.shape[1], "test_x")
    for x, y, name in ((train_x, train_y, "train_y"), (test_x, test_y, "test_y")):
        if y.shape != (len(x),) or not len(y) or y.is_floating_point():
            raise ValueError(f"{name} must be whole numbers [{len(x)}], at least 1, got {y.dtype} {list(y.shape)}")

"""The scalar mathematics of games: objectives, f-divergences, penalties, likelihoods."""

from ganzoo.losses.divergences import (
    KL,
    FDivergence,
    GANDivergence,
    Jeffrey,
    JensenShannon,
    Neyman,
    Pearson,
    ReverseKL,
    SquaredHellinger,
)
from ganzoo.losses.likelihoods import Bernoulli, GaussianLikelihood, Likelihood
from ganzoo.losses.objectives import (
    Hinge,
    LeastSquares,
    MaximumLikelihood,
    Minimax,
    NonSaturating,
    Objective,
    Wasserstein,
)
from ganzoo.losses.penalties import HistoricalAverage, with_input_gradient

__all__ = [
    "KL",
    "Bernoulli",
    "FDivergence",
    "GANDivergence",
    "GaussianLikelihood",
    "Hinge",
    "HistoricalAverage",
    "Jeffrey",
    "JensenShannon",
    "LeastSquares",
    "Likelihood",
    "MaximumLikelihood",
    "Minimax",
    "Neyman",
    "NonSaturating",
    "Objective",
    "Pearson",
    "ReverseKL",
    "SquaredHellinger",
    "Wasserstein",
    "with_input_gradient",
]

"""Training as a game: players, their turns and their optimizers; knows nothing of G and D."""

from ganzoo.engine.game import Game
from ganzoo.engine.optim import SGD, Adam, Cosine, Linear, Optimizer, RMSprop, Schedule
from ganzoo.engine.strategy import GameStrategy
from ganzoo.engine.turns import NonFinite, Player, Terms

__all__ = [
    "SGD",
    "Adam",
    "Cosine",
    "Game",
    "GameStrategy",
    "Linear",
    "NonFinite",
    "Optimizer",
    "Player",
    "RMSprop",
    "Schedule",
    "Terms",
]

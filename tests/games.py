"""Small games whose moves are known by hand, loaders for them, and a logger that only takes notes."""

import torch
from lightning.pytorch.loggers.logger import Logger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ganzoo.engine.game import Game
from ganzoo.engine.turns import Player
from tests.models.hand import Record
from tests.zoo import trainer

BATCH = 4


def points(n_batches=50, dim=2):
    """A plain loader of (x, y): x is [4, 2], different in each row."""
    n = n_batches * BATCH
    x = torch.arange(n * dim, dtype=torch.float32).view(n, dim) / 8
    return DataLoader(TensorDataset(x, torch.arange(n)), batch_size=BATCH)


class Weight(nn.Module):
    def __init__(self, size=2):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(size))


class OnePlayer(Game):
    """Minimises slope · w, so that w moves by -lr · slope."""

    def __init__(self, optimizer, slope=(1.0, 1.0), every=1):
        super().__init__()
        self.net, self.optimizer, self.slope, self.every = Weight(), optimizer, slope, every

    def players(self):
        return {"a": Player(self.loss, [self.net], self.optimizer, self.every)}

    def loss(self, batch):
        return {"fall": (self.net.w * torch.tensor(self.slope)).sum()}


def moves(record, key="net.w"):
    """What each batch added to a weight."""
    return [after[key] - before[key] for before, after in zip(record.weights, record.weights[1:], strict=False)]


def fit(model, folder, steps=5, data=None, **kwargs):
    record = Record()
    runner = trainer(steps, folder, **{**kwargs, "callbacks": [record, *kwargs.get("callbacks", [])]})
    runner.fit(model, data or points())
    return record


def images(n=64):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(torch.rand(n, 1, 8, 8, generator=generator) * 2 - 1, torch.zeros(n)), batch_size=16)


class Numbers(OnePlayer):
    """Its terms are known: the number of the batch, and on even batches its square."""

    def loss(self, batch):
        k = float(self.global_step + 1)
        zero = 0 * self.net.w.sum()
        return {"k": zero + k} if k % 2 else {"k": zero + k, "square": zero + k**2}


class Notes(Logger):
    def __init__(self):
        super().__init__()
        self.calls = []

    @property
    def name(self):
        return "notes"

    @property
    def version(self):
        return 0

    def log_hyperparams(self, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.calls.append((step, metrics))

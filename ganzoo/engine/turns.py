"""Who moves what in a game, and the parts of a batch that a move sees."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from ganzoo.engine.optim import Optimizer

Terms = dict[str, Tensor]  # named scalar terms; their sum is minimised, each is logged


@dataclass(frozen=True)
class Player:
    """One side of the game.

    Args:
        loss: Maps a batch to the terms whose sum this player minimises.
        networks: The networks whose parameters this player moves.
        optimizer: How it steps.
        every: It moves on every ``every``-th batch.
    """

    loss: Callable[[Any], Terms]
    networks: Sequence[nn.Module]
    optimizer: Optimizer
    every: int = 1


@dataclass
class Turn:
    """A player with all that its move needs, looked up once."""

    name: str
    player: Player
    optimizer: LightningOptimizer
    own: list[nn.Parameter]
    others: list[nn.Parameter]


class NonFinite(ArithmeticError):
    """A term of a player's loss was not a finite number.

    Args:
        name: ``player/term``.
        batch: The batch, counted from 1.
        value: What came.
    """

    def __init__(self, name: str, batch: int, value: float) -> None:
        player, term = name.split("/", 1)
        super().__init__(
            f"term {term!r} of player {player!r} was {value} at batch {batch}: training stopped, and no checkpoint was"
            " replaced. Lower the learning rate, add clip_norm or a penalty"
        )
        self.name, self.batch = name, batch


def parameters_of(networks: Sequence[nn.Module]) -> list[nn.Parameter]:
    """Return the trainable parameters of some networks, each once."""
    return list({id(p): p for network in networks for p in network.parameters() if p.requires_grad}.values())


def micro_batches(batch: Any, k: int) -> Iterator[Any]:
    """Cut a batch into k parts: rows c, c + k, ... are part c, so all ranks' parts c are part c of the joint batch."""
    if k == 1:
        yield batch
        return
    if size_of(batch) % k:
        raise ValueError(f"accumulate={k} must divide the batch size, {size_of(batch)}")
    for c in range(k):
        yield batch[c::k] if isinstance(batch, Tensor) else [None if part is None else part[c::k] for part in batch]


def size_of(batch: Any) -> int:
    """Return the number of images in a batch (x, y)."""
    return len(batch[0]) if isinstance(batch, (list, tuple)) else len(batch)


STATES: dict[type, set[str]] = {  # what torch's optimizers keep of each parameter
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.RMSprop: {"step", "square_avg"},
    torch.optim.SGD: set(),
}


def take_up(player: str, optimizer: torch.optim.Optimizer) -> None:
    """Refuse what a checkpoint has brought to an optimizer and does not fit: a fused step would write beside it.

    Its numbers stay, as something may have changed them; its switches are those that it was made with.

    Raises:
        ValueError: names the player.
    """
    needed = STATES.get(type(optimizer))
    if needed is None:
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter)
            if state and not (
                needed <= {key for key, value in state.items() if _fits(parameter, key, value)} == state.keys()
            ):
                raise ValueError(f"the checkpoint's state of {player}'s optimizer does not fit its networks")
        for key, default in optimizer.defaults.items():
            if default is None or isinstance(default, bool):
                group[key] = default
            elif not _alike(group.get(key), default):
                raise ValueError(f"the checkpoint sets {key} of {player}'s optimizer to {str(group.get(key))[:80]!r}")


def _fits(parameter: Tensor, name: str, value: Any) -> bool:
    """Whether a part of a state is the count of steps, or of the shape of its parameter."""
    if name == "step":
        return isinstance(value, Tensor) and value.numel() == 1
    return (isinstance(value, Tensor) and value.shape == parameter.shape) or (
        value is None and name == "momentum_buffer"
    )


def _alike(value: Any, default: Any) -> bool:
    """Whether a setting is a number, or as many as its default."""
    if isinstance(default, tuple):
        return isinstance(value, (tuple, list)) and len(value) == len(default) and all(map(_alike, value, default))
    return isinstance(value, (int, float)) and math.isfinite(value)

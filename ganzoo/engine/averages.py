"""Moving averages of networks, which follow the players that move them."""

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganzoo.engine.turns import Player

Network = TypeVar("Network", bound=nn.Module)


class Average:
    """An average and the network that it follows, their tensors looked up once.

    Args:
        player: After whose moves it follows.
        every: The player moves on every ``every``-th batch.
        average: The network that follows.
        network: The network that is followed.
    """

    def __init__(self, player: str, every: int, average: nn.Module, network: nn.Module) -> None:
        self.player, self.every = player, every
        self.mean: list[Tensor] = list(average.parameters())
        self.live: list[Tensor] = list(network.parameters())
        self.copies = list(zip(average.buffers(), network.buffers(), strict=True))

    def follow(self, decay: float) -> None:
        """Move the average towards the network; copy the buffers."""
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)
        for mine, live in self.copies:
            mine.copy_(live)


def averaged(network: Network) -> Network:
    """Return a copy of a network to average into: never trained, always in evaluation mode."""
    return copy.deepcopy(network).requires_grad_(False).eval()


def mover_of(network: nn.Module, players: Mapping[str, Player]) -> str:
    """Return the name of the player that moves a network.

    Raises:
        ValueError: no player does.
    """
    for name, player in players.items():
        if any(moved is network for moved in player.networks):
            return name
    raise ValueError(f"{type(network).__name__} is averaged, but no player moves it: put it into a player's networks")

"""torch.compile for the networks of a game."""

from typing import Any

import lightning as L


class Compile(L.Callback):
    """Compiles the players' networks in place, so that names in checkpoints stay the same.

    Penalties that differentiate twice use the networks uncompiled: torch.compile has no double backward.

    Args:
        mode: As in torch.compile: default, reduce-overhead, max-autotune.
    """

    def __init__(self, mode: str = "default") -> None:
        self.mode = mode
        self._done = False

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Compile once, for training only."""
        if stage == "fit" and not self._done:
            for player in pl_module.players().values():
                for network in player.networks:
                    network.compile(mode=self.mode)
            self._done = True

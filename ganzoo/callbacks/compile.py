"""torch.compile for the networks of a game."""

from typing import Any

import lightning as L
import torch

SWITCH = "skip_tensor_guards_with_matching_dict_tags"  # of torch._dynamo.config


class Compile(L.Callback):
    """Compiles the players' networks in place, so that names in checkpoints stay the same.

    Penalties that differentiate twice use the networks uncompiled: torch.compile has no double backward.

    A player is frozen in the turns of others, which compiled code must notice: G first runs in D's turn, and would
    never get a gradient if it went on with the code that was compiled there.

    Args:
        mode: As in torch.compile: default, reduce-overhead, max-autotune.
    """

    def __init__(self, mode: str = "default") -> None:
        self.mode = mode
        self._done = False

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Compile once, for training only.

        Raises:
            ValueError: this torch cannot be told to look.
        """
        if stage == "fit" and not self._done:
            notice_frozen()
            for player in pl_module.players().values():
                for network in player.networks:
                    network.compile(mode=self.mode)
            self._done = True


def notice_frozen() -> None:
    """Let compiled code look at each call which parameters are frozen.

    Raises:
        ValueError: this torch cannot be told to look.
    """
    config: Any = torch._dynamo.config
    if not hasattr(config, SWITCH):
        raise ValueError(
            f"torch {torch.__version__} cannot compile a game, for it does not notice which player is frozen:"
            " leave --compile out, or install torch 2.11 or newer"
        )
    setattr(config, SWITCH, False)

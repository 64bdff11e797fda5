"""Training as a game: players own networks and take turns minimising their own losses."""

import os
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NoReturn

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, nn

from ganzoo.config import Configurable, config_or_reason
from ganzoo.engine.loop import AtomicCheckpoints, CheckpointWords, CountBatches
from ganzoo.engine.optim import Step
from ganzoo.engine.options import check_trainer
from ganzoo.engine.signals import Signals
from ganzoo.engine.strategy import RankMean, check_strategy, gathered, mean_over_ranks
from ganzoo.engine.turns import NonFinite, Player, Terms, Turn, micro_batches, parameters_of, size_of, take_up

BESIDE = (  # advice of Lightning that is beside the point
    "Found .* module.* in eval mode",  # the average is
    ".*validation_step. but have no",  # judging is optional
    "Using ModelCheckpoint with manual optimization",  # a checkpoint holds what was trained
    ".*LeafSpec.*",
)
EVALUATE = "ganzoo.callbacks.Evaluate()"


class Game(Configurable, L.LightningModule):
    """A LightningModule whose players take turns on each batch.

    While a player moves, all other players' parameters are frozen, so a loss is written as in the paper, without
    ``detach``: in ``D(G(z))`` only the mover's parameters get gradients.

    The unit of time is the batch: ``max_steps``, intervals, schedules and the axis of every logger count calls of
    ``training_step``, whatever the number of players. All randomness of a batch is a function of (seed, rank,
    batch), so that ranks never share noise and a resumed run repeats the uninterrupted one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.seed = 0
        self.images_seen = 0
        self.batches_done = 0  # by the weights; the trainer's own count is 0 where it only judges
        self.shown: dict[str, float] = {}  # mean of every term over the last window, for bars and loggers
        self._window: list[tuple[int, Terms]] = []
        self._turns: list[Turn] = []
        self._moving: Turn | None = None
        self._read_every: list[int] = []  # batches after which a callback reads the terms

    @abstractmethod
    def players(self) -> dict[str, Player]:
        """Return the players in the order they move."""

    @abstractmethod
    def sample(self, n: int, seed: int = 0, condition: Sequence[int] | Tensor | int | None = None) -> Tensor:
        """Return the images of seeds ``seed`` to ``seed + n - 1``, [n, C, H, W] in [-1, 1]."""

    @property
    def published(self) -> dict[str, nn.Module]:
        """The networks that are used after training, by name; "generator" is what makes images."""
        return {}

    def after_turn(self, player: str) -> None:
        """Called after ``player`` has moved; e.g. to project its weights."""

    def due(self, every: int) -> bool:
        """Whether something that happens every ``every`` batches happens on this one."""
        return (self.global_step + 1) % every == 0

    # -- what a loss may ask for

    def rank_means(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Average tensors over the ranks, differentiably: for a loss that is no mean over images."""
        if self._trainer is None or self._trainer.world_size == 1:
            return list(values)
        return [RankMean.apply(value) for value in values]

    def joint(self, rows: Tensor) -> Tensor:
        """Return the rows of all ranks, those of rank 0 first, without a gradient: what one process would have."""
        if self._trainer is None or self._trainer.world_size == 1:
            return rows.detach()
        return gathered(rows)

    def rehearse(self, player: str) -> Step:
        """Return a function that takes a player's steps differentiably, from a copy of its optimizer's state."""
        for turn in self._turns:
            if turn.name == player:
                return turn.player.optimizer.rehearse(turn.optimizer.optimizer)
        how = self.players()[player]
        return how.optimizer.rehearse(how.optimizer(parameters_of(how.networks)))

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: all but what belongs to a trainer, and is looked up anew with the next."""
        return {**super().__getstate__(), "_turns": [], "_moving": None}

    # -- the loop

    @property
    def trainer(self) -> L.Trainer:
        """The trainer that this game is with."""
        return super().trainer

    @trainer.setter
    def trainer(self, trainer: L.Trainer | None) -> None:
        """Join a trainer, before it looks for a checkpoint; refuse options that a game cannot follow."""
        if trainer is not None and trainer.state.fn == "fit":
            check_trainer(trainer)
        L.LightningModule.trainer.fset(self, trainer)  # type: ignore[attr-defined]
        if trainer is not None:
            CheckpointWords.install(trainer)
            Signals.of(trainer)

    def setup(self, stage: str) -> None:
        """Refuse a strategy that cannot train a game; make time count in batches and checkpoints atomic."""
        if stage == "fit":
            check_strategy(self.trainer.strategy)
            self.seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
            CountBatches.install(self.trainer)
            for message in BESIDE:
                warnings.filterwarnings("ignore", message=message)
        if stage in ("validate", "test"):
            warn_unjudged(self, "validation" if stage == "validate" else "test")
        if stage == "predict":
            warnings.filterwarnings("ignore", message="predict returned None")  # a callback writes the samples
        AtomicCheckpoints.install(self.trainer)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Build each player's optimizer over the parameters that it moves."""
        return [p.optimizer(parameters_of(p.networks)) for p in self.players().values()]

    def on_train_start(self) -> None:
        """Look up who moves what, once: the hot path only walks lists."""
        optimizers = self.optimizers()
        players = self.players()
        owned = {name: parameters_of(player.networks) for name, player in players.items()}
        everything = {id(p): p for parameters in owned.values() for p in parameters}
        keepers = [c for c in self.trainer.checkpoint_callbacks if getattr(c, "monitor", None)]
        self._read_every = [every for c in keepers if (every := getattr(c, "_every_n_train_steps", 0))]
        self._turns = []
        for (name, player), optimizer in zip(players.items(), as_list(optimizers), strict=True):
            take_up(name, optimizer.optimizer)
            own = {id(p) for p in owned[name]}
            others = [p for key, p in everything.items() if key not in own]
            self._turns.append(Turn(name, player, optimizer, owned[name], others))

    def training_step(self, batch: Any, batch_idx: int) -> STEP_OUTPUT:
        """Give every player that is due its turn on this batch."""
        step = self.global_step
        self.reseed(step)
        terms: Terms = {}
        for turn in self._turns:
            if (step + 1) % turn.player.every == 0:
                terms.update(self.move(turn, batch, step))
        self.images_seen += size_of(batch) * self.trainer.world_size
        self.batches_done = step + 1
        self._window.append((step, terms))
        if (step + 1) % (self.trainer.log_every_n_steps or 50) == 0:  # type: ignore[attr-defined]
            self.flush_terms(step + 1)
        elif any((step + 1) % every == 0 for every in self._read_every):
            self.tell_terms()
        return None

    def reseed(self, step: int) -> None:
        """Make all randomness of a batch a function of (seed, rank, batch); torch's generators keep 32 bits."""
        seed = (self.seed * 0x85EBCA6B + self.global_rank * 0x9E3779B1 + step) % 2**32
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index].manual_seed(seed)

    def move(self, turn: Turn, batch: Any, step: int) -> Terms:
        """Freeze the others, minimise the player's loss by one step, return its terms without graph."""
        how = turn.player.optimizer
        terms: Terms = {}
        for parameter in turn.others:
            parameter.requires_grad_(False)
        try:
            turn.optimizer.zero_grad()
            for part in micro_batches(batch, how.accumulate):
                part_terms = turn.player.loss(part)
                self.manual_backward(torch.stack(list(part_terms.values())).sum() / how.accumulate)
                for name, value in part_terms.items():
                    value = value.detach() / how.accumulate
                    terms[name] = terms[name] + value if name in terms else value
            if how.schedule is not None:
                for group in turn.optimizer.param_groups:
                    group["lr"] = how.lr * how.schedule.factor(step)
            self._moving = turn
            turn.optimizer.step()
        finally:
            for parameter in turn.others:
                parameter.requires_grad_(True)
        self.after_turn(turn.name)
        return {f"{turn.name}/{name}": value for name, value in terms.items()}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the mover's gradient: here it is averaged over ranks and unscaled."""
        if self._moving and self._moving.player.optimizer.clip_norm:
            torch.nn.utils.clip_grad_norm_(self._moving.own, self._moving.player.optimizer.clip_norm)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """End here if the run was asked to end: no batch is half done."""
        Signals.of(self.trainer).look()

    @property
    def has_played(self) -> bool:
        """Whether this object was trained, be it for a batch; not so after a run that had already ended."""
        return bool(self._turns)

    # -- terms

    def flush_terms(self, step: int) -> None:
        """Average the terms of the window over batches and ranks with one sync, and log them at ``step``.

        Raises:
            NonFinite: a term was not a finite number.
        """
        window, self._window = self._window, []
        keys = [(at, name) for at, terms in window for name in terms]
        if not keys:
            return
        stacked = torch.stack([terms[name].float() for _, terms in window for name in terms])
        values: list[float] = mean_over_ranks(stacked, self.trainer.strategy).tolist()
        sums: dict[str, list[float]] = {}
        for (at, name), value in zip(keys, values, strict=True):
            if value - value != 0:
                raise NonFinite(name, at + 1, value)
            sums.setdefault(name, []).append(value)
        self.shown = {name: sum(v) / len(v) for name, v in sums.items()}
        self.trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self.shown.items()})
        for logger in self.trainer.loggers if self.trainer.log_every_n_steps else []:  # type: ignore[attr-defined]
            logger.log_metrics({**self.shown, "images": self.images_seen}, step=step)

    def tell_terms(self) -> None:
        """Put the terms' means since the last window into ``trainer.callback_metrics``; nothing waits for the card."""
        found: dict[str, list[Tensor]] = {}
        for _, terms in self._window:
            for name, value in terms.items():
                found.setdefault(name, []).append(value)
        if found:
            means = torch.stack([torch.stack(values).float().mean() for values in found.values()])
            means = mean_over_ranks(means, self.trainer.strategy)
            self.trainer.callback_metrics.update(zip(found, means.unbind(), strict=True))

    def on_validation_start(self) -> None:
        """Let callbacks read the terms after validation."""
        self.tell_terms()

    def on_train_epoch_end(self) -> None:
        """Let callbacks read the terms after an epoch."""
        self.tell_terms()

    def on_train_end(self) -> None:
        """Log the last, incomplete window."""
        self.flush_terms(self.global_step)

    # -- loops whose work is done by callbacks, through ``sample``

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: judging is the callbacks' work."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: judging is the callbacks' work."""

    def predict_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing: writing samples is a callback's work."""

    # -- checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write down how this game and its data were made, as plain values."""
        self.flush_terms(self.global_step)  # raises before a checkpoint with a broken game replaces a good one
        data = getattr(self.trainer, "datamodule", None)
        checkpoint["ganzoo"] = {
            "format": 2,
            "model": config_or_reason(self),
            "networks": {name: self.where(network) for name, network in self.published.items()},
            "data": config_or_reason(data) if isinstance(data, Configurable) else None,
            "seed": self.seed,
            "images_seen": self.images_seen,
            "batches": self.global_step,
        }

    def where(self, network: nn.Module) -> dict[str, Any]:
        """Return how a published network was made, and what its weights' names in a checkpoint begin with."""
        prefix = next(name for name, module in self.named_modules() if module is network)
        return {"prefix": f"{prefix}.", **config_or_reason(network)}

    @classmethod
    def load_from_checkpoint(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a checkpoint of a game knows how the game was made.

        Raises:
            TypeError: always; it says what to call.
        """
        raise TypeError("use ganzoo.load_game(PATH) for the game, or ganzoo.load(PATH) for its networks")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the seed and the count of images of a resumed run."""
        ours = checkpoint.get("ganzoo", {})
        self.seed, self.images_seen = ours.get("seed", 0), ours.get("images_seen", 0)
        self.batches_done = ours.get("batches", 0)


def warn_unjudged(game: Game, loop: str) -> None:
    """Warn where neither a callback nor the game itself does anything in ``validate`` or ``test``."""
    callbacks: list[L.Callback] = game.trainer.callbacks  # type: ignore[attr-defined]
    acts = [getattr(type(game), f"{loop}_step"), *(getattr(type(c), f"on_{loop}_epoch_end") for c in callbacks)]
    if all(act.__module__.startswith(("lightning.", __name__)) for act in acts):
        rank_zero_warn(f"nothing is judged: add {EVALUATE} to the trainer, as in Trainer(callbacks=[{EVALUATE}])")


def as_list(optimizers: Any) -> list[LightningOptimizer]:
    """Return the optimizers as a list, also if there is one."""
    return list(optimizers) if isinstance(optimizers, (list, tuple)) else [optimizers]

"""The distributed strategy of games: gradients are averaged once, right before the optimizer that steps."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.overrides.distributed import _sync_module_states
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy, Strategy, StrategyRegistry
from torch import Tensor, nn

from ganzoo.engine.heart import Heart
from ganzoo.engine.signals import keepers


class GameStrategy(DDPStrategy):
    """One process per device, without DDP's wrapper.

    DDP expects each backward to reach every parameter, which no turn of a game does. Here the gradients of the
    stepping optimizer's parameters are averaged over the ranks just before it steps. So any number of backward
    passes, double backward, ``autograd.grad``, unrolled steps and accumulation are right by construction, half of
    DDP's traffic is saved, and a parameter that has no gradient on one rank does not desynchronise the others.

    Args:
        bucket_mb: Gradients travel in buckets of this many MiB.
    """

    strategy_name = "game"
    n_hearts = 0
    heart: Heart | None = None

    def __init__(self, *args: Any, bucket_mb: int = 64, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bucket_bytes = bucket_mb * 2**20

    def setup(self, trainer: Any) -> None:
        """Set up the processes, without Lightning's look for signals in every batch: see ``Signals``."""
        super().setup(trainer)
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
        self.listen(trainer)

    def listen(self, trainer: Any) -> None:
        """Notice when another rank was stopped or killed."""
        if self.world_size > 1 and self.cluster_environment is not None:
            address = self.cluster_environment.main_address, self.cluster_environment.main_port
            GameStrategy.n_hearts += 1
            name = f"ganzoo/{GameStrategy.n_hearts}"
            self.heart = Heart(self.global_rank, self.world_size, address, name, lambda: advice(trainer))

    def teardown(self) -> None:
        """Listen no longer."""
        if self.heart is not None:
            self.heart.stop()
        super().teardown()

    def configure_ddp(self) -> None:
        """Give every rank the same initial state."""
        assert self.model is not None
        _sync_module_states(self.model)

    def pre_backward(self, closure_loss: Tensor) -> None:
        """Nothing to prepare."""

    def post_backward(self, closure_loss: Tensor) -> None:
        """Nothing to finish."""

    def on_validation_start(self) -> None:
        """Take rank 0's buffers (batch norm statistics), as DDP does in each forward pass."""
        assert self.lightning_module is not None
        for buffer in self.lightning_module.buffers():
            dist.broadcast(buffer, 0)

    def optimizer_step(
        self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any], model: Any = None, **kwargs: Any
    ) -> Any:
        """Average the gradients of ``optimizer``'s parameters, then step.

        This comes before the precision plugin unscales, so that all ranks see the same overflow and skip together.
        """

        def averaged() -> Any:
            result = closure()
            self.average_gradients(p for group in optimizer.param_groups for p in group["params"])
            return result

        return super().optimizer_step(optimizer, averaged, model, **kwargs)

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the ranks; a missing one counts as zero if any rank has it."""
        for bucket in _buckets([p for p in parameters if p.requires_grad], self.bucket_bytes):
            has = torch.tensor([p.grad is not None for p in bucket]).to(bucket[0])
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            flat = torch.cat([g.reshape(-1) for g in grads] + [has])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            means = flat[: -len(bucket)].split([p.numel() for p in bucket])
            anywhere = [1.0] * len(bucket)
            if any(p.grad is None for p in bucket):
                anywhere = flat[-len(bucket) :].tolist()  # a host sync, only where a gradient is missing
            for parameter, mean, share in zip(bucket, means, anywhere, strict=True):
                if share > 0:
                    parameter.grad = mean.view_as(parameter)


def advice(trainer: Any) -> str:
    """Return how a run goes on that has lost a rank."""
    return next((keeper.resume(trainer) for keeper in keepers(trainer)), "start again from a checkpoint of yours")


StrategyRegistry.register(
    "game", GameStrategy, description="averages each player's gradients right before it steps", start_method="popen"
)


def check_strategy(strategy: Strategy) -> None:
    """Refuse plain DDP, which fails or is silently wrong on games, and what cuts networks in pieces.

    Raises:
        ValueError: names the right strategy.
    """
    if isinstance(strategy, GameStrategy | SingleDeviceStrategy):
        return
    if not isinstance(strategy, DDPStrategy) or not strategy._ddp_kwargs.get("find_unused_parameters", False):
        name = "ddp" if isinstance(strategy, DDPStrategy) else type(strategy).__name__
        raise ValueError(
            f"strategy={name!r} cannot train a game: use strategy='game' (or 'ddp_find_unused_parameters_true')"
        )


def mean_over_ranks(values: Tensor, strategy: Strategy) -> Tensor:
    """Return the mean of ``values`` over the ranks."""
    if isinstance(strategy, DDPStrategy):
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all ranks, those of rank 0 first."""
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


class RankMean(torch.autograd.Function):
    """The mean of a tensor over the ranks, differentiable when gradients are averaged over the ranks afterwards.

    dJ/dθ = 1/W Σ_r (1/W Σ_s ∂L_s/∂v) ∂v_r/∂θ,    J = 1/W Σ_r L_r(v),    v = 1/W Σ_r v_r
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Return the mean."""
        mean = value.clone()
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the mean of the ranks' gradients."""
        mean = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return mean / dist.get_world_size()


def _buckets(parameters: list[nn.Parameter], limit: int) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    size, key = 0, None
    for p in parameters:
        n_bytes = p.numel() * p.element_size()
        if bucket and (key != (p.dtype, p.device) or size + n_bytes > limit):
            yield bucket
            bucket, size = [], 0
        bucket.append(p)
        size, key = size + n_bytes, (p.dtype, p.device)
    if bucket:
        yield bucket

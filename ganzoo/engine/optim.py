"""How a player steps: optimizer, schedule, clipping and accumulation, all of plain values.

An optimizer here is a description: called with parameters, it builds torch's optimizer. It consists of plain numbers
(no tuple of betas), so that configurations and checkpoints can hold it.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.config import Configurable

Step = Callable[[list[Tensor], list[Tensor]], list[Tensor]]  # weights, gradients -> weights, differentiable


class Schedule(Configurable):
    """A factor of the learning rate that changes with the batch."""

    def factor(self, batch: int) -> float:
        """Return the factor at ``batch`` (0, 1, ...)."""
        raise NotImplementedError


class Linear(Schedule):
    """1 until ``start``, then a straight line to ``end`` at batch ``stop``.

    Args:
        stop: Batch at which ``end`` is reached.
        start: Last batch with factor 1.
        end: Final factor.
        warmup: Batches over which the factor rises from 0 to 1.
    """

    def __init__(self, stop: int, start: int = 0, end: float = 0.0, warmup: int = 0) -> None:
        if stop <= start:
            raise ValueError(f"stop must come after start, got start={start}, stop={stop}")
        self.stop, self.start, self.end, self.warmup = stop, start, end, warmup

    def factor(self, batch: int) -> float:
        """Return the factor at ``batch``."""
        done = min(max((batch - self.start) / (self.stop - self.start), 0.0), 1.0)
        return _rise(batch, self.warmup) * (1 + done * (self.end - 1))


class Cosine(Schedule):
    """Half a cosine from 1 at batch 0 to ``end`` at batch ``stop``.

    Args:
        stop: Batch at which ``end`` is reached.
        end: Final factor.
        warmup: Batches over which the factor rises from 0 to 1.
    """

    def __init__(self, stop: int, end: float = 0.0, warmup: int = 0) -> None:
        if stop < 1:
            raise ValueError(f"stop must be at least 1, got {stop}")
        self.stop, self.end, self.warmup = stop, end, warmup

    def factor(self, batch: int) -> float:
        """Return the factor at ``batch``."""
        wave = (1 + math.cos(math.pi * min(batch / self.stop, 1.0))) / 2
        return _rise(batch, self.warmup) * (self.end + (1 - self.end) * wave)


def _rise(batch: int, warmup: int) -> float:
    return min((batch + 1) / warmup, 1.0) if warmup else 1.0


class Optimizer(Configurable):
    """How a player steps.

    Args:
        lr: Learning rate.
        schedule: Factor of ``lr`` over the batches; none: constant.
        clip_norm: Largest norm of the gradient (after averaging over ranks); none: no clipping.
        accumulate: A batch is cut into this many micro-batches whose gradients are averaged before the step.
    """

    def __init__(
        self, lr: float, schedule: Schedule | None = None, clip_norm: float | None = None, accumulate: int = 1
    ) -> None:
        if lr <= 0:
            raise ValueError(f"lr must be positive, got {lr}")
        if accumulate < 1:
            raise ValueError(f"accumulate must be at least 1, got {accumulate}")
        if clip_norm is not None and clip_norm <= 0:
            raise ValueError(f"clip_norm must be positive, got {clip_norm}")
        self.lr, self.schedule, self.clip_norm, self.accumulate = lr, schedule, clip_norm, accumulate

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Build torch's optimizer of ``parameters``."""
        raise NotImplementedError

    def rehearse(self, optimizer: torch.optim.Optimizer) -> Step:
        """Return differentiable steps that start from the state of ``optimizer`` and leave it as it is.

        Raises:
            ValueError: this optimizer cannot be rehearsed.
        """
        raise ValueError(f"{type(self).__name__} has no differentiable form: use Adam or SGD")


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980); decoupled weight decay as in AdamW.

    Args:
        lr: Learning rate.
        beta1: Decay of the first moment.
        beta2: Decay of the second moment.
        eps: Added to the root of the second moment.
        weight_decay: Decoupled weight decay.
        schedule: Factor of ``lr`` over the batches; none: constant.
        clip_norm: Largest norm of the gradient; none: no clipping.
        accumulate: Number of micro-batches per batch.
    """

    def __init__(
        self,
        lr: float = 2e-4,
        beta1: float = 0.5,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(lr=lr, schedule=schedule, clip_norm=clip_norm, accumulate=accumulate)
        self.beta1, self.beta2, self.eps, self.weight_decay = beta1, beta2, eps, weight_decay

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Build torch's Adam: fused, which reads each weight once, unless gradients are clipped.

        A fused step takes float16's loss scale off itself, which is too late for clipping.
        """
        how: dict[str, Any] = {"betas": (self.beta1, self.beta2), "eps": self.eps, "fused": self.clip_norm is None}
        if self.weight_decay:
            return torch.optim.AdamW(parameters, self.lr, weight_decay=self.weight_decay, **how)
        return torch.optim.Adam(parameters, self.lr, **how)

    def rehearse(self, optimizer: torch.optim.Optimizer) -> Step:
        """Return differentiable steps of Adam; ε² stands under the root, which has no slope at 0 otherwise."""
        m, v = _flat(_state(optimizer, "exp_avg")), _flat(_state(optimizer, "exp_avg_sq"))
        t, lr = _steps_done(optimizer), optimizer.param_groups[0]["lr"]

        def step(weights: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
            nonlocal m, v, t
            w, g = _flat(weights), _flat(gradients)  # one operation on all instead of one on each
            t += 1
            m = m + (1 - self.beta1) * (g - m)
            v = v + (1 - self.beta2) * (g * g - v)
            fix1, fix2 = 1 - self.beta1**t, 1 - self.beta2**t
            w = (1 - lr * self.weight_decay) * w - lr / fix1 * m / (v / fix2 + self.eps**2).sqrt()
            return [part.view_as(p) for part, p in zip(w.split([p.numel() for p in weights]), weights, strict=True)]

        return step


class RMSprop(Optimizer):
    """RMSprop.

    Args:
        lr: Learning rate.
        alpha: Decay of the second moment.
        momentum: Decay of the sum of past steps; 0: each step is its own.
        eps: Added to the root of the second moment.
        schedule: Factor of ``lr`` over the batches; none: constant.
        clip_norm: Largest norm of the gradient; none: no clipping.
        accumulate: Number of micro-batches per batch.
    """

    def __init__(
        self,
        lr: float = 5e-5,
        alpha: float = 0.99,
        momentum: float = 0.0,
        eps: float = 1e-8,
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(lr=lr, schedule=schedule, clip_norm=clip_norm, accumulate=accumulate)
        self.alpha, self.momentum, self.eps = alpha, momentum, eps

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Build torch's RMSprop."""
        return torch.optim.RMSprop(parameters, self.lr, self.alpha, self.eps, momentum=self.momentum)


class SGD(Optimizer):
    """Stochastic gradient descent.

    Args:
        lr: Learning rate.
        momentum: Heavy-ball momentum.
        schedule: Factor of ``lr`` over the batches; none: constant.
        clip_norm: Largest norm of the gradient; none: no clipping.
        accumulate: Number of micro-batches per batch.
    """

    def __init__(
        self,
        lr: float = 1e-2,
        momentum: float = 0.0,
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(lr=lr, schedule=schedule, clip_norm=clip_norm, accumulate=accumulate)
        self.momentum = momentum

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Build torch's SGD."""
        return torch.optim.SGD(parameters, self.lr, self.momentum)

    def rehearse(self, optimizer: torch.optim.Optimizer) -> Step:
        """Return differentiable steps of gradient descent."""
        buffers, lr = _state(optimizer, "momentum_buffer"), optimizer.param_groups[0]["lr"]

        def step(weights: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
            nonlocal buffers
            buffers = [self.momentum * b + g for b, g in zip(buffers, gradients, strict=True)]
            return [w - lr * b for w, b in zip(weights, buffers, strict=True)]

        return step


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _state(optimizer: torch.optim.Optimizer, name: str) -> list[Tensor]:
    """Return a copy of one tensor of the state of every parameter; zeros where there is none yet."""
    found = []
    for p in optimizer.param_groups[0]["params"]:
        value = optimizer.state.get(p, {}).get(name)
        found.append(torch.zeros_like(p) if value is None else value.clone())
    return found


def _steps_done(optimizer: torch.optim.Optimizer) -> int:
    return max((int(state.get("step", 0)) for state in optimizer.state.values()), default=0)

"""The smallest instance of every variant, on 1x8x8 images, and a Trainer that shows nothing."""

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from ganzoo import models
from ganzoo.data import Digits
from ganzoo.latents import Normal, Prior
from ganzoo.optim import SGD, Adam, Linear, Optimizer
from ganzoo.roles import Discriminator, Generator

SHAPE = (1, 8, 8)


class ToImage(Generator):
    def __init__(
        self,
        image_shape: Sequence[int] = SHAPE,
        prior: Prior = Normal(dim=4),
        width: int = 16,
        norm: bool = False,
        num_classes: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        size = torch.Size(image_shape).numel()
        norms = [nn.BatchNorm1d(width)] if norm else []
        self.net = nn.Sequential(nn.Linear(prior.dim, width), *norms, nn.SiLU(), nn.Linear(width, size), nn.Tanh())

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(z).unflatten(1, self.image_shape)


class FromImage(Discriminator):
    def __init__(self, image_shape: Sequence[int] = SHAPE, width: int = 16, dropout: float = 0.0) -> None:
        super().__init__(image_shape)
        size = torch.Size(image_shape).numel()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(size, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).flatten()


def optimizers(accumulate: int = 1) -> dict[str, Optimizer]:
    """SGD with all that a player can do: a schedule, clipping, accumulation."""
    schedule = Linear(stop=20)
    return {
        "d_optimizer": SGD(lr=0.1, schedule=schedule, clip_norm=0.5, accumulate=accumulate),
        "g_optimizer": SGD(lr=0.1, schedule=schedule, clip_norm=0.5, accumulate=accumulate),
    }


SPECIAL: dict[str, dict[str, Any]] = {
    "GAN": {},
    "NSGAN": {},
    "LSGAN": {},
    "HingeGAN": {},
    "DCGAN": {},
    "WGAN": {"n_critic": 2, "clip": 0.1},
    "WGANGP": {"n_critic": 2},
    "R1GAN": {"r1_every": 2},
}


def make(name: str, seed: int = 0, **kwargs: Any) -> models.GAN:
    """Return a variant with reproducible weights."""
    torch.manual_seed(seed)
    networks = {"generator": ToImage(), "discriminator": FromImage()}
    return getattr(models, name)(**{**networks, **SPECIAL[name], **kwargs})


def fast(kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return optimizers that learn in few batches."""
    return {key: Adam(lr=5e-3, beta1=0.5) for key in ("d_optimizer", "g_optimizer")}


def digits(batch_size: int = 16, **kwargs: Any) -> Digits:
    """Return the embedded data."""
    return Digits(batch_size=batch_size, **kwargs)


def trainer(max_steps: int, folder: Any, **kwargs: Any) -> L.Trainer:
    """Return a silent trainer on one CPU process."""
    defaults: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "max_steps": max_steps,
        "max_epochs": -1,
        "default_root_dir": str(folder),
        "logger": False,
        "enable_checkpointing": any("Checkpoint" in type(c).__name__ for c in kwargs.get("callbacks", [])),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "limit_val_batches": 0,
        "check_val_every_n_epoch": None,
        "use_distributed_sampler": False,
        "log_every_n_steps": 1,
    }
    return L.Trainer(**{**defaults, **kwargs})


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers."""
    return {key: value.detach().clone() for key, value in model.state_dict().items()}

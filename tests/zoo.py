"""The smallest instance of every variant, on 1x8x8 images, and a Trainer that shows nothing."""

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from ganzoo import models
from ganzoo.data import Digits
from ganzoo.engine.optim import SGD, Adam, Linear, Optimizer
from ganzoo.losses.likelihoods import GaussianLikelihood
from ganzoo.models.gan import GAN
from ganzoo.models.translation import Translation
from ganzoo.networks import Bottleneck, Packed, Refiner, WithClassifier, WithCodes
from ganzoo.networks.labels import Label
from ganzoo.pixels import to_float
from ganzoo.priors import Coded, Normal, Prior
from ganzoo.roles import Discriminator, Encoder, Generator, Images, JointDiscriminator
from tests.translator import Negatives, OfImages, Translate

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
        self.label = Label(num_classes, dim=4)
        self.net = nn.Sequential(
            nn.Linear(prior.dim + self.label.dim, width), *norms, nn.SiLU(), nn.Linear(width, size), nn.Tanh()
        )

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(self.label(z, y)).unflatten(1, self.image_shape)


class FromImage(Discriminator):
    def __init__(
        self, image_shape: Sequence[int] = SHAPE, width: int = 16, dropout: float = 0.0, num_classes: int = 0
    ) -> None:
        super().__init__(image_shape, num_classes)
        size = torch.Size(image_shape).numel()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(size, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, 1, bias=False)
        )
        if num_classes:
            self.table = nn.Embedding(num_classes, width)

    @property
    def head(self) -> nn.Module:
        return self.net[-1]

    def features(self, x: Tensor) -> Tensor:
        return self.net[:-1](x)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            return self.net(x).flatten()
        return self.net(x).flatten() + (self.table(y) * self.features(x)).sum(dim=1)


class ToLatent(Encoder):
    def __init__(self, image_shape=SHAPE, dim=4, posterior="point", num_classes=0):
        super().__init__(image_shape, dim, posterior, num_classes)
        n_out = dim * (1 if posterior == "point" else 2)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(image_shape).numel(), n_out))

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        shift = 0 if y is None else y[:, None] / 10
        return self.net(x) + shift


class OfPair(JointDiscriminator):
    def __init__(self, image_shape: Sequence[int] = SHAPE, dim: int = 4, width: int = 16) -> None:
        super().__init__(image_shape, dim)
        size = torch.Size(image_shape).numel()
        self.net = nn.Sequential(nn.Linear(size + dim, width), nn.SiLU(), nn.Linear(width, 1, bias=False))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([x.flatten(1), z], dim=1)).flatten()


def optimizers(accumulate: int = 1) -> dict[str, Optimizer]:
    """SGD with all that a player can do: a schedule, clipping, accumulation."""
    return for_d_and_g(SGD(lr=0.1, schedule=Linear(stop=20), clip_norm=0.5, accumulate=accumulate))


def fast() -> dict[str, Optimizer]:
    """Return optimizers that learn in few batches."""
    return for_d_and_g(Adam(lr=5e-3, beta1=0.5))


def for_d_and_g(how: Optimizer) -> dict[str, Optimizer]:
    return {"d_optimizer": how, "g_optimizer": how}


def optimizer_names(cls: type) -> set[str]:
    """Return the arguments of a variant that say how its players step."""
    names = {name for base in cls.__mro__ for name in inspect.signature(base.__init__).parameters}
    return {name for name in names if name.endswith("optimizer")}


def translates(sees: str = "image", **others: Any) -> dict[str, Any]:
    return {"generator": Translate(), "discriminator": OfImages(sees=sees)} | others


def with_classes() -> dict[str, Any]:
    return {"generator": ToImage(num_classes=10), "discriminator": FromImage(num_classes=10)}


SPECIAL: dict[str, Callable[[], dict[str, Any]]] = {
    "GAN": dict,
    "NSGAN": dict,
    "LSGAN": dict,
    "HingeGAN": dict,
    "FGAN": dict,
    "DCGAN": dict,
    "WGAN": lambda: {"n_critic": 2, "clip": 0.1},
    "WGANGP": lambda: {"n_critic": 2},
    "R1GAN": lambda: {"r1_every": 2},
    "R3GAN": dict,
    "SNGAN": lambda: {"n_critic": 2},
    "SAGAN": dict,
    "ImprovedGAN": lambda: {"history_weight": 0.01},
    "UnrolledGAN": lambda: {"n_unroll": 2},
    "PacGAN": lambda: {"discriminator": Packed(FromImage((2, *SHAPE[1:])), pack=2)},
    "CGAN": with_classes,
    "ProjectionGAN": lambda: {**with_classes(), "n_critic": 2},
    "ACGAN": lambda: {"generator": ToImage(num_classes=10), "discriminator": WithClassifier(FromImage(), 10)},
    "BiGAN": lambda: {"encoder": ToLatent(posterior="gaussian"), "discriminator": OfPair()},
    "LatentRegressor": lambda: {"encoder": ToLatent()},
    "JointLatentRegressor": lambda: {"encoder": ToLatent()},
    "InfoGAN": lambda: {
        "generator": ToImage(prior=Coded(Normal(dim=4), categorical=(3,), uniform=1)),
        "discriminator": WithCodes(FromImage(), categorical=(3,), uniform=1, width=8),
    },
    "IBGAN": lambda: {"generator": Bottleneck(ToImage(), dim=3, width=8), "encoder": ToLatent(dim=3)},
    "VAE": lambda: {"encoder": ToLatent(posterior="gaussian"), "likelihood": GaussianLikelihood(0.5)},
    "BetaVAE": lambda: {"encoder": ToLatent(posterior="gaussian"), "likelihood": GaussianLikelihood(0.5)},
    "CVAE": lambda: {
        "generator": ToImage(num_classes=10),
        "encoder": ToLatent(posterior="gaussian", num_classes=10),
        "likelihood": GaussianLikelihood(0.5),
    },
    "LatentEncoder": lambda: {"encoder": ToLatent()},
    "ImageEncoder": lambda: {"encoder": ToLatent()},
    "IterativeEncoder": lambda: {"encoder": Refiner(ToLatent((2, *SHAPE[1:])), steps=3)},
    "CoGAN": lambda: {"discriminator": FromImage()},
    "CycleGAN": lambda: translates(identity_weight=5.0, pool=20),
    "Pix2Pix": lambda: translates("pair", generator=Translate(width=8, dim=8)),
    "ContentGAN": lambda: translates(pool=20),
    "PairGAN": lambda: translates("pair", pool=20),
    "IcGAN": lambda: {"generator": ToImage(num_classes=10), "encoder": ToLatent(dim=14)},
}


TRANSLATORS = {name for name in SPECIAL if issubclass(getattr(models, name), Translation)}


def make(name: str, seed: int = 0, **kwargs: Any) -> Any:
    """Return a variant with reproducible weights."""
    torch.manual_seed(seed)
    cls = getattr(models, name)
    arguments = {"generator": ToImage(), **SPECIAL[name](), **kwargs}
    if issubclass(cls, GAN):
        arguments.setdefault("discriminator", FromImage())
    if "g_optimizer" in kwargs:  # all players get it, whatever their names are
        arguments = {key: value for key, value in arguments.items() if not key.endswith("optimizer")}
        arguments |= {key: kwargs.get(key, kwargs["g_optimizer"]) for key in optimizer_names(cls)}
    return cls(**arguments)


def some(model: Any, n: int, seed: int = 0) -> Tensor:
    """Return samples of a model, trained or loaded, told something different each."""
    return model.sample(n, seed, told(model, n))


def told(model: Any, n: int) -> Any:
    """Return what ``n`` samples of a model are told: the classes in turn, test images to translate, or nothing."""
    generator = model.generator if hasattr(model, "generator") else model.published["generator"]
    if isinstance(generator.condition, Images):
        if generator.condition.shape == SHAPE:
            return to_float(Negatives().conditions("test")[:n])
        return torch.rand(n, *generator.condition.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return [k % generator.num_classes for k in range(n)] if generator.num_classes else None


def digits(batch_size: int = 16, **kwargs: Any) -> Digits:
    """Return the embedded data."""
    return Digits(batch_size=batch_size, **kwargs)


def data_for(model: Any, batch_size: int = 16) -> Digits:
    """Return the embedded data, for a translator with negatives to translate."""
    return (Negatives if isinstance(model, (Translation, models.CoGAN)) else Digits)(batch_size=batch_size)


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


def written(folder, n=None):
    """Return the verdict that ``test`` or ``validate`` has written into a run's folder: the only one, or that on n."""
    (path,) = (Path(folder) / "verdicts").glob("*.json" if n is None else f"*_n{n}_*.json")
    return json.loads(path.read_text())

"""Networks at the smallest sizes, and what the tests ask of them."""

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
    ResNetTranslator,
    UNetTranslator,
)

GENERATORS = [MLPGenerator, DCGANGenerator, ResNetGenerator]
DISCRIMINATORS = [MLPDiscriminator, DCGANDiscriminator, ResNetDiscriminator]
TRANSLATORS = [ResNetTranslator, UNetTranslator]
NORMS = {
    MLPGenerator: ("batch", "layer", "none"),
    DCGANGenerator: ("batch", "batch+spectral", "virtual", "none"),
    ResNetGenerator: ("batch", "batch+spectral", "layer", "instance", "none"),
    MLPDiscriminator: ("layer", "spectral", "none"),
    DCGANDiscriminator: ("batch", "layer", "instance", "spectral", "none"),
    ResNetDiscriminator: ("batch", "layer", "instance", "spectral", "none"),
}
SIZES = (8, 16, 28, 32, 64, 128, 256)
ODD = [
    (1, 20, 20),
    (1, 20, 24),
    (3, 48, 48),
    (2, 13, 9),
    (7, 100, 100),
    (4, 16, 40),
]  # with a remainder, not square, more channels
SHAPES = [*((c, s, s) for s in SIZES for c in (1, 3)), *ODD]
NORMED_G = [(cls, norm) for cls in GENERATORS for norm in NORMS[cls] if norm != "virtual"]  # needs a reference
NORMED_D = [(cls, norm) for cls in DISCRIMINATORS for norm in NORMS[cls]]
CONDITIONAL_D = [
    (MLPDiscriminator, {"label": "concat"}),
    (MLPDiscriminator, {"label": "projection"}),
    (DCGANDiscriminator, {"label": "concat"}),
    (DCGANDiscriminator, {"label": "projection"}),
    (ResNetDiscriminator, {}),
]
SINGLE_D = [(cls, norm) for cls, norm in NORMED_D if norm != "batch"]


def small(cls: type, **kwargs: Any) -> Any:
    return cls(**{"width": 8, **kwargs})


def latents(net: Any, n: int) -> Tensor:
    return torch.randn(n, net.prior.dim)


def disturb(net: nn.Module, by: float = 0.3) -> None:
    """Move every parameter a little: a new network has gains of 1 and biases of 0."""
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p), alpha=by)


def dead_parameters(net: nn.Module) -> list[str]:
    """Names of parameters whose gradient is missing or, up to rounding, zero."""
    scale = max(p.grad.abs().max().item() for p in net.parameters() if p.grad is not None)
    return [name for name, p in net.named_parameters() if p.grad is None or p.grad.abs().max().item() < 1e-9 * scale]


def weights_of(net: nn.Module, kinds: Any) -> dict[str, Tensor]:
    return {name: m.weight.detach() for name, m in net.named_modules() if isinstance(m, kinds)}

"""Latents as free numbers: those that have no bounds, so that a solver can go anywhere."""

import torch
from torch import Tensor

from ganzoo.priors import Coded, Prior, Uniform

EDGE = 1 - 1e-6  # the farthest that a number in [-1, 1] is taken to be
LEAST = 1e-3  # of a value of a categorical code, where it starts


class Free:
    """The change between latents u of a prior and free numbers v, column by column.

        u = v for normal columns,   u = tanh(v) for columns in [-1, 1],   u = softmax(v) for a categorical code

    tanh is that of iGAN. A categorical code is between its values while it is looked for.

    Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, section 3.1.
    https://arxiv.org/abs/1609.03552

    Args:
        prior: Of the latents.
    """

    def __init__(self, prior: Prior) -> None:
        noise = prior.noise if isinstance(prior, Coded) else prior
        self.bounded = list(range(noise.dim)) if isinstance(noise, Uniform) else []
        self.bounded += [code.start for code in prior.codes if code.kind == "uniform"]
        self.codes = [slice(code.start, code.start + code.size) for code in prior.codes if code.kind == "categorical"]

    def free(self, u: Tensor) -> Tensor:
        """Return v of latents u, [N, dim]."""
        v = u.clone()
        inside = u[:, self.bounded].clamp(-EDGE, EDGE)
        v[:, self.bounded] = (inside.log1p() - (-inside).log1p()) / 2  # atanh of some CPUs rounds by place
        for code in self.codes:
            v[:, code] = u[:, code].clamp(min=LEAST).log()
        return v

    def latents(self, v: Tensor) -> Tensor:
        """Return u of free numbers v, [N, dim]."""
        if not self.bounded and not self.codes:
            return v
        u = v.clone()
        u[:, self.bounded] = v[:, self.bounded].tanh()
        for code in self.codes:
            u[:, code] = torch.softmax(v[:, code], dim=1)
        return u

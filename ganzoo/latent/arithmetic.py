"""Sums and differences of latents: man with glasses - man + woman."""

from collections.abc import Sequence

import torch
from torch import Tensor

ADVISED = 3  # exemplars per term


def arithmetic(plus: Sequence[Tensor], minus: Sequence[Tensor] = ()) -> Tensor:
    """Return the sum of the means of some exemplars, less those of others, [dim].

        z = Σ_i mean(plus_i) - Σ_j mean(minus_j)

    Use three exemplars or more for each term (``ADVISED``): with single ones the paper found the result unstable. If
    z is normal, two positive terms and a negative one of three exemplars each also give a sum that is distributed as z.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
    2015, section 6.3.2. https://arxiv.org/abs/1511.06434

    Args:
        plus: Latents of the exemplars of each positive term, [n, dim].
        minus: Of each negative term.

    Raises:
        ValueError: there is no positive term, or one is empty or of another size.
    """
    if not plus:
        raise ValueError("arithmetic needs at least one positive term, got none")
    dim = plus[0].shape[-1]
    for term in (*plus, *minus):
        if term.ndim != 2 or not len(term) or term.shape[1] != dim:
            raise ValueError(f"each term must be latents [n, {dim}] with n at least 1, got {list(term.shape)}")
    total = torch.stack([term.mean(dim=0) for term in plus]).sum(dim=0)
    return total - torch.stack([term.mean(dim=0) for term in minus]).sum(dim=0) if minus else total


def around(z: Tensor, n: int = 8, reach: float = 0.25, seed: int = 0) -> Tensor:
    """Return n latents around z, z + U[-reach, reach], [n, dim]: so the paper shows a result.

    Args:
        z: [dim].
        n: How many.
        reach: Largest change of an entry.
        seed: Of the noise.

    Raises:
        ValueError: z is not [dim].
    """
    if z.ndim != 1:
        raise ValueError(f"expected one latent [dim], got {list(z.shape)}")
    noise = torch.rand(n, len(z), generator=torch.Generator().manual_seed(seed), dtype=torch.float32) * 2 - 1
    return z + reach * noise.to(z)

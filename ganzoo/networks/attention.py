"""Self-attention over the positions of a map."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from ganzoo.networks.layers import Size


class SelfAttention2d(nn.Module):
    """Adds to every position of a map what it finds at the others; at first nothing.

        β_ji = softmax_i(f(x_i)ᵀ g(x_j)),  o_j = v(Σ_i β_ji h(x_i)),  y_j = γ o_j + x_j     (Eqs. 1, 2, 3)

    f, g, h and v are 1x1 convolutions without bias; γ starts at 0, so that in the first step it alone moves.

    Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. https://arxiv.org/abs/1805.08318

    Differs from the paper as its released code does: f and h are max-pooled by 2, so a position looks at a
    quarter of them, and h has C/2 channels rather than C/8 as f and g.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(channels // 8, 1), max(channels // 2, 1)
        self.f, self.g = _conv1(channels, few), _conv1(channels, few)
        self.h, self.v = _conv1(channels, half), _conv1(half, channels)
        self.pool = nn.MaxPool2d(2)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [N, C, H, W] for maps x."""
        maps = self.g(x), self.pool(self.f(x)), self.pool(self.h(x))
        query, keys, values = (m.flatten(2).mT for m in maps)  # [N, positions, channels]
        with sdpa_kernel(SDPBackend.MATH):  # the only one that can be differentiated twice, as penalties do
            found = scaled_dot_product_attention(query, keys, values, scale=1.0)
        out: Tensor = x + self.gamma * self.v(found.mT.unflatten(2, x.shape[2:]))
        return out


def attend(at: Size | None, size: Size, channels: int) -> list[nn.Module]:
    """Return the layer that stands behind a map of ``size``, if attention is wanted ``at`` this size."""
    return [SelfAttention2d(channels)] if size == at else []


def map_of(attention: int, image: Size, sizes: Sequence[Size]) -> Size | None:
    """Return the size of the map at 1/attention of the image's sides, rounded up; 0: None.

    Raises:
        ValueError: there is no map of this size.
    """
    shares = [2**k for k in range(max(image).bit_length())]
    wanted = {share: (-(-image[0] // share), -(-image[1] // share)) for share in shares}
    there = {share: size for share, size in wanted.items() if size in sizes}
    if attention and attention not in there:
        words = ", ".join(f"{share} (maps of {h} x {w})" for share, (h, w) in sorted(there.items()))
        raise ValueError(
            f"attention must be 0 (none) or, for images of {image[0]} x {image[1]} pixels, {words}; got {attention}"
        )
    return there.get(attention)


def _conv1(n_in: int, n_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(n_in, n_out, 1, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer

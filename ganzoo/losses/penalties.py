"""Differentiable penalties on networks."""

import torch
from torch import Tensor, nn


def with_input_gradient(network: nn.Module, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the logits of x, [N], and the gradient of each with respect to its own image, [N, C·H·W].

    Both are differentiable again. They are computed in the precision of the network's weights even under autocast,
    and through the eager forward of a compiled network, because torch.compile has no double backward.

    Args:
        network: Scores each image by itself: batch norm would mix the rows.
        x: Images [N, ...]; differentiated at their values, not through what made them.
        y: Labels [N] of a conditional network.
    """
    x = x.detach()
    with torch.autocast(x.device.type, enabled=False):
        dtype = next((p.dtype for p in network.parameters()), torch.promote_types(x.dtype, torch.float32))
        x = x.to(dtype).requires_grad_()
        logits: Tensor = network.forward(x) if y is None else network.forward(x, y)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return logits, gradient.flatten(1)


class HistoricalAverage(nn.Module):
    """The mean of a network's weights over training, and the squared distance of the present ones to it.

        |θ - 1/t Σ_{i≤t} θ_i|²                                        (section 3.3)

    Salimans et al., "Improved Techniques for Training GANs", 2016. https://arxiv.org/abs/1606.03498

    Args:
        network: Its initial weights are θ_1.
    """

    count: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.register_buffer("count", torch.ones((), dtype=torch.long))
        for k, parameter in enumerate(network.parameters()):
            self.register_buffer(f"mean_{k}", parameter.detach().clone())

    def means(self) -> list[Tensor]:
        """Return the mean of every parameter."""
        return [value for name, value in self.named_buffers() if name != "count"]

    def distance(self, network: nn.Module) -> Tensor:
        """Return the squared distance of the network's weights to their means."""
        pairs = zip(network.parameters(), self.means(), strict=True)
        return torch.stack([(p - mean).square().sum() for p, mean in pairs]).sum()

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the network's weights into the means."""
        self.count += 1
        torch._foreach_lerp_(self.means(), list(network.parameters()), 1 / int(self.count))

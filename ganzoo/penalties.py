"""Differentiable penalties on networks."""

import torch
from torch import Tensor, nn


def with_input_gradient(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of x, [N], and the gradient of each with respect to its own image, [N, C·H·W].

    Both are differentiable again. They are computed in the precision of the network's weights even under autocast,
    and through the eager forward of a compiled network, because torch.compile has no double backward.

    Args:
        network: Scores each image by itself: batch norm would mix the rows.
        x: Images [N, ...]; differentiated at their values, not through what made them.
    """
    x = x.detach()
    with torch.autocast(x.device.type, enabled=False):
        dtype = next((p.dtype for p in network.parameters()), torch.promote_types(x.dtype, torch.float32))
        x = x.to(dtype).requires_grad_()
        logits: Tensor = network.forward(x)
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return logits, gradient.flatten(1)

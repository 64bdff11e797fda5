"""New statistics for batch norm, from as many batches as one likes."""

from collections.abc import Iterable, Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Inputs = Tensor | Sequence[Tensor]  # what a network is called with: images, or images and labels, ...


@torch.no_grad()
def refresh_batch_norm(network: nn.Module, batches: Iterable[Inputs]) -> None:
    """Replace the running statistics of batch norm by averages over ``batches``, all of the same weight.

    In training the statistics are an exponential average over the last few batches, while the network still moved, and
    only over what it was shown: a latent regressor's encoder saw generated images alone. Afterwards the running mean of
    a layer is the mean over ``batches`` of the mean of its input, and the running variance that of its (unbiased)
    variance; meanwhile every batch is normalised by its own statistics. So batches of the size of training give the
    statistics that the network was trained with.

    It changes the buffers of batch norm layers, and nothing else: weights, momenta and modes are as before, and all
    other layers (dropout, spectral norm) are in evaluation mode meanwhile. A network without batch norm is left
    alone, and no batch is drawn. An average that is refreshed during training takes its network's statistics
    again at the next move: refresh it before it is judged.

    Donahue et al., "Adversarial Feature Learning", 2017, refresh before each evaluation, by 1000 batches.
    https://arxiv.org/abs/1605.09782

    Args:
        network: E, G or D, such as ``model.E_ema``.
        batches: What the network is called with, on its device: tensors, such as images x [N, C, H, W], or tuples of
            several, such as (x, y) for a conditional encoder.

    Raises:
        ValueError: there is no batch.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        raise ValueError("batches must hold at least one batch, got none: give images, such as those of a loader")
    modes = {module: module.training for module in network.modules()}
    momenta = [norm.momentum for norm in norms]
    try:
        network.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for the average over all batches
            norm.train()
        for inputs in chain([first], batches):
            network(*([inputs] if isinstance(inputs, Tensor) else inputs))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode

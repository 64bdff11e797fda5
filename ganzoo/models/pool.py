"""A history of generated images, of which D sees some again."""

import torch
from torch import Tensor, nn


class Pool(nn.Module):
    """The images that D was shown before: it learns from old mistakes too.

    While fewer than ``size`` images are kept, each new one is kept and shown. From then on, for each new image with
    probability 1/2, an image of the pool is shown, and the new one takes its place; else the new one is shown, and not
    kept. So half of what D sees is old, and its mean age is ``size`` images.

    All ranks hold the same pool: it is fed the joint batch in the order of its rows, and its coins are a function of
    (seed, number of images before). It is part of a checkpoint.

    Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", 2017, section
    2.3. https://arxiv.org/abs/1612.07828
    Differs from the paper: this is the rule of CycleGAN's code, which decides for each image by itself.

    Args:
        size: Number of images; 0: what comes is what is shown.
        image_shape: (C, H, W).

    Raises:
        ValueError: a negative size.
    """

    images: Tensor

    def __init__(self, size: int, image_shape: tuple[int, ...]) -> None:
        super().__init__()
        if size < 0:
            raise ValueError(f"pool must not be negative, got {size}: 50 is usual, 0 shows D the newest images only")
        self.size = size
        self.register_buffer("images", torch.zeros(size, *image_shape))

    @torch.no_grad()
    def forward(self, new: Tensor, before: int, seed: int) -> Tensor:
        """Return an image for each new one, [N, C, H, W].

        Args:
            new: Images of all ranks, [N, C, H, W].
            before: How many images came before.
            seed: Of the coins.
        """
        generator = torch.Generator().manual_seed((seed * 0x85EBCA6B + before) % 2**32)
        coins = (torch.rand(len(new), generator=generator) < 0.5).tolist()
        slots = torch.randint(self.size, (len(new),), generator=generator).tolist()
        shown = new.clone()
        for i, (old, slot) in enumerate(zip(coins, slots, strict=True)):
            if before + i < self.size:
                self.images[before + i] = new[i]
            elif old:
                shown[i] = self.images[slot]
                self.images[slot] = new[i]
        return shown

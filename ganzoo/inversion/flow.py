"""How an edit moves and recolours what it edits, and the same done to a photo at its own size."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.inference import Inference, decode
from ganzoo.inversion.strokes import slopes
from ganzoo.roles import Generator, Given

SMOOTH = 0.1  # σ_s, weight of the smoothness of the flow; chosen by trying on a few digits
RIDGE = 1e-2  # weight of a colour map's distance from the identity
WINDOW = 1.5  # pixels, standard deviation of the window in which a colour map is fitted
COARSEST = 8  # pixels of the smaller side where the flow is first looked for
WARPS, SWEEPS = 4, 60  # linearisations at each size; sweeps of Jacobi's method for each
ROUNDS = 3  # of flow and colour in turn
BRIGHTNESS = (0.299, 0.587, 0.114)  # of red, green and blue, as PIL has it


class Change(NamedTuple):
    """What leads from images a to images b: b(p) = A(p) [a(p + w(p)); 1].

    Args:
        flow: w, pixels to the right and down, [n, 2, H, W].
        colour: A, [n, C, C + 1, H, W].
    """

    flow: Tensor
    colour: Tensor


@torch.no_grad()
def change(a: Tensor, b: Tensor) -> Change:
    """Return what leads from images a to images b, [n, C, H, W], pixels from -1 to 1.

        E(w, A) = Σ_p |b(p) - A(p) [a(p + w(p)); 1]|² + σ_s |∇w(p)|²,    and A fitted in a small window

    Flow and colour are estimated in turn, three times, as in the paper.

    Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, "Edit transfer".
    https://arxiv.org/abs/1609.03552

    Differs from the paper: the flow is Horn and Schunck's, from coarse to fine; A is smooth because it is fitted to a
    window, with a ridge towards the identity, in place of a term σ_c |∇A|². Equal images give exactly w = 0, A = I.
    """
    flow = flow_of(a, b)
    colour = colour_of(warped(a, flow), b)
    for _ in range(ROUNDS - 1):
        flow = refined(a, b, flow, colour)
        colour = colour_of(warped(a, flow), b)
    return Change(flow, colour)


def flow_of(a: Tensor, b: Tensor) -> Tensor:
    """Return w, [n, 2, H, W], with b(p) = a(p + w(p)): from a small size to the whole one.

    Horn & Schunck, "Determining Optical Flow", Artificial Intelligence 17, 1981.
    """
    sizes = [tuple(a.shape[2:])]
    while min(sizes[-1]) >= 2 * COARSEST:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    flow = a.new_zeros(len(a), 2, *sizes[-1])
    for size in reversed(sizes):
        flow = refined(resized(a, size), resized(b, size), enlarged(flow, size))
    return flow


def refined(a: Tensor, b: Tensor, flow: Tensor, colour: Tensor | None = None) -> Tensor:
    """Return the flow of one size, from one that is nearly right, of images a that are recoloured by A.

    (g gᵀ + 4 σ_s I) d = 4 σ_s (mean of w + d of the 4 neighbours - w) - g r,    r = a(p + w) - b,  g its slope
    """
    for _ in range(WARPS):
        moved = warped(a, flow) if colour is None else recoloured(warped(a, flow), colour)
        gx, gy = slopes((moved + b) / 2)
        r, pull = moved - b, 4 * SMOOTH
        xx, xy, yy, xr, yr = ((p * q).sum(dim=1) for p, q in ((gx, gx), (gx, gy), (gy, gy), (gx, r), (gy, r)))
        xx, yy = xx + pull, yy + pull
        d, volume = torch.zeros_like(flow), xx * yy - xy * xy
        for _ in range(SWEEPS):
            right, down = (pull * (around(flow + d) - flow) - torch.stack([xr, yr], dim=1)).unbind(dim=1)
            d = torch.stack([yy * right - xy * down, xx * down - xy * right], dim=1) / volume[:, None]
        flow = flow + d
    return flow


def around(maps: Tensor) -> Tensor:
    """Return the mean of the 4 neighbours; beyond the edge a pixel is its own neighbour."""
    wide = F.pad(maps, (1, 1, 1, 1), mode="replicate")
    return (wide[..., 1:-1, 2:] + wide[..., 1:-1, :-2] + wide[..., 2:, 1:-1] + wide[..., :-2, 1:-1]) / 4


def colour_of(a: Tensor, b: Tensor) -> Tensor:
    """Return A, [n, C, C + 1, H, W], of images a and b that lie on one another.

    A(p) = argmin over A of Σ_q k(p - q) |b(q) - A [a(q); 1]|² + ε |A - [I 0]|²,    k a Gaussian
    """
    one = torch.cat([a, torch.ones_like(a[:, :1])], dim=1).double()
    c = b.shape[1]
    products = blurred((one[:, :, None] * one[:, None]).flatten(1, 2)).unflatten(1, (c + 1, c + 1))
    rest = blurred(((b - a).double()[:, :, None] * one[:, None]).flatten(1, 2)).unflatten(1, (c, c + 1))
    M = products.permute(0, 3, 4, 1, 2) + RIDGE * torch.eye(c + 1, dtype=torch.float64, device=a.device)
    A = torch.linalg.solve(M, rest.permute(0, 3, 4, 2, 1)).permute(0, 4, 3, 1, 2)  # M is its own transpose
    maps: Tensor = A.to(a) + identity(c, a)
    return maps


def identity(c: int, like: Tensor) -> Tensor:
    """Return the colour map that changes nothing, [1, c, c + 1, 1, 1]."""
    return torch.eye(c, c + 1).to(like)[None, :, :, None, None]


def blurred(maps: Tensor) -> Tensor:
    """Return maps, [n, K, H, W], smoothed by a Gaussian; the image ends at its edge."""
    reach = round(3 * WINDOW)
    t = torch.arange(-reach, reach + 1).to(maps)
    k = (-(t**2) / (2 * WINDOW**2)).exp()
    k = (k / k.sum()).expand(maps.shape[1], 1, -1)
    maps = F.conv2d(maps, k[:, :, None], padding=(0, reach), groups=maps.shape[1])
    return F.conv2d(maps, k[:, :, :, None], padding=(reach, 0), groups=maps.shape[1])


def recoloured(images: Tensor, colour: Tensor) -> Tensor:
    """Return A [x; 1] of each pixel of images, [n, C, H, W]."""
    return (colour[:, :, :-1] * images[:, None]).sum(dim=2) + colour[:, :, -1]


def warped(maps: Tensor, flow: Tensor) -> Tensor:
    """Return maps, [n, K, H, W], at p + w(p); beyond the edge is what is at the edge."""
    h, w = maps.shape[2:]
    x = torch.arange(w, device=flow.device) + flow[:, 0]
    y = torch.arange(h, device=flow.device)[:, None] + flow[:, 1]
    grid = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], dim=-1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def resized(images: Tensor, size: Sequence[int]) -> Tensor:
    """Return images of another size."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=tuple(size), mode="bilinear", antialias=True, align_corners=False)


def enlarged(flow: Tensor, size: Sequence[int]) -> Tensor:
    """Return the flow of images of another size, in their pixels."""
    ratio = flow.new_tensor([size[1] / flow.shape[3], size[0] / flow.shape[2]])
    return resized(flow, size) * ratio[:, None, None]


def composed(steps: Change) -> Change:
    """Return n changes, one after the other, as one.

    w(p) = w_t(p) + w_before(p + w_t(p)) and A(p) = A_t(p) A_before(p + w_t(p)), as b(p) comes from where a was.
    """
    flow, colour = steps.flow[:1], steps.colour[:1]
    for t in range(1, len(steps.flow)):
        own_flow, own = steps.flow[t : t + 1], steps.colour[t : t + 1]
        before = warped(colour.flatten(1, 2), own_flow).unflatten(1, colour.shape[1:3])
        colour = torch.einsum("ncdhw,ndehw->ncehw", own[:, :, :-1], before)
        colour[:, :, -1] += own[:, :, -1]
        flow = own_flow + warped(flow, own_flow)
    return Change(flow, colour)


def applied(photo: Tensor, whole: Change) -> Tensor:
    """Return a photo, [C, H, W] in [-1, 1] of any size, changed: flow and colours are enlarged to its size.

    A photo in colour keeps its colours where grey images change: each channel changes as the brightness does.
    """
    size = tuple(photo.shape[1:])
    colour = resized(whole.colour.flatten(1, 2), size).unflatten(1, whole.colour.shape[1:3])
    moved = warped(photo[None], enlarged(whole.flow, size))
    if len(photo) == colour.shape[1]:
        return recoloured(moved, colour)[0].clamp(-1, 1)
    grey = torch.cat([brightness(moved), moved[:, 3:]], dim=1)
    more = recoloured(grey, colour) - grey
    return (moved + torch.cat([more[:, :1].expand(-1, 3, -1, -1), more[:, 1:]], dim=1))[0].clamp(-1, 1)


def brightness(images: Tensor) -> Tensor:
    """Return images in colour, [n, 3 or 4, H, W], as grey ones, [n, 1, H, W]."""
    return (images[:, :3] * images.new_tensor(BRIGHTNESS)[:, None, None]).sum(dim=1, keepdim=True)


@torch.no_grad()
def carry(
    model: Inference | Generator, photo: Tensor, z_0: Tensor, z_1: Tensor, condition: Given = None, frames: int = 8
) -> Tensor:
    """Return a photo changed as G's images change from z_0 to z_1: what G cannot draw of the photo is kept.

    The images on the straight way from z_0 to z_1 are compared, each with the next, and the changes composed.

    Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, "Edit transfer", with 8 frames.
    https://arxiv.org/abs/1609.03552

    Differs from the paper: flow and colours are enlarged bilinearly, not by a guided filter.

    Args:
        model: In evaluation mode.
        photo: [C, H, W] in [-1, 1], of any size: what G(z_0) is like. In colour it keeps its colours where G is grey.
        z_0: Latent of the photo, [dim].
        z_1: Latent of the edit, [dim].
        condition: What G is told.
        frames: Images on the way.

    Raises:
        ValueError: the photo has other channels than G's images, or there are fewer than 2 frames.
    """
    G = model.generator if isinstance(model, Inference) else model
    c = G.image_shape[0]
    fitting = (c, c + 2) if c < 3 else (c,)
    if photo.ndim != 3 or photo.shape[0] not in fitting:
        wanted = " or ".join(map(str, fitting))
        raise ValueError(f"expected a photo [{wanted}, H, W], as G's images are, got {list(photo.shape)}")
    if frames < 2:
        raise ValueError(f"frames must be 2 or more, got {frames}")
    t = torch.linspace(0, 1, frames)[:, None]
    images = decode(G, z_0 + t * (z_1 - z_0), condition).float().cpu()
    return applied(photo, composed(change(images[:-1], images[1:])))

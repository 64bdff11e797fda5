"""Flow and colour in closed form, and an edit carried to a photo."""

import pytest
import torch

from ganzoo.inference import Inference
from ganzoo.inversion import carry
from ganzoo.inversion.flow import (
    Change,
    applied,
    change,
    colour_of,
    composed,
    flow_of,
    identity,
    recoloured,
    refined,
    warped,
)
from ganzoo.priors import Normal
from ganzoo.roles import Generator
from tests.zoo import ToImage

MAP = torch.tensor([[0.8, 0.1, 0.0, 0.1], [0.0, 0.9, 0.1, -0.05], [0.1, 0.0, 0.7, 0.0]])


def pattern(right=0.0, down=0.0, size=32, channels=3):
    y, x = torch.meshgrid(torch.arange(size) - down, torch.arange(size) - right, indexing="ij")
    waves = [torch.sin(x / 4 + k) * torch.cos(y / 5 - k) + 0.3 * torch.sin((x + y) / 3) for k in range(channels)]
    return torch.stack(waves)[None] / 1.4


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.5, 0.5), (2.0, -1.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_moved_pattern_gives_its_motion(shift, channels):
    a, b = pattern(channels=channels), pattern(*shift, channels=channels)
    came_from = -torch.tensor(shift)[:, None, None]
    for flow in (flow_of(a, b), change(a, b).flow):
        inner = flow[0, :, 6:-6, 6:-6]
        torch.testing.assert_close(inner.mean(dim=(1, 2)), came_from[:, 0, 0], rtol=0, atol=0.07)
        assert (inner - came_from).abs().max() < 0.3
    assert (warped(a, flow_of(a, b)) - b)[..., 6:-6, 6:-6].abs().max() < 0.1 * (a - b).abs().max()


def test_a_large_motion_is_found_from_coarse_to_fine():
    def blob(right):
        x = torch.arange(48) - 18.0
        return (-((x - right) ** 2 + x[:, None] ** 2) / 18).exp()[None, None] * 2 - 1

    a, b = blob(0), blob(12)
    lost = (a - b).square().mean()
    assert (warped(a, flow_of(a, b)) - b).square().mean() < 0.05 * lost
    assert (warped(a, refined(a, b, torch.zeros(1, 2, 48, 48))) - b).square().mean() > 0.2 * lost


def test_a_recoloured_image_gives_the_colour_map():
    a = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    b = recoloured(a, MAP[None, :, :, None, None])
    torch.testing.assert_close(b, torch.einsum("cd,ndhw->nchw", MAP[:, :3], a) + MAP[:, 3][None, :, None, None])
    A = colour_of(a, b)
    assert (A[0] - MAP[:, :, None, None]).abs().max() < 0.05
    assert (recoloured(a, A) - b).abs().max() < 0.03


def test_a_colour_map_is_local():
    a = torch.rand(1, 1, 16, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    b = a.clone()
    b[..., 12:] = -0.5 * b[..., 12:]
    A = colour_of(a, b)[0, 0, 0]
    assert (A[:, :6] - 1).abs().max() < 0.02
    assert (A[:, -6:] + 0.5).abs().max() < 0.15


def test_equal_images_give_no_change_at_all():
    a = pattern()
    none = change(a, a)
    assert not none.flow.any()
    assert torch.equal(none.colour, identity(3, a).expand_as(none.colour))


def test_changes_are_composed_as_they_are_applied_one_by_one():
    """Shifts by whole pixels and one colour map each, so that nothing is lost between pixels."""
    n = 12
    flow = torch.stack([torch.tensor([1.0, 0.0]), torch.tensor([-2.0, 1.0])])[:, :, None, None].expand(2, 2, n, n)
    other = torch.tensor([[0.5, 0.0, 0.2, -0.1], [0.1, 0.6, 0.0, 0.2], [0.0, 0.3, 0.4, 0.0]])
    colour = torch.stack([MAP, other])[..., None, None].expand(2, 3, 4, n, n)
    x = pattern(size=n)
    each = x
    for t in range(2):
        each = recoloured(warped(each, flow[t : t + 1]), colour[t : t + 1])
    whole = composed(Change(flow, colour))
    at_once = recoloured(warped(x, whole.flow), whole.colour)
    torch.testing.assert_close(at_once[..., 3:-3, 3:-3], each[..., 3:-3, 3:-3], rtol=0, atol=1e-4)


def test_order_matters_in_a_composition():
    """First what lies in the middle is made bright, then all moves by 2: the bright part has moved."""
    colour = identity(1, torch.zeros(1)).expand(2, 1, 2, 9, 9).clone()
    colour[0, 0, 1, 4, 4] = 1
    flow = torch.zeros(2, 2, 9, 9)
    flow[1, 0] = -2
    made = applied(torch.full((1, 9, 9), -1.0), composed(Change(flow, colour)))
    assert [tuple(at) for at in (made[0] > -0.5).nonzero().tolist()] == [(4, 6)]


def test_a_change_is_as_large_as_the_photo():
    photo = pattern(size=48)[0]
    flow = torch.zeros(1, 2, 12, 12)
    flow[:, 0], flow[:, 1] = 1, -0.5  # 4 and -2 pixels of the photo
    same = identity(3, photo).expand(1, 3, 4, 12, 12)
    moved = applied(photo, Change(flow, same))
    torch.testing.assert_close(moved[:, 6:-6, 6:-6], photo[:, 4:-8, 10:-2], rtol=0, atol=1e-4)


class Moves(Generator):
    """A pattern at a place, and its light: z = (right, light)."""

    def __init__(self, image_shape=(1, 24, 24), prior=Normal(2)):
        super().__init__(image_shape, prior)

    def forward(self, z, y=None):
        return torch.cat([0.5 * pattern(float(right), size=24, channels=1) + light for right, light in z])


def test_an_edit_is_carried_to_a_photo_of_another_size_with_what_g_cannot_draw():
    photo = 0.5 * pattern(size=96, channels=1)[0].clone()
    x = torch.arange(96) / 4 - 0.375
    y = x[:, None]
    photo[0] = 0.5 * (torch.sin(x / 4) * torch.cos(y / 5) + 0.3 * torch.sin((x + y) / 3)) / 1.4
    photo[0, 40:44, 40:44] = 1  # a detail that G does not know
    out = carry(Moves().eval(), photo, torch.tensor([0.0, 0.0]), torch.tensor([2.0, 0.0]))
    light, at = out[0, 38:46, 46:54].max(), (out[0] > 0.9).nonzero().float().mean(dim=0)
    assert light > 0.9
    torch.testing.assert_close(at, torch.tensor([41.5, 49.5]), rtol=0, atol=1.5)
    brighter = carry(Moves().eval(), photo, torch.tensor([0.0, 0.0]), torch.tensor([0.0, 0.3]))
    assert (brighter - photo)[0, 8:30, 8:-8].mean() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_photo_in_colour_keeps_its_colours_as_grey_images_change(channels):
    """Grey g becomes 0.5 g + 0.3: each colour changes as much as the brightness, and the opacity beside them stays."""
    photo = 0.4 * pattern(size=48)[0] * torch.tensor([1.0, 0.8, 0.6])[:, None, None]
    photo = torch.cat([photo, photo[: channels - 1]])
    colour = identity(channels, photo).expand(1, channels, channels + 1, 12, 12).clone()
    colour[:, 0, 0], colour[:, 0, -1] = 0.5, 0.3
    out = applied(photo, Change(torch.zeros(1, 2, 12, 12), colour))
    grey = 0.299 * photo[0] + 0.587 * photo[1] + 0.114 * photo[2]
    torch.testing.assert_close(out[:3] - photo[:3], (0.3 - 0.5 * grey).expand(3, -1, -1), rtol=0, atol=1e-5)
    torch.testing.assert_close(out[3:], photo[3:], rtol=0, atol=1e-5)


def test_no_edit_leaves_the_photo_as_it_is():
    own = Inference({"generator": ToImage((3, 8, 8)).eval()})
    photo = torch.randint(0, 256, (3, 40, 30), generator=torch.Generator().manual_seed(0)) / 127.5 - 1
    z = own.latents(1)[0]
    out = carry(own, photo, z, z)
    levels = [(x * 127.5 + 127.5).round() for x in (out, photo)]
    assert torch.equal(*levels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"photo": torch.zeros(4, 20, 20)}, r"expected a photo \[1 or 3, H, W\], as G's images are, got \[4, 20, 20\]"),
        ({"frames": 1}, "frames must be 2 or more, got 1"),
        ({"condition": 2}, "this generator is unconditional"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    z = torch.zeros(4)
    with pytest.raises(ValueError, match=message):
        carry(ToImage().eval(), **{"photo": torch.zeros(1, 20, 20), "z_0": z, "z_1": z + 1, **arguments})

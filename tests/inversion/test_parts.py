"""Losses, starts and spaces: closed forms, and what each refuses."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.inference import Inference, decode, here
from ganzoo.inversion import LPIPS, At, Draw, Encoded, Features, InDomain, Masked, Nearest, Pixels, Shell, maps, several
from ganzoo.inversion.free import Free
from ganzoo.inversion.spaces import named
from ganzoo.networks import DCGANGenerator
from ganzoo.priors import Coded, Normal, Uniform
from ganzoo.roles import Generator
from tests.zoo import ToImage, ToLatent

ROWS = torch.arange(3)


def model(num_classes=0, prior=Normal(4), encoder=None):
    torch.manual_seed(0)
    G = ToImage(prior=prior, num_classes=num_classes)
    return Inference({"generator": G.eval(), **({"encoder": encoder} if encoder else {})})


def pictures(n=3, seed=3, shape=(1, 8, 8)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def measured(loss, images, x, u=None, own=None):
    return loss.against(x, own or model())(images, torch.zeros(len(x), 4) if u is None else u, torch.arange(len(x)))


# -- losses


def test_pixels_are_the_mean_squared_error():
    a, b = pictures(seed=1), pictures(seed=2)
    torch.testing.assert_close(measured(Pixels(), a, b), ((a - b) ** 2).mean(dim=(1, 2, 3)))


def test_rows_are_looked_up_by_their_numbers():
    x = pictures()
    measure = Pixels().against(x, model())
    assert measure(x[[2, 0]], torch.zeros(2, 4), torch.tensor([2, 0])).tolist() == [0, 0]
    assert measure(x[[2, 0]], torch.zeros(2, 4), torch.tensor([0, 2])).min() > 0


def test_losses_add_up_with_their_weights():
    a, b, u = pictures(seed=1), pictures(seed=2), torch.ones(3, 4) * 3
    loss = 2 * (Pixels() + 0.5 * Shell()) + Shell(radius=0)
    expected = 2 * measured(Pixels(), a, b) + measured(Shell(), a, b, u) + measured(Shell(radius=0), a, b, u)
    torch.testing.assert_close(measured(loss, a, b, u), expected)
    with pytest.raises(ValueError, match="weights must be finite"):
        math.inf * Pixels()
    for radius in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"radius must be 0 or more and finite, got {radius}"):
            Shell(radius)


def test_the_shell_is_where_draws_are():
    u = torch.tensor([[2.0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    torch.testing.assert_close(
        measured(Shell(), pictures(), pictures(), u), torch.tensor([0.0, 1.0, 0.0]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        measured(Shell(0), pictures(), pictures(), u), torch.tensor([1.0, 0.0, 1.0]), atol=1e-5, rtol=0
    )


def test_a_mask_hides_what_is_outside():
    a, x, mask = pictures(seed=1), pictures(seed=2), torch.zeros(8, 8)
    mask[2:4, 1:5] = 1
    expected = ((a - x) ** 2)[:, :, 2:4, 1:5].mean(dim=(1, 2, 3))
    torch.testing.assert_close(measured(Masked(Pixels(), mask), a, x), expected)
    each = torch.stack([mask, torch.ones(8, 8), mask.T])[:, None]
    got = measured(Masked(Pixels(), each), a, x)
    torch.testing.assert_close(got[:2], torch.stack([expected[0], ((a - x) ** 2)[1].mean()]))


def test_a_mask_leaves_terms_of_latents_alone():
    a, x, mask, u = pictures(seed=1), pictures(seed=2), torch.zeros(8, 8), torch.ones(3, 4)
    mask[2, 3] = 1
    alone, masked = Pixels() + 0.5 * Shell(0), Masked(Pixels() + 0.5 * Shell(0), mask)
    expected = measured(Masked(Pixels(), mask), a, x, u) + 0.5 * measured(Shell(0), a, x, u)
    torch.testing.assert_close(measured(masked, a, x, u), expected)
    torch.testing.assert_close(measured(Masked(alone, torch.ones(8, 8)), a, x, u), measured(alone, a, x, u))


class Scalar(Pixels):
    def against(self, x, model):
        return lambda images, u, rows: images.square().mean()


@pytest.mark.parametrize("loss", [Pixels() + Scalar(), Masked(Scalar(), torch.ones(8, 8))])
def test_a_term_that_is_one_number_for_all_images_is_refused(loss):
    with pytest.raises(ValueError, match=r"a loss must be one number for each of 3 images, got \[\]"):
        measured(loss, pictures(), pictures())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(8, 8), "some above 0 in each image"),
        (torch.full((8, 8), 2.0), "numbers from 0 to 1"),
        (torch.full((8, 8), math.nan), "numbers from 0 to 1"),
        (torch.ones(1, 8, 8), r"a mask is \[H, W\], or \[N, 1, H, W\], got \[1, 8, 8\]"),
        (torch.ones(7, 8), r"expected a mask of 3 images \[8, 8\], got \[1, 1, 7, 8\]"),
        (torch.ones(2, 1, 8, 8), r"expected a mask of 3 images \[8, 8\], got \[2, 1, 8, 8\]"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        measured(Masked(Pixels(), mask), pictures(), pictures())


def test_features_are_compared_layer_by_layer():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    a, x = pictures(20, seed=1), pictures(20, seed=2)
    one, two = network[:2], network
    plain = sum(((f(a) - f(x)) ** 2).mean(dim=(1, 2, 3)) for f in (one, two))
    scaled = sum(((f(a) - f(x)) ** 2).mean(dim=(1, 2, 3)) / (f(x) ** 2).mean(dim=(1, 2, 3)) for f in (one, two))
    torch.testing.assert_close(measured(Features(network, ["1", "2"], relative=False), a, x), plain)
    torch.testing.assert_close(measured(Features(network, ["1", "2"]), a, x), scaled)
    with pytest.raises(ValueError, match="Sequential has no layer '3': it has 0, 1, 2"):
        Features(network, ["3"])
    with pytest.raises(ValueError, match="give one layer or more of 0, 1, 2"):
        Features(network, [])


@pytest.fixture
def made(monkeypatch):
    """Weights of AlexNet that are made where torchvision would download them."""
    from torchvision.models import _api, alexnet

    torch.manual_seed(0)
    state = alexnet(weights=None).state_dict()
    monkeypatch.setattr(_api, "load_state_dict_from_url", lambda *_, **__: state)


def test_lpips_is_torchmetrics_for_each_image(made):
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity as theirs

    a, x = pictures(3, seed=1, shape=(3, 64, 64)), pictures(3, seed=2, shape=(3, 64, 64))
    got = measured(LPIPS(), a, x)
    wanted = [theirs(a[i : i + 1], x[i : i + 1], net_type="alex") for i in range(3)]
    torch.testing.assert_close(got, torch.stack(wanted).flatten(), rtol=1e-4, atol=1e-6)
    small, other = pictures(3, seed=1), pictures(3, seed=2)
    enlarged = [F.interpolate(one, scale_factor=8, mode="bilinear").expand(-1, 3, -1, -1) for one in (small, other)]
    torch.testing.assert_close(measured(LPIPS(), small, other), measured(LPIPS(), *enlarged), rtol=1e-4, atol=1e-6)
    assert measured(LPIPS(), small, small).abs().max() == 0


def test_without_a_network_lpips_says_where_the_weights_belong(monkeypatch):
    from torchvision.models import _api

    def refused(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(_api, "load_state_dict_from_url", refused)
    with pytest.raises(
        ValueError, match=r"torchvision's weights of alex; .*no route to host.*put the file into .*checkpoints"
    ):
        LPIPS()


def test_in_domain_is_how_far_the_encoder_is_from_z():
    E, a, u = ToLatent(), pictures(), torch.randn(3, 4)
    own = model(encoder=E)
    torch.testing.assert_close(measured(InDomain(), a, a, u, own), ((u - E(a)) ** 2).mean(1))
    for wrong in (model(), model(encoder=ToLatent(num_classes=3))):
        with pytest.raises(ValueError, match="InDomain needs a model with an encoder"):
            measured(InDomain(), a, a, u, wrong)


# -- free numbers


@pytest.mark.parametrize(
    "prior", [Normal(4), Uniform(4), Coded(Normal(3), categorical=(3, 2), uniform=2), Coded(Uniform(2), (4,), 0)]
)
def test_free_numbers_are_latents_again(prior):
    free, u = Free(prior), prior.seeded(range(6))
    v = free.free(u)
    assert v.isfinite().all()
    torch.testing.assert_close(free.latents(v), u, rtol=0, atol=3e-3)
    anywhere = free.latents(50 * torch.randn(6, prior.dim))
    for code in prior.codes:
        part = anywhere[:, code.start : code.start + code.size]
        assert (part.abs() <= 1).all()
        if code.kind == "categorical":
            torch.testing.assert_close(part.sum(1), torch.ones(6))
    if isinstance(prior, Uniform):
        assert (anywhere.abs() <= 1).all()


# -- starts


class Flipped(Generator):
    """Class 2 has the negatives of class 0."""

    def __init__(self, image_shape=(1, 8, 8), prior=Normal(4), num_classes=3):
        super().__init__(image_shape, prior, num_classes)
        self.net = nn.Linear(4, 64)

    def forward(self, z, y=None):
        return (self.net(z) * (1 - y[:, None])).tanh().view(-1, 1, 8, 8)


def test_a_draw_is_a_share_of_the_latent_of_a_seed():
    own = model()
    z = Draw(0.3)(own, pictures(), None, 5)
    assert torch.equal(z, 0.3 * own.generator.prior.seeded([5, 5, 5]))
    coded = model(prior=Coded(Normal(3), (4,), 1))
    assert Draw()(coded, pictures(), None, 0)[:, 3:7].eq(0.25).all()
    for scale in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"scale must be positive and finite, got {scale}"):
            Draw(scale)


def test_the_nearest_sample_is_found_and_of_the_right_class():
    own = model()
    x = own.sample(8)
    assert torch.equal(Nearest(20, 1.0)(own, x, None, 0), own.latents(8))
    assert torch.equal(Nearest(1, 0.5)(own, x, None, 7), 0.5 * own.latents(1, seed=7).expand(8, -1))
    told = Inference({"generator": Flipped().eval()})
    y, z = torch.tensor([2, 0, 2]), told.latents(3, seed=4)
    assert torch.equal(Nearest(9, 1.0)(told, told.decode(z, y), y, 0), z)
    assert not torch.equal(Nearest(9, 1.0)(told, told.decode(z, y), 2 - y, 0), z)
    coded = model(prior=Coded(Normal(3), (4,), 1))
    assert ((coded.latents(30) * 0.5)[:, :3] == Nearest(1, 0.5)(coded, x[:1], None, 4)[:, :3]).all(
        dim=1
    ).nonzero().tolist() == [[4]]
    assert Nearest(9, 0.5)(coded, x, None, 0)[:, 3:7].sum(1).eq(1).all()
    for n, scale in ((0, 1), (2**16 + 1, 1), (4, 0), (4, math.inf), (4, math.nan)):
        with pytest.raises(ValueError, match=rf"n must be from 1 to 65536 and .* got {n} and {scale}"):
            Nearest(n, scale)


class Holes(ToImage):
    """Latents whose first number is negative have no image."""

    def forward(self, z, y=None):
        return super().forward(z, y) * torch.where(z[:, 0] < 0, math.nan, 1.0)[:, None, None, None]


def test_a_sample_that_is_no_image_is_never_the_nearest():
    own = Inference({"generator": Holes(prior=Normal(4)).eval()})
    assert (Nearest(40)(own, pictures(), None, 0)[:, 0] > 0).all()


def test_an_encoder_and_given_latents_are_starts():
    E, x = ToLatent(), pictures()
    own = model(encoder=E)
    torch.testing.assert_close(Encoded()(own, x, None, 0), E(x))
    assert torch.equal(At(torch.ones(3, 4))(own, x, None, 0), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"expected latents \[3, 4\] to start at, got \[2, 4\]"):
        At(torch.ones(2, 4))(own, x, None, 0)
    with pytest.raises(ValueError, match="latents to start at must be finite"):
        At(torch.tensor([[0, math.nan]]))
    with pytest.raises(ValueError, match="this model has no encoder"):
        Encoded()(model(), x, None, 0)


# -- spaces


class Skipping(Generator):
    """z reaches the image past its first layer too."""

    def __init__(self, image_shape=(1, 8, 8), prior=Normal(4)):
        super().__init__(image_shape, prior)
        self.first, self.last = nn.Linear(4, 6), nn.Linear(10, 64)
        self.unused = nn.Linear(2, 2)

    def forward(self, z, y=None):
        return self.last(torch.cat([self.first(z), z], 1)).tanh().view(-1, 1, 8, 8)


def dcgan(num_classes=0):
    torch.manual_seed(0)
    return DCGANGenerator((1, 16, 16), Normal(4), width=4, num_classes=num_classes).eval()


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("name", ["maps:body.2", "maps:body.4", "codes:body.3:3"])
def test_a_space_behind_z_makes_the_same_images(name, num_classes):
    G = dcgan(num_classes)
    z, y = G.prior.seeded(range(5)), torch.arange(5) % 3 if num_classes else None
    space = named(G, name)
    u = here(space, z, y)
    assert u.shape == (5, space.prior.dim)
    torch.testing.assert_close(decode(space, u, y), decode(G, z, y), rtol=0, atol=1e-5)
    assert not torch.equal(decode(space, 2 * u, y), decode(G, z, y))


def test_several_codes_are_mixed_channel_by_channel():
    G = dcgan()
    space = several(G, "body.3", 2)
    z, alpha = G.prior.seeded([1, 2]), torch.rand(2, 8)
    out = G.body[:4](z)
    mixed = out[0] * alpha[0, :, None, None] + out[1] * alpha[1, :, None, None]
    u = torch.cat([z.flatten(), alpha.flatten()])[None]
    assert space.prior.dim == 2 * (4 + 8)
    torch.testing.assert_close(space.make(u), G.body[4:](mixed[None]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("layer", ["body.2", "body.3", "body.6"])  # behind 2 stands a ReLU that works in place
def test_maps_are_differentiable(layer):
    G = dcgan()
    space = maps(G, layer)
    u = here(space, G.prior.seeded([0]), None).requires_grad_()
    before = u.detach().clone()
    assert (u.min() < 0) == (layer == "body.2")
    space.make(u).sum().backward()
    assert u.grad.abs().sum() > 0
    assert torch.equal(u.detach(), before)


def test_layers_are_seen_as_they_were_though_the_next_one_works_in_place():
    network, x = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True)), pictures()
    (seen,) = Features(network, ["0"]).maps(x)
    assert torch.equal(seen, network[0](x).flatten(1))
    assert seen.min() < 0


@pytest.mark.parametrize(
    ("G", "name", "message"),
    [
        (dcgan, "maps:body.99", "DCGANGenerator has no layer 'body.99': it has label, body, body.0"),
        (dcgan, "codes:body.3:1", "several codes are from 2 to 256, got 1"),
        (dcgan, "codes:body.3:999999999", "several codes are from 2 to 256, got 999999999"),
        (dcgan, "codes:body.3", "no space 'codes:body.3': there are z, maps:LAYER and codes:LAYER:K"),
        (dcgan, "w", "no space 'w': there are z, maps:LAYER and codes:LAYER:K"),
        (Skipping, "maps:first", "layer 'first' is not all that the image is made of"),
        (Skipping, "maps:unused", "layer 'unused' has no output of its own"),
    ],
)
def test_spaces_that_there_are_not_are_refused(G, name, message):
    with pytest.raises(ValueError, match=message):
        named(G().eval(), name)

"""Strokes in closed form; ``brush`` finds what they ask for near z_0, each image as if it were alone."""

import math

import pytest
import torch
from torch import nn

from ganzoo.inference import Inference
from ganzoo.inversion import LBFGS, Colour, Shape, Warp, brush
from ganzoo.inversion.brush import ranked
from ganzoo.inversion.strokes import edges, moved
from ganzoo.networks import Packed
from ganzoo.priors import Coded, Normal, Uniform
from tests.translator import Translate
from tests.zoo import FromImage, OfPair, ToImage

BAR = torch.zeros(8, 8)
BAR[1:3, 2:6] = 1
FAST = LBFGS(12)


def model(num_classes=0, prior=Normal(4), discriminator=None):
    torch.manual_seed(0)
    G = ToImage(prior=prior, num_classes=num_classes)
    with torch.no_grad():
        for p in G.parameters():
            p.mul_(2)  # of a new network all images are alike
    return Inference({"generator": G.eval(), **({"discriminator": discriminator.eval()} if discriminator else {})})


def pictures(n=3, seed=3, shape=(1, 8, 8)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def measured(stroke, images, x):
    return stroke.against(x, model())(images, torch.zeros(len(x), 4), torch.arange(len(x)))


# -- strokes


@pytest.mark.parametrize("colour", [0.5, [0.5, -0.25, 1.0], torch.linspace(-1, 1, 192).reshape(3, 8, 8)])
def test_colour_is_the_mean_squared_distance_under_the_mask(colour):
    a = pictures(shape=(3, 8, 8))
    wanted = torch.as_tensor(colour)
    wanted = (wanted[:, None, None] if wanted.ndim == 1 else wanted).expand_as(a)
    expected = (a - wanted)[:, :, 1:3, 2:6].square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(measured(Colour(BAR, colour), a, pictures(seed=1, shape=(3, 8, 8))), expected)


@pytest.mark.parametrize("k", range(8))
def test_a_ramp_has_edges_in_its_own_direction_alone(k):
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    angle = k * math.pi / 8
    ramp = 0.05 * (x * math.cos(angle) + y * math.sin(angle))
    h = edges(ramp[None, None], 3)[0, :, 4:-4, 4:-4]
    expected = torch.zeros_like(h)
    expected[k] = 0.05
    torch.testing.assert_close(h, expected, rtol=0, atol=1e-4)


def test_shape_is_0_at_the_drawing_1_without_edges_and_blind_to_light():
    drawing = (BAR * 1.2 - 0.8)[None]
    flat, darker = torch.full((1, 1, 8, 8), 0.3), drawing[None] - 0.2
    shape = Shape(BAR, drawing)
    assert measured(shape, drawing[None], flat) == 0
    torch.testing.assert_close(measured(shape, darker, flat), torch.zeros(1), rtol=0, atol=1e-10)
    assert 0.5 < measured(shape, flat, flat) < 1
    other = drawing[None].clone()
    other[..., 7, :] = 1  # farther from what is painted than an edge reaches
    assert measured(Shape(BAR, drawing, cell=1), other, flat) == 0


def test_a_warp_asks_for_the_patch_at_its_new_place():
    x = pictures()
    there = moved(x, (1, 3))
    assert torch.equal(there[:, :, 4:6, 3:7], x[:, :, 1:3, 2:6])
    assert not there[:, :, :3].any()
    assert not there[..., 0].any()
    warp = Warp(BAR, (1, 3))
    assert measured(warp, there, x).tolist() == [0, 0, 0]
    mask = moved(BAR, (1, 3))
    for i in range(3):
        parts = measured(Colour(mask, there[i]), x, x)[i] + 0.2 * measured(Shape(mask, there[i]), x, x)[i]
        torch.testing.assert_close(measured(warp, x, x)[i], parts)


def test_a_shift_may_lead_left_and_up():
    x = pictures()
    assert torch.equal(moved(x, (-2, -1))[..., :7, :6], x[..., 1:, 2:])
    assert not moved(x, (-8, 0)).any()


# -- brush


def test_strokes_are_followed_and_what_is_reported_is_true():
    own = model(discriminator=FromImage())
    z = own.latents(2)
    stroke = Colour(BAR, 0.8)
    found = brush(own, z, stroke, stay=0.05, candidates=5, solver=FAST)
    assert (found.after.min(dim=1).values < 0.5 * found.before).all()
    before = (own.decode(z)[:, :, 1:3, 2:6] - 0.8).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found.before, before)
    images = own.decode(found.latents.flatten(0, 1)).unflatten(0, (2, 5))
    torch.testing.assert_close(found.images, images, rtol=0, atol=1e-6)
    after = (images[..., 1:3, 2:6] - 0.8).square().mean(dim=(2, 3, 4))
    torch.testing.assert_close(found.after, after, rtol=1e-4, atol=1e-6)
    far = (found.latents - z[:, None]).square().mean(dim=2)
    torch.testing.assert_close(found.loss, after + 0.05 * far, rtol=1e-4, atol=1e-6)
    logits = own.networks["discriminator"](images.flatten(0, 1)).unflatten(0, (2, 5))
    torch.testing.assert_close(found.score, logits.detach(), rtol=0, atol=1e-5)
    rows = torch.arange(2)
    assert torch.equal(found.best()[0], found.latents[rows, found.order[:, 0]])
    assert torch.equal(found.best()[1], found.images[rows, found.order[:, 0]])


def test_the_more_an_edit_stays_the_less_it_goes():
    own = model()
    z = own.latents(3)
    far, error = [], []
    for stay in (0.01, 2.0, 1e6):
        found = brush(own, z, Colour(BAR, 1.0), stay=stay, candidates=1, solver=FAST)
        far.append((found.latents[:, 0] - z).norm(dim=1).mean())
        error.append(found.after.mean())
    assert far[0] > far[1] > far[2]
    assert far[2] < 1e-2
    assert error[0] < error[1] < error[2]
    default = brush(own, z, Colour(BAR, 1.0), candidates=1, solver=FAST)
    assert torch.equal(default.latents, brush(own, z, Colour(BAR, 1.0), stay=2.0, candidates=1, solver=FAST).latents)


STROKES = [
    Colour(BAR, 0.5),
    0.5 * Colour(BAR, 0.5) + Shape(BAR, BAR[None]),
    [Warp(BAR, (1, 2)), Colour(BAR.T.contiguous(), -1.0)],
]


@pytest.mark.parametrize("strokes", STROKES, ids=["colour", "sum", "list"])
def test_an_image_has_the_same_candidates_alone_and_in_company(strokes):
    own = model(num_classes=10, prior=Normal(12), discriminator=FromImage(num_classes=10))
    z, y = own.latents(20), torch.arange(20) % 10
    together = brush(own, z, strokes, y, candidates=6, solver=LBFGS(5))
    for rows in (torch.tensor([13]), torch.tensor([19, 2, 13])):
        some = brush(own, z[rows], strokes, y[rows], candidates=6, solver=LBFGS(5))
        for name, values in some._asdict().items():
            assert torch.equal(values, getattr(together, name)[rows]), name
    assert (together.loss < 1e3).all()


def test_the_first_start_is_z_itself_and_the_others_are_of_their_seeds():
    own = model()
    z, how = own.latents(1), {"stay": 1.0, "solver": LBFGS(1)}
    one = brush(own, z, Colour(BAR, 1.0), candidates=1, seed=9, **how)
    many = brush(own, z, Colour(BAR, 1.0), candidates=4, seed=3, **how)
    assert torch.equal(one.latents[:, 0], many.latents[:, 0])
    assert len(many.latents[0].unique(dim=0)) == 4
    assert torch.equal(many.latents, brush(own, z, Colour(BAR, 1.0), candidates=4, seed=3, **how).latents)
    assert not torch.equal(many.latents, brush(own, z, Colour(BAR, 1.0), candidates=4, seed=4, **how).latents)
    still = brush(own, z, Colour(BAR, 1.0), candidates=3, jitter=0, **how)
    assert len(still.latents[0].unique(dim=0)) == 1


def test_good_candidates_come_first_by_d_and_the_others_by_their_loss():
    loss = torch.tensor([[4.0, 1.0, 1.5, 2.0, 3.0]])
    order, kept = ranked(loss, None)
    assert order.tolist() == [[1, 2, 3, 4, 0]]
    assert kept.tolist() == [3]
    order, kept = ranked(loss, torch.tensor([[9.0, -1.0, 2.0, 3.0, 9.0]]))
    assert order.tolist() == [[3, 2, 1, 4, 0]]
    assert kept.tolist() == [3]


def test_d_scores_where_it_judges_single_images():
    z = model().latents(1)

    def score(D):
        return brush(model(discriminator=D), z, Colour(BAR, 1.0), candidates=2, solver=LBFGS(1)).score

    assert score(None) is None
    assert score(Packed(FromImage((2, 8, 8)), pack=2)) is None
    D = OfPair().eval()
    own = model(discriminator=D)
    found = brush(own, z, Colour(BAR, 1.0), candidates=2, solver=LBFGS(1))
    torch.testing.assert_close(found.score[0], D(found.images[0], found.latents[0]).detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("prior", [Uniform(4), Coded(Uniform(3), categorical=(3,), uniform=1)])
def test_candidates_stay_where_the_prior_is(prior):
    own = model(prior=prior)
    found = brush(own, own.latents(1), Colour(BAR, 1.0), stay=0.01, jitter=3.0, candidates=4, solver=FAST)
    assert found.latents.abs().max() <= 1
    assert found.after.min() < found.before


# -- bad input

Z = torch.zeros(1, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Colour(torch.zeros(8, 8), 1.0), "nothing is painted"),
        (lambda: Colour(BAR * math.nan, 1.0), r"the mask of a stroke is \[H, W\], of numbers from 0 to 1"),
        (lambda: Colour(BAR[None], 1.0), r"the mask of a stroke is \[H, W\], .* got \[1, 8, 8\]"),
        (lambda: Colour(BAR, math.nan), r"the colour of a stroke must be of finite numbers from -1 to 1, got \[nan\]"),
        (lambda: Colour(BAR, [255.0, 0, 0]), r"got \[255.0\]: of 8 bits take x / 127.5 - 1"),
        (lambda: Shape(BAR, pictures()[0] * 9), "a drawing must be of finite numbers from -1 to 1"),
        (lambda: Shape(BAR, pictures()[0], cell=4), "cell must be odd and positive, got 4"),
        (lambda: Warp(BAR, (9, 0)), r"the shift \(9, 0\) moves the whole patch out of the image"),
        (lambda: Warp(BAR, (0.5, 0)), "a shift is two whole numbers, pixels to the right and down"),
    ],
)
def test_a_stroke_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strokes": Colour(torch.ones(9, 8), 1.0)}, r"the mask of a stroke is \[9, 8\], the images are \[8, 8\]"),
        ({"strokes": Colour(BAR, [1.0, 0, 0])}, r"a colour is one number, 1, or an image \[1, 8, 8\], got \[3, 1, 1\]"),
        ({"strokes": Shape(BAR, torch.zeros(1, 7, 8))}, r"or an image \[1, 8, 8\], got \[1, 7, 8\]"),
        ({"strokes": []}, "no strokes: give one Colour, Shape or Warp, or more"),
        ({"z": torch.zeros(1, 5)}, r"expected latents \[N, 4\], got \[1, 5\]"),
        ({"z": Z * math.nan}, r"expected one latent or more, all finite, got \[1, 4\]"),
        ({"z": Z[:0]}, "expected one latent or more"),
        ({"condition": 3}, "this generator is unconditional"),
        ({"stay": -1}, "stay must be a finite number from 0 on, got -1"),
        ({"stay": math.nan}, "stay must be a finite number from 0 on, got nan"),
        ({"candidates": 0}, "candidates must be a finite number from 1 on, got 0"),
        ({"jitter": -0.1}, "jitter must be a finite number from 0 on"),
        ({"seed": -1}, "a seed is a whole number"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        brush(model(), **{"z": Z, "strokes": Colour(BAR, 1.0), **arguments})


def test_classes_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        brush(model(num_classes=3), Z, Colour(BAR, 1.0), 3)


@pytest.mark.parametrize("G", [Translate(), ToImage((2,))], ids=["translator", "points"])
def test_there_is_nothing_to_paint_on_without_latents_of_pictures(G: nn.Module):
    with pytest.raises(ValueError, match="has no latents of pictures: there is nothing to paint on"):
        brush(G.eval(), Z, Colour(BAR, 1.0))

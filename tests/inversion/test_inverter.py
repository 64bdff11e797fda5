"""``invert``: images are found again, each as if it were alone, in every space and by every solver."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import ganzoo.latent
from ganzoo.inference import Inference, decode
from ganzoo.inversion import (
    LBFGS,
    Adam,
    At,
    Draw,
    Encoded,
    Features,
    InDomain,
    Interrupted,
    Masked,
    Nearest,
    Pixels,
    Shell,
    Stay,
    invert,
)
from ganzoo.inversion.inverter import inversions
from ganzoo.inversion.losses import Loss
from ganzoo.inversion.spaces import named
from ganzoo.inversion.tune import Tune
from ganzoo.networks import DCGANGenerator
from ganzoo.priors import Coded, Normal, Uniform
from tests.inversion.test_parts import Flipped
from tests.translator import Translate
from tests.zoo import SPECIAL, TRANSLATORS, FromImage, ToImage, ToLatent, make


def model(num_classes=0, prior=Normal(4), encoder=None, **kwargs):
    torch.manual_seed(0)
    G = ToImage(prior=prior, num_classes=num_classes, **kwargs)
    with torch.no_grad():
        for p in G.parameters():
            p.mul_(2)  # of a new network all images are alike
    return Inference({"generator": G.eval(), **({"encoder": encoder.eval()} if encoder else {})})


def dcgan(num_classes=0, prior=Normal(12)):
    """One whose layers differ by their batch norm, as of a trained one; z is not too small for equal bits."""
    torch.manual_seed(0)
    G = DCGANGenerator((1, 16, 16), prior, width=4, num_classes=num_classes)
    for module in G.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 2, 4)
            nn.init.uniform_(module.bias, -1, 1)
    return Inference({"generator": G.eval()})


def test_images_of_the_model_are_found_again_though_not_their_latents():
    own = dcgan()
    x = own.sample(6, seed=100)
    found = invert(own, x, solver=LBFGS(150), restarts=3)
    assert found.loss.median() < 0.02 * x.var()
    torch.testing.assert_close(found.loss, (found.images - x).square().mean(dim=(1, 2, 3)))
    torch.testing.assert_close(found.images, own.decode(found.latents), rtol=0, atol=1e-6)


def test_more_of_an_image_is_found_the_more_numbers_a_space_has():
    own, x = dcgan(), torch.rand(4, 1, 16, 16) * 2 - 1
    z = invert(own, x)
    losses = [z.loss]
    for space in ("codes:body.2:4", "maps:body.4", "maps:body.6"):
        losses.append(invert(own, x, space=space, start=At(z.latents)).loss)
        assert (losses[-1] < z.loss).all()
    assert losses[3].mean() < losses[2].mean()


SPACES = ["z", "maps:body.4", "codes:body.2:3"]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("solver", [LBFGS(8), Adam(5)], ids=["lbfgs", "adam"])
def test_an_image_has_one_answer_alone_in_company_in_any_order(space, solver):
    loss = Pixels() + 0.01 * Shell() if space == "z" else Pixels()
    same_in_company({"space": space, "solver": solver, "loss": loss, "restarts": 2})


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_that_holds_on_two_threads(two_threads):
    same_in_company({"solver": LBFGS(2)})


@pytest.mark.parametrize("prior", [Uniform(20), Coded(Uniform(13), (5,), 2)], ids=["uniform", "coded"])
def test_that_holds_for_priors_with_borders(prior):
    same_in_company({"solver": LBFGS(4), "start": Nearest(48)}, prior)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "loss", [Pixels() + 0.1 * InDomain(), Features(nn.Sequential(nn.Conv2d(1, 4, 3)).double(), ["0"])]
)
def test_a_model_of_any_precision_is_inverted(dtype, loss):
    torch.manual_seed(0)
    own = model(prior=Normal(12), encoder=ToLatent(dim=12))
    for network in own.networks.values():
        network.to(dtype)
    found = invert(own, torch.rand(2, 1, 8, 8).to(dtype) * 2 - 1, start=Encoded(), solver=LBFGS(5), loss=loss)
    assert {found.latents.dtype, found.images.dtype, found.loss.dtype} == {torch.float32}
    assert (found.history[:, -1] <= found.history[:, 0]).all()
    assert next(Tune(1).each(own, found.images, found)).image.isfinite().all()


def same_in_company(how, prior=Normal(12)):
    own, x = (
        dcgan(num_classes=3, prior=prior),
        torch.rand(18, 1, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1,
    )
    y = torch.arange(18) % 3
    together = invert(own, x, y, **how)
    for rows in (torch.tensor([17]), torch.tensor([16, 3, 0]), torch.randperm(18)):
        some = invert(own, x[rows], y[rows], **how)
        for name in ("latents", "images", "loss", "history", "evaluations", "way", "condition"):
            assert torch.equal(getattr(some, name), getattr(together, name)[rows]), name


@pytest.mark.parametrize(
    "loss",
    [
        Features(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), ["1"]),
        Masked(Pixels(), torch.eye(8)),
        0.5 * Pixels() + 0.1 * Shell(0),
    ],
    ids=["features", "masked", "sum"],
)
@pytest.mark.parametrize("start", [Draw(0.5), Nearest(20), Encoded()], ids=["draw", "nearest", "encoded"])
def test_that_holds_for_every_loss_and_start(loss, start):
    torch.manual_seed(0)
    own = model(prior=Normal(12), encoder=ToLatent(dim=12))
    x = torch.rand(5, 1, 8, 8) * 2 - 1
    how = {"loss": loss, "start": start, "solver": LBFGS(9)}
    together = invert(own, x, **how)
    assert torch.equal(invert(own, x[[3]], **how).latents[0], together.latents[3])
    assert (together.history[:, -1] < together.history[:, 0]).all()


def test_parts_are_as_good_as_the_whole(monkeypatch):
    own, x = model(), torch.rand(40, 1, 8, 8) * 2 - 1
    whole = invert(own, x, solver=LBFGS(5))
    monkeypatch.setattr("ganzoo.inversion.inverter.PART", 16)
    parts = list(inversions(own, x, None, "z", Draw(), LBFGS(5), Pixels(), 1, 0, False))
    assert [len(part.loss) for part in parts] == [16, 16, 8]
    assert torch.equal(invert(own, x, solver=LBFGS(5)).latents, whole.latents)


def test_what_belongs_to_an_image_stays_with_it_in_parts(monkeypatch):
    own, x = model(), torch.rand(20, 1, 8, 8) * 2 - 1
    z, masks = own.latents(20), (torch.rand(20, 1, 8, 8) > 0.5).float()
    how = {"start": At(z), "loss": 2 * Masked(Pixels(), masks) + Shell(), "solver": LBFGS(2)}
    whole = invert(own, x, **how)
    monkeypatch.setattr("ganzoo.inversion.inverter.PART", 16)
    assert torch.equal(invert(own, x, **how).latents, whole.latents)


def test_of_several_starts_the_best_is_kept_for_each_image():
    own, x = model(), torch.rand(6, 1, 8, 8) * 2 - 1
    single = [invert(own, x, solver=LBFGS(6), seed=seed) for seed in (4, 5, 6)]
    best = invert(own, x, solver=LBFGS(6), seed=4, restarts=3)
    losses = torch.stack([one.loss for one in single])
    assert torch.equal(best.loss, losses.min(dim=0).values)
    assert len(losses.argmin(dim=0).unique()) > 1
    row, which = 2, int(losses[:, 2].argmin())
    assert torch.equal(best.latents[row], single[which].latents[row])
    assert torch.equal(best.history[row], single[which].history[row])
    assert torch.equal(best.evaluations, sum(one.evaluations for one in single))


class Lost(Loss):
    """Pixels; no number where a value of (images, latents), [n], is negative."""

    def __init__(self, value):
        self.value = value

    def against(self, x, model):
        measure = Pixels().against(x, model)
        return lambda images, u, rows: measure(images, u, rows) * torch.where(self.value(images, u) < 0, math.nan, 1.0)


@pytest.mark.parametrize("solver", [LBFGS(3), Adam(3), Stay()], ids=["lbfgs", "adam", "stay"])
def test_a_start_whose_loss_is_no_number_is_the_last_choice(solver):
    own, x = model(), torch.rand(3, 1, 8, 8) * 2 - 1
    how = {"start": Draw(1.0), "solver": solver, "loss": Lost(lambda images, u: u[:, 0])}
    single = [invert(own, x, seed=seed, **how) for seed in range(6)]
    lost = [seed for seed, one in enumerate(single) if not one.loss.isfinite().any()]
    assert 0 < len(lost) < 6
    best = invert(own, x, restarts=6, **how)
    assert best.loss.isfinite().all()
    for seed in lost:
        assert torch.equal(single[seed].latents, own.latents(1, seed).expand(3, -1))


def test_a_class_whose_loss_is_no_number_is_not_found():
    own = Inference({"generator": Flipped().eval()})
    loss = Lost(lambda images, u: images.flatten(1).mean(1))
    found = invert(own, torch.rand(4, 1, 8, 8) * 2 - 1, "auto", start=Draw(1.0), loss=loss)
    assert found.loss.isfinite().all()


def test_the_class_is_found():
    own = dcgan(num_classes=3)
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    x = own.sample(6, condition=y)
    found = invert(own, x, "auto", solver=LBFGS(30))
    assert (found.condition == y).float().mean() > 0.5
    given = invert(own, x, found.condition, solver=LBFGS(30))
    assert torch.equal(found.latents, given.latents)
    assert (found.evaluations > given.evaluations + 3 * 10).all()


def test_a_class_that_is_found_has_its_own_start():
    own = Inference({"generator": Flipped().eval()})
    x = own.sample(6, condition=[0, 2, 0, 2, 0, 2])
    found = invert(own, x, "auto", start=Nearest(32), solver=LBFGS(1))
    assert len(found.condition.unique()) > 1
    given = invert(own, x, found.condition, start=Nearest(32), solver=LBFGS(1))
    assert torch.equal(found.way[:, 0], given.way[:, 0])
    assert not torch.equal(found.way[:, 0], invert(own, x, 0, start=Nearest(32), solver=LBFGS(1)).way[:, 0])


def test_g_makes_no_image_that_nobody_looks_at():
    own, x, seen = model(num_classes=3), torch.rand(3, 1, 8, 8) * 2 - 1, []
    own.generator.register_forward_hook(lambda *_: seen.append(1))
    found = invert(own, x, 1, start=At(own.latents(3)), solver=Adam(7))
    assert len(seen) == 1 + 7 + 1  # one block at the start and after each step, and the answer
    assert found.evaluations.tolist() == [8, 8, 8]
    seen.clear()
    invert(own, x, "auto", start=Nearest(32), solver=Stay())
    searched = sum(seen)
    seen.clear()
    for k in range(3):
        invert(own, x, k, start=Nearest(32), solver=LBFGS(15))
    assert searched <= sum(seen)  # the samples of a class are made once


@pytest.mark.parametrize("prior", [Uniform(4), Coded(Uniform(3), categorical=(3,), uniform=1)])
def test_latents_stay_where_the_prior_is(prior):
    own = model(prior=prior)
    found = invert(own, torch.rand(4, 1, 8, 8) * 2 - 1, solver=LBFGS(20))
    assert found.latents.abs().max() <= 1
    torch.testing.assert_close(found.images, own.decode(found.latents), rtol=0, atol=1e-5)
    for code in prior.codes[:1]:
        torch.testing.assert_close(found.latents[:, code.start : code.start + code.size].sum(1), torch.ones(4))


@pytest.mark.parametrize("name", sorted(set(SPECIAL) - TRANSLATORS))
def test_any_generator_can_be_searched(name):
    G = make(name).eval().published["generator"]
    told = [1, 2] if G.num_classes else None
    found = invert(G, torch.rand(2, 1, 8, 8) * 2 - 1, told, solver=LBFGS(3))
    assert (found.loss < found.history[:, 0]).all()


def test_the_way_leads_from_the_start_to_the_answer():
    own, x = model(), torch.rand(3, 1, 8, 8) * 2 - 1
    found = invert(own, x, solver=LBFGS(20), start=Draw(0.5))
    torch.testing.assert_close(found.way[:, 0], 0.5 * own.latents(1).expand(3, -1))
    assert torch.equal(found.way[:, -1], found.latents)


def test_it_is_a_function_of_ganzoo_latent_too():
    assert ganzoo.latent.invert is invert


def read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


class Noisy(Translate):
    """A translator with a z."""

    def __init__(self):
        super().__init__()
        self.prior = Normal(4)

    def forward(self, z, y=None):
        return (super().forward(z, y) + z.mean(1)[:, None, None, None]).tanh()


@pytest.mark.parametrize("like", [np.asarray, read_only, lambda x: np.flip(np.flip(x).copy()), np.float64])
def test_arrays_of_numpy_are_taken_like_tensors(like):
    own, x, z = dcgan(num_classes=3), torch.rand(3, 1, 16, 16) * 2 - 1, torch.ones(3, 12)
    mask = torch.eye(16)
    how = {"solver": LBFGS(3)}
    found = invert(own, x, torch.tensor([0, 2, 1]), start=At(z), loss=Masked(Pixels(), mask), **how)
    for y in ([0, 2, 1], np.array([0, 2, 1]), read_only([0, 2, 1]), np.array([0, 2, 1], dtype=np.uint8)):
        arrays = {"start": At(like(z.numpy())), "loss": Masked(Pixels(), like(mask.numpy()))}
        assert torch.equal(invert(own, like(x.numpy()), y, **arrays, **how).latents, found.latents)
    one = invert(own, x, 2, **how)
    assert torch.equal(invert(own, x, np.int64(2), **how).latents, one.latents)
    assert one.condition.tolist() == [2, 2, 2]


def test_an_array_of_numpy_is_what_a_translator_is_told():
    own, x = Inference({"generator": Noisy().eval()}), torch.rand(2, 1, 8, 8)
    found = invert(own, x, x, solver=LBFGS(2))
    assert torch.equal(invert(own, x.numpy(), x.numpy(), solver=LBFGS(2)).latents, found.latents)


# -- interrupted


class Stopped(Loss):
    """Pixels; Ctrl-C comes when they are measured for the nth time."""

    def __init__(self, nth):
        self.left = nth

    def against(self, x, model):
        measure = Pixels().against(x, model)

        def counted(images, u, rows):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
            return measure(images, u, rows)

        return counted


@pytest.mark.parametrize("solver", [LBFGS(20), Adam(20)], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("space", ["z", "maps:body.4"])
def test_the_best_so_far_outlives_ctrl_c(solver, space):
    own, x = dcgan(), torch.rand(3, 1, 16, 16) * 2 - 1
    how = {"space": space, "solver": solver}
    with pytest.raises(Interrupted) as stop:
        invert(own, x, loss=Stopped(12), **how)
    found, whole = stop.value.found, invert(own, x, **how)
    assert (found.loss < whole.history[:, 0]).all()
    assert (found.loss >= whole.loss).all()
    torch.testing.assert_close(found.loss, (found.images - x).square().mean(dim=(1, 2, 3)))
    torch.testing.assert_close(found.images, decode(named(own.generator, space), found.latents), rtol=0, atol=1e-6)
    assert [len(row.unique()) for row in found.history] == [1, 1, 1]
    assert all(a.shape == b.shape for a, b in zip(found[:6], whole[:6], strict=True))
    assert found.evaluations.tolist() == [11, 11, 11] or isinstance(solver, LBFGS)


def test_what_is_found_is_the_best_of_the_restarts_and_classes_so_far():
    own = dcgan(num_classes=3)
    y = torch.tensor([2, 2, 0, 1])
    x = own.sample(4, condition=y)
    with pytest.raises(Interrupted) as stop:
        invert(own, x, "auto", solver=LBFGS(5), start=Nearest(64), loss=Stopped(65), restarts=9)
    found = stop.value.found
    torch.testing.assert_close(found.loss, (found.images - x).square().mean(dim=(1, 2, 3)))
    torch.testing.assert_close(found.images, own.decode(found.latents, found.condition), rtol=0, atol=1e-6)
    one = [invert(own, x, k, solver=LBFGS(1), start=Nearest(64)).history[:, 0] for k in range(3)]
    assert (found.loss < torch.stack(one).min(dim=0).values).all()


def test_parts_that_were_done_are_kept_as_they_are(monkeypatch):
    own, x = dcgan(), torch.rand(20, 1, 16, 16) * 2 - 1
    monkeypatch.setattr("ganzoo.inversion.inverter.PART", 16)
    whole = invert(own, x, solver=LBFGS(3, trials=1))
    with pytest.raises(Interrupted) as stop:
        invert(own, x, solver=LBFGS(3, trials=1), loss=Stopped(6))
    found = stop.value.found
    for name in ("latents", "images", "loss", "history", "evaluations", "way"):
        assert torch.equal(getattr(found, name)[:16], getattr(whole, name)[:16])
    assert len(found.latents) == 20
    assert (found.loss[16:] <= whole.history[16:, 0]).all()


def test_before_anything_is_found_ctrl_c_is_what_it_was():
    with pytest.raises(KeyboardInterrupt) as stop:
        invert(model(), torch.zeros(2, 1, 8, 8), loss=Stopped(1))
    assert not isinstance(stop.value, Interrupted)


# -- tuning


def test_tuning_moves_g_until_the_pivot_is_the_image():
    own, x = dcgan(), torch.rand(3, 1, 16, 16) * 2 - 1
    pivots = invert(own, x, solver=LBFGS(5))
    before = {name: value.clone() for name, value in own.generator.state_dict().items()}
    tuned = list(Tune(60, lr=1e-2).each(own, x, pivots))
    for i, one in enumerate(tuned):
        assert one.loss < 0.9 * pivots.loss[i]
        torch.testing.assert_close(one.generator(pivots.latents[i : i + 1])[0], one.image, rtol=0, atol=1e-5)
        assert one.loss == min(one.history) == pytest.approx(float((one.image - x[i]).square().mean()), rel=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in own.generator.state_dict().items())
    alone = next(Tune(60, lr=1e-2).each(own, x[2:], invert(own, x[2:], solver=LBFGS(5))))
    assert torch.equal(alone.image, tuned[2].image)


def test_of_steps_that_are_too_large_the_best_is_kept():
    own, x = dcgan(), torch.rand(1, 1, 16, 16) * 2 - 1
    pivots = invert(own, x, solver=LBFGS(2))
    (one,) = Tune(8, lr=3.0).each(own, x, pivots)
    assert one.history[-1] > min(one.history)
    assert one.loss == min(one.history) == pytest.approx(float((one.image - x[0]).square().mean()), rel=1e-4)
    torch.testing.assert_close(one.generator(pivots.latents)[0], one.image, rtol=0, atol=1e-5)


def test_late_layers_alone_can_be_tuned():
    own, x = dcgan(), torch.rand(1, 1, 16, 16) * 2 - 1
    pivots = invert(own, x, solver=LBFGS(5))
    (one,) = Tune(5, layers=["body.7"]).each(own, x, pivots)
    changed = {
        name
        for (name, a), b in zip(own.generator.named_parameters(), one.generator.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert changed == {"body.7.weight", "body.7.bias"}
    with pytest.raises(ValueError, match=r"no parameter of DCGANGenerator begins with body.99: it has body.0.weight"):
        next(Tune(5, layers=["body.99"]).each(own, x, pivots))


def test_tuning_needs_pivots_in_z():
    own, x = dcgan(), torch.rand(2, 1, 16, 16) * 2 - 1
    pivots = invert(own, x, solver=LBFGS(2), space="maps:body.4")
    with pytest.raises(ValueError, match=r"tuning needs 2 pivots in z, got 2 in maps:body.4"):
        next(Tune(5).each(own, x, pivots))
    with pytest.raises(ValueError, match="tuning needs 1 pivots in z, got 2 in z"):
        next(Tune(5).each(own, x[:1], invert(own, x, solver=LBFGS(2))))
    for steps, lr in ((0, 1), (1, 0), (1, math.inf), (1, math.nan)):
        with pytest.raises(ValueError, match=f"steps and lr must be positive and finite, got {steps} and {lr}"):
            Tune(steps, lr)


def test_tuning_that_finds_no_number_leaves_g_as_it_was():
    own, x = dcgan(), torch.rand(1, 1, 16, 16) * 2 - 1
    pivots = invert(own, x, solver=LBFGS(2))
    (one,) = Tune(3, loss=Lost(lambda images, u: -u[:, 0].square() - 1)).each(own, x, pivots)
    torch.testing.assert_close(one.image, pivots.images[0], rtol=0, atol=1e-5)
    assert torch.equal(one.generator.body[0].weight, own.generator.body[0].weight)


# -- bad input


class Scalar(Loss):
    """One number for all."""

    def against(self, x, model):
        return lambda images, u, rows: (images - x[rows]).square().mean()


OK = torch.zeros(2, 1, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.zeros(2, 1, 8, 7)}, r"expected images \[N, 1, 8, 8\] of floats in \[-1, 1\], got"),
        ({"x": torch.zeros(2, 1, 8, 8, dtype=torch.uint8)}, "of floats"),
        ({"x": np.zeros((2, 1, 8, 8), dtype=np.uint8)}, r"expected images \[N, 1, 8, 8\] of floats in \[-1, 1\], got"),
        ({"x": OK[:0]}, "no images to invert: give one or more"),
        ({"x": torch.stack([OK[0], OK[0] + math.nan])}, r"those with the numbers \[1\] are not"),
        ({"x": OK + 200}, r"images must be finite and in \[-1, 1\]: those with the numbers \[0, 1\] are not"),
        ({"condition": 3}, "this generator is unconditional: leave labels out"),
        ({"condition": "auto"}, "condition 'auto': 'auto' looks for the class, of a model that is told classes"),
        ({"space": "maps:net.9"}, "ToImage has no layer 'net.9': it has label, net, net.0"),
        ({"space": "W"}, "no space 'W'"),
        ({"space": dcgan().generator.spaces["z"]}, "the space is of another generator"),
        ({"restarts": 0}, "restarts must be 1 or more, got 0"),
        ({"seed": -1}, "a seed is a whole number from 0 to 4294967295, got -1"),
        ({"seed": -1, "restarts": 3}, "a seed is a whole number from 0 to 4294967295, got -1"),
        ({"seed": 2**63}, "a seed is a whole number from 0 to 4294967295, got 9223372036854775808"),
        ({"seed": 2**32 - 1, "restarts": 2}, "a seed is a whole number from 0 to 4294967295, got 4294967296"),
        ({"seed": 1.5}, r"a seed is a whole number from 0 to 4294967295, got 1\.5"),
        ({"seed": "1"}, "a seed is a whole number from 0 to 4294967295, got 1"),
        ({"start": Encoded(), "restarts": 3}, "3 restarts would all start where Encoded does: use Draw or Nearest"),
        ({"start": At(torch.zeros(2, 4)), "restarts": 2}, "2 restarts would all start where At does"),
        ({"loss": Scalar()}, r"a loss must be one number for each of 16 images, got \[\]"),
        ({"loss": Masked(Pixels(), torch.ones(9, 8))}, "expected a mask of 2 images"),
        ({"condition": np.array([1, 2])}, "this generator is unconditional: leave labels out"),
        ({"start": At(torch.zeros(2, 3))}, r"expected latents \[2, 4\] to start at"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        invert(model(), **{"x": OK, **arguments})


@pytest.mark.parametrize(
    ("loss", "space", "prior", "message"),
    [
        (Pixels() + 0.1 * Shell(), "maps:net.0", Normal(4), "Shell is of .*: leave it out in the space maps:net.0"),
        (
            Masked(Pixels() + Shell(0), torch.eye(8)),
            "codes:net.0:2",
            Normal(4),
            "leave it out in the space codes:net.0:2",
        ),
        (Shell(), "z", Uniform(4), r"Shell is of latents that are drawn from N\(0, I\): leave it out in the space z"),
        (2 * InDomain(), "maps:net.0", Normal(4), "InDomain is of z, .*: leave it out in the space maps:net.0"),
    ],
)
def test_a_loss_of_latents_is_refused_where_it_means_nothing(loss, space, prior, message):
    with pytest.raises(ValueError, match=message):
        invert(model(prior=prior, encoder=ToLatent(dim=4)), OK, loss=loss, space=space)


def test_a_shell_is_where_draws_are_in_another_space_of_gs_own():
    found = invert(make("IBGAN").eval().published["generator"], OK, space="r", loss=Pixels() + 100 * Shell())
    torch.testing.assert_close(found.latents.norm(dim=1), torch.full((2,), 4**0.5), rtol=0, atol=0.05)


def test_classes_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        invert(model(num_classes=3), OK, 3)
    with pytest.raises(ValueError, match="this generator is conditional: give labels from 0 to 2"):
        invert(model(num_classes=3), OK)


def test_a_generator_that_draws_nothing_has_nothing_to_look_for():
    with pytest.raises(ValueError, match="draws nothing"):
        invert(Inference({"generator": Translate().eval()}), OK, OK)


def test_features_of_a_discriminator_are_a_loss():
    D = FromImage().eval()
    found = invert(model(), OK, loss=Pixels() + Features(D, ["net.1"]), solver=LBFGS(4))
    assert found.loss.isfinite().all()

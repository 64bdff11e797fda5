"""The equations of the variants that differ in a scalar function, and the machinery of G and its average."""

import math

import pytest
import torch

from ganzoo import models
from ganzoo.engine.optim import SGD
from ganzoo.networks import InstanceNoise
from ganzoo.priors import Normal
from tests.models.hand import Record, X, Z, batch, derivative, game, mean, squared
from tests.zoo import FromImage, ToImage, digits, make, trainer, weights


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


LOG = (lambda t: -math.log(sigmoid(t)), lambda t: sigmoid(t) - 1)  # -log σ(t) and its derivative
LOG_1_MINUS = (lambda t: -math.log(1 - sigmoid(t)), lambda t: sigmoid(t))  # -log(1 - σ(t))
SATURATING = (lambda t: math.log(1 - sigmoid(t)), lambda t: -sigmoid(t))
HALF_SQUARE = (lambda t: 0.5 * (t - 1) ** 2, lambda t: t - 1), (lambda t: 0.5 * t**2, lambda t: t)
HINGE = (lambda t: max(0, 1 - t), lambda t: -1.0 * (t < 1)), (lambda t: max(0, 1 + t), lambda t: 1.0 * (t > -1))
EQUATIONS = {  # what D says of real, of generated, what G wants; each with its derivative
    "GAN": (LOG, LOG_1_MINUS, SATURATING),
    "NSGAN": (LOG, LOG_1_MINUS, LOG),
    "DCGAN": (LOG, LOG_1_MINUS, LOG),
    "LSGAN": (*HALF_SQUARE, HALF_SQUARE[0]),
    "HingeGAN": (*HINGE, (lambda t: -t, lambda t: -1.0)),
}


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("image_shape", [(2,), (1, 1, 2)])
@pytest.mark.parametrize(("s", "t"), [(0.75, 1.5), (-0.5, 0.5)])
def test_the_losses_and_their_gradients_are_the_papers(name, image_shape, s, t):
    """D(x) = s |x|²/2 and G(z) = t z."""
    model = game(getattr(models, name), s, t, image_shape)
    (real, d_real), (fake, d_fake), (gen, d_gen) = EQUATIONS[name]
    xx, zz = squared(X), squared(Z)
    r, f = [s * n / 2 for n in xx], [s * t**2 * n / 2 for n in zz]

    terms = model.d_loss(batch(image_shape))
    assert list(terms) == ["adv"]
    assert terms["adv"].item() == pytest.approx(mean([real(u) for u in r]) + mean([fake(u) for u in f]), rel=1e-12)
    by_hand = mean([d_real(u) * n / 2 for u, n in zip(r, xx, strict=True)])
    by_hand += mean([d_fake(u) * t**2 * n / 2 for u, n in zip(f, zz, strict=True)])
    assert derivative(terms["adv"], model.D.s) == pytest.approx(by_hand, rel=1e-12)

    terms = model.g_loss(batch(image_shape))
    assert list(terms) == ["adv"]
    assert terms["adv"].item() == pytest.approx(mean([gen(u) for u in f]), rel=1e-12)
    by_hand = mean([d_gen(u) * s * t * n for u, n in zip(f, zz, strict=True)])
    assert derivative(terms["adv"], model.G.t) == pytest.approx(by_hand, rel=1e-12)


def test_the_game_is_zero_sum_only_in_the_minimax_form():
    for name, zero_sum in (("GAN", True), ("NSGAN", False)):
        model = game(getattr(models, name), 0.75, 1.5)
        d = derivative(model.d_loss(batch())["adv"], model.G.t)
        g = derivative(model.g_loss(batch())["adv"], model.G.t)
        assert (d == pytest.approx(-g)) is zero_sum


def test_dcgan_steps_as_the_paper_says():
    model = make("DCGAN")
    for player in model.players().values():
        assert (player.optimizer.lr, player.optimizer.beta1, player.optimizer.beta2) == (2e-4, 0.5, 0.999)


# -- whose turn it is


@pytest.mark.parametrize("n_critic", [1, 2, 3])
def test_g_moves_on_every_n_critic_th_batch_and_d_on_all(n_critic, tmp_path):
    record = Record()
    model = make("NSGAN", n_critic=n_critic)
    trainer(7, tmp_path, callbacks=[record]).fit(model, datamodule=digits())
    assert record.moved("D.") == [1, 2, 3, 4, 5, 6, 7]
    assert record.moved("G.") == [k for k in range(1, 8) if k % n_critic == 0]
    assert record.moved("G_ema.") == record.moved("G.")


def test_g_and_d_see_different_noise_and_as_much_as_data():
    model, drawn = make("NSGAN"), []
    prior = model.prior
    model.prior = lambda n: drawn.append(prior(n)) or drawn[-1]
    data = torch.zeros(7, 1, 8, 8), None
    model.d_loss(data)
    model.g_loss(data)
    assert [z.shape for z in drawn] == [(7, 4), (7, 4)]
    assert len(torch.cat(drawn).unique(dim=0)) == 14


def test_d_is_told_how_many_batches_are_done(tmp_path):
    noisy = InstanceNoise(InstanceNoise(FromImage(), std=0.4, stop=8), std=0.1)
    model = make("NSGAN", discriminator=noisy)
    trainer(7, tmp_path).fit(model, datamodule=digits())
    assert (noisy.batch, noisy.inner.batch) == (6, 6)  # done before the last one
    assert noisy.inner.sigma.item() == pytest.approx(0.4 * (1 - 6 / 8))


# -- the average of G


@pytest.mark.parametrize(
    ("name", "n_critic", "decay"), [("NSGAN", 1, 0.5), ("NSGAN", 2, 0.3), ("WGAN", 2, 0.3), ("WGANGP", 1, 0.999)]
)
def test_the_average_is_the_hand_recursion(name, n_critic, decay, tmp_path):
    """decay_m = min(decay, m / (9 + m)) on the m-th move of G: at 0.5 both of its sides are seen."""
    record = Record()
    step = SGD(lr=0.3, clip_norm=1.0)
    model = make(name, n_critic=n_critic, ema_decay=decay, d_optimizer=step, g_optimizer=step)
    trainer(13, tmp_path, callbacks=[record], precision="64-true").fit(model, datamodule=digits())
    keys = [key for key in record.weights[0] if key.startswith("G.")]
    average = {key: record.weights[0][key].double() for key in keys}
    assert all(torch.equal(value, record.weights[0][f"G_ema.{key[2:]}"]) for key, value in average.items())
    for m, k in enumerate(record.moved("G."), start=1):
        d = min(decay, m / (9 + m))
        for key in keys:
            average[key] = d * average[key] + (1 - d) * record.weights[k][key]
            torch.testing.assert_close(record.weights[k][f"G_ema.{key[2:]}"], average[key], rtol=1e-12, atol=1e-14)
            assert not torch.allclose(average[key], record.weights[k][key], rtol=0, atol=1e-6)
    assert m == 13 // n_critic


def test_without_decay_the_average_follows_g(tmp_path):
    model = make("NSGAN", generator=ToImage(norm=True), ema_decay=0.0)
    trainer(3, tmp_path).fit(model, datamodule=digits())
    assert all(torch.equal(value, weights(model.G)[key]) for key, value in weights(model.G_ema).items())


def test_buffers_are_copied_and_the_average_never_trains(tmp_path):
    model = make("NSGAN", generator=ToImage(norm=True), ema_decay=0.9)
    modes = []
    d_loss = model.d_loss
    model.d_loss = lambda data: modes.append((model.G.training, model.G_ema.training)) or d_loss(data)
    trainer(3, tmp_path).fit(model, datamodule=digits())
    assert modes == [(True, False)] * 3
    copied = dict(model.G_ema.named_buffers())
    assert set(copied) == {"net.1.running_mean", "net.1.running_var", "net.1.num_batches_tracked"}
    assert all(torch.equal(value, copied[name]) for name, value in model.G.named_buffers())
    assert copied["net.1.num_batches_tracked"] == 6  # G was run in D's and in its own turn
    assert not any(p.requires_grad for p in model.G_ema.parameters())
    model.train()
    assert not any(m.training for m in model.G_ema.modules())
    assert model.G.training


def test_samples_come_from_the_average():
    model = make("NSGAN")
    before = model.sample(3)
    torch.nn.init.zeros_(model.G.net[0].weight)
    assert torch.equal(model.sample(3), before)
    torch.nn.init.zeros_(model.G_ema.net[0].weight)
    assert not torch.equal(model.sample(3), before)


# -- what is refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_critic": 0}, "n_critic must be at least 1, got 0"),
        ({"ema_decay": 1.0}, r"ema_decay must be in \[0, 1\), got 1.0"),
        ({"ema_decay": -0.1}, r"ema_decay must be in \[0, 1\), got -0.1"),
    ],
)
def test_arguments_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        make("GAN", **wrong)


class Column(FromImage):
    def forward(self, x):
        return super().forward(x)[:, None]


class Flat(ToImage):
    def forward(self, z, y=None):
        return super().forward(z).flatten(1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"generator": ToImage((1, 4, 4))},
            r"the data has images of shape \(1, 8, 8\), the generator makes \(1, 4, 4\)",
        ),
        ({"generator": Flat()}, r"generator must return images of shape \[2, 1, 8, 8\], got \[2, 64\]"),
        ({"generator": ToImage(num_classes=3)}, "NSGAN is unconditional: its generator must have num_classes=0"),
        ({"discriminator": Column()}, r"discriminator must return logits of shape \[N\], got \[2, 1\] for N = 2"),
    ],
)
def test_networks_that_do_not_fit_are_refused_before_the_first_batch(wrong, message, tmp_path):
    model = make("NSGAN", **wrong)
    with pytest.raises(ValueError, match=message):
        trainer(1, tmp_path).fit(model, datamodule=digits())
    assert model.images_seen == 0


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-true"])
def test_the_check_leaves_the_networks_as_they_were(precision, tmp_path):
    class Normed(FromImage):
        def __init__(self):
            super().__init__(dropout=0.5)
            self.net.insert(0, torch.nn.BatchNorm2d(1))

    model = make("NSGAN", generator=ToImage(prior=Normal(dim=4), norm=True), discriminator=Normed())
    runner, seen = trainer(1, tmp_path, precision=precision), []
    check = model.check_shapes

    def checked():
        before = weights(model)
        check()
        after = weights(model)
        seen.append(all(torch.equal(after[key], before[key]) for key in before) and model.D.training)

    model.check_shapes = checked
    runner.fit(model, datamodule=digits())
    assert seen == [True]

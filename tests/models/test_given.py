"""Encoders for a generator that is given."""

import pytest
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo.engine.optim import Adam
from ganzoo.hub import publish
from ganzoo.models import CGAN, IcGAN, ImageEncoder, LatentEncoder
from ganzoo.models.given import Part
from ganzoo.networks import MLPEncoder
from ganzoo.priors import Normal
from ganzoo.roles import Encoder, Generator
from tests.zoo import SHAPE, FromImage, ToImage, ToLatent, digits, trainer, weights


class LinearG(Generator):
    """x = A z for points; of class y, x = A z + y."""

    def __init__(self, matrix: Tensor, num_classes: int = 0):
        super().__init__((matrix.shape[0],), Normal(dim=matrix.shape[1]), num_classes)
        self.A = nn.Parameter(matrix)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z @ self.A.T if y is None else z @ self.A.T + y[:, None]


class LinearE(Encoder):
    """z = B x."""

    def __init__(self, matrix: Tensor, num_classes: int = 0):
        super().__init__((matrix.shape[1],), matrix.shape[0], num_classes=num_classes)
        self.B = nn.Parameter(matrix)

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (x if y is None else x - y[:, None]) @ self.B.T


A = torch.tensor([[2.0, 1.0], [0.0, 1.0]])


def some(n=64, d=2):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(3)), torch.arange(n) % 3


def test_the_inverse_of_g_has_no_loss():
    model = LatentEncoder(LinearG(A), LinearE(A.inverse()))
    assert model.e_loss(some())["latent"].item() == pytest.approx(0, abs=1e-12)


def test_the_loss_is_the_squared_error_over_the_size_of_z():
    """E = 0 leaves E|z|² / dim = 1."""
    model = LatentEncoder(LinearG(A), LinearE(torch.zeros(2, 2)))
    torch.manual_seed(0)
    assert model.e_loss((torch.zeros(200_000, 2), None))["latent"].item() == pytest.approx(1, abs=0.01)


def test_where_g_merges_latents_the_optimum_is_the_posterior_mean():
    """x = z1 + z2: E[z | x] = (x/2, x/2), which leaves a variance of 1/2 for each of the two."""
    G = LinearG(torch.tensor([[1.0, 1.0]]))
    model = LatentEncoder(G, LinearE(torch.full((2, 1), 0.5)))
    torch.manual_seed(0)
    loss = model.e_loss((torch.zeros(400_000, 1), None))["latent"]
    loss.backward()
    assert loss.item() == pytest.approx(0.5, abs=0.005)
    assert model.E.B.grad.abs().max() < 0.01  # no other linear E is better


def test_real_images_do_not_teach_a_latent_encoder():
    model, losses = LatentEncoder(LinearG(A), LinearE(torch.eye(2))), []
    for x in (torch.zeros(8, 2), torch.ones(8, 2)):
        torch.manual_seed(0)
        losses.append(model.e_loss((x, None))["latent"].item())
    assert losses[0] == losses[1]


def test_an_image_encoder_weighs_images_and_latents():
    """G = 2, E = 1/4: G(E(x)) = x/2, E(G(z)) = z/2."""
    model = ImageEncoder(LinearG(2 * torch.eye(2)), LinearE(torch.eye(2) / 4), latent_weight=0.1)
    x, _ = some(100_000)
    torch.manual_seed(0)
    terms = model.e_loss((x, None))
    assert terms["image"].item() == pytest.approx(x.square().mean().item() / 4, rel=1e-5)
    assert terms["latent"].item() == pytest.approx(0.1 / 4, rel=0.02)


def designs():
    G = lambda: ToImage(num_classes=10)  # noqa: E731
    return {
        "SNG": lambda: IcGAN(G(), ToLatent(dim=14)),
        "IND": lambda: IcGAN(G(), ToLatent(), ToLatent(dim=10)),
        "IND-COND": lambda: IcGAN(G(), ToLatent(num_classes=10), ToLatent(dim=10)),
    }


@pytest.mark.parametrize("design", designs())
def test_each_term_teaches_its_own_encoder(design):
    torch.manual_seed(0)
    model = designs()[design]()
    x, y = torch.rand(16, *SHAPE) * 2 - 1, torch.arange(16) % 10
    terms = model.e_loss((x, y))
    assert set(terms) == {"latent", "class"}
    of_latent = torch.autograd.grad(terms["latent"], list(model.E.parameters()), retain_graph=True, allow_unused=True)
    assert any(g is not None and g.abs().max() > 0 for g in of_latent)
    named = torch.nn.functional.cross_entropy(model.E_y(x), y)
    assert torch.equal(terms["class"], named)
    if design != "SNG":  # nothing is shared
        others = torch.autograd.grad(terms["latent"], list(model.E_y.parameters()), allow_unused=True)
        assert all(g is None for g in others)


def test_the_two_encoders_of_sng_are_different_numbers_of_one_network():
    model = designs()["SNG"]()
    x = torch.rand(3, *SHAPE) * 2 - 1
    assert torch.equal(torch.cat([model.E(x), model.E_y(x)], dim=1), model.E.encoder(x))
    assert model.E.encoder is model.E_y.encoder


def test_a_conditional_encoder_is_told_what_the_labeller_says():
    """G(z, y) = z + y and E_z(x, y) = x - y, and a labeller that always says 1: only in training is E_z told the y."""

    class Always(Encoder):
        def __init__(self, dim=3):
            super().__init__((2,), dim)
            self.bias = nn.Parameter(torch.tensor([0.0, 1.0, 0.0]))

        def numbers(self, x, y=None):
            return self.bias.expand(len(x), 3) + 0 * x[:, :1]

    model = IcGAN(LinearG(torch.eye(2), num_classes=3), LinearE(torch.eye(2), num_classes=3), Always())
    y = torch.tensor([0, 1, 2, 2])
    assert model.e_loss((torch.zeros(4, 2), y))["latent"].item() == pytest.approx(0, abs=1e-6)
    x = torch.randn(4, 2)
    torch.testing.assert_close(model.encode(x), x - 1)
    torch.testing.assert_close(model.encode(x, y), x - y[:, None])
    torch.testing.assert_close(model.reconstruct(x), x)
    torch.testing.assert_close(model.reconstruct(x, y), x - 1 + y[:, None])  # edited: the class is another, z stays


@pytest.mark.parametrize("design", ["IND", "IND-COND"])
def test_generated_images_do_not_pass_through_the_labeller(design):
    model, seen = designs()[design](), []
    model.E_y.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.rand(6, *SHAPE) * 2 - 1
    model.e_loss((x, torch.arange(6)))
    assert len(seen) == 1
    assert torch.equal(seen[0], x)


@pytest.mark.parametrize("design", designs())
def test_g_stays_and_the_encoders_learn(design, tmp_path):
    torch.manual_seed(0)
    model = designs()[design]()
    before = weights(model)
    trainer(30, tmp_path).fit(model, datamodule=digits())
    after = weights(model)
    still = {key for key in before if torch.equal(before[key], after[key])}
    assert {key for key in before if key.startswith("G")} <= still
    assert not {key for key in before if key.startswith("E")} & still
    assert not model.train().G.training
    assert all(p.grad is None for p in model.G.parameters())
    x = torch.rand(5, *SHAPE) * 2 - 1
    assert model.reconstruct(x).shape == x.shape
    assert torch.equal(model.reconstruct(x), model.reconstruct(x, model.trained.classify(x)))
    assert not torch.equal(model.reconstruct(x), model.reconstruct(x, (model.trained.classify(x) + 1) % 10))
    assert model.encode(x).shape == (5, 4)


def test_the_labeller_learns_the_classes(tmp_path):
    torch.manual_seed(0)
    model = IcGAN(ToImage(num_classes=10), ToLatent(), ToLatent(dim=10), e_optimizer=Adam(lr=2e-2), ema_decay=0.9)
    data = digits(64)
    trainer(200, tmp_path).fit(model, datamodule=data)
    x = torch.cat(list(data.images("test"))).float() / 127.5 - 1
    right = (model.trained.classify(x) == data.labels("test")).float().mean()
    assert right > 0.85


# -- where G comes from


def test_a_checkpoint_does_not_need_the_file_that_g_came_from(tmp_path):
    torch.manual_seed(0)
    game = CGAN(ToImage(num_classes=10), FromImage(num_classes=10))
    folder = publish(game, tmp_path / "cgan", {"data": None, "seed": 0, "batches": 0, "images_seen": 0})
    model = IcGAN(ganzoo.load(folder).generator, ToLatent(), ToLatent(dim=10))
    for file in folder.iterdir():
        file.unlink()
    runner = trainer(3, tmp_path)
    runner.fit(model, datamodule=digits())
    runner.save_checkpoint(tmp_path / "it.ckpt")
    loaded = ganzoo.load(tmp_path / "it.ckpt")
    assert torch.equal(loaded.sample(3, 0, [1, 2, 3]), game.sample(3, 0, [1, 2, 3]))
    x = torch.rand(5, *SHAPE) * 2 - 1
    assert torch.equal(loaded.reconstruct(x), model.reconstruct(x))
    out = publish(model, tmp_path / "icgan", {"data": None, "seed": 0, "batches": 3, "images_seen": 0})
    assert torch.equal(ganzoo.load(out).reconstruct(x), model.reconstruct(x))


# -- bad input


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: IcGAN(ToImage(), ToLatent()), "needs a generator that is conditional"),
        (lambda: IcGAN(ToImage(num_classes=10), ToLatent()), r"without a labeller .* give it dim=14, got 4"),
        (lambda: IcGAN(ToImage(num_classes=10), ToLatent(), ToLatent(dim=9)), "one number for each of 10 classes"),
        (lambda: IcGAN(ToImage(num_classes=10), ToLatent(dim=14, posterior="gaussian")), "must be deterministic"),
        *(
            (lambda given=given: IcGAN(ToImage(num_classes=10), *given), "logits of classes must not be bounded")
            for given in (
                (ToLatent(), MLPEncoder(SHAPE, 10, output="tanh")),
                (ToLatent(), Part(MLPEncoder(SHAPE, 12, output="tanh"), 10)),
                (MLPEncoder(SHAPE, 14, output="tanh"),),
            )
        ),
        (lambda: ImageEncoder(ToImage(), ToLatent(), latent_weight=-1.0), "latent_weight must not be negative, got -1"),
        (lambda: LatentEncoder(ToImage(), ToLatent(dim=5)), "encoder must return latents of 4 numbers"),
        (
            lambda: LatentEncoder(ToImage(), ToLatent(posterior="gaussian")),
            "must have posterior='point', got 'gaussian'",
        ),
        (
            lambda: LatentEncoder(ToImage(num_classes=10), ToLatent(num_classes=5)),
            "one of 5 classes, the generator one",
        ),
    ],
)
def test_what_does_not_fit_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()

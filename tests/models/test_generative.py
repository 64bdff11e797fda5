"""What a generator, an encoder and their averages do in any game; images in, latents out."""

import pytest
import torch
from torch import Tensor

from ganzoo.engine.turns import Player
from ganzoo.inference import decode, encode
from ganzoo.models.generative import Generative, check_encoder
from ganzoo.priors import Gaussian, Normal
from ganzoo.roles import Classes, Nothing
from tests.zoo import SHAPE, ToImage, ToLatent, digits, fast, make, trainer


class Autoencoder(Generative):
    """The smallest game with an encoder: G and E minimise |x - G(E(x))|²."""

    def __init__(self, generator, encoder, ema_decay=0.999):
        super().__init__(ema_decay)
        check_encoder(encoder, generator)
        self.hold(G=generator, E=encoder)
        self.g_optimizer = fast()["g_optimizer"]

    conditions = (Nothing, Classes)

    def players(self):
        return {"g": Player(self.g_loss, [self.G, self.E], self.g_optimizer)}

    def g_loss(self, batch):
        x, _ = batch
        return {"recon": (x - self.G(self.E(x))).square().mean()}


def fit(model, folder, steps):
    trainer(steps, folder).fit(model, datamodule=digits())


def autoencoder(**kwargs):
    return Autoencoder(ToImage(), ToLatent(), **kwargs)


def test_both_averages_follow_the_player_who_moves_both(tmp_path):
    model = autoencoder(ema_decay=0.9)
    before = [p.clone() for p in (*model.G.parameters(), *model.E.parameters())]
    fit(model, tmp_path, 1)
    decay = min(0.9, 1 / 10)
    pairs = [*zip(model.G_ema.parameters(), model.G.parameters(), strict=True)]
    pairs += zip(model.E_ema.parameters(), model.E.parameters(), strict=True)
    for (average, live), old in zip(pairs, before, strict=True):
        assert not torch.equal(live, old)
        torch.testing.assert_close(average, decay * old + (1 - decay) * live)


def test_encode_and_reconstruct_use_the_averages(tmp_path):
    model = autoencoder(ema_decay=0.9)
    fit(model, tmp_path, 3)
    x = torch.rand(300, *SHAPE) * 2 - 1  # more than are encoded at once
    with torch.no_grad():
        z = model.E_ema(x)
        images = model.G_ema(z)
        assert not torch.allclose(z, model.E(x))
    torch.testing.assert_close(model.encode(x), z)
    torch.testing.assert_close(model.reconstruct(x), images)
    assert not model.encode(x).requires_grad


def test_averages_stay_in_evaluation_mode():
    model = autoencoder().train()
    assert (model.G.training, model.E.training, model.G_ema.training, model.E_ema.training) == (
        True,
        True,
        False,
        False,
    )


def test_a_game_without_an_encoder_says_so():
    with pytest.raises(ValueError, match="this model has no encoder: `ganzoo invert`"):
        make("NSGAN").encode(torch.zeros(1, *SHAPE))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: ToLatent(dim=5), "encoder must return latents of 4 numbers, as G takes: got 5"),
        (lambda: ToLatent(image_shape=(1, 4, 4)), r"encoder takes images \(1, 4, 4\), the generator makes \(1, 8, 8\)"),
    ],
)
def test_an_encoder_that_does_not_belong_to_g_is_refused(encoder, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(ToImage(), encoder())


def test_an_encoder_with_a_wrong_output_is_refused_before_training(tmp_path):
    class Wrong(ToLatent):
        def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
            return super().forward(x, y)[:, :3]

    with pytest.raises(ValueError, match=r"encoder must return latents of shape \[2, 4\], got \[2, 3\]"):
        fit(Autoencoder(ToImage(), Wrong()), tmp_path, 1)


def test_a_name_without_its_network_is_refused_before_training(tmp_path):
    class Misspelt(Autoencoder):
        names = Autoencoder.names | {"generator_two": "H"}

    message = "Misspelt.names publishes H as 'generator_two', but it has no H"
    with pytest.raises(ValueError, match=message):
        fit(Misspelt(ToImage(), ToLatent()), tmp_path, 1)


def test_images_and_latents_of_the_wrong_kind_are_refused():
    E, G = ToLatent(), ToImage()
    with pytest.raises(ValueError, match=r"expected images \[N, 1, 8, 8\] of floats in \[-1, 1\], got torch.uint8"):
        encode(E, torch.zeros(2, *SHAPE, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got torch.float32 \[1, 8, 8\]"):
        encode(E, torch.zeros(SHAPE))
    with pytest.raises(ValueError, match=r"expected latents \[N, 4\], got \[2, 3\]"):
        decode(G, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="this encoder is unconditional: leave labels out"):
        encode(E, torch.zeros(2, *SHAPE), condition=1)
    assert encode(E, torch.zeros(0, *SHAPE)).shape == (0, 4)
    assert decode(G, torch.zeros(0, 4)).shape == (0, *SHAPE)


def test_a_conditional_encoder_is_told_the_class():
    E, x = ToLatent(num_classes=3), torch.rand(2, *SHAPE)
    torch.testing.assert_close(encode(E, x, [0, 2]) - encode(E, x, 0), torch.tensor([0.0, 0.2])[:, None].expand(2, 4))
    with pytest.raises(ValueError, match="this encoder is conditional: give labels from 0 to 2"):
        encode(E, x)


def test_labels_reach_only_those_who_take_them():
    x, y = torch.rand(2, *SHAPE), [0, 2]
    model = Autoencoder(ToImage(num_classes=3), ToLatent())
    torch.testing.assert_close(model.reconstruct(x, y), decode(model.G_ema, model.encode(x), y))
    model = Autoencoder(ToImage(num_classes=3), ToLatent(num_classes=3))
    torch.testing.assert_close(model.reconstruct(x, y), decode(model.G_ema, model.encode(x, y), y))


def test_a_stochastic_encoder_draws_and_a_deterministic_one_does_not():
    x = torch.rand(5, *SHAPE)
    point, cloud = ToLatent(), ToLatent(posterior="gaussian")
    assert torch.equal(point.draw(x), point(x))
    q = cloud.distribution(x)
    assert torch.equal(cloud(x), q.mean)
    torch.manual_seed(1)
    z = cloud.draw(x)
    torch.manual_seed(1)
    torch.testing.assert_close(z, q.mean + (q.log_variance / 2).exp() * torch.randn(5, 4))
    with pytest.raises(ValueError, match="ToLatent is deterministic: make it with posterior='gaussian'"):
        point.distribution(x)
    with pytest.raises(ValueError, match="posterior must be one of point, gaussian, got 'normal'"):
        ToLatent(posterior="normal")


def test_a_gaussian_is_that_of_torch():
    mean, log_variance, z = torch.randn(3, 7, 4, dtype=torch.float64).unbind()
    q, theirs = Gaussian(mean, log_variance), torch.distributions.Normal(mean, (log_variance / 2).exp())
    torch.testing.assert_close(q.log_prob(z), theirs.log_prob(z).sum(dim=1))
    standard = torch.distributions.Normal(torch.zeros_like(mean), 1)
    torch.testing.assert_close(q.kl(), torch.distributions.kl_divergence(theirs, standard).sum(dim=1))
    assert float(Gaussian(torch.ones(1, 1), torch.full((1, 1), 4.0).log()).kl()) == pytest.approx(1.306853, abs=1e-6)


def test_the_standard_gaussian_is_the_prior():
    z = torch.randn(6, 3)
    torch.testing.assert_close(Gaussian(torch.zeros(6, 3), torch.zeros(6, 3)).log_prob(z), Normal(dim=3).log_prob(z))

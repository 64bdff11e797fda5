"""An encoder that compares an image with G's."""

import pytest
import torch

from ganzoo.config import build
from ganzoo.inference import Inference
from ganzoo.inversion import Encoded, InDomain
from ganzoo.networks import DCGANEncoder, DCGANGenerator, Refiner
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.priors import Coded, Normal
from tests.zoo import ToImage, ToLatent, weights

SHAPE = (1, 16, 16)


def images(n=20, shape=SHAPE):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def model(num_classes=0, shape=SHAPE, dim=4, width=4):
    torch.manual_seed(0)
    G = DCGANGenerator(shape, Normal(dim), width, num_classes=num_classes)
    E = Refiner(DCGANEncoder((2, *shape[1:]), dim, width=width), steps=3)
    return Inference({"generator": G.eval(), "encoder": E.eval()})


def test_it_takes_steps_by_what_g_makes_of_the_latent():
    own, x = model(), images()
    G, E = own.networks["generator"], own.networks["encoder"]
    with torch.no_grad():
        z = (0.3 * G.prior.seeded([0])).expand(20, 4)
        for _ in range(3):
            z = z + E.inner(torch.cat([x, G(z)], dim=1))
        torch.testing.assert_close(E.over(G)(x), z)
    torch.testing.assert_close(own.encode(x), z)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_an_image_has_the_same_latent_alone_and_in_company(num_classes):
    """In these sizes one image and twenty, called as they are, differ in the last bits."""
    shape = (1, 28, 28)
    own, x = model(num_classes, shape, dim=32, width=16), images(shape=shape)
    y = torch.arange(20) % 3 if num_classes else None
    z = own.encode(x, y)
    assert len(z.unique(dim=0)) == 20
    for i in (0, 7, 19):
        assert torch.equal(own.encode(x[i : i + 1], None if y is None else y[i : i + 1])[0], z[i])


def test_inversion_starts_where_all_steps_lead():
    for num_classes in (0, 3):
        own, x = model(num_classes), images(3)
        y = torch.arange(3) if num_classes else None
        assert torch.equal(Encoded()(own, x, y, 0), own.encode(x, y))


def test_what_it_encodes_is_differentiable():
    own, x = model(), images(3).requires_grad_()
    distance = InDomain().against(x.detach(), own)(x, torch.zeros(3, 4), torch.arange(3))
    torch.testing.assert_close(distance, own.encoder(x).square().mean(dim=1))
    distance.sum().backward()
    assert x.grad.abs().max() > 0


def test_new_statistics_are_those_of_all_steps_and_g_keeps_its_own():
    own, x = model(), images(64)
    G, E = own.networks["generator"], own.networks["encoder"]
    seen = []
    E.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    before, old = weights(G), weights(E)
    refresh_batch_norm(own.encoder, [x])
    assert all(torch.equal(value, weights(G)[key]) for key, value in before.items())
    (name,) = [key for key in old if key.endswith("running_mean")]
    assert not torch.equal(weights(E)[name], old[name])
    assert len(seen) == 3
    assert not G.training
    assert not E.training


def test_it_starts_from_no_value_of_a_categorical_code():
    G = ToImage(prior=Coded(Normal(4), categorical=(4,), uniform=0))
    z = G.prior.start(5)
    (code,) = G.prior.codes
    noise = z[:, : code.start]
    torch.testing.assert_close(noise, 0.3 * G.prior.seeded([5])[:, : code.start])
    assert noise.abs().min() > 0
    assert z[:, code.start :].eq(0.25).all()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (2,)])
def test_the_inner_encoder_is_made_for_pairs_of_the_images(shape):
    E = Refiner(ToLatent((2, 8, 8)), steps=2, image_shape=shape)
    assert E.image_shape == shape
    assert E.inner.image_shape == (2 * shape[0], *shape[1:])
    again = build(E.config())
    assert (again.image_shape, again.steps, again.inner.config()) == (shape, 2, E.inner.config())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Refiner(ToLatent((2, 8, 8)), steps=0), "steps must be at least 1, got 0"),
        (lambda: Refiner(ToLatent((3, 8, 8))), r"must be \(2 \* channels, 8, 8\), got \(3, 8, 8\)"),
        (lambda: Refiner(ToLatent((2, 8, 8), posterior="gaussian")), "must have posterior='point', got 'gaussian'"),
        (lambda: Refiner(Refiner(ToLatent((4, 8, 8)))), "not another Refiner"),
        (lambda: Refiner(ToLatent((2, 8, 8)))(images(3)), r"\[3, 1, 16, 16\] alone take model.encode\(x\)"),
        (lambda: ToLatent().change(images(3), images(3)), r"ToLatent looks at one image: wrap it as Refiner"),
    ],
)
def test_what_does_not_fit_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)

"""Using trained networks: a row's result is the same alone, in company and on any batch size, bit for bit."""

import pytest
import torch

from ganzoo.inference import BLOCK, Inference, decode, encode, here
from ganzoo.networks import Bottleneck, DCGANEncoder, DCGANGenerator, MLPEncoder, MLPGenerator, ResNetGenerator
from ganzoo.priors import Normal

SHAPE = (1, 16, 16)
N = 2 * BLOCK + 5


def built(make):
    torch.manual_seed(0)
    return make().eval()


GENERATORS = {
    "mlp": lambda: MLPGenerator(SHAPE, Normal(dim=8), width=32),
    "dcgan": lambda: DCGANGenerator(SHAPE, Normal(dim=8), width=8),
    "resnet": lambda: ResNetGenerator(SHAPE, Normal(dim=8), width=8),
    "classes": lambda: DCGANGenerator(SHAPE, Normal(dim=8), width=8, num_classes=3),
}
ENCODERS = {
    "mlp": lambda: MLPEncoder(SHAPE, dim=8, width=32),
    "dcgan": lambda: DCGANEncoder(SHAPE, dim=8, width=8),
    "classes": lambda: DCGANEncoder(SHAPE, dim=8, width=8, num_classes=3),
}
ALONE = (0, 1, BLOCK - 1, BLOCK, N - 1)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_latent_is_decoded_alike_alone_and_in_company(name):
    G = built(GENERATORS[name])
    z = Normal(dim=8).seeded(range(N))
    y = torch.arange(N) % 3 if G.num_classes else None
    together = decode(G, z, y)
    for i in ALONE:
        assert torch.equal(decode(G, z[i : i + 1], None if y is None else y[i : i + 1]), together[i : i + 1]), i
    assert torch.equal(decode(G, z[7:30], None if y is None else y[7:30]), together[7:30])


@pytest.mark.parametrize("name", ENCODERS)
def test_an_image_is_encoded_alike_alone_and_in_company(name):
    E = built(ENCODERS[name])
    x = torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = torch.arange(N) % 3 if E.num_classes else None
    together = encode(E, x, y)
    for i in ALONE:
        assert torch.equal(encode(E, x[i : i + 1], None if y is None else y[i : i + 1]), together[i : i + 1]), i
    assert torch.equal(encode(E, x[7:30], None if y is None else y[7:30]), together[7:30])


def test_another_space_than_z_is_decoded_too():
    G = built(lambda: Bottleneck(MLPGenerator(SHAPE, Normal(dim=5), width=32), dim=3))
    z = G.prior.seeded(range(4))
    r = here(G.spaces["r"], z)
    assert r.shape == (4, 5)
    torch.testing.assert_close(decode(G.spaces["r"], r), decode(G, z))
    with pytest.raises(ValueError, match=r"expected latents \[N, 5\], got \[4, 8\]"):
        decode(G.spaces["r"], z)


def test_a_model_needs_a_generator():
    with pytest.raises(ValueError, match=r"generator must inherit from ganzoo.roles.Generator, got Linear"):
        Inference({"generator": torch.nn.Linear(2, 2)})

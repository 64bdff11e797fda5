"""Using trained networks: a row's result is the same alone, in company and on any batch size, bit for bit."""

import re

import numpy as np
import pytest
import torch

from ganzoo.inference import BLOCK, Inference, decode, encode, here, places
from ganzoo.networks import Bottleneck, DCGANEncoder, DCGANGenerator, MLPEncoder, MLPGenerator, ResNetGenerator
from ganzoo.priors import Coded, Normal, Uniform
from tests.translator import Halving, Translate

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


# -- samples: seeds, random generators, truncation


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("seeds", [[3, 7], [40, 3, 19, 35, 3], [16 * k + 2 for k in range(20)], range(5, 30), []])
def test_seeds_in_any_order_are_the_images_of_each_alone(name, seeds):
    G = built(GENERATORS[name])
    model, K = Inference({"generator": G}), G.num_classes
    together = model.sample(seeds=seeds, condition=[s % K for s in seeds] if K else None)
    alone = [model.sample(1, seed, seed % K if K else None) for seed in seeds]
    assert together.shape == (len(seeds), *SHAPE)
    assert torch.equal(together, torch.cat([torch.empty(0, *SHAPE), *alone]))


def test_a_seed_always_stands_in_the_same_row_of_a_block_and_blocks_are_few():
    """Some kernels round a row by where it stands in memory."""
    for seeds in (range(5, 30), [3, 7], [40, 3, 19, 35, 3], [2, 18, 34, 5]):
        rows = places(seeds)
        assert [row % BLOCK for row in rows] == [seed % BLOCK for seed in seeds]
        assert len(set(rows)) == len(seeds)
        residues = [seed % BLOCK for seed in seeds]
        assert max(rows) // BLOCK + 1 == max(residues.count(r) for r in residues)


def test_seeds_may_be_numbers_of_numpy_or_a_tensor():
    model = Inference({"generator": built(GENERATORS["mlp"])})
    expected = model.sample(seeds=[3, 7])
    assert torch.equal(model.sample(seeds=np.array([3, 7])), expected)
    assert torch.equal(model.sample(seeds=torch.tensor([3, 7])), expected)


@pytest.mark.parametrize("truncation", [1.0, 0.5])
def test_a_random_generator_draws_the_latents_and_nothing_else_does(truncation):
    model = Inference({"generator": built(GENERATORS["dcgan"])})
    state = torch.get_rng_state()
    images = model.sample(5, generator=torch.Generator().manual_seed(3), truncation=truncation)
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(3))
    assert torch.equal(images, model.decode(truncation * z))
    assert torch.equal(torch.get_rng_state(), state)
    generator = torch.Generator().manual_seed(3)
    model.sample(5, generator=generator)
    assert not torch.equal(model.sample(5, generator=generator), images)  # it goes on


def test_truncation_moves_the_latents_of_seeds_to_the_mean():
    model = Inference({"generator": built(GENERATORS["dcgan"])})
    z = model.latents(20, 3)
    torch.testing.assert_close(model.sample(20, 3, truncation=0.7), model.decode(0.7 * z))
    assert torch.equal(model.sample(20, 3, truncation=1), model.sample(20, 3))
    mean = model.sample(20, 3, truncation=0)
    assert torch.equal(mean, mean[:1].expand_as(mean))
    assert torch.equal(model.sample(seeds=[9, 4], truncation=0.7), model.sample(20, truncation=0.7)[[9, 4]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "say how many images, as in sample(16, seed=0), or which, as in sample(seeds=[3, 7])"),
        ({"n": -1}, "n must not be negative, got -1"),
        ({"n": 2, "seeds": [3, 7]}, "seeds says which images: leave out n and seed, got n=2 and seed=None"),
        ({"seed": 0, "seeds": [3, 7]}, "seeds says which images: leave out n and seed, got n=None and seed=0"),
        ({"seeds": 3}, "seeds must be a list such as [3, 7], got 3: one image is sample(1, seed=3)"),
        ({"seeds": [3, -1]}, "a seed is a whole number from 0 to 4294967295, got -1"),
        ({"seeds": [3.5]}, "a seed is a whole number from 0 to 4294967295, got 3.5"),
        ({"n": 2, "generator": 3}, "generator must be a torch.Generator, got 3: a number is given as seed="),
        ({"n": 2, "seed": 1, "generator": torch.Generator()}, "generator draws the latents: leave out seed and seeds"),
        ({"seeds": [1], "generator": torch.Generator()}, "generator draws the latents: leave out seed and seeds"),
        ({"generator": torch.Generator()}, "say how many images"),
        ({"n": 2, "truncation": 1.5}, "truncation must be from 0 (the mean alone) to 1 (none), got 1.5"),
        ({"n": 2, "truncation": -0.5}, "truncation must be from 0 (the mean alone) to 1 (none), got -0.5"),
    ],
)
def test_arguments_of_sample_that_make_no_sense_are_one_line(given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Inference({"generator": built(GENERATORS["mlp"])}).sample(**given)


@pytest.mark.parametrize("prior", [Uniform(3), Normal(0)], ids=repr)
def test_a_prior_that_is_not_densest_at_its_mean_has_no_truncation(prior):
    for one in (prior, Coded(prior, categorical=(3,), uniform=0)):
        with pytest.raises(ValueError, match=f"it means nothing for {re.escape(repr(prior))}$"):
            one.truncated(one.seeded(range(2)), 0.5)
    model = Inference({"generator": built(lambda: MLPGenerator(SHAPE, Uniform(3), width=8))})
    assert torch.equal(model.sample(2, truncation=1), model.sample(2))
    with pytest.raises(ValueError, match="truncation moves z towards the mean of a Normal prior"):
        model.sample(2, truncation=0.5)


def test_codes_are_not_truncated():
    prior = Coded(Normal(3), categorical=(4,), uniform=1)
    z = prior.seeded(range(5))
    assert torch.equal(prior.truncated(z, 0.5), torch.cat([z[:, :3] / 2, z[:, 3:]], dim=1))


# -- a model as a function of z, its precision, and what it says of itself


def test_a_model_is_called_with_latents_and_has_gradients():
    G = built(GENERATORS["classes"]).requires_grad_(False)
    model, z = Inference({"generator": G}), G.prior.seeded(range(5))
    images = model(z.requires_grad_(), 2)
    assert torch.equal(images.detach(), model.decode(z, 2))
    images.sum().backward()
    assert z.grad.abs().sum(dim=1).min() > 0
    assert not model.decode(z, 2).requires_grad
    with pytest.raises(ValueError, match=r"^expected latents \[N, 8\], got 16: the images of seeds are sample\(16\)$"):
        model(16)


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_what_a_model_returns_has_the_precision_of_its_networks(name, dtype):
    G = built(GENERATORS[name])
    y = 1 if G.num_classes else None
    model = Inference({"generator": G, "encoder": built(ENCODERS["dcgan"])})
    expected = model.sample(20, condition=y)
    how = {torch.float16: model.half, torch.bfloat16: model.bfloat16}
    assert how.get(dtype, lambda: model.to(dtype))() is model
    images = model.sample(20, condition=y)
    assert images.dtype == model.decode(model.latents(2), y).dtype == model.encode(images).dtype == dtype
    assert images.isfinite().all()
    torch.testing.assert_close(images.float(), expected, atol=0.05, rtol=0)


def test_a_model_says_what_it_is_in_a_few_lines():
    told = Inference({"generator": built(GENERATORS["classes"]), "encoder": built(ENCODERS["mlp"])})
    sizes = [sum(p.numel() for p in network.parameters()) for network in told.networks.values()]
    assert repr(told).splitlines() == [
        "Inference: images (1, 16, 16) of 3 classes, z of Normal(dim=8)",
        f"  generator: DCGANGenerator, {sizes[0]:,} parameters",
        f"  encoder: MLPEncoder, {sizes[1]:,} parameters",
    ]
    assert repr(Coded()) == "Coded(noise=Uniform(dim=62), categorical=(10,), uniform=2)"


# -- translations: images of images


def pictures(n, channels=1, height=8, width=8):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def translator(**kinds):
    """A translator of grey into colour, and one back."""
    there = built(lambda: Halving((3, 8, 8), (1, 8, 8)))
    return Inference({"generator": there, "generator_back": built(lambda: Halving((1, 8, 8), (3, 8, 8))), **kinds})


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 20), (5, 8), (8, 7), (13, 22), (1, 3)])
def test_an_image_of_any_size_is_made_longer_by_its_edge_and_cut_back(height, width):
    model, x = translator(), pictures(2, 1, height, width)
    down = [min(row, height - 1) for row in range(-(-height // 4) * 4)]
    right = [min(column, width - 1) for column in range(-(-width // 4) * 4)]
    z = Normal(len(down) * len(right) // 4).seeded([3])
    with torch.no_grad():
        expected = model.generator(z.expand(2, -1), x[:, :, down][:, :, :, right])[:, :, :height, :width]
    made = model.translate(x, seed=3)
    assert made.shape == (2, 3, height, width)
    torch.testing.assert_close(made, expected, atol=1e-6, rtol=0)
    assert not made.requires_grad
    assert model.translate_back(made).shape == x.shape


def test_a_translation_is_the_same_alone_and_in_company():
    model, x = translator(), pictures(N, 1, 9, 14)
    for act, images in ((model.translate, x), (model.translate_back, pictures(N, 3, 9, 14))):
        together = act(images)
        for i in ALONE:
            assert torch.equal(act(images[i : i + 1]), together[i : i + 1]), i
    assert model.translate(x[:0]).shape == (0, 3, 9, 14)


@pytest.mark.parametrize("make", [Translate, lambda: Translate(dim=4), Halving], ids=["no z", "z", "any size"])
def test_of_its_own_size_it_is_what_sample_makes(make):
    model, x = Inference({"generator": built(make)}), pictures(3)
    for seed in (0, 7):
        made = torch.cat([model.sample(1, seed, condition=image) for image in x])
        assert torch.equal(model.translate(x, seed=seed), made)


def test_a_seed_says_what_is_random_and_none_that_nothing_is():
    model, x = translator(), pictures(2, 1, 6, 6)
    assert torch.equal(model.translate(x), model.translate(x, seed=0))
    assert not torch.equal(model.translate(x, seed=1), model.translate(x))
    with torch.no_grad():
        wide = torch.nn.functional.pad(x, (0, 2, 0, 2), mode="replicate")
        expected = model.generator(torch.zeros(2, 16), wide)[:, :, :6, :6]
    torch.testing.assert_close(model.translate(x, seed=None), expected, atol=1e-6, rtol=0)
    same = x[:1].expand(2, -1, -1, -1)
    assert torch.equal(*model.translate(same, seed=1).split(1))  # the same z for each image


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (pictures(2, 3), "expected images [N, 1, 8, 8] of floats in [-1, 1], got torch.float32 [2, 3, 8, 8]"),
        (pictures(2)[0], "expected images [N, 1, 8, 8] of floats in [-1, 1], got torch.float32 [1, 8, 8]"),
        (pictures(2).to(torch.uint8), "expected images [N, 1, 8, 8] of floats in [-1, 1], got torch.uint8"),
        (pictures(2) * 255, "images must be in [-1, 1], got others or nan: of 8 bits take x / 127.5 - 1"),
        (pictures(2) / torch.zeros(8), "images must be in [-1, 1], got others or nan"),
        (torch.full((1, 1, 8, 8), torch.nan), "images must be in [-1, 1], got others or nan"),
    ],
)
def test_images_that_it_does_not_take_are_one_line(x, message):
    grey = Inference({"generator": built(Halving), "generator_back": built(Halving)})
    for act in (grey.translate, grey.translate_back):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            act(x)


def test_sides_that_are_too_short_are_one_line():
    model = Inference({"generator": built(lambda: Halving(least=8))})
    assert model.translate(pictures(1, 1, 5, 6)).shape == (1, 1, 5, 6)
    with pytest.raises(ValueError, match=r"^sides must be 8 or more, got 4 x 8$"):
        model.translate(pictures(1, 1, 1, 6))


def test_what_translates_nothing_or_has_no_way_back_says_so():
    plain = Inference({"generator": built(GENERATORS["mlp"])})
    with pytest.raises(ValueError, match=r"^this model makes images of z, it translates none: use sample$"):
        plain.translate(pictures(1))
    with pytest.raises(ValueError, match=r"^this model has no way back: CycleGAN has one, or train one the other"):
        Inference({"generator": built(Halving)}).translate_back(pictures(1))
    with pytest.raises(ValueError, match=r"^expected images \[N, 1, 8, 8\]"):
        Inference({"generator": built(Translate)}).translate(pictures(1, 1, 8, 12))  # no Translator


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_what_is_translated_has_the_precision_of_the_networks(dtype):
    model = translator().to(dtype)
    assert model.translate(pictures(1, 1, 9, 8)).dtype == dtype

"""The image of a seed, labels, and what a generator carries."""

import pytest
import torch

from ganzoo.inference import BLOCK, sample_seeds
from ganzoo.networks import DCGANGenerator, MLPGenerator, ResNetGenerator
from ganzoo.networks.labels import Label
from ganzoo.priors import Normal, Uniform
from ganzoo.roles import Classes, Discriminator, Generator, Nothing
from tests.zoo import make

GENERATORS = {
    "mlp": lambda n: MLPGenerator((1, 8, 8), Normal(dim=8), width=32, norm="batch", num_classes=n),
    "dcgan": lambda n: DCGANGenerator((1, 16, 16), Normal(dim=8), width=16, num_classes=n),
    "resnet": lambda n: ResNetGenerator((3, 16, 16), Uniform(dim=8), width=8, num_classes=n),
}


@pytest.fixture(params=GENERATORS)
def make_generator(request):
    def made(num_classes=0):
        torch.manual_seed(0)
        generator = GENERATORS[request.param](num_classes)
        with torch.no_grad():
            for p in generator.parameters():
                p.add_(torch.randn_like(p), alpha=0.1)  # a new conditional batch norm is the same for every class
        generator(torch.randn(64, 8), torch.zeros(64, dtype=torch.long) if num_classes else None)  # statistics
        return generator.eval()

    return made


def test_the_image_of_a_seed_is_bitwise_the_same_alone_and_in_any_range(make_generator):
    generator = make_generator()
    many = sample_seeds(generator, range(0, 70))
    assert many.shape == (70, *generator.image_shape)
    assert many.abs().max() <= 1
    assert not many.requires_grad
    for start, stop in [(0, 1), (17, 18), (15, 17), (16, 32), (5, 61), (69, 70), (31, 33)]:
        assert torch.equal(sample_seeds(generator, range(start, stop)), many[start:stop]), (start, stop)
    assert len(many.flatten(1).unique(dim=0)) == 70


def test_the_image_of_a_seed_and_label_does_not_depend_on_its_neighbours(make_generator):
    generator = make_generator(num_classes=3)
    labels = [k % 3 for k in range(40)]
    many = sample_seeds(generator, range(7, 47), labels)
    for k in (0, 8, 9, 10, 39):
        assert torch.equal(sample_seeds(generator, range(7 + k, 8 + k), labels[k])[0], many[k])
    assert torch.equal(sample_seeds(generator, range(20, 30), torch.tensor(labels[13:23])), many[13:23])
    ones = sample_seeds(generator, range(7, 47), 1)
    same = [torch.equal(one, other) for one, other in zip(ones, many, strict=True)]
    assert same == [label == 1 for label in labels]


def test_images_are_the_generators_of_the_seeds_latents():
    generator = GENERATORS["mlp"](0).eval()
    images = sample_seeds(generator, range(3, 40))
    torch.testing.assert_close(images, generator(generator.prior.seeded(range(3, 40))))


def test_sampling_does_not_touch_the_global_generator(make_generator):
    generator = make_generator()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sample_seeds(generator, range(20))
    assert torch.equal(torch.get_rng_state(), before)


def test_no_seeds_no_images(make_generator):
    generator = make_generator()
    for empty in (range(0, 0), range(BLOCK, BLOCK), range(5, 5)):
        assert sample_seeds(generator, empty).shape == (0, *generator.image_shape)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_networks_of_another_precision_are_sampled_from_the_same_latents(dtype, make_generator):
    generator = make_generator()
    single = sample_seeds(generator, range(20))
    images = sample_seeds(generator.to(dtype), range(20))
    assert images.dtype == dtype
    assert (images.double() - single.double()).abs().max() < (1e-5 if dtype == torch.float64 else 0.3)


def test_the_largest_seed_and_those_beyond():
    generator = GENERATORS["mlp"](0).eval()
    assert sample_seeds(generator, range(2**32 - 2, 2**32)).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="a seed is a whole number from 0 to 4294967295, got 4294967296"):
        sample_seeds(generator, range(2**32 - 2, 2**32 + 1))
    with pytest.raises(ValueError, match="a seed is a whole number"):
        sample_seeds(generator, range(-1, 3))


# -- labels


@pytest.mark.parametrize(
    ("labels", "n", "expected"),
    [
        (2, 3, [2, 2, 2]),
        ([1], 2, [1, 1]),
        ([0, 1, 2], 3, [0, 1, 2]),
        (torch.tensor([2, 0]), 2, [2, 0]),
        (torch.tensor(1), 2, [1, 1]),
        (1, 0, []),
    ],
)
def test_labels_are_one_for_all_or_one_for_each(labels, n, expected):
    y = Classes(3).check(labels, n)
    assert y.dtype == torch.long
    assert y.tolist() == expected


def test_an_unconditional_generator_has_no_labels():
    assert Nothing().check(None, 5) is None
    with pytest.raises(ValueError, match="this generator is unconditional: leave labels out"):
        Nothing().check(1, 5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "this generator is conditional: give labels from 0 to 2, one for all or 4"),
        ([0, 1], "expected one label or 4 labels, got 2"),
        ([0, 1, 2, 0, 1], "expected one label or 4 labels, got 5"),
        ([0, 1, 1.5, 2], r"labels must be whole numbers, got \[0.0, 1.0, 1.5, 2.0\]"),
        (3, r"labels must be from 0 to 2, got \[3, 3, 3, 3\]"),
        ([0, 1, -1, 2], r"labels must be from 0 to 2, got \[0, 1, -1, 2\]"),
    ],
)
def test_wrong_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        Classes(3).check(labels, 4)


def test_wrong_labels_are_refused_when_sampling():
    with pytest.raises(ValueError, match="this generator is unconditional"):
        sample_seeds(GENERATORS["mlp"](0).eval(), range(3), 1)
    with pytest.raises(ValueError, match="this generator is conditional: give labels from 0 to 4, one for all or 3"):
        sample_seeds(GENERATORS["mlp"](5).eval(), range(3))


def test_the_vector_of_a_label_is_appended():
    label = Label(num_classes=3, dim=2)
    z, y = torch.randn(4, 5), torch.tensor([2, 0, 2, 1])
    out = label(z, y)
    assert label.dim == 2
    assert torch.equal(out[:, :5], z)
    assert torch.equal(out[:, 5:], label.table.weight[y])
    with pytest.raises(ValueError, match=r"this generator is conditional on 3 classes: give labels y, \[N\]"):
        label(z, None)


def test_without_classes_a_label_is_nothing():
    label = Label(num_classes=0)
    z = torch.randn(4, 5)
    assert label(z, None) is z
    assert label.dim == 0
    assert not list(label.parameters())
    with pytest.raises(ValueError, match="this generator is unconditional: call it without labels"):
        label(z, torch.zeros(4, dtype=torch.long))


def test_roles_carry_what_sampling_needs_and_leave_the_rest():
    generator = Generator([1, 2, 3], Normal(dim=7), num_classes=4)
    assert (generator.image_shape, generator.prior.dim, generator.num_classes) == ((1, 2, 3), 7, 4)
    assert Discriminator([5]).image_shape == (5,)
    with pytest.raises(NotImplementedError):
        generator(torch.zeros(1, 7))
    with pytest.raises(NotImplementedError):
        Discriminator((5,))(torch.zeros(1, 5))


def test_a_negative_number_of_images_is_refused():
    with pytest.raises(ValueError, match="n must not be negative, got -3"):
        make("NSGAN").sample(-3)


def test_a_new_label_is_as_long_as_one_coordinate_of_z():
    torch.manual_seed(0)
    assert Label(1000, dim=32).table.weight.square().sum(dim=1).mean().item() == pytest.approx(1, abs=0.05)

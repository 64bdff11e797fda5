"""Arguments of ``ganzoo.create``: they reach what they name, and a wrong name is one line with the nearest."""

import re

import pytest

import ganzoo
from ganzoo.engine import Adam
from ganzoo.networks import DCGANGenerator, MLPDiscriminator
from ganzoo.priors import Normal
from tests.zoo import SHAPE


def test_an_argument_of_the_game_is_changed_and_the_others_stay():
    game, before = ganzoo.create("wgangp", SHAPE, gp_weight=5.0), ganzoo.create("wgangp", SHAPE)
    assert game.gp_weight == 5
    assert before.gp_weight == 10
    changed, arguments = game.config()["init_args"], before.config()["init_args"]
    assert changed == {**arguments, "gp_weight": 5}


@pytest.mark.parametrize(
    "overrides",
    [
        {"generator.width": 16, "generator.prior.dim": 7, "d_optimizer.lr": 0.5},
        {"generator": {"width": 16, "prior": {"dim": 7}}, "d_optimizer": {"lr": 0.5}},
        {"generator": {"prior.dim": 7}, "generator.width": 16, "d_optimizer.lr": 0.5},
    ],
    ids=["dotted", "nested", "both"],
)
def test_arguments_within_arguments_are_merged_with_what_is_there(overrides):
    game = ganzoo.create("dcgan", SHAPE, **overrides)
    made, usual = game.G.config()["init_args"], ganzoo.create("dcgan", SHAPE).G.config()["init_args"]
    assert made == {**usual, "width": 16, "prior": Normal(7).config()}
    assert (game.d_optimizer.lr, game.d_optimizer.beta1) == (0.5, 0.5)  # a default of the class, without its lr
    assert ganzoo.create("dcgan", SHAPE).d_optimizer.lr == 2e-4


def test_objects_and_other_classes_take_the_whole_place():
    how, D = Adam(lr=1e-4), MLPDiscriminator(SHAPE)
    game = ganzoo.create("nsgan", SHAPE, d_optimizer=how, discriminator=D)
    assert game.d_optimizer is how
    assert game.D is D
    other = {"class_path": "ganzoo.networks.MLPDiscriminator", "init_args": {"width": 16}}
    game = ganzoo.create("nsgan", SHAPE, discriminator=other)
    assert type(game.D) is MLPDiscriminator
    assert game.D.image_shape == SHAPE
    assert other["init_args"] == {"width": 16}


@pytest.mark.parametrize("name", ["cgan", "acgan", "projectiongan", "cvae"])
def test_the_number_of_classes_is_given_once(name):
    game = ganzoo.create(name, SHAPE, num_classes=3)
    assert game.sample(3, condition=[0, 1, 2]).shape == (3, *SHAPE)
    game.check_shapes()
    counts = {m.num_classes for m in game.modules() if getattr(m, "num_classes", 0)}
    assert counts == {3}


def test_encoders_of_a_given_generator_take_arguments_too():
    G = DCGANGenerator(SHAPE, Normal(9), width=8)
    game = ganzoo.create("latentencoder", generator=G, **{"encoder.dim": 9})
    assert game.G is G
    assert game.E.image_shape == SHAPE


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("wgangp", {"gp_wieght": 5}, "no argument 'gp_wieght': did you mean 'gp_weight'?; WGANGP takes generator, "),
        ("dcgan", {"generator": {"widht": 5}}, "no argument 'generator.widht': did you mean 'generator.width'?; "),
        (
            "dcgan",
            {"generator.prior.dimm": 5},
            "no argument 'generator.prior.dimm': did you mean 'generator.prior.dim'",
        ),
        ("dcgan", {"lr": 1e-3}, "no argument 'lr': did you mean 'd_optimizer.lr'?; DCGAN takes generator, "),
        ("dcgan", {"generator": "MLP"}, "generator must be an object, or a dict of its class_path and init_args, got "),
        ("dcgan", {"d_optimizer.schedule.stop": 5}, "d_optimizer.schedule must be an object, or a dict of its "),
        ("dcgan", {"num_classes": 5}, "dcgan is told no classes: leave num_classes out, or take cgan, acgan or"),
        ("icgan", {"generator": {"width": 5}}, "icgan is played over a trained generator: give generator=ganzoo.load"),
    ],
)
def test_what_cannot_be_is_one_line(name, overrides, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as error:
        ganzoo.create(name, SHAPE, **overrides)
    assert "\n" not in str(error.value)

"""Layers: a class never takes over the arguments of the class that it replaces, and what goes is named."""

import json

import pytest

import ganzoo.networks  # noqa: F401
from ganzoo.cli.layers import layered
from ganzoo.cli.merge import Layers, same


def stacked(*layers, words=()):
    made = Layers()
    for layer in layers:
        made.add(layer if isinstance(layer, str) else json.dumps(layer))
    made.add_words(words)
    return made.config, made.gone


def one(name, **arguments):
    return {"class_path": name, "init_args": arguments}


def test_an_upper_layer_wins_value_by_value():
    lower = {"trainer": {"max_steps": 10, "devices": 1}, "seed_everything": 0, "list": [1, 2]}
    upper = {"trainer": {"max_steps": 20}, "list": [3], "watch": {"every": 5}}
    whole = {"trainer": {"max_steps": 20, "devices": 1}, "seed_everything": 0, "list": [3], "watch": {"every": 5}}
    assert stacked(lower, upper) == (whole, [])
    assert stacked(lower, {"list": None}) == (lower | {"list": None}, [])


def test_a_class_by_its_name_alone_takes_arguments():
    given = stacked({"data": "Digits"}, {"data": {"init_args": {"batch_size": 3}}})
    assert given == ({"data": one("Digits", batch_size=3)}, [])
    assert stacked({"data": "Digits"}, {"data": "MNIST"}) == ({"data": "MNIST"}, [])


@pytest.mark.parametrize("name", ["Digits", "ganzoo.data.Digits"])
def test_the_same_class_keeps_its_arguments(name):
    lower = {"data": one("ganzoo.data.Digits", size=12, batch_size=5)}
    kept = {"data": one(name, size=16, batch_size=5)}
    assert stacked(lower, {"data": one(name, size=16)}) == (kept, [])
    assert stacked(lower, {"data": {"init_args": {"size": 16}}})[0]["data"]["init_args"] == kept["data"]["init_args"]
    assert stacked(lower, words=["--data", name])[0]["data"]["init_args"] == lower["data"]["init_args"]


LINE = "data: MNIST starts from its own defaults; of Digits go size"


@pytest.mark.parametrize("upper", [one("ganzoo.data.MNIST", batch_size=7), one("MNIST", batch_size=7)])
def test_another_class_starts_from_its_own_defaults(upper):
    lower = {"data": one("ganzoo.data.Digits", size=8, batch_size=64)}
    assert stacked(lower, {"data": upper}) == ({"data": upper}, [LINE])


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "MNIST"],
        ["--data=MNIST"],
        ["--data.class_path", "ganzoo.data.MNIST"],
        ["--data", '{"class_path": "MNIST"}'],
    ],
)
def test_so_does_one_on_the_command_line(words):
    config, gone = stacked(
        {"data": one("ganzoo.data.Digits", size=8)}, words=["--run", "x", *words, "--data.size", "3"]
    )
    assert (config["data"]["init_args"], gone) == ({}, [LINE])


@pytest.mark.parametrize("words", [["--data", "null"], ["--data.size", "9"], ["--data"], ["--trainer.accelerator=cpu"]])
def test_other_words_are_the_parsers(words):
    lower = {"data": one("ganzoo.data.Digits", size=8), "trainer": {"accelerator": "auto"}}
    assert stacked(lower, words=words) == (lower, [])


def test_a_network_within_a_model_is_replaced_with_all_its_arguments():
    D, other = one("ganzoo.networks.DCGANDiscriminator", norm="layer"), one("ganzoo.networks.MLPDiscriminator", depth=2)
    lower = {"model": one("ganzoo.models.NSGAN", discriminator=D)}
    line = "model.discriminator: MLPDiscriminator starts from its own defaults; of DCGANDiscriminator go norm"
    upper = {"model": {"init_args": {"discriminator": other}}}
    assert stacked(lower, upper) == ({"model": one("ganzoo.models.NSGAN", discriminator=other)}, [line])
    for flag in ("--model.discriminator", "--model.init_args.discriminator"):
        config, gone = stacked(lower, words=[flag, "MLPDiscriminator"])
        assert config["model"]["init_args"]["discriminator"]["init_args"] == {}
        assert gone == [line]


def test_the_model_of_an_upper_file_is_whole():
    D = "ganzoo.networks.DCGANDiscriminator"
    critic = {"model": one("ganzoo.models.WGANGP", discriminator=one(D, norm="layer"), gp_weight=5)}
    dcgan = {"model": one("ganzoo.models.DCGAN", discriminator=one(D))}
    config, gone = stacked(critic, dcgan)
    assert config == dcgan
    assert gone == ["model: DCGAN starts from its own defaults; of WGANGP go gp_weight"]


def test_a_game_named_alone_plays_with_the_networks_that_are_there():
    networks = {"generator": one("ganzoo.networks.MLPGenerator", width=3), "discriminator": one("MLPDiscriminator")}
    lower = {"model": one("ganzoo.models.WGANGP", **networks, gp_weight=5)}
    config, gone = stacked(lower, words=["--model", "LSGAN"])
    assert config == {"model": one("LSGAN", **networks)}
    assert gone == ["model: LSGAN starts from its own defaults; of WGANGP go gp_weight"]
    config, gone = stacked(lower, words=["--model", "VAE"])
    assert config == {"model": one("VAE", generator=networks["generator"])}
    assert "go discriminator, gp_weight" in gone[0]


def test_floats_are_read_as_the_parser_reads_them(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("model: {init_args: {lr: 1e-4}}")
    assert stacked(str(path))[0]["model"]["init_args"]["lr"] == 1e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "is no YAML: while parsing"), ("- 1", "is no configuration: it must hold names"), ("", None)],
)
def test_what_is_no_configuration_is_refused(text, message, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    if message is None:
        assert stacked(str(path)) == ({}, [])
    else:
        with pytest.raises(ValueError, match=message):
            stacked(str(path))


def test_of_the_recipe_of_one_set_nothing_stays_for_another():
    words, gone = layered(["fit", "--config", "recipes/demo", "--config", "data/mnist"])
    assert words[:2] == ["fit", "--config"]
    assert json.loads(words[2])["data"] == {"class_path": "ganzoo.data.MNIST", "init_args": {"batch_size": 64}}
    assert gone == ["data: MNIST starts from its own defaults; of Digits go size"]


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [("A", "A", True), ("A", "x.A", True), ("x.A", "A", True), ("x.A", "y.A", False), ("A", "B", False)],
)
def test_names_of_one_class(a, b, equal):
    assert same(a, b) == equal

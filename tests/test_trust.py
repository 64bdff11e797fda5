"""What a file may say: classes that are known, in their places, and plain values of a sane size."""

import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from lightning.pytorch import Trainer

from ganzoo.config import Configurable, path_of
from ganzoo.models import NSGAN, BiGAN
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Generator
from ganzoo.trust import DEPTH, VALUES, checked, checked_arguments, hints_of
from tests.zoo import SPECIAL, make


class Place(Configurable):
    """One argument of each kind."""

    def __init__(
        self,
        prior: Prior | None = None,
        priors: Sequence[Prior] = (),
        by_name: dict[str, Prior] | None = None,
        strategy: str | Prior = "auto",
        path: str | None = None,
        sizes: Sequence[int] = (),
        factor: float | list[float] = 1.0,
        choice: Literal["a", "b"] = "a",
        call: Callable[[int], int] | None = None,
        of_type: type[Prior] | None = None,
        anything: Any = None,
        table: dict[str, float] | None = None,
        untyped=Normal,
    ):
        self.given = dict(vars())


class Inner(Place):
    def __init__(self, more: Prior | None = None, **kwargs: Any):
        super().__init__(**kwargs)


NORMAL = {"class_path": "ganzoo.priors.Normal", "init_args": {"dim": 3}}


def place(cls=Place, **arguments):
    return {"class_path": path_of(cls), "init_args": arguments}


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_the_configuration_of_every_game_may_stand_in_a_file(name):
    config = make(name).config()
    assert checked(config, torch.nn.Module, "x") == config


@pytest.mark.parametrize(
    "arguments",
    [
        {"prior": NORMAL},
        {"prior": None},
        {"priors": [NORMAL, NORMAL]},
        {"by_name": {"a": NORMAL}},
        {"strategy": "auto"},
        {"strategy": "ddp_find-2"},
        {"strategy": NORMAL},
        {"path": "some/where.else"},
        {"path": "{class_path: os.system}"},
        {"sizes": [1, 2]},
        {"factor": "1e-3"},
        {"choice": "b"},
        {"anything": NORMAL},
        {"anything": "two words"},
        {"anything": ""},
        {"anything": [1, {"a": 2.5}]},
        {"table": {"val/fd": 1.0}},
        {"untyped": 3},
    ],
)
@pytest.mark.parametrize("cls", [Place, Inner])
def test_what_does_no_harm_passes_unchanged(arguments, cls):
    assert checked(place(cls, **arguments), Configurable, "x") == place(cls, **arguments)


def test_old_names_become_the_present_ones_at_any_depth():
    old = {"class_path": "ganzoo.latents.Normal", "init_args": {"dim": 3}}
    new = checked(place(priors=[old], anything={"k": (old, 1)}), Place, "x")
    assert new == place(priors=[NORMAL], anything={"k": [NORMAL, 1]})
    assert old["class_path"] == "ganzoo.latents.Normal"


UNKNOWN = r"unknown class '{}' in FILE: if it is yours, add --import {} \(in Python: import {}\)"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_path": "helper.Net"}, UNKNOWN.format("helper.Net", "helper", "helper")),
        ({"class_path": "a.b.Net", "init_args": {}}, UNKNOWN.format("a.b.Net", "a.b", "a.b")),
        ({"class_path": "ganzoo.models.Newer"}, r"unknown class 'ganzoo.models.Newer' in FILE: update ganzoo$"),
        (
            {"class_path": "ganzoo.hub.Trained", "init_args": {"path": "x"}},
            r"unknown class 'ganzoo.hub.Trained' in FILE",
        ),
        ({"class_path": "NSGAN"}, "unknown class 'NSGAN' in FILE"),
        ({"class_path": ["helper.Net"]}, r"unknown class \['helper.Net'\] in FILE"),
        ({"class_path": None}, "unknown class None in FILE"),
        ({"class_path": {}}, "unknown class {} in FILE"),
        ({}, "FILE: Place must be given as class_path and init_args"),
        ("helper.yaml", "FILE must name a Place by class_path and init_args, got 'helper.yaml'"),
        (None, "FILE must name a Place by class_path and init_args, got None"),
        ([place()], "FILE must name a Place by class_path and init_args"),
        (
            {**place(), "extra": 1},
            r"Place must be given as class_path and init_args, got \['class_path', 'init_args', 'e",
        ),
        ({"init_args": {}}, r"Place must be given as class_path and init_args, got \['init_args'\]"),
        ({"class_path": path_of(Place), "init_args": []}, r"Place must have arguments with names, got \[\]"),
        (
            {"class_path": path_of(Place), "init_args": {"prior.class_path": "helper.Net"}},
            "Place must have arguments with",
        ),
        ({"class_path": path_of(Place), "init_args": {3: 4}}, "Place must have arguments with names, got {3: 4}"),
        (
            {"class_path": path_of(Place), "dict_kwargs": {"a": {"class_path": "x.y"}}},
            "dict_kwargs of .* must be names",
        ),
        ({"class_path": path_of(Place), "dict_kwargs": {"a": [{}]}}, "dict_kwargs of .* must be names with texts"),
        ({"class_path": path_of(Place), "dict_kwargs": "x"}, "dict_kwargs of .* must be names with texts"),
        (NORMAL, "Place cannot be ganzoo.priors.Normal: it is of another kind"),
    ],
)
def test_what_is_no_known_class_is_refused(config, message):
    with pytest.raises(ValueError, match=message) as error:
        checked(config, Place, "FILE")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"prior": "ganzoo.priors.Normal"},
            "prior must be given as class_path and init_args, got the text 'ganzoo.priors",
        ),
        ({"prior": "file.yaml"}, "prior must be given as class_path and init_args, got the text 'file.yaml'"),
        ({"prior": '{"class_path": "helper.Net"}'}, "prior must be given as class_path and init_args"),
        ({"prior": {"class_path": "helper.Net"}}, "unknown class 'helper.Net'"),
        ({"prior": {"dim": 3}}, "prior must be given as class_path and init_args, got {'dim': 3}"),
        ({"prior": {"init_args": {"dim": 3}}}, "prior must be given as class_path and init_args"),
        ({"prior": place()}, "prior cannot be tests.test_trust.Place: it is of another kind"),
        ({"priors": "helper.Net"}, "priors must be given as class_path and init_args"),
        ({"priors": ["helper.Net"]}, r"priors\[0\] must be given as class_path and init_args"),
        ({"priors": [NORMAL, {"class_path": "helper.Net"}]}, "unknown class 'helper.Net'"),
        ({"priors": [place()]}, r"priors\[0\] cannot be tests.test_trust.Place"),
        ({"by_name": {"a": "helper.Net"}}, "by_name.a must be given as class_path and init_args"),
        ({"by_name": {"a.b": NORMAL}}, "by_name must have words as keys"),
        ({"by_name": {"__path__": NORMAL}}, "by_name must have words as keys"),
        ({"strategy": "helper.Net"}, "strategy must be a plain word, and no file here, got the text 'helper.Net'"),
        ({"strategy": "a/b"}, "strategy must be a plain word"),
        ({"strategy": "here"}, "strategy must be a plain word, and no file here, got the text 'here'"),
        ({"sizes": {"class_path": "helper.Net"}}, "unknown class 'helper.Net'"),
        ({"factor": {"a": 1}}, "factor must be given as class_path and init_args, got {'a': 1}"),
        ({"choice": {"class_path": path_of(Place)}}, "choice cannot be tests.test_trust.Place"),
        ({"call": "os.system"}, "call must be given as class_path and init_args, got the text 'os.system'"),
        ({"call": "eval"}, "call must be given as class_path and init_args"),
        ({"of_type": "ganzoo.priors.Normal"}, "of_type must be given as class_path and init_args"),
        ({"anything": {"class_path": "helper.Net"}}, "unknown class 'helper.Net'"),
        ({"anything": [[{"a": {"class_path": "helper.Net"}}]]}, "unknown class 'helper.Net'"),
        ({"anything": "{class_path: helper.Net}"}, "anything must be a plain word"),
        ({"anything": "class_path: helper.Net"}, "anything must be a plain word"),
        ({"anything": "helper.Net"}, "anything must be a plain word"),
        ({"anything": " helper.Net "}, "anything must be a plain word"),
        ({"anything": "here"}, "anything must be a plain word, and no file here"),
        ({"untyped": "helper.Net"}, "untyped must be a plain word"),
        ({"not_an_argument": "helper.Net"}, "not_an_argument must be a plain word"),
        ({"table": "helper.yaml", "prior": 3, "by_name": 3, "call": "x"}, "call must be given"),
    ],
)
@pytest.mark.parametrize("cls", [Place, Inner])
def test_a_text_never_stands_where_a_class_may(arguments, message, cls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").write_text("class_path: helper.Net")
    with pytest.raises(ValueError, match=message) as error:
        checked(place(cls, **arguments), Configurable, "FILE")
    assert str(error.value).startswith(("FILE: ", "unknown class"))
    assert "\n" not in str(error.value)


def nested(depth):
    config = None
    for _ in range(depth):
        config = place(anything=config)
    return config


def shared(levels):
    """As many values as 2 to the power of ``levels``, in a few lists."""
    item = [0, 0]
    for _ in range(levels):
        item = [item, item]
    return item


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (nested(DEPTH), "describes no game: more than"),
        ([0] * VALUES, "describes no game: more than"),
        (shared(30), "describes no game: more than"),
        ("x" * 20_001, "describes no game: a text of 20001 letters"),
        (2**60, "describes no game: a number beyond"),
        (-(10**300), "describes no game: a number beyond"),
        ({"x" * 20_001: 1}, "describes no game: a text of 20001 letters"),
        (torch.zeros(2), "describes no game: a Tensor is no plain value"),
        ({1, 2}, "describes no game: a set is no plain value"),
        (Path("x"), "describes no game: a PosixPath is no plain value"),
    ],
)
def test_values_that_describe_no_game_are_refused_at_once(value, message):
    with pytest.raises(ValueError, match=f"FILE {message}"):
        checked(place(anything=value), Place, "FILE")


def test_a_list_that_holds_itself_is_refused():
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(ValueError, match="FILE describes no game"):
        checked(place(anything=itself), Place, "FILE")


def test_annotations_are_those_of_the_whole_family():
    hints = hints_of(BiGAN)
    assert hints["generator"] is Generator
    assert hints["ema_decay"] is float
    assert hints_of(Inner)["more"] == Prior | None
    assert hints_of(Inner)["call"] == Callable[[int], int] | None


def test_an_annotation_that_cannot_be_understood_means_anything():
    class Odd(Configurable):
        def __init__(self, prior: "Nowhere", size: int) -> None:  # noqa: F821
            pass

    assert hints_of(Odd)["prior"] is hints_of(Odd)["size"] is Any
    with pytest.raises(ValueError, match="prior must be a plain word"):
        checked_arguments(Odd, {"prior": "helper.Net"}, "FILE")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"callbacks": "lightning.pytorch.callbacks.LambdaCallback"}, "callbacks must be given as class_path"),
        ({"callbacks": [{"class_path": "lightning.pytorch.callbacks.LambdaCallback"}]}, "unknown class 'lightning"),
        ({"logger": {"class_path": "helper.Net"}}, "unknown class 'helper.Net'"),
        ({"strategy": "helper.Net"}, "strategy must be a plain word"),
        ({"profiler": "helper.Net"}, "profiler must be a plain word"),
        ({"plugins": ["helper.Net"]}, r"plugins\[0\] must be given as class_path"),
        ([], r"FILE: Trainer must have arguments with names, got \[\]"),
    ],
)
def test_the_arguments_of_a_trainer_are_looked_at_too(arguments, message):
    with pytest.raises(ValueError, match=message):
        checked_arguments(Trainer, arguments, "FILE")
    fine = {
        "accelerator": "cpu",
        "strategy": "game",
        "precision": "16-mixed",
        "devices": "auto",
        "max_time": "00:01:00",
    }
    assert checked_arguments(Trainer, fine, "FILE") == fine


def test_a_game_with_a_class_in_the_wrong_place_is_refused():
    game = NSGAN(MLPGenerator((1, 8, 8), width=4), MLPDiscriminator((1, 8, 8), width=4)).config()
    game["init_args"]["generator"]["init_args"]["prior"] = game["init_args"]["discriminator"]
    with pytest.raises(ValueError, match=r"FILE: prior cannot be ganzoo.networks.MLPDiscriminator: it is of another"):
        checked(game, NSGAN, "FILE")


def test_a_protocol_is_fulfilled_by_what_python_cannot_check():
    class Shape(typing.Protocol):
        def area(self) -> float: ...

    class Uses(Configurable):
        def __init__(self, shape: Shape) -> None:
            pass

    assert checked_arguments(Uses, {"shape": NORMAL}, "FILE") == {"shape": NORMAL}

"""Objects that remember how they were made: round trips, and what a file may not do."""

import copy
import json
import sys

import pytest
import torch
from torch import nn

from ganzoo.callbacks import Checkpoints
from ganzoo.config import MOVED, Configurable, build, path_of
from ganzoo.engine.optim import SGD, Adam, Cosine, Linear
from ganzoo.losses.objectives import LeastSquares, Minimax
from ganzoo.models import NSGAN, WGANGP
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.priors import Normal, Uniform
from tests.games import fit, images
from tests.zoo import FromImage, ToImage


class Base(Configurable):
    def __init__(self, a, b=2, *, c=(3, 4)):
        self.a, self.b, self.c = a, b, c


class Passing(Base):
    """Passes on what it does not know."""

    def __init__(self, d="d", **kwargs):
        super().__init__(**kwargs)
        self.d = d


class PassingOn(Passing):
    def __init__(self, e=None, d="other", **kwargs):
        super().__init__(d=d, **kwargs)
        self.e = e


class Doubling(Base):
    """Changes an argument on its way."""

    def __init__(self, b=2, **kwargs):
        super().__init__(b=2 * b, **kwargs)


class Fixed(Base):
    """Fixes b, which cannot be given from outside."""

    def __init__(self, a):
        super().__init__(a, b=100)


class Inherits(Fixed):
    """Has no constructor of its own."""


class Holder(Configurable):
    def __init__(self, what):
        self.what = what


def again(made):
    """Write to JSON, read, build."""
    return build(json.loads(json.dumps(made.config())))


@pytest.mark.parametrize(
    ("made", "arguments"),
    [
        (Base(1), {"a": 1, "b": 2, "c": [3, 4]}),
        (Base(1, 5, c=None), {"a": 1, "b": 5, "c": None}),
        (Base(a="x", c=[1.5, True]), {"a": "x", "b": 2, "c": [1.5, True]}),
        (Passing(a=1), {"d": "d", "a": 1, "b": 2, "c": [3, 4]}),
        (Passing(a=1, d="z", b=7), {"d": "z", "a": 1, "b": 7, "c": [3, 4]}),
        (PassingOn(a=1, e=9), {"e": 9, "d": "other", "a": 1, "b": 2, "c": [3, 4]}),
        (PassingOn(a=1, d="mine", c=0), {"e": None, "d": "mine", "a": 1, "b": 2, "c": 0}),
        (Doubling(a=1, b=5), {"b": 5, "a": 1, "c": [3, 4]}),
        (Fixed(6), {"a": 6}),
        (Inherits(6), {"a": 6}),
        (Minimax(), {"real_label": 1.0}),
        (LeastSquares(a=-1), {"a": -1, "b": 1.0, "c": 1.0}),
    ],
)
def test_arguments_are_recorded_and_rebuild_the_object(made, arguments):
    assert made.config() == {"class_path": path_of(type(made)), "init_args": arguments}
    copied = again(made)
    assert type(copied) is type(made)
    assert copied.config() == made.config()
    as_list = {key: list(value) if isinstance(value, tuple) else value for key, value in made.__dict__.items()}
    assert {
        key: list(value) if isinstance(value, tuple) else value for key, value in copied.__dict__.items()
    } == as_list


def test_objects_inside_objects_inside_lists_and_dicts():
    made = Holder([Normal(dim=3), {"step": SGD(lr=0.5, schedule=Linear(stop=4)), "n": 1}, (2, Uniform(dim=1))])
    copied = again(made)
    assert copied.config() == made.config()
    normal, inner, pair = copied.what
    assert (type(normal), normal.dim) == (Normal, 3)
    assert (type(inner["step"]), inner["step"].lr, inner["step"].schedule.stop, inner["n"]) == (SGD, 0.5, 4, 1)
    assert (pair[0], type(pair[1])) == (2, Uniform)


def test_a_game_is_rebuilt_with_all_that_it_holds():
    made = WGANGP(
        MLPGenerator((1, 8, 8), Uniform(dim=3), width=8, depth=1),
        MLPDiscriminator((1, 8, 8), width=8, depth=1),
        gp_weight=2.5,
        ema_decay=0.5,
        d_optimizer=Adam(lr=0.1, schedule=Cosine(stop=7)),
    )
    copied = again(made)
    assert copied.config() == made.config()
    assert (copied.gp_weight, copied.n_critic, copied.ema_decay) == (2.5, 5, 0.5)
    assert copied.d_optimizer.schedule.stop == 7
    assert copied.G.prior.dim == 3
    assert {k: v.shape for k, v in copied.state_dict().items()} == {k: v.shape for k, v in made.state_dict().items()}


def test_default_objects_are_recorded_too():
    config = WGANGP(ToImage(), FromImage()).config()["init_args"]
    assert config["g_optimizer"]["init_args"]["beta2"] == 0.9
    assert config["generator"]["init_args"]["prior"] == {"class_path": "ganzoo.priors.Normal", "init_args": {"dim": 4}}


def test_what_was_recorded_does_not_follow_the_object():
    numbers = [1, 2]
    made = Holder(numbers)
    numbers.append(3)
    made.what = "other"
    assert made.config()["init_args"] == {"what": [1, 2]}
    made.config()["init_args"]["what"] = 0
    assert made.config()["init_args"] == {"what": [1, 2]}


def test_a_deep_copy_remembers_too():
    made = ToImage(width=5)
    assert copy.deepcopy(made).config() == made.config()


@pytest.mark.parametrize(
    "opaque", [nn.Linear(1, 1), [1, nn.Linear(1, 1)], {"net": nn.Linear(1, 1)}, [[{"net": (nn.Linear(1, 1),)}]]]
)
def test_what_has_no_plain_form_is_named(opaque):
    message = (
        r"Holder\(what=Linear\) cannot be written to a file: Linear does not remember its arguments; let it inherit"
    )
    made = Holder(opaque)
    with pytest.raises(ValueError, match=message):
        made.config()


def test_an_opaque_object_deep_inside_makes_its_holder_opaque():
    with pytest.raises(ValueError, match="Holder does not remember its arguments"):
        Holder(Holder(nn.Linear(1, 1))).config()


@pytest.mark.parametrize("value", [torch.float32, range(3), {1, 2}, lambda: 0, torch.zeros(2)])
def test_no_other_type_slips_into_a_file(value):
    with pytest.raises(ValueError, match="cannot be written to a file"):
        Holder(value).config()


@pytest.mark.parametrize("path", ["os.system", "torch.nn.Linear", "ganzoo.priors.Nothing", "subprocess.Popen", None, 3])
def test_an_unknown_class_is_refused(path):
    with pytest.raises(ValueError, match=r"unknown class .*: (update ganzoo|if it is yours, add --import)"):
        build({"class_path": path, "init_args": {}})


def test_an_unknown_class_deep_inside_is_refused():
    with pytest.raises(ValueError, match=r"unknown class 'os\.system'"):
        build({"class_path": path_of(Holder), "init_args": {"what": [{"x": {"class_path": "os.system"}}]}})


def test_building_never_imports(tmp_path, monkeypatch):
    (tmp_path / "trap_for_build.py").write_text(
        "from ganzoo.config import Configurable\nclass Trap(Configurable):\n    pass\nraise SystemExit('run')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"unknown class 'trap_for_build\.Trap'"):
        build({"class_path": "trap_for_build.Trap"})
    assert "trap_for_build" not in sys.modules


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"ganzoo.priors.Normal cannot be made from \['dim', 'dims'\]: .*dims"):
        build({"class_path": "ganzoo.priors.Normal", "init_args": {"dims": 3, "dim": 2}})
    with pytest.raises(ValueError, match=r"Base cannot be made from \[\]: .*'a'"):
        build({"class_path": path_of(Base)})


def test_values_out_of_range_keep_their_own_message():
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        build({"class_path": "ganzoo.priors.Normal", "init_args": {"dim": 0}})


def test_wrong_calls_fail_as_python_says():
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        Base()


@pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no .val_dataloader.")
def test_a_checkpoint_says_how_it_was_made_or_why_not(tmp_path):
    class Unknown(nn.Module):
        image_shape = (1, 8, 8)

        def __init__(self):
            super().__init__()
            self.net = FromImage()

        def forward(self, x):
            return self.net(x)

    for discriminator, known in ((FromImage(), True), (Unknown(), False)):
        model = NSGAN(ToImage(), discriminator)
        fit(model, tmp_path, steps=1, data=images(), callbacks=[Checkpoints(every=1)])
        ours = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["ganzoo"]
        assert ours["format"] == 1
        assert ours["data"] is None
        if known:
            assert ours["model"] == model.config()
        else:
            assert "discriminator=Unknown" in ours["model"]["reason"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ganzoo.latents.Normal", "ganzoo.priors.Normal"),
        ("ganzoo.optim.Adam", "ganzoo.engine.Adam"),
        ("ganzoo.objectives.LeastSquares", "ganzoo.losses.LeastSquares"),
        ("ganzoo.divergences.KL", "ganzoo.losses.KL"),
        ("ganzoo.likelihoods.Bernoulli", "ganzoo.losses.Bernoulli"),
        ("ganzoo.metrics.lenet.LeNet64", "ganzoo.metrics.LeNet64"),
    ],
)
def test_files_of_an_older_version_name_classes_where_they_were(old, new):
    made = build({"class_path": old, "init_args": {}})
    assert made.config()["class_path"] == path_of(type(made)) == new


def test_a_public_path_is_where_python_finds_the_class():
    inner = {"Generative", "Padded", "Part", "Wrapper", "FileData", "TorchvisionData"}  # nobody's choice
    for path, cls in Configurable.known.items():
        if path.startswith("ganzoo."):
            module, name = path.rsplit(".", 1)
            assert module not in MOVED
            assert path not in MOVED
            if name not in inner and not name.startswith("_"):
                assert getattr(sys.modules[module], name) is cls, path

"""Objects that remember how they were made: round trips, and what a file may not do."""

import copy
import inspect
import json
import sys

import pytest
import torch
from torch import nn

from ganzoo import models
from ganzoo.callbacks import Checkpoints
from ganzoo.config import MOVED, Configurable, build, path_of
from ganzoo.engine.optim import SGD, Adam, Cosine, Linear
from ganzoo.losses.objectives import LeastSquares, Minimax
from ganzoo.models import NSGAN, WGANGP
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.priors import Normal, Uniform
from tests.games import fit, images
from tests.zoo import FromImage, ToImage, make


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


class Declared(Base, b=7):
    """Differs in a default."""


class DeclaredAgain(Declared, c="c", b=8):
    """Differs from what differs."""


class DeclaredAndOwn(PassingOn, d="mine", e="e", b=9):
    """Differs in defaults of its own, of its parent and of its parent's parent."""

    def __init__(self, e, f=0, **kwargs):
        super().__init__(e=e, **kwargs)
        self.f = f


class DeclaredBelow(DeclaredAndOwn, f=1, d="ours"):
    """Differs from that, without a constructor."""


class Loose(Base, b=10):
    """Names none of the arguments that it passes on."""

    def __init__(self, *args, g="g", **kwargs):
        super().__init__(*args, **kwargs)
        self.g = g


class LooseBelow(Loose, b=11, c="c"):
    """Differs from that."""


class Holder(Configurable):
    def __init__(self, what):
        self.what = what


class Holding(Holder, what=Linear(stop=4)):
    """Holds an object unless told otherwise."""


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
        (Declared(1), {"a": 1, "b": 7, "c": [3, 4]}),
        (Declared(1, 5), {"a": 1, "b": 5, "c": [3, 4]}),
        (Declared(c=0, b=5, a=1), {"a": 1, "b": 5, "c": 0}),
        (DeclaredAgain(1), {"a": 1, "b": 8, "c": "c"}),
        (DeclaredAgain(1, 5, c=0), {"a": 1, "b": 5, "c": 0}),
        (DeclaredAndOwn(a=1), {"e": "e", "f": 0, "d": "mine", "a": 1, "b": 9, "c": [3, 4]}),
        (DeclaredAndOwn("x", 2, a=1, d=3, b=4), {"e": "x", "f": 2, "d": 3, "a": 1, "b": 4, "c": [3, 4]}),
        (DeclaredBelow(a=1), {"e": "e", "f": 1, "d": "ours", "a": 1, "b": 9, "c": [3, 4]}),
        (DeclaredBelow("x", 2, a=1, d=3, b=4), {"e": "x", "f": 2, "d": 3, "a": 1, "b": 4, "c": [3, 4]}),
        (Loose(1), {"g": "g", "a": 1, "b": 10, "c": [3, 4]}),
        (Loose(1, 5, g=0), {"g": 0, "a": 1, "b": 5, "c": [3, 4]}),
        (LooseBelow(1), {"g": "g", "a": 1, "b": 11, "c": "c"}),
        (LooseBelow(1, 5, c=0), {"g": "g", "a": 1, "b": 5, "c": 0}),
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


@pytest.mark.parametrize(
    ("cls", "signature"),
    [
        (Declared, "(a, b=7, *, c=(3, 4))"),
        (DeclaredAgain, "(a, b=8, *, c='c')"),
        (DeclaredAndOwn, "(e='e', f=0, *, d='mine', b=9, **kwargs)"),
        (DeclaredBelow, "(e='e', f=1, *, d='ours', b=9, **kwargs)"),
        (Loose, "(*args, g='g', b=10, **kwargs)"),
        (LooseBelow, "(*args, g='g', b=11, c='c', **kwargs)"),
        (Base, "(a, b=2, *, c=(3, 4))"),
    ],
)
def test_a_signature_shows_the_defaults_that_are_declared(cls, signature):
    assert str(inspect.signature(cls)) == signature


def test_an_object_that_is_a_default_is_shown_as_its_configuration_and_given_as_it_is():
    config = {"class_path": "ganzoo.engine.Linear", "init_args": Linear(stop=4).config()["init_args"]}
    assert inspect.signature(Holding).parameters["what"].default == config
    assert type(Holding().what) is Linear
    assert Holding().config()["init_args"] == {"what": config}
    assert again(Holding()).what.stop == 4
    assert Holding(3).what == Holding(what=3).what == 3


class Written(Configurable):
    """Its default is an object, made by a positional argument, as a user may write it."""

    def __init__(self, what=Linear(4), other=Base(object())):
        self.what, self.other = what, other


def test_an_object_in_a_constructor_is_shown_as_its_configuration_too_and_reads_as_a_call():
    parameters = inspect.signature(Written).parameters
    assert parameters["what"].default == Linear(4).config()
    assert str(parameters["what"]) == f"what=Linear({', '.join(f'{k}={v}' for k, v in said(Linear(4)).items())})"
    assert isinstance(parameters["other"].default, Base)  # it has no configuration
    assert type(Written().what) is Linear
    assert Written(Linear(5)).what.config() == Linear(5).config()


def said(made):
    return made.config()["init_args"]


@pytest.mark.parametrize(
    ("parent", "name", "there"),
    [(Base, "bb", "a, b, c"), (Passing, "e", "d, a, b, c"), (Inherits, "b", "a"), (Loose, "args", "g, a, b, c")],
)
def test_a_default_for_an_argument_that_there_is_not_is_refused(parent, name, there):
    with pytest.raises(TypeError, match=f"^Wrong takes no argument '{name}': there are {there}$"):
        type("Wrong", (parent,), {}, **{name: 1})
    assert f"{__name__}.Wrong" not in Configurable.known


def test_declared_defaults_work_together_with_several_parents():
    class Right(Base):
        def __init__(self, a, r=0, **kwargs):
            super().__init__(a, **kwargs)
            self.r = r

    class First(Right, Declared):
        """Right's constructor calls that of Declared."""

    class Last(Declared, Right):
        """Declared's constructor calls that of Right."""

    assert (First(1, r=3).b, First(1, r=3).r) == (7, 3)
    assert (Last(1).b, Last(1).r) == (7, 0)


def test_variants_show_what_they_play_with():
    for name, key, value in (("LSGAN", "b", 1.0), ("WGAN", None, None), ("ImprovedGAN", "real_label", 0.9)):
        objective = inspect.signature(getattr(models, name)).parameters["objective"].default
        assert objective == make(name).objective.config()
        assert objective["init_args"].get(key) == value
    assert inspect.signature(models.ProjectionGAN).parameters["n_critic"].default == 5


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


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "ganzoo.losses.TotalVariation",
        "torch.nn.Linear",
        "ganzoo.priors.Nothing",
        "subprocess.Popen",
        None,
        3,
    ],
)
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
    with pytest.raises(ValueError, match=r"ganzoo.priors.Normal takes no argument 'dims': there are dim"):
        build({"class_path": "ganzoo.priors.Normal", "init_args": {"dims": 3, "dim": 2}})
    with pytest.raises(ValueError, match=r"Base cannot be made from \[\]: .*'a'"):
        build({"class_path": path_of(Base)})


def test_values_out_of_range_keep_their_own_message():
    with pytest.raises(ValueError, match="dim must not be negative, got -1"):
        build({"class_path": "ganzoo.priors.Normal", "init_args": {"dim": -1}})


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
        assert ours["format"] == 2
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
    inner = {"Generative", "Translation", "Padded", "Part", "Wrapper", "FileData", "TorchvisionData"}  # nobody's choice
    inner |= {"PairData", "FilePairData", "FolderPairData", "DomainData"}
    for path, cls in Configurable.known.items():
        if path.startswith("ganzoo."):
            module, name = path.rsplit(".", 1)
            assert module not in MOVED
            assert path not in MOVED
            if name not in inner and not name.startswith("_"):
                assert getattr(sys.modules[module], name) is cls, path

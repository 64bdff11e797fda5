"""What every variant must do."""

import copy
import inspect
import pickle
import re

import pytest
import torch

from ganzoo import models
from ganzoo.config import build
from tests.zoo import SHAPE, SPECIAL, data_for, fast, make, optimizers, some, told, trainer, weights

VARIANTS = sorted(SPECIAL)
GIVEN = ("LatentEncoder", "ImageEncoder", "IterativeEncoder", "IcGAN")  # G is theirs to look at only


def test_every_exported_variant_is_here():
    missing = sorted(set(models.__all__) - set(SPECIAL))
    assert not missing, f"SPECIAL in tests/zoo.py has no entry for {missing[0]}: the arguments of its smallest instance"
    assert set(SPECIAL) == set(models.__all__)


@pytest.mark.parametrize("name", VARIANTS)
def test_all_parameters_move_and_all_terms_are_finite(name, tmp_path):
    model = make(name, **fast())
    before = weights(model)
    trainer(8, tmp_path).fit(model, datamodule=data_for(model))
    still = {k.split(".")[0] for k, p in model.named_parameters() if torch.equal(p, before[k])}
    assert still == ({"G"} if name in GIVEN else set()), f"within 8 batches no player moved all of {sorted(still)}"
    assert {name.split("/")[0] for name in model.shown} == set(model.players())
    assert all(abs(value) < 1e3 for value in model.shown.values())


@pytest.mark.parametrize("name", VARIANTS)
def test_only_the_mover_moves(name, tmp_path, monkeypatch):
    model = make(name, **fast())
    original, seen = type(model).move, []

    def move(self, turn, batch, step):
        own = {id(p) for p in turn.own}
        others = {k: p for k, p in self.named_parameters() if id(p) not in own and "_ema" not in k}
        before = {k: (p.detach().clone(), None if p.grad is None else p.grad.clone()) for k, p in others.items()}
        terms = original(self, turn, batch, step)
        for key, p in others.items():
            value, grad = before[key]
            assert torch.equal(p, value), (turn.name, key)
            assert (p.grad is None) == (grad is None), (turn.name, key)
            assert grad is None or torch.equal(p.grad, grad), (turn.name, key)
            assert p.requires_grad == (name not in GIVEN or not key.startswith("G."))
        seen.append(turn.name)
        return terms

    monkeypatch.setattr(type(model), "move", move)
    trainer(4, tmp_path).fit(model, datamodule=data_for(model))
    assert set(seen) == set(model.players())


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name, tmp_path, monkeypatch):
    ends = []
    for seed in ("1", "1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        model = make(name)
        torch.manual_seed(torch.randint(1000, ()).item())  # what happened before must not matter
        trainer(4, tmp_path).fit(model, datamodule=data_for(model))
        ends.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("name", VARIANTS)
def test_samples_are_images_and_a_seed_is_an_image(name):
    model = make(name)
    condition = told(model, 40)
    images = model.sample(40, seed=5, condition=condition)
    assert images.shape == (40, *SHAPE)
    assert images.abs().max() <= 1
    assert not images.requires_grad
    alone = None if condition is None else condition[16]
    assert torch.equal(model.sample(1, seed=21, condition=alone)[0], images[16])
    assert len(images.flatten(1).unique(dim=0)) == 40


@pytest.mark.parametrize("name", VARIANTS)
def test_the_configuration_rebuilds_the_game(name):
    model = make(name, **optimizers(accumulate=2))
    again = build(model.config())
    assert type(again) is type(model)
    assert again.config() == model.config()
    assert weights(again).keys() == weights(model).keys()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_game_can_be_called_like_what_it_publishes(name):
    model = make(name).eval()
    z = model.trained.latents(2)
    y = told(model, 2)
    assert torch.equal(model(z, y), model.trained.decode(z, y))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_trained_game_is_copied_and_pickled(name, tmp_path):
    model = make(name, **fast())
    trainer(2, tmp_path).fit(model, datamodule=data_for(model))
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(some(again, 5), some(model, 5))
        assert not again._turns, "a copy must not hold the optimizers and the trainer of the original"


@pytest.mark.parametrize("name", VARIANTS)
def test_the_docstring_has_an_equation_and_a_source(name):
    cls = getattr(models, name)
    text = inspect.getdoc(cls)
    assert re.search(r"^ {4}.*L_[A-Z]+ =", text, re.MULTILINE), f"{name}'s docstring has no line `    L_D = ...`"
    assert "https://" in text, f"{name}'s docstring does not say where the paper is: https://..."
    added = [p for p in inspect.signature(cls.__init__).parameters if p not in ("self", "kwargs")]
    parents = inspect.signature(cls.__mro__[1].__init__).parameters
    assert len([p for p in added if p not in parents]) <= 7, f"{name} has more than 7 arguments of its own"
    flags = [p.name for p in inspect.signature(cls.__init__).parameters.values() if isinstance(p.default, bool)]
    assert not flags, f"{name} has flags: {flags}; what differs in who plays or in a term is a class"


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_other_precisions_train(name, precision, tmp_path):
    model = make(name, **fast())
    trainer(4, tmp_path, precision=precision).fit(model, datamodule=data_for(model))
    assert all(abs(value) < 1e3 for value in model.shown.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN)
def test_encoders_of_a_given_generator_learn_to_invert_it(name, tmp_path):
    """Signs and wiring: G(E(x)) comes nearer to G's own images x, and G stays as it is."""
    model = make(name, ema_decay=0.9, **fast())
    x, before = some(model, 256, seed=1000), weights(model.G)
    first = (model.reconstruct(x) - x).square().mean()
    trainer(600, tmp_path).fit(model, datamodule=data_for(model, 64))
    assert (model.reconstruct(x) - x).square().mean() < first / 2
    assert all(torch.equal(value, weights(model.G)[key]) for key, value in before.items())


TIED = {"ContentGAN": {"content_weight": 0.1}}  # to its input, but what is told are negatives
WEAK = ("CycleGAN",)  # its D wins against so small a G


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in (*GIVEN, *WEAK)])
def test_learns_a_constant(name, tmp_path):
    """Signs and wiring: the mean grey of the samples comes to that of the data."""
    model = make(name, **({} if name == "WGAN" else {"ema_decay": 0.9}), **TIED.get(name, {}), **fast())
    data = data_for(model, 64)
    data.setup("fit")
    trainer(600, tmp_path).fit(model, datamodule=data)
    real = torch.cat(list(data.images("train"))).float().mean() / 127.5 - 1
    assert abs(some(model, 128).mean() - real) < 0.1

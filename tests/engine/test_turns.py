"""What a checkpoint brings to an optimizer fits it, or is refused: a fused step would write beside it."""

import pytest
import torch
from torch import nn

from ganzoo.callbacks import Checkpoints
from ganzoo.checkpoints import write_checkpoint
from ganzoo.engine.optim import SGD, Adam, RMSprop
from ganzoo.engine.turns import take_up
from tests.zoo import digits, make, trainer


def stepped(how):
    """An optimizer that has moved once."""
    layer = nn.Linear(3, 2)
    optimizer = how(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer


def first(optimizer):
    return optimizer.state[optimizer.param_groups[0]["params"][0]]


@pytest.mark.parametrize(
    "how",
    [Adam(), Adam(weight_decay=0.1), Adam(clip_norm=1.0), RMSprop(), RMSprop(momentum=0.5), SGD(), SGD(momentum=0.5)],
)
def test_a_state_of_its_own_fits(how):
    optimizer = stepped(how)
    take_up("g", optimizer)
    again = how(p for group in optimizer.param_groups for p in group["params"])
    take_up("g", again)
    again.load_state_dict(optimizer.state_dict())
    take_up("g", again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: first(o).update(exp_avg=torch.zeros(1, 3)), "the checkpoint's state of g's optimizer does not fit"),
        (lambda o: first(o).update(exp_avg_sq=torch.zeros(1)), "the checkpoint's state of g's optimizer does not fit"),
        (lambda o: first(o).update(step=torch.zeros(2)), "the checkpoint's state of g's optimizer does not fit"),
        (lambda o: first(o).update(step="1"), "the checkpoint's state of g's optimizer does not fit"),
        (lambda o: first(o).pop("exp_avg"), "the checkpoint's state of g's optimizer does not fit its networks"),
        (lambda o: first(o).update(extra=[1]), "the checkpoint's state of g's optimizer does not fit its networks"),
        (lambda o: o.param_groups[0].update(lr=[1]), r"the checkpoint sets lr of g's optimizer to '\[1\]'"),
        (lambda o: o.param_groups[0].update(betas=(0.5,)), r"the checkpoint sets betas of g's optimizer to '\(0.5,\)'"),
        (lambda o: o.param_groups[0].update(betas=("a", 0.5)), "the checkpoint sets betas of g's optimizer to"),
        (lambda o: o.param_groups[0].update(lr=float("nan")), "the checkpoint sets lr of g's optimizer to 'nan'"),
        (lambda o: first(o).update(exp_avg=None), "the checkpoint's state of g's optimizer does not fit its networks"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    optimizer = stepped(Adam())
    change(optimizer)
    with pytest.raises(ValueError, match=message):
        take_up("g", optimizer)


def test_switches_are_those_that_it_was_made_with():
    optimizer = stepped(Adam())
    optimizer.param_groups[0].update(amsgrad=True, fused="x", maximize=10**30, lr=0.5)
    take_up("g", optimizer)
    group = optimizer.param_groups[0]
    assert (group["amsgrad"], group["fused"], group["maximize"], group["lr"]) == (False, True, False, 0.5)


def test_an_optimizer_of_ones_own_keeps_what_it_likes():
    class Own(torch.optim.Adam):
        pass

    optimizer = stepped(lambda parameters: Own(parameters, lr=0.1))
    first(optimizer)["rows"] = torch.zeros(7)
    take_up("g", optimizer)


def test_a_run_is_not_taken_up_with_the_state_of_other_networks(tmp_path):
    trainer(2, tmp_path, callbacks=[Checkpoints()]).fit(make("NSGAN", d_optimizer=Adam()), datamodule=digits())
    path = tmp_path / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    state = content["optimizer_states"][0]["state"][0]
    state["exp_avg"] = state["exp_avg"][:1].clone()
    write_checkpoint(content, path)
    with pytest.raises(ValueError, match="the checkpoint's state of d's optimizer does not fit its networks"):
        trainer(4, tmp_path, callbacks=[Checkpoints()]).fit(
            make("NSGAN", d_optimizer=Adam()), datamodule=digits(), ckpt_path=path
        )

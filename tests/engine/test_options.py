"""Options of Lightning's Trainer: each has a row in docs/trainer.md; it is refused, or does what it says."""

import inspect
import re
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, StochasticWeightAveraging

from ganzoo.callbacks import Checkpoints, Evaluate, SampleGrid
from ganzoo.engine.options import check_options
from ganzoo.engine.strategy import check_strategy
from tests.games import Notes
from tests.zoo import digits, make, weights

TABLE = (Path(__file__).parents[2] / "docs" / "trainer.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TABLE, flags=re.MULTILINE))
OPTIONS = list(inspect.signature(L.Trainer.__init__).parameters)[1:]


class Seen(L.Callback):
    """Which batches came, after how many validations were, and how many epochs ended."""

    def __init__(self):
        self.batches, self.validations, self.epochs = [], [], 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches.append(float(batch[0].double().sum()))

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs += 1

    def on_validation_start(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.validations.append(trainer.global_step)


def played(folder, callbacks=(), game=None, ckpt_path=None, **options):
    """Train a game on epochs of five batches; return what was seen, its trainer and the game."""
    seen, game, data = Seen(), game or make("WGAN"), digits()
    silent = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    given = {"max_epochs": -1, "limit_val_batches": 0, **silent, **options}
    trainer = L.Trainer(accelerator="cpu", devices=1, default_root_dir=folder, callbacks=[seen, *callbacks], **given)
    data.batch_size = 280
    trainer.fit(game, datamodule=data, ckpt_path=ckpt_path)
    return seen, trainer, game


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_a_row(option):
    assert ROWS[option]


REFUSED = [
    ("accumulate_grad_batches", 2, "each player accumulates by itself"),
    ("gradient_clip_val", 1.0, "each player clips its own gradient"),
    ("gradient_clip_algorithm", "norm", "each player clips its own gradient"),
    ("overfit_batches", 0.5, "give a number of batches, such as 2"),
    ("val_check_interval", 0, "give a number of batches, or a share"),
    ("check_val_every_n_epoch", 0, "give a number of epochs, or null"),
    ("log_every_n_steps", -1, "give a number of batches, or 0"),
    ("sync_batchnorm", True, "take networks with norm layer"),
    ("model_registry", "me", "ganzoo export"),
]


@pytest.mark.parametrize(("option", "value", "remedy"), REFUSED)
def test_what_cannot_be_followed_is_refused_before_training(option, value, remedy, tmp_path):
    with pytest.raises(ValueError, match=rf"^trainer\.{option}={value}: .*{remedy}"):
        played(tmp_path, max_steps=1, **{option: value})
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("option", [row for row, text in ROWS.items() if text.startswith("refused")])
def test_what_the_table_calls_refused_is_tried_here(option):
    assert option in [name for name, *_ in REFUSED]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("max_steps", -2), ("max_epochs", -2), ("min_steps", -1), ("max_time", "soon"), ("fast_dev_run", -1)),
        *(("limit_train_batches", 1.5), ("limit_val_batches", -1), ("val_check_interval", "often")),
        *(("num_sanity_val_steps", -2), ("reload_dataloaders_every_n_epochs", -1), ("profiler", "best")),
        ("val_check_interval", 1.5),
    ],
)
def test_values_of_no_meaning_are_refused(option, value):
    with pytest.raises(ValueError, match=rf"^trainer\.{option}={value}: "):
        check_options({option: value})


def test_defaults_are_not_refused():
    check_options({name: p.default for name, p in inspect.signature(L.Trainer.__init__).parameters.items()})


def test_a_callback_for_one_optimizer_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^StochasticWeightAveraging is for one optimizer.*ema_decay"):
        played(tmp_path, [StochasticWeightAveraging(swa_lrs=0.1)], max_steps=1)


def test_a_strategy_that_cuts_networks_in_pieces_is_refused():
    with pytest.raises(ValueError, match="'FSDPStrategy' cannot train a game: use strategy='game'"):
        check_strategy(L.pytorch.strategies.FSDPStrategy())


PLAYED = [  # options; batches, epochs that ended, validations after
    ({"max_steps": 7}, 7, 2, []),
    ({"max_epochs": 2}, 10, 2, []),
    ({"max_epochs": 1, "min_steps": 9}, 5, 1, []),
    ({"max_epochs": 3, "limit_train_batches": 2}, 6, 3, []),
    ({"max_epochs": 3, "limit_train_batches": 0.5}, 6, 3, []),
    ({"max_epochs": 3, "overfit_batches": 2}, 6, 3, [2, 4, 6]),
    ({"max_epochs": 2, "val_check_interval": 0.5, "limit_val_batches": 1}, 10, 2, [2, 4, 7, 9]),
    ({"max_epochs": 2, "val_check_interval": 2, "limit_val_batches": 1}, 10, 2, [2, 4, 7, 9]),
    (
        {"max_steps": 12, "val_check_interval": 4, "check_val_every_n_epoch": None, "limit_val_batches": 1},
        *(12, 3, [4, 8, 12]),
    ),
    ({"max_epochs": 4, "check_val_every_n_epoch": 2, "limit_val_batches": 1}, 20, 4, [10, 20]),
    ({"max_steps": 6, "num_sanity_val_steps": 2, "limit_val_batches": 1}, 6, 2, [5]),
    ({"fast_dev_run": 3}, 3, 1, [3]),
    ({"max_epochs": 3, "reload_dataloaders_every_n_epochs": 1}, 15, 3, []),
    ({"max_time": {"seconds": 0}}, 0, 0, []),
]


@pytest.mark.parametrize(("options", "n", "epochs", "validations"), PLAYED)
def test_steps_are_batches(options, n, epochs, validations, tmp_path):
    """Of a WGAN, whose players step at different times."""
    seen, trainer, _ = played(tmp_path, enable_checkpointing=False, **options)
    assert (trainer.global_step, len(seen.batches), seen.epochs) == (n, n, epochs)
    assert seen.validations == validations


def test_each_epoch_begins_anew_and_overfitting_repeats_its_batches(tmp_path):
    whole, _, _ = played(tmp_path, max_epochs=3)
    limited, _, _ = played(tmp_path, max_epochs=3, limit_train_batches=2)
    same, _, _ = played(tmp_path, max_epochs=3, overfit_batches=2)
    again, _, _ = played(tmp_path, max_epochs=3, reload_dataloaders_every_n_epochs=1)
    assert limited.batches == [whole.batches[k] for k in (0, 1, 5, 6, 10, 11)]
    assert same.batches == 3 * whole.batches[:2]
    assert again.batches == whole.batches
    assert len(set(whole.batches)) == 15


def test_a_trial_writes_nothing(tmp_path):
    callbacks = [Checkpoints(every=1), SampleGrid(every=1), Evaluate(n=20)]
    _, trainer, _ = played(tmp_path / "run", callbacks, fast_dev_run=True, limit_val_batches=None)
    assert trainer.global_step == 1
    assert not (tmp_path / "run").exists()


def test_what_max_time_has_ended_goes_on(tmp_path):
    whole, expected = tmp_path / "whole", tmp_path / "a"
    _, trainer, _ = played(expected, [Checkpoints()], max_time={"seconds": 1})
    n = trainer.global_step
    assert n > 0
    last = expected / "checkpoints" / "last.ckpt"
    _, trainer, resumed = played(expected, [Checkpoints()], max_steps=n + 3, max_time={"hours": 1}, ckpt_path=last)
    assert trainer.global_step == n + 3
    _, _, game = played(whole, max_steps=n + 3, enable_checkpointing=False)
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(game).items())


# -- terms in callback_metrics


def test_terms_are_means_since_the_last_window(tmp_path):
    """Logged each batch to one logger; read at the end of an epoch of five, two batches after a window of three."""
    notes, read = Notes(), []

    class Reads(L.Callback):
        def on_train_end(self, trainer, pl_module):
            read.append(dict(trainer.callback_metrics))

    played(tmp_path, game=make("NSGAN"), max_epochs=1, logger=notes, log_every_n_steps=1, enable_checkpointing=False)
    each = [terms["d/adv"] for _, terms in notes.calls]
    played(tmp_path, [Reads()], make("NSGAN"), max_epochs=1, log_every_n_steps=3, enable_checkpointing=False)
    assert len(each) == 5
    assert read[0]["d/adv"].item() == pytest.approx(sum(each[3:]) / 2, rel=1e-6)


@pytest.mark.parametrize("options", [{}, {"val_check_interval": 2, "limit_val_batches": 1}])
def test_early_stopping_stops_by_a_term(options, tmp_path):
    stop = EarlyStopping("d/adv", patience=1, min_delta=1e9)
    _, trainer, _ = played(tmp_path, [stop], max_epochs=9, enable_checkpointing=False, **options)
    assert trainer.global_step == (4 if options else 10)


def test_early_stopping_by_what_there_is_not_names_what_there_is(tmp_path):
    with pytest.raises(RuntimeError, match=r"`nope`.*`d/adv`, `g/adv`"):
        played(tmp_path, [EarlyStopping("nope")], max_epochs=2, enable_checkpointing=False)


def test_lightnings_checkpoints_go_by_a_term_at_any_batch(tmp_path):
    keep = ModelCheckpoint(tmp_path, "{step}", monitor="d/adv", every_n_train_steps=2, save_top_k=-1)
    played(tmp_path, [keep], max_steps=6)
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["step=2.ckpt", "step=4.ckpt", "step=6.ckpt"]
    assert keep.best_model_score is not None


def test_learning_rates_are_monitored(tmp_path):
    notes = Notes()
    played(tmp_path, [LearningRateMonitor()], max_steps=2, logger=notes, log_every_n_steps=1)
    assert [step for step, terms in notes.calls if any(name.startswith("lr-") for name in terms)]

"""A run is not resumed on other data than it was stopped on."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.callbacks import Checkpoints
from ganzoo.callbacks.same_data import known
from ganzoo.data import Digits, ImageFolder
from tests.zoo import make, trainer


def pictures(folder, n=12):
    for i in range(n):
        path = folder / "ab"[i % 2] / f"{i:02d}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 10 * i, dtype=np.uint8)).save(path)


def folder_data(folder, **options):
    given = {"channels": 1, "batch_size": 4, "num_workers": 0, "val_fraction": 0.0, "test_fraction": 0.0}
    return ImageFolder(str(folder), 8, **{**given, **options})


def fit(tmp_path, data, steps, seed=0, **options):
    game, runner = (
        make("NSGAN", seed=seed),
        trainer(steps, tmp_path / "run", callbacks=[Checkpoints(every=2, **options)]),
    )
    runner.fit(game, datamodule=data, ckpt_path=str(tmp_path / "run/checkpoints/last.ckpt") if steps > 2 else None)
    return game


def overwrite(folder):
    (folder / "a" / "04.bmp").write_bytes((folder / "a" / "06.bmp").read_bytes())


CHANGES = {
    "a file removed": (
        lambda f: (f / "a" / "04.bmp").unlink(),
        "2 classes with 12 images, now .* 2 classes with 11 images",
    ),
    "a file overwritten by one of its size": (overwrite, "2 classes with 12 images, with other contents"),
    "a class added": (
        lambda f: shutil.copytree(f / "a", f / "c"),
        "2 classes with 12 images, now there are 3 classes with 18 images",
    ),
    "a file of another class": (
        lambda f: (f / "a" / "04.bmp").rename(f / "b" / "04.bmp"),
        "2 classes with 12 images, with other contents",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("in_memory", [False, True])
def test_data_that_changed_is_noticed_before_the_first_batch(kind, in_memory, tmp_path):
    pictures(tmp_path / "data")
    fit(tmp_path, folder_data(tmp_path / "data", in_memory=in_memory), 2)
    change, message = CHANGES[kind]
    change(tmp_path / "data")
    before = (tmp_path / "run/checkpoints/last.ckpt").read_bytes()
    with pytest.raises(
        ValueError, match=f"the training data is not what .* {message}.*--checkpoint.on_changed_data warn"
    ):
        fit(tmp_path, folder_data(tmp_path / "data", in_memory=in_memory), 4)
    assert (tmp_path / "run/checkpoints/last.ckpt").read_bytes() == before
    with pytest.warns(UserWarning, match=f"{message}. Training goes on with what is there now"):
        game = fit(tmp_path, folder_data(tmp_path / "data"), 4, on_changed_data="warn")
    assert game.batches_done == 4
    fit(tmp_path, folder_data(tmp_path / "data"), 6)


def test_the_same_data_elsewhere_is_the_same(tmp_path):
    pictures(tmp_path / "data")
    fit(tmp_path, folder_data(tmp_path / "data"), 2)
    shutil.move(tmp_path / "data", tmp_path / "moved")
    assert fit(tmp_path, folder_data(tmp_path / "moved"), 4).batches_done == 4


def test_arrays_are_compared_too(tmp_path):
    class Changed(Digits):
        def read(self, split):
            x, y = super().read(split)
            x[0, 0, 0, 0] += 1
            return x, y

    fit(tmp_path, Digits(batch_size=4), 2)
    with pytest.raises(ValueError, match="the training data is not what the checkpoint was trained on"):
        fit(tmp_path, Changed(batch_size=4), 4)


def test_checkpoints_of_older_versions_and_of_odd_values_say_nothing(tmp_path):
    assert not any(map(known, ({}, None, 3, {"train": "x"}, {"train": 1, "images": 2, "classes": 3})))
    fit(tmp_path, Digits(batch_size=4), 2)
    state = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    kept = next(v for v in state["callbacks"].values() if "data" in v)
    assert known(kept["data"])
    callback = Checkpoints()
    callback.load_state_dict({"best": None, "best_batch": 0})
    assert callback.data == {}
    with pytest.raises(ValueError, match="on_changed_data must be 'raise' or 'warn', got 'skip'"):
        Checkpoints(on_changed_data="skip")

"""Loaders of other people: images alone, pairs, dictionaries, bytes; what is in [0, 1] is not trained on."""

import warnings

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from ganzoo.models.batch import as_pair, check_images
from tests.zoo import make, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore:You defined a .validation_step.")
X = torch.linspace(-1, 1, 64 * 16).reshape(64, 16).T.reshape(16, 1, 8, 8)
Y = torch.arange(16) % 10


class Rows(Dataset):
    def __init__(self, row):
        self.row = row

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return self.row(i)


def fit(name, rows, folder):
    game = make(name)
    trainer(2, folder).fit(game, DataLoader(rows, batch_size=8))
    return weights(game)


FORMS = {
    "x alone": Rows(lambda i: X[i]),
    "x in a tuple": TensorDataset(X),
    "image": Rows(lambda i: {"image": X[i]}),
    "pixel_values and label": Rows(lambda i: {"pixel_values": X[i], "label": Y[i]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_batch_trains_as_the_pair_does(form, tmp_path):
    expected, got = fit("NSGAN", TensorDataset(X, Y), tmp_path), fit("NSGAN", FORMS[form], tmp_path)
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


def test_labels_in_a_dictionary_are_told(tmp_path):
    expected = fit("CGAN", TensorDataset(X, Y), tmp_path)
    got = fit("CGAN", Rows(lambda i: {"img": X[i], "y": Y[i]}), tmp_path)
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


def test_a_conditional_game_needs_labels(tmp_path):
    with pytest.raises(ValueError, match=r"CGAN needs labels: let the loader give \(images, labels\)"):
        fit("CGAN", Rows(lambda i: X[i]), tmp_path)


def test_bytes_become_floats(tmp_path):
    levels = torch.arange(16 * 64).reshape(16, 1, 8, 8).remainder(256).to(torch.uint8)
    expected = fit("NSGAN", TensorDataset(levels / 127.5 - 1, Y), tmp_path)
    got = fit("NSGAN", TensorDataset(levels, Y), tmp_path)
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (TensorDataset((X + 1) / 2, Y), r"the images lie from 0 to 0\.\d+, games take \[-1, 1\]: hand over 2 \* x - 1"),
        (
            TensorDataset(127.5 * (X + 1), Y),
            r"the images lie from 0 to 25\d, games take .*: hand over x / 127.5 - 1, or uint8",
        ),
        (
            TensorDataset(X.permute(0, 2, 3, 1), Y),
            r"the images are \[8, 8, 8, 1\], with channels last: hand over x.perm",
        ),
        (TensorDataset((X * 100).long(), Y), "images must be uint8, or floats in .*, got torch.int64"),
        (TensorDataset(X, Y, Y), "a batch must be images x, .* got list of 3"),
        (Rows(lambda i: {"picture": X[i]}), "a batch must be images x, .* got one with 'picture'"),
        (Rows(lambda i: "text"), "a batch must be images x, .* got list of 8"),
    ],
)
def test_what_is_not_understood_is_refused_before_it_is_trained_on(rows, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fit("NSGAN", rows, tmp_path)


def test_values_beyond_the_range_are_warned_of(tmp_path):
    with pytest.warns(UserWarning, match=r"the images lie from -2 to .*: generators with tanh reach \[-1, 1\] only"):
        fit("NSGAN", TensorDataset(2 * X, Y), tmp_path)


def test_what_may_well_be_right_is_taken():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (X, torch.zeros(2, 1, 8, 8), torch.rand(4, 2), X.clamp(-1e-3, 1)):
            check_images(x, (1, 8, 8))
    x, y = as_pair((X, Y))
    assert x is X
    assert y is Y

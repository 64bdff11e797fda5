"""Judging against a file of statistics, and writing one."""

import json
import math
import re

import numpy as np
import pytest
import torch

from ganzoo.callbacks import Checkpoints, Evaluate, references
from ganzoo.callbacks.references import extractor_named, write_statistics
from ganzoo.cli import main
from ganzoo.data import Digits, Gaussians
from ganzoo.metrics import InceptionV3, LeNet64, Raw
from ganzoo.metrics.features import Features, file_sha256
from ganzoo.metrics.judge import KINDS, OF_IMAGES, fd
from ganzoo.metrics.references import Reference
from ganzoo.metrics.statistics import read_statistics
from ganzoo.pixels import to_uint8
from tests.zoo import digits, make, trainer, written


class Cheap(InceptionV3):
    """Has Inception's name and size, and no network."""

    def __init__(self):
        self.id, self.official = "inception-2015-12-05", True
        self.rows = torch.randn(64, self.dim, generator=torch.Generator().manual_seed(0))

    def extract(self, images):
        return Features(images.flatten(1).float() / 255 @ self.rows, None)

    def to(self, device):
        return self


def judged(folder, model, data=None, verb="test", **kwargs):
    evaluate = Evaluate(n=100, **kwargs)
    runner = trainer(1, folder, callbacks=[evaluate], limit_val_batches=None)
    getattr(runner, verb)(model.eval(), datamodule=data or digits(), verbose=False)
    return evaluate.verdict


@pytest.mark.parametrize("name", ["NSGAN", "CGAN"])
def test_the_file_of_the_training_images_gives_what_they_give(name, tmp_path, capsys):
    model, file = make(name), tmp_path / "digits.npz"
    write_statistics(digits(), file, LeNet64())
    itself, by_file = judged(tmp_path / "a", model), judged(tmp_path / "b", model, reference=str(file))
    assert by_file.values["fd"] == pytest.approx(itself.values["fd"], rel=1e-10)
    assert set(itself.values) - set(by_file.values) == set(OF_IMAGES) - ({"class_fd"} if name == "NSGAN" else set())
    assert by_file.values == {kind: itself.values[kind] for kind in by_file.values}
    assert set(by_file.floors) == set(by_file.values)
    assert (by_file.classes is None) == (name == "NSGAN")
    test = torch.cat(list(digits().images("test")))[:100]
    floor = fd(LeNet64()(test).features, read_statistics(file, LeNet64()))
    assert (by_file.floors["fd"], by_file.n_floor) == (pytest.approx(floor, rel=1e-10), 100)
    assert all(math.isfinite(value) for value in by_file.floors.values())
    text = " ".join(capsys.readouterr().out.split())
    digest = file_sha256(file)
    line = f"judged against digits.npz (sha256 {digest[:8]}; 1442 train images of Digits): a file of statistics holds"
    assert text.count(f"{line} no images, so {', '.join(OF_IMAGES)} are left out") == 1
    assert f"100 samples against digits.npz (sha256 {digest[:8]}; 1442 train images of Digits)" in text
    assert "floor: 100 test images of Digits against the file; written to" in text
    record = written(tmp_path / "b")
    assert record["reference"]["file"] == "digits.npz"
    assert (record["reference"]["file_sha256"], record["n_reference"]) == (digest, 1442)
    (path,) = (tmp_path / "b" / "verdicts").iterdir()
    assert path.name == f"digits-{digest[:6]}_mnist-lenet64.v1_n100_batch0.json"


def test_of_a_foreign_file_the_verdict_names_the_file_and_what_is_not_known(tmp_path, capsys):
    model, file, extractor = make("NSGAN"), tmp_path / "cifar10[red].npz", Cheap()
    x = torch.cat(list(digits().images("train", 200)))
    rows = extractor(x).features.double().numpy()
    np.savez(file, mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))
    verdict = judged(tmp_path, model, extractor=extractor, reference=str(file))
    whole = Reference(torch.from_numpy(rows.mean(0)), torch.from_numpy(np.cov(rows, rowvar=False)), None)
    rows = extractor(to_uint8(model.sample(100, 2**20))).features
    assert verdict.values == {"fd": pytest.approx(fd(rows, whole), rel=1e-9)}
    text = " ".join(capsys.readouterr().out.split())
    digest = file_sha256(file)[:8]
    unknown = f"cifar10[red].npz (sha256 {digest}; its images, their resizing and the weights are not known)"
    assert f"judged against {unknown}" in text
    assert f"100 samples against {unknown}" in text
    record = written(tmp_path)
    assert record["reference"] == {"file": "cifar10[red].npz", "file_sha256": file_sha256(file)}
    assert (record["n_reference"], list(record["metrics"])) == (None, ["fid"])


def test_a_file_that_does_not_fit_is_an_error_before_training(tmp_path):
    write_statistics(digits(), tmp_path / "raw.npz", Raw(64))
    model, seen = make("NSGAN"), []
    model.training_step = lambda *args: seen.append(args)
    evaluate = Evaluate(n=20, reference=str(tmp_path / "raw.npz"))
    runner = trainer(2, tmp_path, callbacks=[evaluate], limit_val_batches=None, val_check_interval=2)
    with pytest.raises(ValueError, match=r"made for extractor 'raw', and extractor 'mnist-lenet64\.v1' is needed"):
        runner.fit(model, digits())
    assert not seen


def test_training_is_judged_against_the_file_and_the_best_is_kept(tmp_path, capsys):
    write_statistics(digits(), tmp_path / "digits.npz", LeNet64())
    evaluate, kept = Evaluate(n=20, reference=str(tmp_path / "digits.npz")), Checkpoints()
    runner = trainer(4, tmp_path, callbacks=[evaluate, kept], limit_val_batches=None, val_check_interval=2)
    runner.fit(make("NSGAN"), digits())
    text = capsys.readouterr().out
    assert len(re.findall(r"batch \d: fd@mnist-lenet64\.v1 \S+ \(floor \S+, n = 20\)", text)) == 2
    assert text.count("judged against digits.npz") == 1
    assert kept.best <= evaluate.verdict.values["fd"]


def test_points_are_judged_against_a_file_with_their_modes(tmp_path):
    from tests.callbacks.test_callbacks import points

    data = Gaussians(n_points=300, batch_size=20)
    write_statistics(data, tmp_path / "ring.npz", extractor_named(None, data))
    by_file = judged(tmp_path, points(), data, "validate", reference=str(tmp_path / "ring.npz"))
    assert set(by_file.values) == set(by_file.floors) == {"fd", "modes", "high_quality", "reverse_kl"}


# -- writing


def test_what_is_written_are_mean_and_covariance_of_the_first_images(tmp_path):
    line = write_statistics(digits(), tmp_path / "it.npz", Raw(64), "test", 50)
    x = torch.cat(list(digits().images("test", 50))).flatten(1).double().numpy() / 127.5 - 1
    with np.load(tmp_path / "it.npz") as file:
        np.testing.assert_allclose(file["mu"], x.mean(0), atol=1e-6)
        np.testing.assert_allclose(file["sigma"], np.cov(x, rowvar=False), atol=1e-6)
        assert (set(file.files), file["n"]) == ({"mu", "sigma", "n", "meta"}, 50)
        meta = json.loads(str(file["meta"]))
    said = {"data": "Digits", "split": "test", "shape": [1, 8, 8], "extractor": "raw", "dim": 64, "family": "raw"}
    assert meta.items() >= {**said, "pixels": digits().fingerprint("test")}.items()
    start = f"{tmp_path / 'it.npz'}: mean and covariance of the 64 features (raw) of 50 test images of Digits; judge"
    assert (
        line
        == f"{start} against them by --evaluate.reference {tmp_path / 'it.npz'} of `ganzoo test`, `validate` and `fit`"
    )


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path, monkeypatch):
    path, blocks = tmp_path / "it.npz", []

    class Stops(Raw):
        def extract(self, images):
            blocks.append(len(images))
            if len(blocks) == 3:
                raise KeyboardInterrupt
            return super().extract(images)

    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_statistics(digits(), path, Stops(64))
    monkeypatch.setattr(np, "savez", lambda file, **arrays: file.write(b"half") / 0)
    with pytest.raises(ZeroDivisionError):
        write_statistics(digits(), path, Raw(64))
    assert (len(blocks), path.read_bytes(), list(tmp_path.iterdir())) == (3, b"old", [path])


def test_the_bar_counts_images(tmp_path, monkeypatch):
    bars = []

    class Bar(references.tqdm):
        def __init__(self, **kwargs):
            bars.append(self)
            super().__init__(**{**kwargs, "disable": False})

    monkeypatch.setattr(references, "tqdm", Bar)
    write_statistics(digits(), tmp_path / "it.npz", Raw(64), n=100)
    assert [(bar.n, bar.total, bar.unit) for bar in bars] == [(100, 100, "image")]


def test_extractors_are_known_by_name_or_path(monkeypatch):
    monkeypatch.delenv("GANZOO_WEIGHTS", raising=False)
    data = digits()
    assert type(extractor_named(None, data)) is LeNet64
    for name in ("Raw", "ganzoo.metrics.Raw"):
        assert (type(extractor_named(name, data)), extractor_named(name, data).dim) == (Raw, 64)
    assert type(extractor_named(f"{__name__}.Cheap", data)) is Cheap
    with pytest.raises(ValueError, match=r"no extractor 'Extractor': there are .*ganzoo\.metrics\.InceptionV3, ganzoo"):
        extractor_named("Extractor", data)


def test_the_verb(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("data: {class_path: ganzoo.data.Digits, init_args: {size: 16}}")
    assert main(["reference", "--data", "mine.yaml", "--out", "new/it.npz", "--split", "val", "--n", "70"]) == 0
    out = capsys.readouterr()
    assert out.out.startswith("new/it.npz: mean and covariance of the 64 features (mnist-lenet64.v1) of 70 val images")
    assert (out.out.count("\n"), out.err) == (1, "")
    assert (tmp_path / "new" / "it.npz").stat().st_mode == (tmp_path / "mine.yaml").stat().st_mode  # others may read it
    found = read_statistics("new/it.npz", LeNet64())
    assert (found.n, found.meta["shape"], found.meta["split"]) == (70, [1, 16, 16], "val")
    x = torch.cat(list(Digits(size=16).images("val", 70)))
    torch.testing.assert_close(found.mu, LeNet64()(x).features.double().mean(0), rtol=0, atol=1e-6)
    assert main(["reference", "--data", "data/digits", "--out", "raw.npz", "--extractor", "Raw"]) == 0
    assert read_statistics("raw.npz", Raw(64)).n == 1442


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "o.npz"], "the following arguments are required: --data (see `ganzoo reference --help`)"),
        (["--data", "data/digits"], "the following arguments are required: --out"),
        (["--data", "data/digts", "--out", "o.npz"], "no configuration 'data/digts': did you mean 'data/digits'?"),
        (["--data", "models/dcgan", "--out", "o.npz"], "models/dcgan names no data: use one such as data/mnist"),
        (["--data", "raw.yaml", "--out", "o.npz"], "raw.yaml: data must be a set of images, got Raw"),
        (["--data", "data/digits", "--out", "o.npz", "--extractor", "LeNet"], "no extractor 'LeNet': there are "),
        (["--data", "data/digits", "--out", "."], ". is a folder: name a file such as stats.npz"),
        (["--data", "data/digits", "--out", "o.npz", "--n", "1"], "a reference needs at least 2 images, got 1"),
        (["--data", "data/digits", "--out", "o.npz", "--n", "9999"], "the train split has 1442 images, asked for 9999"),
        (["--data", "data/digits", "--out", "o.npz", "--n", "-5"], "the train split has 1442 images, asked for -5"),
        (["--data", "data/digits", "--out", "o.npz", "--split", "tst"], "invalid choice: 'tst'"),
        (["--data", "data/mnist", "--out", "o.npz"], "run `ganzoo fetch MNIST`"),
        (["--data", "data/folder", "--out", "o.npz"], "root"),
    ],
)
def test_a_wrong_call_is_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.yaml").write_text("data: {class_path: ganzoo.metrics.Raw}")
    assert main(["reference", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["raw.yaml"]


def test_all_that_is_left_out_is_a_metric():
    assert set(OF_IMAGES) <= set(KINDS)

from itertools import chain

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.data import HuggingFace, ImageFolder
from tests.data.tools import check_resume, write_images

datasets = pytest.importorskip("datasets")
SPLITS = ("train", "val", "test")
OPTIONS = {"size": 8, "batch_size": 4, "num_workers": 0, "channels": 1}


def table(values, labels=None, kind=None, image="image"):
    """A table whose pictures have one value each."""
    columns = {image: [Image.fromarray(np.full((8, 8), v, dtype=np.uint8)) for v in values]}
    features = datasets.Features({image: datasets.Image()})
    if labels is not None:
        columns["label"] = labels
        features["label"] = kind or datasets.Value("int64")
    return datasets.Dataset.from_dict(columns, features=features)


def saved(tmp_path, **splits):
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    return str(tmp_path / "set")


def found(data):
    return {
        split: sorted((int(x[0, 0, 0]), data.classes[y]) for x, y in zip(*data.read(split), strict=True))
        for split in SPLITS
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_splits_and_classes_are_those_of_the_set(name, tmp_path):
    kind = datasets.ClassLabel(names=["cat", "dog"])
    parts = {"train": range(6), name: range(6, 9), "test": range(9, 12)}
    root = saved(tmp_path, **{split: table(v, [i % 2 for i in v], kind) for split, v in parts.items()})
    data = HuggingFace(root, **OPTIONS)
    assert data.classes == ("cat", "dog")
    expected = {s: [(i, ["cat", "dog"][i % 2]) for i in v] for s, v in zip(SPLITS, parts.values(), strict=True)}
    assert found(data) == expected


@pytest.mark.parametrize(("labels", "classes"), [(["b", "a"] * 15, ("a", "b")), ([0, 2] * 15, ("0", "1", "2"))])
def test_a_table_alone_is_divided(labels, classes, tmp_path):
    kind = datasets.Value("string" if isinstance(labels[0], str) else "int64")
    table(range(30), labels, kind).save_to_disk(str(tmp_path / "set"))
    data = HuggingFace(str(tmp_path / "set"), **OPTIONS)
    assert data.classes == classes
    rows = found(data)
    assert sorted(chain(*rows.values())) == [(i, str(labels[i])) for i in range(30)]
    assert all(rows.values())


def test_a_folder_of_parquet_files(tmp_path):
    (tmp_path / "set").mkdir()
    table(range(20), [0, 1] * 10).to_parquet(str(tmp_path / "set" / "train.parquet"))
    data = HuggingFace(str(tmp_path / "set"), **OPTIONS)
    assert sum(len(rows) for rows in found(data).values()) == 20


def test_columns_of_other_names_and_no_labels(tmp_path):
    table(range(9), image="picture").save_to_disk(str(tmp_path / "set"))
    data = HuggingFace(str(tmp_path / "set"), image="picture", label=None, **OPTIONS)
    assert data.classes == ("image",)
    assert sum(len(rows) for rows in found(data).values()) == 9


def test_workers_resume_and_fingerprints(tmp_path):
    root = saved(tmp_path, train=table(range(30), [i % 2 for i in range(30)]))
    options = {**OPTIONS, "num_workers": 1, "hflip": True, "test_fraction": 0.0}
    check_resume(lambda: HuggingFace(root, **options), tmp_path / "runs", (3, 6, 8))
    first = HuggingFace(root, **OPTIONS).fingerprint("train")
    assert HuggingFace(root, **OPTIONS).fingerprint("train") == first
    changed = saved(tmp_path / "b", train=table([*range(29), 200], [i % 2 for i in range(30)]))
    prints = [HuggingFace(place, **OPTIONS).fingerprint(split) for place in (root, changed) for split in SPLITS]
    assert len(set(prints)) == 4


def test_the_pictures_are_those_of_a_folder(tmp_path):
    write_images(tmp_path / "folder", 12, side=16)
    there = ImageFolder(str(tmp_path / "folder"), 8, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    files = [entry.path for entry in there.entries("train")]
    pictures = datasets.Dataset.from_dict({"image": files}).cast_column("image", datasets.Image())
    pictures.save_to_disk(str(tmp_path / "set"))
    data = HuggingFace(str(tmp_path / "set"), 8, label=None, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    mine, theirs = (sorted(x.flatten().tolist() for x in d.read("train")[0]) for d in (data, there))
    assert torch.equal(torch.tensor(mine), torch.tensor(theirs))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "img"}, "has no column 'img' but image, label: set image and label"),
        ({"label": "class"}, "has no column 'class' but image, label"),
        ({"image": "label"}, "column 'label' holds .*, not pictures: set image"),
        ({"label": "image"}, "column 'image' must hold numbers from 0, or names"),
    ],
)
def test_other_columns_are_refused(options, message, tmp_path):
    table(range(4), [0, 1, 0, 1]).save_to_disk(str(tmp_path / "set"))
    with pytest.raises(ValueError, match=message):
        HuggingFace(str(tmp_path / "set"), **OPTIONS, **options).setup("fit")


def test_other_splits_and_sets_are_refused(tmp_path, monkeypatch):
    root = saved(tmp_path, train=table(range(4), [0] * 4), extra=table(range(4), [0] * 4))
    with pytest.raises(ValueError, match=r"has the splits train, extra: 'extra' must be the only train, val or test"):
        HuggingFace(root, **OPTIONS).setup("fit")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"no data set 'nobody/nothing': .*: give a name of the hub, or a folder"):
        HuggingFace("nobody/nothing", **OPTIONS).setup("fit")


def test_without_datasets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ImportError, match=r"pip install ganzoo\[datasets\]"):
        HuggingFace("x", **OPTIONS).setup("fit")

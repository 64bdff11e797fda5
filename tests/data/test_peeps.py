import io
import json
import os
import tarfile
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from ganzoo.catalogue import classes
from ganzoo.config import build
from ganzoo.data import Peeps
from tests.data.tools import check_resume

CONFIG = Path(__file__).parents[2] / "configs" / "data" / "peeps.yaml"
REAL = Path(os.environ.get("GANZOO_DATA", "/nowhere"))  # tests get another one
SPLITS = ("train", "val", "test")
NAMES = {  # of the made faces, of which no two have the same glasses, head and face
    "glasses": ("glasses", "glasses2", "sunglasses"),
    "head": ("bun", "long", "turban", "afro"),
    "face": ("smile", "calm"),
    "skinColor": ("#ffdbb4", "#694d3d"),
    "clothingColor": ("#fdea6b", "#78e185", "#9ddadb"),
    "headContrastColor": ("#c93305", "#2c1b18"),
}


def faces(n=12):
    """The index of the first faces, of which the last third is for testing."""
    found = []
    for i in range(n):
        values = {name: values[i % len(values)] for name, values in NAMES.items()}
        split = "test" if i >= 2 * n // 3 else "train"
        found.append({"key": f"{3 * i:04d}", "accessories": values.pop("glasses"), **values, "split": split})
    return found


def members(index, side=8):
    """Names and contents of the archive: face i is of grey i, with glasses of grey 100 + i."""
    yield "peeps/SOURCES.txt", b"made"
    yield "peeps/index.json", json.dumps(index).encode()
    for i, face in enumerate(index):
        for grey, kind in ((i, "plain"), (100 + i, "glasses")):
            file = io.BytesIO()
            Image.fromarray(np.full((side, side, 3), grey, dtype=np.uint8)).save(file, "png")
            yield f"peeps/{face['split']}/{kind}/{face['key']}.png", file.getvalue()


def write(root, found):
    """Write the archive."""
    (root / "peeps").mkdir(parents=True)
    with tarfile.open(root / "peeps" / "peeps.tar", "w") as tar:
        for name, data in found:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return str(root)


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "data", members(faces()))


def greys(data, split):
    images, _ = data.arrays(split)
    assert (images == images[:, :1, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def test_every_face_is_in_one_split_with_both_pictures(root):
    data = Peeps(root, size=8)
    found = {split: greys(data, split) for split in SPLITS}
    assert sorted(chain(*found.values())) == [*range(12), *range(100, 112)]
    assert {split: sorted({grey % 100 for grey in found[split]}) for split in SPLITS} == {
        "train": [0, 2, 3, 4, 5, 6, 7],
        "val": [1],
        "test": [8, 9, 10, 11],
    }, "fixed for ever"
    for split in SPLITS:
        images, labels = data.arrays(split)
        assert (images.dtype, images.shape[1:]) == (torch.uint8, (3, 8, 8))
        assert labels.tolist() == [int(grey >= 100) for grey in found[split]]
    assert found["train"] != sorted(found["train"]), "the first n of a split must not be of one kind"


def test_the_order_is_fixed_for_ever(root):
    order = [8, 108, 110, 9, 109, 11, 10, 111]
    assert greys(Peeps(root, size=8), "test") == order
    assert greys(Peeps(root, size=8, seed=5, hflip=True), "test") == order


@pytest.mark.parametrize(("which", "first"), [("plain", 0), ("glasses", 100)])
def test_one_kind_is_one_class(which, first, root):
    data = Peeps(root, size=8, which=which)
    assert (data.classes, data.num_classes) == ((which,), 1)
    both = Peeps(root, size=8)
    assert (both.classes, both.num_classes) == (("plain", "glasses"), 2)
    for split in SPLITS:
        same = [grey for grey in greys(both, split) if grey // 100 == first // 100]
        assert greys(data, split) == same
        assert data.labels(split).tolist() == [0] * len(same)
        kinds = data.attributes(split)["glasses"]
        assert (kinds > 0).all() if first else (kinds == 0).all()


@pytest.mark.parametrize("options", [{}, {"which": "glasses"}, {"in_memory": False}])
def test_attributes_are_in_the_order_of_the_images(options, root):
    data = Peeps(root, size=8, **options)
    assert data.names["glasses"] == ("none", "glasses", "glasses2", "sunglasses")
    assert data.names["head"] == ("afro", "bun", "long", "turban")
    assert list(data.names) == list(NAMES)
    for split in SPLITS:
        found = data.attributes(split)
        assert list(found) == list(NAMES)
        for row, grey in enumerate(greys(data, split)):
            for name, values in NAMES.items():
                value = values[grey % 100 % len(values)] if name != "glasses" or grey >= 100 else "none"
                assert data.names[name][found[name][row]] == value
        assert {values.dtype for values in found.values()} == {torch.int64}


def test_names_are_those_of_all_splits(tmp_path):
    """A value that only test faces have has a number too, and the others have theirs whatever the split."""
    index = faces()
    index[-1]["head"] = "bald"
    data = Peeps(write(tmp_path, members(index)), size=8)
    assert data.names["head"] == ("afro", "bald", "bun", "long", "turban")
    assert 1 not in data.attributes("train")["head"]


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_are_the_same_face(split, root):
    data = Peeps(root, size=8)
    plain, glasses = data.pairs(split)
    shown = torch.tensor(greys(data, split))
    assert sorted(torch.cat([plain, glasses]).tolist()) == list(range(len(shown)))
    assert torch.equal(shown[glasses], shown[plain] + 100)
    assert shown[plain].tolist() == sorted(shown[plain].tolist()), "in the order of the keys"
    found = data.attributes(split)
    for name in set(NAMES) - {"glasses"}:
        assert torch.equal(found[name][plain], found[name][glasses])


def test_pairs_of_one_kind_are_refused(root):
    with pytest.raises(ValueError, match=r"pairs need pictures of both kinds, but which is 'plain': set which='both'$"):
        Peeps(root, which="plain").pairs("train")


def test_an_unpacked_archive_is_the_same(root, tmp_path):
    for name, data in members(faces()):
        path = tmp_path / "other" / "peeps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    packed, unpacked = Peeps(root, size=8), Peeps(str(tmp_path / "other"), size=8)
    for split in SPLITS:
        assert packed.fingerprint(split) == unpacked.fingerprint(split)
        assert greys(packed, split) == greys(unpacked, split)
        assert torch.equal(packed.attributes(split)["head"], unpacked.attributes(split)["head"])


def test_the_environment_names_the_root_and_size_resizes(root, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", root)
    data = build(yaml.safe_load(CONFIG.read_text())["data"])
    assert isinstance(data, Peeps)
    assert (data.image_shape, data.batch_size) == ((3, 64, 64), 64)
    assert data.arrays("test")[0].shape == (8, 3, 64, 64)


def test_training_goes_on_where_it_stopped(root, tmp_path):
    check_resume(lambda: Peeps(root, size=8, batch_size=4, hflip=True), tmp_path / "runs", stops=(5,))


def test_it_is_made_again_and_listed():
    data = Peeps("somewhere", size=32, which="glasses", hflip=True)
    assert (data.hflip, data.in_memory, data.num_workers) == (True, True, 0)
    assert build(data.config()).config() == data.config()
    assert classes("data")["Peeps"].startswith("3,410 drawn faces, each without and with glasses")


# -- what cannot be


def test_a_missing_archive_is_one_line(tmp_path):
    message = (
        rf"^Peeps not found: put the archive at {tmp_path}/peeps/peeps\.tar \(or unpacked at {tmp_path}/peeps/peeps\),"
        r" or set GANZOO_DATA; it is Open Peeps by Pablo Stanley, CC0, [^\n]*@dicebear/collection 9\.4\.3$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        Peeps(str(tmp_path)).setup("fit")


def test_what_is_not_both_nor_a_kind_is_refused():
    with pytest.raises(ValueError, match=r"^which must be one of both, plain, glasses, got 'hats'$"):
        Peeps(which="hats")


def without(name):
    return [member for member in members(faces()) if member[0] != name]


def with_index(text):
    return [*without("peeps/index.json"), ("peeps/index.json", text.encode())]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (without("peeps/index.json"), r"has no index\.json, which says .*: fetch the archive again$"),
        (without("peeps/train/plain/0003.png"), r"lacks train/plain/0003\.png, which its index\.json names: fetch"),
        (with_index("[{"), r"index\.json must be a list of things with key, split, .*\(JSONDecodeError: [^\n]*fetch"),
        (with_index("[[]]"), r"index\.json must be a list of things .*\(TypeError: [^\n]*again$"),
        (with_index('[{"key": "0000"}]'), r"index\.json must be a list of things .*\(KeyError: 'split'\)"),
        (
            with_index(json.dumps([{**face, "split": "../val"} for face in faces()])),
            r"index\.json has '0000' in a split that is neither train nor test: mend it$",
        ),
    ],
)
def test_a_damaged_archive_is_one_line(found, message, tmp_path):
    with pytest.raises(ValueError, match=rf"^{tmp_path}/peeps/peeps\.tar:? {message}"):
        Peeps(write(tmp_path, found)).setup("fit")


@pytest.mark.skipif(not (REAL / "peeps" / "peeps.tar").is_file(), reason="needs the real Peeps under GANZOO_DATA")
def test_the_real_peeps():
    data = Peeps(str(REAL))
    assert [len(data.labels(split)) for split in SPLITS] == [5198, 622, 1000]
    assert {name: len(values) for name, values in data.names.items()} == {
        **{"glasses": 8, "head": 48, "face": 30, "skinColor": 5, "clothingColor": 7, "headContrastColor": 10},
    }
    assert data.arrays("test")[0].shape == (1000, 3, 64, 64)
    plain, glasses = data.pairs("test")
    assert len(plain) == 500
    changed = (data.arrays("test")[0][plain] != data.arrays("test")[0][glasses]).any(dim=1).float().mean(dim=(1, 2))
    assert 0 < changed.min() < changed.max() < 0.1, "only the glasses differ"

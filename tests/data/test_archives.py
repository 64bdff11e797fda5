import gzip
import io
import json
import re
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.data import ImageFolder, Shards
from tests.data.tools import write_images

SPLITS = ("train", "val", "test")
OPTIONS = {"size": 8, "batch_size": 4, "num_workers": 0}


def zipped(folder, path, compression=zipfile.ZIP_DEFLATED, top=""):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.mkdir("empty")
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, f"{top}{file.relative_to(folder)}")
        archive.writestr("__MACOSX/cat/._000.png", b"junk")
    return path


def tarred(folder, path, mode="w", top="."):
    with tarfile.open(path, mode) as archive:
        archive.add(folder, arcname=top)
    return path


ARCHIVES = {
    "deflated zip": lambda folder, to: zipped(folder, to / "a.zip"),
    "stored zip": lambda folder, to: zipped(folder, to / "a.zip", zipfile.ZIP_STORED),
    "zip with a folder at the top": lambda folder, to: zipped(folder, to / "a.zip", top="pictures/"),
    "tar": lambda folder, to: tarred(folder, to / "a.tar"),
    "tar.gz": lambda folder, to: tarred(folder, to / "a.tar.gz", "w:gz"),
    "tgz with a folder at the top": lambda folder, to: tarred(folder, to / "a.tgz", "w:gz", top="pictures"),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_archive_is_the_folder_that_was_packed(kind, num_workers, tmp_path):
    write_images(tmp_path / "folder", 12)
    archive = ARCHIVES[kind](tmp_path / "folder", tmp_path)
    data = ImageFolder(str(archive), 8, num_workers=num_workers)
    there = ImageFolder(str(tmp_path / "folder"), 8, num_workers=0)
    assert data.classes == there.classes == ("cat", "dog")
    for split in SPLITS:
        for mine, other in zip(data.read(split), there.read(split), strict=True):
            assert torch.equal(mine, other)
        assert data.fingerprint(split) == there.fingerprint(split)


def test_what_is_compressed_is_unpacked_once(tmp_path):
    write_images(tmp_path / "folder", 4)
    archive = tarred(tmp_path / "folder", tmp_path / "a.tar.gz", "w:gz")
    ImageFolder(str(archive), 8).setup("fit")
    (unpacked,) = (tmp_path / "cache" / "unpacked").iterdir()
    before = unpacked.stat().st_mtime_ns
    ImageFolder(str(archive), 8).setup("fit")
    assert unpacked.stat().st_mtime_ns == before
    write_images(tmp_path / "folder", 6)
    tarred(tmp_path / "folder", tmp_path / "a.tar.gz", "w:gz")
    assert sum(len(ImageFolder(str(archive), 8).entries(split)) for split in SPLITS) == 6


def test_damaged_archives_are_refused(tmp_path):
    write_images(tmp_path / "folder", 8, side=32)
    for name, pack in (("a.tar.gz", lambda p: tarred(tmp_path / "folder", p, "w:gz")),):
        path = pack(tmp_path / name)
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(ValueError, match=f"{name} is damaged .*: fetch or write it again"):
            ImageFolder(str(path), 8).setup("fit")
    assert not list((tmp_path / "cache" / "unpacked").iterdir())
    path = zipped(tmp_path / "folder", tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"a.zip is not a whole tar file, nor a zip"):
        ImageFolder(str(path), 8).setup("fit")


def test_a_damaged_member_is_named(tmp_path):
    write_images(tmp_path / "folder", 8, side=32)
    data = ImageFolder(str(zipped(tmp_path / "folder", tmp_path / "a.zip")), **OPTIONS)
    entry = data.entries("train")[3]
    with open(entry.path, "r+b") as file:
        file.seek(entry.offset)
        file.write(b"\xff" * entry.size)
    with pytest.raises(ValueError, match=f"{entry.name} is not a readable image .*cannot be inflated"):
        data.read("train")


@pytest.mark.parametrize("claimed", [10**6, 2**40])
def test_a_member_that_claims_too_much_takes_no_memory(claimed, tmp_path):
    write_images(tmp_path / "folder", 8)
    data = ImageFolder(str(zipped(tmp_path / "folder", tmp_path / "a.zip")), **OPTIONS)
    entry = data.entries("train")[0]._replace(deflated=claimed)
    with pytest.raises(ValueError, match=r"ends too early|more than 268435456 bytes"):
        entry.read()


def test_what_is_packed_in_a_rare_way_is_refused(tmp_path):
    write_images(tmp_path / "folder", 4)
    path = zipped(tmp_path / "folder", tmp_path / "a.zip", zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match=r"cat/000.png is encrypted or packed in a rare way: zip it anew"):
        ImageFolder(str(path), 8).setup("fit")


# -- splits


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_other_names_of_splits(name, tmp_path):
    for split, n in (("training", 5), (name, 3), ("test", 2)):
        write_images(tmp_path / split, n)
    data = ImageFolder(str(tmp_path), 8)
    assert [len(data.entries(split)) for split in SPLITS] == [5, 3, 2]
    assert data.classes == ("cat", "dog")


def test_other_splits_are_refused_and_not_dropped(tmp_path):
    write_images(tmp_path / "train", 4)
    write_images(tmp_path / "holdout", 4)
    with pytest.raises(ValueError, match=r"has train/ and holdout/: call it val or test, or move it away"):
        ImageFolder(str(tmp_path), 8).setup("fit")
    shutil.move(tmp_path / "holdout", tmp_path / "val")
    shutil.copytree(tmp_path / "val", tmp_path / "valid")
    with pytest.raises(ValueError, match=r"has val/ and valid/, which are the same split: keep one"):
        ImageFolder(str(tmp_path), 8).setup("fit")
    shutil.rmtree(tmp_path / "valid")
    Image.new("RGB", (4, 4)).save(tmp_path / "loose.png")
    with pytest.raises(ValueError, match=r"has train/ and pictures outside: call it val or test"):
        ImageFolder(str(tmp_path), 8).setup("fit")


# -- labels in files


def test_the_labels_of_stylegans_tools_are_taken(tmp_path):
    names = [f"00000/img{i:08d}.png" for i in range(6)]
    (tmp_path / "00000").mkdir()
    for i, name in enumerate(names):
        Image.new("L", (8, 8), i).save(tmp_path / name)
    labels = tmp_path / "dataset.json"
    labels.write_text(json.dumps({"labels": [[name, i % 3] for i, name in enumerate(names)]}))
    data = ImageFolder(str(zipped(tmp_path, tmp_path.parent / f"{tmp_path.name}.zip")), 8, channels=1, num_workers=0)
    found = [(int(x[0, 0, 0]), int(y)) for split in SPLITS for x, y in zip(*data.read(split), strict=True)]
    assert sorted(found) == [(i, i % 3) for i in range(6)]
    assert data.classes == ("0", "1", "2")
    before = ImageFolder(str(tmp_path), 8).fingerprint("train")
    labels.write_text(json.dumps({"labels": [[name, (i + 1) % 3] for i, name in enumerate(names)]}))
    assert ImageFolder(str(tmp_path), 8).fingerprint("train") != before
    labels.write_text(json.dumps({"labels": None}))
    assert ImageFolder(str(tmp_path), 8).classes == ("00000",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "dataset.json must be"),
        ("[]", "dataset.json must be"),
        ('{"labels": [["cat/000.png", "a"]]}', "a class must be a number from 0, got 'a'"),
        ('{"labels": [["cat/000.png", 1]]}', "dataset.json has no label of dog/001.png: add it, or remove"),
    ],
)
def test_labels_of_another_form_are_refused(text, message, tmp_path):
    write_images(tmp_path, 2)
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        ImageFolder(str(tmp_path), 8).setup("fit")


def shard(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def png(value):
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


def test_shards_without_labels_are_one_class(tmp_path):
    shard(tmp_path / "x.tar", {f"{i}.png": png(i) for i in range(5)})
    data = Shards(str(tmp_path), **OPTIONS)
    assert data.classes == ("image",)
    assert sum(len(data.entries(split)) for split in SPLITS) == 5


@pytest.mark.parametrize(("labels", "classes"), [(("b", "a"), ("a", "b")), ((0, 2), ("0", "1", "2"))])
@pytest.mark.parametrize("field", ["cls", "label", "class"])
def test_shards_with_json(labels, classes, field, tmp_path):
    members = {}
    for i in range(6):
        members[f"{i}.json"] = json.dumps({"caption": "x", field: labels[i % 2]}).encode()
        members[f"{i}.png"] = png(i)
    path = shard(tmp_path / "x.tar", members)
    for root in (tmp_path, path):
        data = Shards(str(root), **{**OPTIONS, "channels": 1})
        assert data.classes == classes
        found = [(int(x[0, 0, 0]), classes[y]) for split in SPLITS for x, y in zip(*data.read(split), strict=True)]
        assert sorted(found) == [(i, str(labels[i % 2])) for i in range(6)]


def test_compressed_shards_and_those_of_other_splits(tmp_path):
    for name, values in (("train-0", range(4)), ("valid-0", range(4, 6))):
        path = shard(tmp_path / f"{name}.tar", {f"{i}.png": png(i) for i in values})
        (tmp_path / f"{name}.tar.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    data = Shards(str(tmp_path), test_fraction=0.0, **{**OPTIONS, "channels": 1})
    assert sorted(data.read("val")[0][:, 0, 0, 0].tolist()) == [4, 5]
    assert len(data.entries("train")) == 4
    shard(tmp_path / "extra.tar", {"1.png": png(1)})
    with pytest.raises(ValueError, match=re.escape("has shards train-* and extra.tar: name it val-* or test-*")):
        Shards(str(tmp_path), **OPTIONS).setup("fit")


# -- channels


def test_pictures_with_opacity_keep_it_if_they_are_asked_to(tmp_path):
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[:] = (10, 20, 30, 40)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    given = {"num_workers": 0, "val_fraction": 0.0, "test_fraction": 0.0}
    assert ImageFolder(str(tmp_path), 8, 4, **given).read("train")[0][0, :, 3, 3].tolist() == [10, 20, 30, 40]
    grey, opacity = ImageFolder(str(tmp_path), 8, 2, **given).read("train")[0][0, :, 3, 3].tolist()
    assert (opacity, abs(grey - 18) <= 1) == (40, True)

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
from ganzoo.data import Emoji, Glasses, Hanzi, Peeps
from tests.data.test_peeps import faces
from tests.data.test_peeps import members as members_of_peeps
from tests.data.tools import check_resume

CONFIGS = Path(__file__).parents[2] / "configs" / "data"
REAL = Path(os.environ.get("GANZOO_DATA", "/nowhere"))  # tests get another one
SPLITS = ("train", "val", "test")
DOMAINS = Emoji.domains


def things(n=30):
    """Emoji i of family i // 3; the families from 8 on are for testing."""
    return [
        {"key": f"{i:04x}-20e3", "name": "x", "family": f"{i // 3:04x}", "split": "test" if i >= 24 else "train"}
        for i in range(n)
    ]


def members(index, name="emoji", domains=DOMAINS, mode="RGB"):
    """Names and contents of the archive: thing i is of grey i, in the second domain 80 + i, in the third 160 + i."""
    yield f"{name}/SOURCES.txt", b"made"
    yield f"{name}/index.json", json.dumps(index).encode()
    for i, thing in enumerate(index):
        for k, domain in enumerate(domains):
            file = io.BytesIO()
            Image.fromarray(np.full((8, 8), 80 * k + i, dtype=np.uint8)).convert(mode).save(file, "png")
            yield f"{name}/{thing['split']}/{domain}/{thing['key']}.png", file.getvalue()


def write(root, found, name="emoji"):
    """Write the archive."""
    (root / name).mkdir(parents=True)
    with tarfile.open(root / name / f"{name}.tar", "w") as tar:
        for path, data in found:
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return str(root)


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "data", members(things()))


def greys(images):
    assert (images == images[:, :1, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def pairs_of(data):
    return {split: list(zip(*map(greys, data.sides(split)), strict=True)) for split in SPLITS}


def test_pairs_are_the_same_thing_in_two_domains(root):
    found = pairs_of(Emoji(root=root, size=8))
    assert sorted(pair for pairs in found.values() for pair in pairs) == [(80 + i, i) for i in range(30)]
    turned = pairs_of(Emoji("twemoji", "noto", root=root, size=8))
    assert turned == pairs_of(Emoji(root=root, size=8, reverse=True))
    assert turned == {split: [pair[::-1] for pair in pairs] for split, pairs in found.items()}
    other = pairs_of(Emoji("twemoji", "fluent-emoji-flat", root=root, size=8))
    assert {split: [target - 160 for target, _ in pairs] for split, pairs in other.items()} == {
        split: [source for _, source in pairs] for split, pairs in found.items()
    }


def test_a_family_is_in_one_split(root):
    found = pairs_of(Emoji(root=root, size=8))
    families = {split: sorted({source // 3 for _, source in pairs}) for split, pairs in found.items()}
    assert sorted(chain(*families.values())) == list(range(10))
    assert families["test"] == [8, 9]
    assert families["val"] == [7], "fixed for ever"
    assert [source for _, source in found["test"]] != sorted(source for _, source in found["test"])


def test_characters_are_grey(tmp_path):
    index = [{"key": f"{i:04x}", "char": "?", "split": "test" if i > 15 else "train"} for i in range(20)]
    data = Hanzi(root=write(tmp_path, members(index, "hanzi", Hanzi.domains, "L"), "hanzi"), size=8)
    assert (data.image_shape, data.source_shape) == ((1, 8, 8), (1, 8, 8))
    assert sorted(pair for pairs in pairs_of(data).values() for pair in pairs) == [(80 + i, i) for i in range(20)]


def test_glasses_are_put_on_the_faces_of_peeps_in_the_same_splits(tmp_path):
    (tmp_path / "peeps").mkdir()
    root = write(tmp_path / "data", members_of_peeps(faces()), "peeps")
    found, peeps = pairs_of(Glasses(root=root, size=8)), Peeps(root, size=8, which="plain")
    for split in SPLITS:
        assert all(target == source + 100 for target, source in found[split])
        assert {source for _, source in found[split]} == set(greys(peeps.arrays(split)[0]))
    assert pairs_of(Glasses(root=root, size=8, reverse=True))["val"] == [pair[::-1] for pair in found["val"]]


def test_an_unpacked_archive_is_the_same(root, tmp_path):
    for name, data in members(things()):
        path = tmp_path / "other" / "emoji" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    packed, unpacked = Emoji(root=root, size=8), Emoji(root=str(tmp_path / "other"), size=8)
    assert pairs_of(packed) == pairs_of(unpacked)
    assert packed.fingerprint("train") == unpacked.fingerprint("train")


def test_equal_pictures_in_two_splits_are_left_out_of_training(tmp_path):
    found = dict(members(things()))
    found["emoji/train/noto/0000-20e3.png"] = found["emoji/test/noto/0018-20e3.png"]
    with pytest.warns(UserWarning, match=r"left out 1 of the pictures .* such as train/noto/0000-20e3\.png$"):
        splits = pairs_of(Emoji(root=write(tmp_path, found.items()), size=8))
    assert 80 not in [target for target, _ in splits["train"] + splits["val"]]
    assert (104, 24) in splits["test"]


def test_training_goes_on_where_it_stopped(root, tmp_path):
    def make():
        return Emoji(root=root, size=8, batch_size=4, paired=False, hflip=True, jitter=2)

    check_resume(make, tmp_path / "runs", stops=(5,))


@pytest.mark.parametrize("kind", [Emoji, Hanzi, Glasses])
def test_the_configuration_makes_it(kind):
    data = build(yaml.safe_load((CONFIGS / f"{kind.name.lower()}.yaml").read_text())["data"])
    assert type(data) is kind
    assert data.image_shape == (kind.channels, 64, 64) == data.source_shape
    assert (data.batch_size, data.in_memory, data.num_workers) == (1, True, 0)
    assert build(data.config()).config() == data.config()
    assert kind.name in classes("data")


# -- what cannot be


@pytest.mark.parametrize(("source", "target"), [("noto", "noto"), ("noto", "apple")])
def test_domains_are_two_of_those_that_there_are(source, target):
    message = rf"^source and target must be two of noto, twemoji, fluent-emoji-flat; got {source} and {target}$"
    with pytest.raises(ValueError, match=message):
        Emoji(source, target)


def test_a_missing_archive_is_one_line(tmp_path):
    message = (
        rf"^Hanzi not found: put the archive at {tmp_path}/hanzi/hanzi\.tar \(or unpacked at {tmp_path}/hanzi/hanzi\),"
        r" or set GANZOO_DATA; it is Noto Sans [^\n]*Pillow$"
    )
    with pytest.raises(FileNotFoundError, match=message):
        Hanzi(root=str(tmp_path)).setup("fit")


def without(name):
    return [member for member in members(things()) if member[0] != name]


def with_index(text):
    return [*without("emoji/index.json"), ("emoji/index.json", text.encode())]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            without("emoji/index.json"),
            r"has no index\.json, which says what the pictures are: fetch",
        ),
        (without("emoji/train/noto/0003-20e3.png"), r"lacks train/noto/0003-20e3\.png, which its index\.json names"),
        (with_index("[{"), r"index\.json must be a list of things with key, split, family \(JSONDecodeError: [^\n]*"),
        (with_index('[{"key": "0000"}]'), r"index\.json must be a list of things .*\(KeyError: '(split|family)'\)"),
        (
            with_index(json.dumps([{**thing, "split": "val"} for thing in things()])),
            r"index\.json has '0000-20e3' in a split that is neither train nor test: mend it$",
        ),
    ],
)
def test_a_damaged_archive_is_one_line(found, message, tmp_path):
    with pytest.raises(ValueError, match=rf"^{tmp_path}/emoji/emoji\.tar:? {message}"):
        Emoji(root=write(tmp_path, found)).setup("fit")


@pytest.mark.parametrize(
    ("kind", "sizes"), [(Emoji, [1258, 141, 193]), (Hanzi, [2967, 316, 472]), (Glasses, [2599, 311, 500])]
)
@pytest.mark.skipif(not (REAL / "emoji" / "emoji.tar").is_file(), reason="needs the real sets under GANZOO_DATA")
def test_the_real_sets(kind, sizes):
    data = kind(root=str(REAL))
    assert [len(data.labels(split)) for split in SPLITS] == sizes
    pictures = {s: {image.numpy().tobytes() for side in data.sides(s) for image in side} for s in SPLITS}
    assert not pictures["train"] & (pictures["val"] | pictures["test"])
    assert not pictures["val"] & pictures["test"]
    assert isinstance(data.conditions("test"), torch.Tensor)

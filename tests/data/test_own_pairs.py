import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import ExifTags, Image

from ganzoo.catalogue import classes
from ganzoo.config import build
from ganzoo.data import Pairs, Unpaired, WorkerLoader, write_shards
from tests.data.tools import check_resume

CONFIGS = Path(__file__).parents[2] / "configs" / "data"
SPLITS = ("train", "val", "test")


def write(path, grey, size=(8, 8), mode="L"):
    """Write a flat picture, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).convert(mode).save(path)


def two_folders(root, n=20, endings=("jpg", "png")):
    """Folders a and b: pair i is of grey i and 100 + i."""
    for i in range(n):
        for folder, grey, ending in (("a", i, endings[0]), ("b", 100 + i, endings[1])):
            write(root / folder / f"{i:02d}.{ending}", grey)
    return {"root_a": str(root / "a"), "root_b": str(root / "b")}


def official(root, pattern):
    """One folder with splits and sides: pair i of train is of grey i and 100 + i, of test 50 + i and 150 + i."""
    for split, first, n in (("train", 0, 9), ("test", 50, 4)):
        for side, base in (("A", 0), ("B", 100)):
            for i in range(first, first + n):
                write(root / pattern.format(split=split, side=side) / f"{i}.png", base + i)
    return {"root": str(root)}


def side_by_side(root, n=12):
    for i in range(n):
        pixels = np.zeros((8, 16), dtype=np.uint8)
        pixels[:, :8], pixels[:, 8:] = i, 100 + i
        (root / "train").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / "train" / f"{i}.png")
    return {"root": str(root)}


def greys(images):
    assert (images == images[:, :1, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def make(kind=Pairs, **options):
    return kind(**{"size": 8, "channels": 1, "num_workers": 0, **options})


def pairs_of(data):
    return {split: [tuple(pair) for pair in zip(*map(greys, data.sides(split)), strict=True)] for split in SPLITS}


# -- pairs


@pytest.mark.parametrize("in_memory", [False, True])
def test_files_of_one_name_are_a_pair(in_memory, tmp_path):
    data = make(**two_folders(tmp_path), in_memory=in_memory)
    found = pairs_of(data)
    assert sorted(pair for pairs in found.values() for pair in pairs) == [(100 + i, i) for i in range(20)]
    assert {split: len(found[split]) for split in SPLITS} == {"train": 17, "val": 2, "test": 1}, "fixed for ever"
    for split in SPLITS:
        assert greys(torch.cat(list(data.images(split)))) == [target for target, _ in found[split]]
        assert greys(data.conditions(split)) == [source for _, source in found[split]]
        assert data.labels(split).tolist() == [0] * len(found[split])
        assert data.n_conditions(split) == len(found[split])
        assert data.held_pairs(split)
    turned = pairs_of(make(**two_folders(tmp_path), reverse=True))
    assert turned == {split: [pair[::-1] for pair in pairs] for split, pairs in found.items()}


def test_more_files_move_no_other_to_another_split(tmp_path):
    before = pairs_of(make(**two_folders(tmp_path)))
    after = pairs_of(make(**two_folders(tmp_path, n=30)))
    assert all(set(before[split]) <= set(after[split]) for split in SPLITS)


@pytest.mark.parametrize("pattern", ["{split}/{side}", "{side}/{split}", "{split}{side}", "set/{split}{side}"])
def test_folders_say_splits_and_sides(pattern, tmp_path):
    root = official(tmp_path / "data", pattern)
    if pattern.startswith("set"):  # all in one folder, as archives have it
        shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "data")
        root = {"root": str(tmp_path / "packed.zip")}
    found = pairs_of(make(**root, val_fraction=0.2))
    assert sorted(found["test"]) == [(150 + i, 50 + i) for i in range(4)]
    assert sorted(found["train"] + found["val"]) == [(100 + i, i) for i in range(9)]
    assert found["val"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_are_as_folders(kind, tmp_path):
    roots = two_folders(tmp_path)
    plain = pairs_of(make(**roots))
    for side in ("a", "b"):
        packed = tmp_path / f"{side}.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted((tmp_path / side).iterdir()):
                    archive.write(path, path.name)
        else:
            with tarfile.open(packed, "w") as archive:
                archive.add(tmp_path / side, ".")
    assert pairs_of(make(root_a=str(tmp_path / f"a.{kind}"), root_b=str(tmp_path / f"b.{kind}"))) == plain


@pytest.mark.parametrize("kind", ["deep.png", "deep.tif", "big-endian.tif", "2.png", "4.png", "4.tif"])
def test_levels_are_scaled_from_16_bits_and_opacity_is_kept(kind, tmp_path):
    channels = int(kind[0]) if kind[0].isdigit() else 1
    shape = (6, 8, 8, channels) if channels > 1 else (6, 8, 8)
    levels = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    for i, pixels in enumerate(levels):
        for side in ("A", "B"):
            (tmp_path / side).mkdir(exist_ok=True)
            one = pixels if side == "A" else 65535 - pixels
            if kind.startswith("big"):
                picture = Image.frombytes("I;16B", (8, 8), one.astype(">u2").tobytes())
            else:
                picture = Image.fromarray(one if channels == 1 else (one >> 8).astype(np.uint8))
            picture.save(tmp_path / side / f"{i}.{kind[-3:]}")
    data = make(root=str(tmp_path), channels=channels, val_fraction=0, test_fraction=0)
    targets, sources = data.sides("train")
    order = [int(Path(entry.name).stem) for entry in data.scanned["train"][0]]
    a, b = (((x / 257).round() if channels == 1 else x >> 8) for x in (levels, 65535 - levels))
    for found, wanted in ((sources, a), (targets, b)):
        assert np.array_equal(found.permute(0, 2, 3, 1).numpy().reshape(levels.shape), wanted[order].astype(np.uint8))


def shards(folder, members, n=6):
    """Pack pictures, (name, file), into tar files of ``n`` each."""
    folder.mkdir(parents=True)
    for first in range(0, len(members), n):
        with tarfile.open(folder / f"part-{first:03d}.tar", "w") as archive:
            for name, file in members[first : first + n]:
                archive.add(file, name)


def test_shards_of_both_sides_side_by_side_are_as_folders(tmp_path):
    roots = two_folders(tmp_path)
    for side, n in (("a", 6), ("b", 9)):  # a pair may lie in shards of other numbers
        shards(tmp_path / "shards" / side, [(f.name, f) for f in sorted((tmp_path / side).iterdir())], n)
    packed = make(root_a=str(tmp_path / "shards" / "a"), root_b=str(tmp_path / "shards" / "b"))
    assert pairs_of(packed) == pairs_of(make(**roots)) == pairs_of(make(root=str(tmp_path / "shards")))
    assert {Path(e.path).suffix for sides in packed.scanned.values() for side in sides for e in side} == {".tar"}
    loader = packed.train_dataloader()
    assert isinstance(loader, WorkerLoader), "not in memory"
    seen = sorted((x.flatten()[0].item(), y.flatten()[0].item()) for x, y in loader)
    assert seen == sorted(pairs_of(packed)["train"])


@pytest.mark.parametrize("ending", ["a", "A"])
def test_a_key_has_both_sides_in_a_shard_and_shards_say_splits(ending, tmp_path):
    root = official(tmp_path / "plain", "{split}/{side}")
    for split in ("train", "test"):
        files = sorted((tmp_path / "plain" / split).glob("*/*.png"))
        named = [(f"{f.stem}.{f.parent.name if ending == 'A' else f.parent.name.lower()}.png", f) for f in files]
        shards(tmp_path / split, named)
        (tmp_path / "packed").mkdir(exist_ok=True)
        for shard in (tmp_path / split).iterdir():
            shard.rename(tmp_path / "packed" / f"{split}-{shard.name}")
    for kind in (Pairs, Unpaired):
        found = pairs_of(make(kind, root=str(tmp_path / "packed")))
        assert found == pairs_of(make(kind, **root))
        assert len(found["test"]) == 4


def test_what_is_written_as_shards_is_read_as_pairs_and_a_corrupt_member_is_named(tmp_path):
    images = torch.arange(20, dtype=torch.uint8)[:, None, None, None].expand(20, 1, 8, 8)
    for side, base in (("a", 0), ("b", 100)):
        (tmp_path / side).mkdir()
        write_shards(base + images, torch.zeros(20), str(tmp_path / side / "%02d.tar"), per_shard=8)
    roots = {"root_a": str(tmp_path / "a"), "root_b": str(tmp_path / "b"), "test_fraction": 0, "val_fraction": 0}
    data = make(**roots)
    assert sorted(pairs_of(data)["train"]) == [(100 + i, i) for i in range(20)]
    entry = data.scanned["train"][1][0]
    shard = Path(entry.path)
    shard.write_bytes(
        shard.read_bytes()[: entry.offset] + bytes(entry.size) + shard.read_bytes()[entry.offset + entry.size :]
    )
    with pytest.raises(ValueError, match=rf"^b/{shard.name}/0000000\d\d\.png is not a readable image"):
        make(**roots).sides("train")


def test_the_left_half_is_a_and_the_right_half_is_b(tmp_path):
    data = make(**side_by_side(tmp_path))
    found = pairs_of(data)
    assert sorted(pair for pairs in found.values() for pair in pairs) == [(100 + i, i) for i in range(12)]
    assert data.halves == ("left", "right")
    assert data.fingerprint("train") != make(**side_by_side(tmp_path), reverse=True).fingerprint("train")


def test_halves_are_those_of_the_picture_as_the_camera_was_held(tmp_path):
    pixels, exif = np.zeros((4, 8), dtype=np.uint8), Image.Exif()
    pixels[:, :4], pixels[:, 4:] = 100, 200
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "one.png", exif=exif)
    target, source = make(root=str(tmp_path), size=4, val_fraction=0, test_fraction=0).sides("train")
    assert (greys(target), greys(source)) == ([200], [100])


def test_halves_of_an_odd_picture_are_cropped_to_their_middle(tmp_path):
    pixels = np.zeros((4, 21), dtype=np.uint8)
    pixels[:, 3:7], pixels[:, 10], pixels[:, 14:18] = 100, 50, 200
    Image.fromarray(pixels).save(tmp_path / "one.png")
    data = make(root=str(tmp_path), size=4, val_fraction=0, test_fraction=0)
    target, source = data.sides("train")
    assert (greys(target), greys(source)) == ([200], [100])


def test_a_side_may_be_one_folder_of_a_set_packed_or_not(tmp_path):
    official(tmp_path, "{split}{side}")
    with tarfile.open(tmp_path / "packed.tar", "w") as archive:
        archive.add(tmp_path / "trainB", "trainB")
    roots = {"root_a": str(tmp_path / "trainA"), "root_b": str(tmp_path / "packed.tar")}
    targets, sources = make(Unpaired, **roots, val_fraction=0, test_fraction=0).sides("train")
    assert (sorted(greys(sources)), sorted(greys(targets))) == (list(range(9)), list(range(100, 109)))


def test_what_has_no_partner_is_left_out_with_one_warning(tmp_path):
    roots = two_folders(tmp_path)
    (tmp_path / "b" / "03.png").unlink()
    (tmp_path / "a" / "07.jpg").unlink()
    message = r"left out 2 pictures that have no partner on the other side, such as a/03\.jpg$"
    with pytest.warns(UserWarning, match=message) as seen:
        found = pairs_of(make(**roots))
    assert len(seen) == 1
    assert {source for pairs in found.values() for _, source in pairs} == set(range(20)) - {3, 7}


def test_pictures_outside_of_both_sides_are_left_out_with_one_warning(tmp_path):
    """Maps of CycleGAN's authors hold train, side by side, beside trainA and trainB, whose names end in _A and _B."""
    for side, base in (("A", 0), ("B", 100)):
        for i in range(4):
            write(tmp_path / f"train{side}" / f"{i}_{side}.jpg", base + i)
            write(tmp_path / "train" / f"{i}.jpg", base + i, (16, 8))
    with pytest.warns(
        UserWarning, match=r"left out 4 pictures outside of its folders .*, such as train/0\.jpg$"
    ) as seen:
        targets, sources = make(root=str(tmp_path), val_fraction=0, test_fraction=0).sides("train")
    assert len(seen) == 1
    assert sorted(zip(greys(targets), greys(sources), strict=True)) == [(100 + i, i) for i in range(4)]


@pytest.mark.parametrize("in_memory", [False, True])
def test_both_sides_are_cropped_and_mirrored_alike(in_memory, tmp_path):
    """Pictures are ramps: a crop tells its place."""
    for i in range(6):
        ramp = np.arange(12, dtype=np.uint8)[None, :] + 12 * np.arange(12, dtype=np.uint8)[:, None]
        for side, base in (("a", 0), ("b", 50)):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(ramp + np.uint8(base + i)).save(tmp_path / side / f"{i}.png")
    roots = {"root_a": str(tmp_path / "a"), "root_b": str(tmp_path / "b")}
    data = make(**roots, jitter=4, hflip=True, batch_size=6, val_fraction=0, test_fraction=0, in_memory=in_memory)
    x, y = next(iter(data.train_dataloader()))
    assert x.shape == (6, 1, 8, 8)
    assert torch.equal(x, y + 50)
    corners = {tuple(image[0, 0, [0, -1]].tolist()) for image in y}
    assert len(corners) > 3
    flipped = y[:, 0, 0, 0] > y[:, 0, 0, -1]
    assert 0 < flipped.sum() < 6


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_reading_as_needed_is_as_in_memory(paired, workers, tmp_path):
    roots, options = two_folders(tmp_path), {"paired": paired, "hflip": True, "batch_size": 3}
    loaders = [make(**roots, **options, in_memory=m, num_workers=workers).train_dataloader() for m in (False, True)]
    for _ in range(2):
        streamed, held = ([[side.tolist() for side in batch] for batch in loader] for loader in loaders)
        assert streamed == held
        assert len(streamed) == (5 if paired else 3)


def test_without_pairs_the_halves_share_none(tmp_path):
    data = make(**two_folders(tmp_path), paired=False)
    x, y = (greys(side) for side in data.sides("train"))
    assert not {i - 100 for i in x} & set(y)
    assert sorted([i - 100 for i in x] + y) == sorted(s for _, s in pairs_of(make(**two_folders(tmp_path)))["train"])
    assert data.held_pairs("test")
    seen = [[greys(side)[0] for side in batch] for batch in data.train_dataloader()]
    assert sorted(target for target, _ in seen) == sorted(x)


@pytest.mark.parametrize("kind", [Pairs, Unpaired])
def test_training_goes_on_where_it_stopped(kind, tmp_path):
    roots = two_folders(tmp_path)
    check_resume(lambda: make(kind, **roots, batch_size=2, hflip=True), tmp_path / "runs", stops=(5,))


# -- splits


def test_no_picture_to_judge_with_is_trained_on(tmp_path):
    """The same file under another name in train and test: its pair leaves train."""
    root = official(tmp_path, "{split}/{side}")
    shutil.copy(tmp_path / "test" / "B" / "51.png", tmp_path / "train" / "B" / "3.png")
    message = r"left out 1 of the pictures to train or validate with, .* such as train/A/3\.png$"
    with pytest.warns(UserWarning, match=message) as seen:
        found = pairs_of(make(**root, val_fraction=0))
    assert len(seen) == 1
    assert sorted(found["train"]) == [(100 + i, i) for i in range(9) if i != 3]
    assert len(found["test"]) == 4


def test_a_picture_twice_in_one_split_stays(tmp_path):
    root = official(tmp_path, "{split}/{side}")
    shutil.copy(tmp_path / "train" / "A" / "4.png", tmp_path / "train" / "A" / "3.png")
    found = pairs_of(make(**root, val_fraction=0))
    assert sorted(found["train"])[3:5] == [(103, 4), (104, 4)]


def test_unpaired_sides_are_kept_apart_too(tmp_path):
    root = official(tmp_path, "{split}{side}")
    shutil.copy(tmp_path / "testA" / "51.png", tmp_path / "trainA" / "3.png")
    with pytest.warns(UserWarning, match=r"left out 1 .* such as trainA/3\.png$"):
        targets, sources = make(Unpaired, **root, val_fraction=0).sides("train")
    assert sorted(greys(sources)) == [0, 1, 2, 4, 5, 6, 7, 8]
    assert len(targets) == 9


# -- sets that do not belong together


def test_sides_of_any_names_numbers_and_shapes(tmp_path):
    """9 pictures to translate and 4 to make: wide, high, grey, in colour, transparent, with 16 bits."""
    for i, size in enumerate([(8, 8), (30, 8), (8, 30), (13, 9), (100, 3), (1, 1), (8, 8)]):
        write(tmp_path / "a" / f"horse{i}.{'JPG' if i % 2 else 'png'}", 10 + i, size, "RGB" if i % 3 else "L")
    for i in range(4):
        write(tmp_path / "b" / "deep" / f"{i}.PNG", 200 + i, (9, 9), "RGB")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a" / "clear.png")
    Image.fromarray(np.full((8, 8), 257 * 77, dtype=np.uint16)).save(tmp_path / "a" / "deep.png")
    roots = {"root_a": str(tmp_path / "a"), "root_b": str(tmp_path / "b")}
    data = make(Unpaired, **roots, channels=3, val_fraction=0, test_fraction=0)
    targets, sources = data.sides("train")
    assert (targets.shape, sources.shape) == ((4, 3, 8, 8), (9, 3, 8, 8))
    assert sorted(greys(targets)) == [200, 201, 202, 203]
    assert sorted(greys(sources)) == [10, 11, 12, 13, 14, 15, 16, 77, 255]
    assert (data.paired, data.judged_in_pairs) == (False, False)
    assert [data.held_pairs(split) for split in SPLITS] == [False] * 3
    assert (len(data.labels("train")), data.n_conditions("train")) == (4, 9)
    seen = [[greys(side)[0] for side in batch] for batch in data.train_dataloader()]
    assert sorted(source for _, source in seen) == sorted(greys(sources))
    assert {target for target, _ in seen} == {200, 201, 202, 203}


def test_sets_of_cyclegan(tmp_path):
    root = official(tmp_path, "{split}{side}")
    data = make(Unpaired, **root, val_fraction=0.3, reverse=True)
    targets, sources = data.sides("test")
    assert (sorted(greys(targets)), sorted(greys(sources))) == ([50, 51, 52, 53], [150, 151, 152, 153])
    train, val = data.sides("train"), data.sides("val")
    assert sorted(greys(train[0]) + greys(val[0])) == list(range(9))
    assert greys(val[0])


@pytest.mark.parametrize("kind", [Pairs, Unpaired])
@pytest.mark.parametrize("in_memory", [False, True])
def test_a_corrupt_picture_is_named_or_left_out(kind, in_memory, tmp_path):
    roots = two_folders(tmp_path)
    (tmp_path / "a" / "05.jpg").write_bytes(b"no picture")
    whole = {"val_fraction": 0, "test_fraction": 0, "in_memory": in_memory}
    with pytest.raises(
        ValueError, match=r"^a/05\.jpg is not a readable image .*: replace it, or set on_corrupt='skip'"
    ):
        list(make(kind, **roots, **whole).train_dataloader())
    data = make(kind, **roots, **whole, on_corrupt="skip")
    with pytest.warns(UserWarning, match=r"a/05\.jpg is not a readable image: the next one takes its place"):
        seen = [[greys(side)[0] for side in batch] for batch in data.train_dataloader()]
    assert len(seen) == 20
    assert data.skipped == 1
    assert 5 not in {source for _, source in seen}
    if kind is Pairs:
        assert all(target == source + 100 for target, source in seen), "a pair is left out as one"


# -- the rest


@pytest.mark.parametrize("kind", [Pairs, Unpaired])
def test_the_configuration_makes_it(kind):
    given = yaml.safe_load((CONFIGS / f"{kind.name.lower()}.yaml").read_text())["data"]
    data = build({**given, "init_args": {**given["init_args"], "root": "there"}})
    assert type(data) is kind
    assert (data.image_shape, data.source_shape, data.batch_size) == ((3, 64, 64), (3, 64, 64), 1)
    assert build(data.config()).config() == data.config()
    assert kind.name in classes("data")


def test_the_fingerprint_is_of_files_on_both_sides(tmp_path):
    roots = two_folders(tmp_path)
    before = make(**roots).fingerprint("test")
    assert make(**roots, seed=4, hflip=True).fingerprint("test") == before
    assert make(**roots, size=9).fingerprint("test") != before
    name = make(**roots).scanned["test"][1][0].name
    write(tmp_path / name, 33)
    assert make(**roots).fingerprint("test") != before


def nothing(root):
    return {}


def one(root):
    return {"root_a": two_folders(root)["root_a"]}


def other(root):
    return {"root_b": two_folders(root)["root_b"]}


def three(root):
    return {"root": str(root), **one(root)}


def strangers(root):
    two_folders(root)
    (root / "b").rename(root / "old")
    for path in (root / "old").iterdir():
        write(root / "b" / f"x{path.name}", 7)
    return {"root_a": str(root / "a"), "root_b": str(root / "b")}


def twins(root):
    write(root / "a" / "05.png", 1)
    return two_folders(root)


def beside_splits(root):
    for folder in ("train", "more"):
        write(root / folder / "x.png", 1)
    return {"root": str(root)}


def half_split(root):
    write(root / "a" / "train" / "1.png", 1)
    write(root / "b" / "1.png", 1)
    return {"root_a": str(root / "a"), "root_b": str(root / "b")}


def whole(root):
    official(root, "{split}{side}")
    return {"root_a": str(root), "root_b": str(root / "trainB")}


def arrays(root):
    np.save(root / "a.npy", np.zeros((2, 8, 8)))
    return {"root": str(root)}


def empty(root):
    (root / "none").mkdir()
    return {"root": str(root / "none")}


@pytest.mark.parametrize(
    ("kind", "roots", "message"),
    [
        (Pairs, nothing, r"^give root, or root_a and root_b \(--data\.root_a FOLDER --data\.root_b FOLDER\)$"),
        (Unpaired, one, r"^root_a is given, but root_b is missing: add the other side \(--data\.root_b FOLDER\)$"),
        (Pairs, other, r"^root_b is given, but root_a is missing: add the other side \(--data\.root_a FOLDER\)$"),
        (Pairs, three, r"^root holds both sides: give root alone, or root_a and root_b without it$"),
        (
            Pairs,
            strangers,
            r"has no pair, a name that both sides have, but a/00\.jpg and b/x00\.png: give both pictures",
        ),
        (Pairs, twins, r"has a/05\.jpg and a/05\.png, which mean the same pair: keep one$"),
        (Pairs, beside_splits, r"has folders train, val or test, and outside of them more/x\.png: move it"),
        (Pairs, half_split, r"a has folders train, val or test, but .*b has none: give it the same$"),
        (
            Unpaired,
            whole,
            r" holds testA, testB, trainA, trainB: if it has both sides, give it alone as root \(--data\.root /.*\),"
            r" else call its folders train, val and test$",
        ),
        (Pairs, empty, r"^no image files .* in .*none, it is empty$"),
        (Pairs, arrays, r"^no image files .*, but files with \.npy: save them as PNG or TIFF$"),
        (Unpaired, side_by_side, r"has no pictures of side A: put them in folders A and B, or trainA and trainB"),
    ],
)
def test_what_cannot_be_is_one_line(kind, roots, message, tmp_path):
    with warnings.catch_warnings(), pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        make(kind, **roots(tmp_path)).setup("fit")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 5}, "channels must be 1, 2, 3, 4, got 5"),
        ({"num_workers": -1}, "num_workers must be from 0 to 128, got -1"),
        ({"val_fraction": 0.6, "test_fraction": 0.4}, "fractions must leave images to train on, got 0.6 and 0.4"),
        ({"kind": Unpaired, "paired": True}, "Unpaired has no pairs to train on: leave paired=False, or take Pairs"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(root="there", **arguments)

import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
import warnings
from itertools import chain
from multiprocessing import connection, resource_sharer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from ganzoo.data import ImageFolder, Order, Shards, WorkerLoader, workers, write_shards
from ganzoo.data.files import hash_of
from ganzoo.data.workers import CorruptImage, Reader, WithNames, leave_signals, reading, stacked
from ganzoo.photos import Encoded, read_whole
from ganzoo.pixels import to_uint8
from tests.data.tools import check_resume, write_images
from tests.processes import in_child

SPLITS = ("train", "val", "test")
CORRUPT = r"is not a readable image \([a-z ]+\): replace it, or set on_corrupt='skip'"


def ids(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].tolist()


def all_images(data, split):
    return torch.cat(list(data.images(split)))


def folder_of(tmp_path, n=60, **options):
    write_images(tmp_path, n)
    return ImageFolder(str(tmp_path), **{"size": 8, "batch_size": 4, "num_workers": 0, **options})


def shards_of(tmp_path, n=60, **options):
    tmp_path.mkdir(exist_ok=True)
    images = torch.stack([torch.arange(n), 2 * torch.arange(n), 255 - torch.arange(n)], dim=1).to(torch.uint8)
    images = images[:, :, None, None].expand(n, 3, 8, 8)
    write_shards(images, torch.arange(n) % 2, str(tmp_path / "part-%03d.tar"), per_shard=25)
    return Shards(str(tmp_path), **{"size": 8, "batch_size": 4, "num_workers": 0, **options})


KINDS = pytest.mark.parametrize("make", [folder_of, shards_of])


@KINDS
def test_splits_share_out_every_file_once(make, tmp_path):
    data = make(tmp_path)
    found = {split: ids(all_images(data, split)) for split in SPLITS}
    assert sorted(chain(*found.values())) == list(range(60))
    assert all(found.values())
    for split in SPLITS:
        assert data.labels(split).tolist() == [i % 2 for i in found[split]]
    assert data.num_classes == 2
    assert data.image_shape == (3, 8, 8)
    assert found["train"] != sorted(found["train"]), "the first n of a split must not be its first classes"


def test_a_split_is_a_function_of_the_name(tmp_path):
    names = [f"{c}/{i:03d}.png" for i, c in enumerate(["cat", "dog"] * 30)]
    data = folder_of(tmp_path)
    for split, low, high in (("test", 0.0, 0.1), ("val", 0.1, 0.2), ("train", 0.2, 1.0)):
        wanted = sorted((hash_of(name), i) for i, name in enumerate(names) if low <= hash_of(name) < high)
        assert ids(all_images(data, split)) == [i for _, i in wanted]
    assert hash_of("cat/000.png") == pytest.approx(0.284356, abs=1e-6)


def test_fractions_are_kept(tmp_path):
    data = folder_of(tmp_path, 200, val_fraction=0.0, test_fraction=0.5)
    assert len(data.entries("val")) == 0
    assert abs(len(data.entries("test")) - 100) < 30
    assert list(data.images("val")) == []
    assert folder_of(tmp_path, 200, val_fraction=0.0, in_memory=True).arrays("val")[0].shape == (0, 3, 8, 8)


@KINDS
@pytest.mark.parametrize("options", [{"in_memory": True}, {"num_workers": 1}])
@pytest.mark.parametrize("hflip", [False, True])
def test_memory_and_workers_give_the_same_batches(make, options, hflip, tmp_path):
    one = make(tmp_path / "a", hflip=hflip).train_dataloader()
    other = make(tmp_path / "a", hflip=hflip, **options).train_dataloader()
    for _ in range(2):
        for (x, y), (u, v) in zip(one, other, strict=True):
            assert x.dtype == torch.uint8
            assert torch.equal(x, u)
            assert torch.equal(y, v)


def test_mirroring_by_workers(tmp_path):
    for i in range(40):
        Image.fromarray(np.array([[[i] * 3, [200] * 3]] * 2, dtype=np.uint8)).save(tmp_path / f"{i}.png")
    data = ImageFolder(str(tmp_path), 2, batch_size=4, num_workers=0, hflip=True, test_fraction=0.0)
    flipped = [bool(image[0, 0, 0] == 200) for x, _ in data.train_dataloader() for image in x]
    assert 0.2 < np.mean(flipped) < 0.8


def test_flat_folder_is_one_class_and_grey_is_grey(tmp_path):
    Image.fromarray(np.full((6, 6, 3), (255, 0, 0), dtype=np.uint8)).save(tmp_path / "a.png")
    data = ImageFolder(str(tmp_path), 6, channels=1, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    assert data.classes == ("image",)
    assert data.image_shape == (1, 6, 6)
    assert (all_images(data, "train") == 76).all(), "0.299 of 255"


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("RGBA", (90, 90, 90, 255)), ("P", 90), ("1", 1)])
def test_any_kind_of_image_becomes_rgb(mode, colour, tmp_path):
    Image.new(mode, (5, 5), colour).save(tmp_path / "a.png")
    data = ImageFolder(str(tmp_path), 5, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    image = all_images(data, "train")
    assert image.shape == (1, 3, 5, 5)
    assert (image[:, 0] == image[:, 2]).all()


def test_the_central_square_is_resized(tmp_path):
    pixels = np.zeros((4, 12, 3), dtype=np.uint8)
    pixels[:, 4:8] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "tall.bmp")
    data = ImageFolder(str(tmp_path), 2, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    assert torch.equal(all_images(data, "train"), torch.full((2, 3, 2, 2), 200, dtype=torch.uint8))


def test_the_middle_of_another_shape_is_resized(tmp_path):
    pixels = np.zeros((6, 12, 3), dtype=np.uint8)
    pixels[:, 4:8] = 200  # 6 high, 4 wide
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    data = ImageFolder(str(tmp_path), (3, 2), num_workers=0, val_fraction=0.0, test_fraction=0.0)
    assert data.image_shape == (3, 3, 2)
    assert torch.equal(all_images(data, "train"), torch.full((1, 3, 3, 2), 200, dtype=torch.uint8))


def test_official_folders_are_the_splits(tmp_path):
    write_images(tmp_path / "train", 40)
    write_images(tmp_path / "test", 5)
    data = ImageFolder(str(tmp_path), 8, num_workers=0)
    assert sorted(ids(all_images(data, "test"))) == [0, 1, 2, 3, 4]
    assert sorted(ids(all_images(data, "train")) + ids(all_images(data, "val"))) == list(range(40))
    assert data.entries("val")
    write_images(tmp_path / "val", 3)
    data = ImageFolder(str(tmp_path), 8, num_workers=0)
    assert [len(data.entries(split)) for split in SPLITS] == [40, 3, 5]
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.TIFF", "a.webp", "a.bmp"])
def test_the_first_frame_of_every_format_is_read(name, tmp_path):
    frames = [Image.new("RGB", (6, 6), (c, c, c)) for c in (0, 255)]
    many = {"save_all": True, "append_images": frames[1:]} if "bmp" not in name else {}
    frames[0].save(tmp_path / name, **many)
    data = ImageFolder(str(tmp_path), 6, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    image = all_images(data, "train")
    assert image.shape == (1, 3, 6, 6)
    assert (image <= 1).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("side", [16, 8])
def test_a_picture_is_read_as_the_camera_was_held(side, name, tmp_path):
    """It lies on its side, 16 wide and 8 high, and is cut to the middle of what is seen, which translators see too."""
    upright, exif = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[:, None], 8, axis=1), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / name, exif=exif)
    options = {"channels": 1, "num_workers": 0, "val_fraction": 0.0, "test_fraction": 0.0}
    found = all_images(ImageFolder(str(tmp_path), (side, 8), **options), "train")[0]
    seen = to_uint8(read_whole(Encoded((tmp_path / name).read_bytes(), name), 1))
    assert torch.equal(found, seen[:, 8 - side // 2 : 8 + side // 2])
    assert (found[0, 1:, 0] > found[0, :-1, 0]).all()


def test_a_picture_with_damaged_exif_data_is_read_as_it_lies(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\0\0nothing of the kind")
    data = ImageFolder(str(tmp_path), 8, channels=1, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    assert np.array_equal(all_images(data, "train")[0, 0].numpy(), pixels)


def test_what_is_no_folder_of_pictures_says_what_it_is(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"none is not there: give the folder, zip or tar file with your pictures as root"
    ):
        ImageFolder(str(tmp_path / "none"), 8).setup("fit")
    (tmp_path / "a.rar").touch()
    with pytest.raises(ValueError, match=r"a\.rar is not a whole tar file, nor a zip .*: give a folder, or fetch"):
        ImageFolder(str(tmp_path / "a.rar"), 8).setup("fit")
    with pytest.raises(FileNotFoundError, match=r"no image files \(\.png, .* in .*, but files with \.rar$"):
        ImageFolder(str(tmp_path), 8).setup("fit")
    for name, remedy in (("a.tar", "take --config data/shards"), ("b.npz", "take --config data/arrays")):
        (tmp_path / name).touch()
        with pytest.raises(FileNotFoundError, match=f"but files with .*: {remedy}$"):
            ImageFolder(str(tmp_path), 8).setup("fit")
        (tmp_path / name).unlink()
    (tmp_path / "a.zip").touch()
    with pytest.raises(FileNotFoundError, match=r"but files with .*: give the zip file itself as root$"):
        ImageFolder(str(tmp_path), 8).setup("fit")


def test_mixed_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no image files .*, it is empty"):
        ImageFolder(str(tmp_path), 8).setup("fit")
    Image.new("RGB", write_images(tmp_path, 2) and (2, 2)).save(tmp_path / "loose.png")
    with pytest.raises(ValueError, match=r"image files in class folders \(dog\) and outside: move these"):
        ImageFolder(str(tmp_path), 8).setup("fit")


def test_hidden_files_are_left_out(tmp_path):
    write_images(tmp_path, 4)
    (tmp_path / "cat" / "._000.png").write_bytes(b"junk")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").write_bytes(b"junk")
    assert sum(len(ImageFolder(str(tmp_path), 8).entries(split)) for split in SPLITS) == 4


def break_files(tmp_path, n=20):
    """Truncate one file of the training split and empty another; return the names and the data's options."""
    paths = write_images(tmp_path, n, classes=("cat",), side=32)
    names = [entry.name for entry in ImageFolder(str(tmp_path), 8).entries("train")]
    for name, keep in ((names[3], 60), (names[4], 0)):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:keep])
    assert len(paths) == n
    return names


@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 1}, {"in_memory": True, "num_workers": 0}])
def test_a_corrupt_file_is_named(options, tmp_path):
    names = break_files(tmp_path)
    with pytest.raises(ValueError, match=f"({names[3]}|{names[4]}) {CORRUPT}"):
        list(ImageFolder(str(tmp_path), 8, batch_size=2, **options).train_dataloader())


@pytest.mark.parametrize("options", [{"num_workers": 0}, {"num_workers": 1}, {"in_memory": True, "num_workers": 0}])
def test_a_corrupt_file_is_replaced_by_the_next_readable_one_and_counted_once(options, tmp_path):
    names = break_files(tmp_path)
    data = ImageFolder(str(tmp_path), 8, batch_size=2, on_corrupt="skip", **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loader = data.train_dataloader()
        epochs = [[ids(x) for x, _ in loader] for _ in range(2)]
    assert all("is not a readable image: the next one takes its place" in str(w.message) for w in caught)
    assert {str(w.message).split()[0] for w in caught} == set(names[3:5])
    assert len(caught) == 2
    assert data.skipped == 2
    assert all_images(data, "train")[3:6, 0, 0, 0].unique().tolist() == [int(names[5][4:7])]
    readable = {int(name[4:7]) for name in names} - {int(name[4:7]) for name in names[3:5]}
    assert {i for epoch in epochs for batch in epoch for i in batch} <= readable


def test_a_file_at_which_pil_raises_an_error_of_another_kind_is_corrupt_too(tmp_path):
    files = write_images(tmp_path, 4)
    whole = io.BytesIO()
    Image.new("RGB", (8, 8)).save(whole, "TIFF")
    lost = whole.getvalue().replace(b"\x11\x01\x04\x00", b"\x11\x01\x02\x00")  # its pixels lie nowhere: TypeError
    files[0].write_bytes(lost)
    options = {"size": 8, "num_workers": 0, "val_fraction": 0, "test_fraction": 0}
    with pytest.raises(CorruptImage, match=rf"{files[0].name} is not a readable image \(.+\): replace it, or set"):
        all_images(ImageFolder(str(tmp_path), **options), "train")
    with pytest.warns(UserWarning, match=f"{files[0].name} is not a readable image: the next one takes its place"):
        assert 0 not in ids(all_images(ImageFolder(str(tmp_path), on_corrupt="skip", **options), "train"))


class Source:
    """Five images that are their index plus ten times the epoch; some cannot be read."""

    def __init__(self, *corrupt):
        self.corrupt = corrupt

    def __len__(self):
        return 5

    def __getitem__(self, key):
        index, epoch = key
        if index in self.corrupt:
            raise CorruptImage(f"no {index}", str(index))
        return torch.full((1, 1, 1), index + 10 * epoch, dtype=torch.uint8), index


def test_the_search_wraps_round_and_ends():
    assert Reader(Source(3, 4), "skip")[3, 0][1:] == (0, ["3", "4"])
    assert Reader(Source(3, 4), "skip")[2, 0][1:] == (2, [])
    with pytest.raises(CorruptImage, match="no 3"):
        Reader(Source(3))[3, 0]
    with pytest.raises(ValueError, match="none of 5 images can be read, the first being 2"):
        Reader(Source(*range(5)), "skip")[2, 0]
    with pytest.raises(ValueError, match="on_corrupt must be 'raise' or 'skip', got 'ignore'"):
        Reader(Source(), "ignore")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_get_the_epoch_and_read_ahead_without_moving_the_place(num_workers):
    loader = WorkerLoader(Source(), Order(5, 1, seed=1), num_workers)
    for epoch in range(2):
        for k, (x, y) in enumerate(loader):
            assert int(x) == int(y) + 10 * epoch
            assert loader.state_dict() == {"epoch": epoch, "batches": k + 1}
    assert loader.skipped == 0


def test_worker_loader_leaves_torch_generators_alone():
    before = torch.get_rng_state()
    list(WorkerLoader(Source(), Order(5, 1)))
    assert torch.equal(torch.get_rng_state(), before)


def test_worker_loader_collates_as_told_and_checks_lengths():
    loader = WorkerLoader(Source(), Order(5, 5), collate=len)
    assert list(loader) == [5]
    with pytest.raises(ValueError, match="got 5 images and an order of 6"):
        WorkerLoader(Source(), Order(6, 1))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_run_sees_the_batches_of_the_uninterrupted_one(num_workers, tmp_path):
    write_images(tmp_path / "images", 30)
    options = {"size": 8, "batch_size": 4, "num_workers": num_workers, "hflip": True, "test_fraction": 0.0}
    check_resume(lambda: ImageFolder(str(tmp_path / "images"), **options), tmp_path / "runs", (3, 6, 8))


def test_fingerprints_know_names_contents_and_shape(tmp_path):
    data = folder_of(tmp_path)
    prints = {split: data.fingerprint(split) for split in SPLITS}
    assert len(set(prints.values())) == 3
    assert folder_of(tmp_path).fingerprint("val") == prints["val"]
    assert folder_of(tmp_path, in_memory=True).fingerprint("val") == prints["val"]
    assert folder_of(tmp_path, size=9).fingerprint("val") != prints["val"]
    changed = tmp_path / data.entries("val")[0].name
    changed.write_bytes(changed.read_bytes()[:-1] + b" ")  # of the same size
    after = ImageFolder(str(tmp_path), 8)
    assert after.fingerprint("val") != prints["val"]
    assert after.fingerprint("test") == prints["test"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 5}, "channels must be 1, 2, 3, 4, got 5: more are for arrays"),
        ({"val_fraction": 0.6, "test_fraction": 0.4}, "fractions must leave images to train on"),
        ({"val_fraction": -0.1}, "fractions must leave images to train on"),
        ({"size": 0}, r"size must be a side from 1 to 8192, or two: \[height, width\]; got 0"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageFolder("x", **{"size": 8, **options})


@pytest.mark.parametrize("channels", [1, 3])
def test_shards_are_read_back_bit_by_bit(channels, tmp_path):
    images = torch.randint(0, 256, (30, channels, 7, 7), dtype=torch.uint8)
    labels = torch.randint(0, 3, (30,))
    write_shards(images, labels, str(tmp_path / "train-%02d.tar"), per_shard=12)
    write_shards(images[:4] // 2, labels[:4], str(tmp_path / "test-%02d.tar"))
    (tmp_path / "classes.txt").write_text("ant\nbee\ncow\n")
    assert sorted(p.name for p in tmp_path.glob("*.tar")) == [
        "test-00.tar",
        *(f"train-0{i}.tar" for i in range(3)),
    ]
    data = Shards(str(tmp_path), 7, channels=channels, num_workers=0, val_fraction=0.0)
    assert data.classes == ("ant", "bee", "cow")
    for split, wanted in (("train", images), ("test", images[:4] // 2)):
        keys = [int(entry.name[-9:]) for entry in data.entries(split)]
        assert torch.equal(all_images(data, split), wanted[keys])
        assert data.labels(split).tolist() == labels[keys].tolist()


def test_shards_are_the_same_file_when_written_again(tmp_path):
    for name in ("a", "b"):
        shards_of(tmp_path / name)
    assert (tmp_path / "a" / "part-001.tar").read_bytes() == (tmp_path / "b" / "part-001.tar").read_bytes()


def test_webdataset_reads_the_shards_too(tmp_path):
    tariterators = pytest.importorskip("webdataset.tariterators")
    shards_of(tmp_path, 5)
    with open(tmp_path / "part-000.tar", "rb") as stream:
        members = tariterators.tar_file_expander([{"url": "part-000.tar", "stream": stream}])
        samples = list(tariterators.group_by_keys(members))
    assert [sample["cls"] for sample in samples] == [b"0", b"1", b"0", b"1", b"0"]
    assert Image.open(io.BytesIO(samples[3]["png"])).getpixel((0, 0)) == (3, 6, 252)


def test_damaged_shards_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no shards \(.tar, .tar.gz, .tgz\) in .*: set root \(--data.root FOLDER\)"
    ):
        Shards(str(tmp_path), 8).setup("fit")
    shards_of(tmp_path)
    (tmp_path / "classes.txt").write_text("only\n")
    with pytest.raises(ValueError, match="names 1 classes, but the shards have class 1"):
        Shards(str(tmp_path), 8).setup("fit")
    shard = tmp_path / "part-001.tar"
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(
        ValueError, match=r"part-001.tar is not a whole tar file.*: give a folder, or fetch or write it again"
    ):
        Shards(str(tmp_path), 8).setup("fit")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"a.png": b"x", "b.png": b"x", "b.cls": b"1"},
            "all images must have a number as class, or all a name, or none",
        ),
        ({"a.png": b"x", "a.json": b'{"cls": -1}'}, "a.json: a class must be a number from 0, got -1, or a name"),
        ({"a.png": b"x", "a.json": b"{"}, "a.json is no JSON"),
        ({"a.png": b"x", "a.cls": b"dog"}, "a.cls must hold a class number such as 3, got b'dog'"),
    ],
)
def test_shards_with_classes_of_no_meaning_are_refused(members, message, tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(ValueError, match=message):
        Shards(str(tmp_path), 8).setup("fit")


def test_a_corrupt_member_is_named(tmp_path):
    data = shards_of(tmp_path)
    entry = random.Random(0).choice(data.entries("train"))
    with open(entry.path, "r+b") as file:
        file.seek(entry.offset)
        file.write(b"junk")
    with pytest.raises(ValueError, match=f"{entry.name} {CORRUPT}"):
        all_images(data, "train")


def test_writing_without_webdataset_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset.writer", None)
    with pytest.raises(ImportError, match=r"pip install ganzoo\[stream\]"):
        write_shards(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.zeros(1), str(tmp_path / "%d.tar"))


def test_a_link_to_nothing_is_named_and_not_left_out(tmp_path):
    folder_of(tmp_path, n=4)
    (tmp_path / "cat" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    data = ImageFolder(str(tmp_path), 8, num_workers=0, val_fraction=0.0, test_fraction=0.0)
    with pytest.raises(ValueError, match=r"cat/lost\.png is not a readable image \(.*No such file"):
        data.read("train")


# -- open files


def test_what_workers_read_holds_no_file_open(tmp_path):
    data = folder_of(tmp_path, n=500, num_workers=1)
    before = len(os.listdir("/dev/fd"))
    held = list(data.images("train"))
    assert len(held) > 5
    assert len(os.listdir("/dev/fd")) <= before + 2


def test_too_few_open_files_are_an_error_and_not_a_wait(tmp_path, monkeypatch):
    limits = {}
    monkeypatch.setattr(workers.resource, "getrlimit", lambda what: (64, 100))
    monkeypatch.setattr(workers.resource, "setrlimit", lambda what, both: limits.update(set=both))
    data = folder_of(tmp_path, num_workers=8)
    with pytest.raises(
        ValueError, match=r"num_workers=8 needs some \d+ open files, the system allows 100: raise `ulimit"
    ):
        data.read("train")
    assert limits == {}
    monkeypatch.setattr(workers.resource, "getrlimit", lambda what: (64, 4096))
    assert sorted(ids(folder_of(tmp_path, num_workers=1).read("test")[0])) == sorted(ids(data_in(tmp_path, "test")))
    assert limits["set"][0] > 64 + 32
    assert limits["set"][1] == 4096


def data_in(tmp_path, split):
    return folder_of(tmp_path).read(split)[0]


LEFT = """
import sys
from ganzoo.data import ImageFolder
data = ImageFolder(sys.argv[1], 8, num_workers=2, batch_size=2)
batches = iter(data.train_dataloader())
next(batches)
raise SystemExit("ended")
"""


def test_a_process_that_ends_with_its_workers_at_work_ends_them(tmp_path):
    folder_of(tmp_path)
    ended = subprocess.run([sys.executable, "-c", LEFT, tmp_path], timeout=30, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, "ended\n")


class Ones:
    """Eight images."""

    def __len__(self):
        return 8

    def __getitem__(self, key):
        return torch.ones(1, 2, 2), 0


def read_ones(num_workers):
    batches = [[(index, 0)] for index in range(len(Ones()))]
    return iter(reading(Reader(Ones()), num_workers, WithNames(stacked), batch_sampler=batches))


def test_workers_are_not_ended_by_a_signal_that_comes_before_they_are_ready(tmp_path, monkeypatch):
    def late(worker):
        time.sleep(1)
        leave_signals(worker)

    def work():
        torch.set_num_threads(1)
        batches = read_ones(2)
        children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
        for name in ("TERM", "INT"):
            subprocess.run(["kill", f"-{name}", *children], check=True)
        print(len(list(batches)), signal.pthread_sigmask(signal.SIG_BLOCK, []))

    monkeypatch.setattr("ganzoo.data.workers.leave_signals", late)
    assert in_child(work, tmp_path / "log") == 0
    assert (tmp_path / "log").read_text() == "8 set()\n"


def test_a_process_that_ends_while_it_takes_a_batch_is_no_error_of_the_worker(tmp_path, monkeypatch):
    def hang_up(ident):
        connection.SocketClient(ident[0]).close()
        time.sleep(0.5)
        raise KeyboardInterrupt

    def work():
        batches = read_ones(1)
        with pytest.raises(KeyboardInterrupt):
            next(batches)
        batches._shutdown_workers()

    monkeypatch.setattr(resource_sharer._resource_sharer, "get_connection", hang_up)
    assert in_child(work, tmp_path / "log") == 0
    assert (tmp_path / "log").read_text() == ""

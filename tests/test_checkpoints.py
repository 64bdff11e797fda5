"""A checkpoint is what was written, to the last bit, or it is refused; old ones are checked where they can be."""

import io
import os
import pickle
import random
import struct
import warnings
import zipfile
from collections import OrderedDict

import fsspec
import numpy as np
import pytest
import torch

import ganzoo
from ganzoo import checkpoints
from ganzoo.callbacks import Checkpoints
from ganzoo.checkpoints import MARK, PICKLE, SEAL, TAIL, read_checkpoint, write_checkpoint
from tests.zoo import digits, make, trainer


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The checkpoint of a run."""
    folder = tmp_path_factory.mktemp("run")
    trainer(3, folder, callbacks=[Checkpoints()]).fit(make("NSGAN"), datamodule=digits())
    return folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def old(written, tmp_path_factory):
    """The same as version 0.1 wrote it."""
    path = tmp_path_factory.mktemp("old") / "old.ckpt"
    torch.save(torch.load(written, weights_only=True), path)
    return path


def same(a, b):
    """Whether two contents are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


class Hostile:
    def __reduce__(self):
        return os.system, ("exit 3",)


def hostile():
    """Return a file that runs a command when it is read carelessly."""
    file = io.BytesIO()
    torch.save({"ganzoo": Hostile()}, file)
    return file.getvalue()


def records(path):
    """Where the records of an archive begin and end, by name."""
    found = {}
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for info in archive.infolist():
            file.seek(info.header_offset + 26)
            start = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
            found[info.filename.partition("/")[2]] = (start, start + info.file_size)
    return found


def test_what_was_written_is_read(written, old):
    content = torch.load(written, weights_only=True)
    assert same(read_checkpoint(written), content)
    assert same(read_checkpoint(old), content)
    assert written.read_bytes()[-71:].startswith(b"ganzoo ")


def test_the_rest_of_the_world_can_read_it(written):
    with zipfile.ZipFile(written) as archive:
        assert archive.testzip() is None
    assert same(torch.load(written, weights_only=True, mmap=True), torch.load(written, weights_only=True))


def flips(path, n, seed=0):
    """Positions of ``n`` bits, half of them outside of the records."""
    size, generator = path.stat().st_size, random.Random(seed)
    inside = np.zeros(size, bool)
    for start, end in records(path).values():
        inside[start:end] = True
    between = np.flatnonzero(~inside).tolist()
    for k in range(n):
        yield (generator.randrange(size) if k % 2 else generator.choice(between)), 1 << generator.randrange(8)


def test_every_flipped_bit_is_found(written, tmp_path):
    data, path = bytearray(written.read_bytes()), tmp_path / "flipped.ckpt"
    for at, bit in flips(written, 300):
        data[at] ^= bit
        path.write_bytes(data)
        data[at] ^= bit
        with pytest.raises(ValueError, match=r"flipped\.ckpt (is cut off|holds pickled)") as error:
            read_checkpoint(path)
        assert "\n" not in str(error.value)


def test_a_flipped_bit_in_an_old_file_is_found_or_changes_nothing(old, tmp_path):
    data, path, expected = bytearray(old.read_bytes()), tmp_path / "flipped.ckpt", read_checkpoint(old)
    accepted = 0
    for at, bit in flips(old, 300):
        data[at] ^= bit
        path.write_bytes(data)
        data[at] ^= bit
        try:
            content = read_checkpoint(path)
        except ValueError:
            continue
        assert same(content, expected)
        assert not any(start <= at < end for start, end in records(old).values())
        accepted += 1
    assert accepted  # of padding and dates


def test_torch_alone_would_not_notice(written, tmp_path):
    data, path = bytearray(written.read_bytes()), tmp_path / "flipped.ckpt"
    start, _ = records(written)["data/0"]
    data[start + 2] ^= 1
    path.write_bytes(data)
    assert not same(torch.load(path, weights_only=True), torch.load(written, weights_only=True))
    with pytest.raises(ValueError, match=r"flipped.ckpt is cut off, damaged or .* \(BadZipFile: Bad CRC-32 for file"):
        read_checkpoint(path)


def test_training_goes_on_only_from_a_whole_checkpoint(written, tmp_path):
    data = bytearray(written.read_bytes())
    start, end = records(written)["data/7"]
    data[(start + end) // 2] ^= 16
    (tmp_path / "flipped.ckpt").write_bytes(data)
    for path, message in ((written, None), (tmp_path / "flipped.ckpt", "Bad CRC-32")):
        runner = trainer(4, tmp_path, callbacks=[Checkpoints()])
        if message:
            with pytest.raises(ValueError, match=message):
                runner.fit(make("NSGAN"), digits(), ckpt_path=path)
        else:
            runner.fit(make("NSGAN"), digits(), ckpt_path=path)
            assert runner.global_step == 4


@pytest.mark.parametrize("damage", [None, "flipped", "hostile"])
def test_a_checkpoint_elsewhere_is_sealed_and_read_as_strictly(damage, written, tmp_path):
    place = f"memory://{tmp_path.name}.ckpt"
    runner = trainer(3, tmp_path)
    runner.fit(make("NSGAN"), datamodule=digits())
    runner.save_checkpoint(place)
    files = fsspec.filesystem("memory")
    data = bytearray(files.cat_file(place))
    assert data[-SEAL:].startswith(MARK)
    data = {None: data, "flipped": data[:-200] + bytes([data[-200] ^ 16]) + data[-199:], "hostile": hostile()}[damage]
    files.pipe_file(place, bytes(data))
    runner = trainer(4, tmp_path)
    if damage:
        with pytest.raises(
            ValueError, match="damaged" if damage == "flipped" else "refused: loading them could run code"
        ):
            runner.fit(make("NSGAN"), datamodule=digits(), ckpt_path=place)
    else:
        runner.fit(make("NSGAN"), datamodule=digits(), ckpt_path=place)
        assert runner.global_step == 4


def rewritten(source, path, change):
    """Write another content, with all that belongs to it."""
    content = torch.load(source, weights_only=True)
    change(content)
    write_checkpoint(content, path)
    return path


def test_numbers_that_belong_to_no_tensor_are_refused_unread(old, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "check_records", lambda path: pytest.fail("they were read"))
    for change in (lambda name, data: data + b"\0" * 8 * name.endswith("data/3"), None):
        path = archive_of(tmp_path / "more.ckpt", old, change or (lambda name, data: data))
        if change is None:
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/data/9999", b"\0" * 8)
        with pytest.raises(
            ValueError, match=r"more.ckpt holds (\d+) bytes of numbers, its tensors \d+, its networks \d+"
        ):
            read_checkpoint(with_tail(path))


def test_far_more_numbers_than_those_of_networks_are_refused(written, tmp_path, monkeypatch):
    rewritten(written, tmp_path / "more.ckpt", lambda c: c["callbacks"].update(mine=torch.zeros(10**5)))
    read_checkpoint(tmp_path / "more.ckpt")
    monkeypatch.setattr(checkpoints, "SPARE", 0)
    monkeypatch.setattr(checkpoints, "TIMES", 4)
    read_checkpoint(written)
    with pytest.raises(ValueError, match=r"more.ckpt holds \d+ bytes of numbers"):
        read_checkpoint(tmp_path / "more.ckpt")


def test_what_does_not_fit_is_refused_before_its_numbers_are_read(written, monkeypatch):
    def refuses(content):
        assert content["state_dict"]["G.net.0.weight"].shape == (16, 4)
        raise ValueError("does not fit")

    monkeypatch.setattr(checkpoints, "check_records", lambda path: pytest.fail("they were read"))
    with pytest.raises(ValueError, match="does not fit"):
        read_checkpoint(written, refuses)


def test_lists_that_hold_themselves_end(written, tmp_path):
    def change(content):
        itself = [1]
        itself.append(itself)
        many = [0]
        for _ in range(40):
            many = [many, many]
        content["callbacks"].update(itself=itself, many=many)
        content["loops"]["many"] = many

    rewritten(written, tmp_path / "itself.ckpt", change)
    assert read_checkpoint(tmp_path / "itself.ckpt")["callbacks"]["itself"][0] == 1


def weight(content, value):
    content["state_dict"]["G.net.0.weight"][1, 2] = value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value, written, tmp_path):
    path = rewritten(written, tmp_path / "nan.ckpt", lambda content: weight(content, value))
    for read in (read_checkpoint, ganzoo.load):
        with pytest.raises(ValueError, match=r"nan.ckpt: G.net.0.weight holds NaN or infinite numbers"):
            read(path)


def test_large_weights_whose_sum_is_infinite_are_numbers(written, tmp_path):
    path = rewritten(written, tmp_path / "large.ckpt", lambda c: c["state_dict"]["G.net.0.weight"].fill_(3e38))
    assert read_checkpoint(path)["state_dict"]["G.net.0.weight"].max() > 2e38


def spread(content):
    content["state_dict"]["G.net.0.weight"] = torch.zeros(1).expand(10**6, 10**6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spread, "G.net.0.weight repeats the numbers in the file, which no weight does"),
        (lambda c: c["state_dict"].update(x=3), "x is no tensor of numbers"),
        (lambda c: c["state_dict"].update(x=torch.zeros(3, device="meta")), "x is no tensor of numbers"),
        (lambda c: c.update(state_dict=[]), "was not written by a ganzoo game"),
        (lambda c: c.pop("ganzoo") and None, "was not written by a ganzoo game"),
        (lambda c: [c], "was not written by a ganzoo game"),
        (lambda c: c["ganzoo"].pop("batches") and None, "was not written by a ganzoo game: batches is 'None'"),
        (lambda c: c["ganzoo"].update(model="x"), "was not written by a ganzoo game: model is 'x'"),
        (lambda c: c["ganzoo"].update(data=[]), r"was not written by a ganzoo game: data is '\[\]'"),
        (lambda c: c["ganzoo"].update(seed="1"), "was not written by a ganzoo game: seed is '1'"),
        (lambda c: c.update(loops=3), "was not written by a ganzoo game: its loops have counted wrongly"),
        (lambda c: c["loops"]["fit_loop"]["epoch_progress"]["total"].update(ready="1"), "was not .* counted wrongly"),
        (lambda c: c["loops"]["fit_loop"]["epoch_progress"].update(total=[]), "was not .* counted wrongly"),
        (lambda c: c["loops"]["fit_loop"].update(a=[{"b": {"current": {"x": -1}}}]), "was not .* counted wrongly"),
        (lambda c: c["ganzoo"].update(extra=torch.zeros(1)), "describes no game: a Tensor is no plain value"),
        (lambda c: c["ganzoo"].update(extra=list(range(30_000))), "describes no game: more than"),
    ],
)
def test_what_no_game_writes_is_refused(change, message, written, tmp_path):
    content = torch.load(written, weights_only=True)
    changed = change(content)
    torch.save(changed if isinstance(changed, list) else content, tmp_path / "odd.ckpt")
    with pytest.raises(ValueError, match=f"odd.ckpt:? {message}"):
        read_checkpoint(tmp_path / "odd.ckpt")


class Grows:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("call", [bytearray, torch.Tensor, torch.FloatTensor])
def test_a_pickle_that_takes_memory_is_refused(call, tmp_path):
    torch.save({"ganzoo": {}, "state_dict": {}, "x": Grows(call, 10)}, tmp_path / "grows.ckpt")
    torch.load(tmp_path / "grows.ckpt", weights_only=True)  # torch allows it
    with pytest.raises(ValueError, match=r"grows.ckpt is cut off.*\(ValueError: it makes objects of any size\)"):
        read_checkpoint(tmp_path / "grows.ckpt")


def archive_of(path, source, change=lambda name, data: data, **kwargs):
    """Write the records of a checkpoint again with Python."""
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(path, "w", **kwargs) as write:
        for info in read.infolist():
            write.writestr(info.filename, change(info.filename, read.read(info)))
    return path


def test_an_archive_that_torch_has_not_written_is_refused(written, tmp_path):
    for name, kwargs in (("stored", {}), ("packed", {"compression": zipfile.ZIP_DEFLATED})):
        path = archive_of(tmp_path / f"{name}.ckpt", written, **kwargs)
        with pytest.raises(ValueError, match=r"is cut off, damaged or .*\(ValueError: its end is missing\)"):
            read_checkpoint(path)


def with_tail(path):
    """Give an archive the last records that torch writes."""
    data = path.read_bytes()
    end = list(struct.unpack("<4sHHHHIIH", data[-22:]))
    at = len(data) - 22
    long = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 0, 0, 0, 0, end[3], end[4], end[5], end[6])
    path.write_bytes(data[:-22] + long + struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1) + data[-22:])
    return path


def test_a_compressed_archive_is_refused_before_it_is_unpacked(old, tmp_path):
    def change(name, data):
        return b"\0" * 10**9 if name.endswith("data/0") else data

    path = archive_of(tmp_path / "bomb.ckpt", old, change, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    assert with_tail(path).stat().st_size < 10**7
    with pytest.raises(ValueError, match="its records are compressed"):
        read_checkpoint(path)
    stored = with_tail(archive_of(tmp_path / "stored.ckpt", old))
    assert same(read_checkpoint(stored), read_checkpoint(old))  # it is the compression that was refused


def test_more_plain_values_than_a_game_has_are_refused_unread(old, tmp_path):
    content = {**torch.load(old, weights_only=True), "callbacks": {"mine": list(range(10**6))}}
    torch.save(content, tmp_path / "long.ckpt")
    with pytest.raises(ValueError, match=r"\d+ bytes of plain values") as error:
        read_checkpoint(tmp_path / "long.ckpt")
    assert int(str(error.value).split("(ValueError: ")[1].split()[0]) > PICKLE


@pytest.mark.parametrize("name", ["its directory is not where", "its directory is wrong"])
def test_a_directory_that_lies_is_refused(name, old, tmp_path):
    data = bytearray(old.read_bytes())
    if "not where" in name:
        data = bytearray(b"x" * 7) + data  # Python's reader would forgive it
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(old) as read, zipfile.ZipFile(tmp_path / "twice.ckpt", "w") as write:
                for info in [*read.infolist(), read.infolist()[0]]:
                    write.writestr(info.filename, read.read(info))
        data = bytearray(with_tail(tmp_path / "twice.ckpt").read_bytes())
    (tmp_path / "lies.ckpt").write_bytes(data)
    with pytest.raises(ValueError, match=name):
        read_checkpoint(tmp_path / "lies.ckpt")


def test_more_plain_values_than_can_be_read_are_not_written(old, tmp_path):
    content = {**torch.load(old, weights_only=True), "callbacks": {"mine": list(range(10**6))}}
    with pytest.raises(ValueError, match=r"the state of callbacks is too long: \d+ bytes .* keep numbers in tensors"):
        write_checkpoint(content, tmp_path / "long.ckpt")


def test_a_directory_larger_than_any_is_not_read(old, tmp_path):
    data = old.read_bytes()
    tail = list(TAIL.unpack(data[-TAIL.size :]))
    tail[6] = tail[7] = 10**9
    tail[17] = tail[18] = 2**16 - 1
    (tmp_path / "many.ckpt").write_bytes(data[: -TAIL.size] + TAIL.pack(*tail))
    with pytest.raises(ValueError, match="its directory is not where it should be"):
        read_checkpoint(tmp_path / "many.ckpt")


def test_a_pickle_is_told_from_damage(tmp_path):
    (tmp_path / "bare.ckpt").write_bytes(pickle.dumps({"ganzoo": OrderedDict()}))
    with pytest.raises(ValueError, match="holds pickled objects and was refused"):
        read_checkpoint(tmp_path / "bare.ckpt")
    os.truncate(tmp_path / "bare.ckpt", 0)
    with pytest.raises(ValueError, match="its end is missing"):
        read_checkpoint(tmp_path / "bare.ckpt")
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_checkpoint(tmp_path / "nowhere.ckpt")


def test_the_seal_is_cheap(written, monkeypatch, tmp_path):
    """It reads what lies between the records, not the records."""
    read, hashed = checkpoints._between, []
    monkeypatch.setattr(checkpoints, "_between", lambda *args: hashed.extend(read(*args)) or hashed)
    content = {"state_dict": {"w": torch.zeros(10**6)}}
    write_checkpoint(content, tmp_path / "x.ckpt")
    assert sum(last - first for first, last in hashed) < 3000

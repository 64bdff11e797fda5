import hashlib
import io
import zipfile
from http.client import IncompleteRead

import numpy as np
import pytest
from PIL import Image

from ganzoo.cli import main
from ganzoo.cli.verbs import FETCHABLE
from ganzoo.data import Unpaired, cyclegan_sets, fetch, torchvision_sets


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that stands for the server, with a set of two pictures a side, of which the checksum is known."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for k, folder in enumerate(("trainA", "trainB", "testA", "testB")):
            for i in range(2):
                picture = io.BytesIO()
                Image.fromarray(np.full((8, 8, 3), 10 * k + i, dtype=np.uint8)).save(picture, "png")
                archive.writestr(f"horse2zebra/{folder}/{i}.png", picture.getvalue())
    server = tmp_path / "server"
    server.mkdir()
    (server / "horse2zebra.zip").write_bytes(file.getvalue())
    monkeypatch.setattr(cyclegan_sets, "ADDRESSES", ((tmp_path / "gone").as_uri(), server.as_uri()))
    known = len(file.getvalue()), hashlib.sha256(file.getvalue()).hexdigest()
    monkeypatch.setitem(cyclegan_sets.SETS, "horse2zebra", known)
    return server / "horse2zebra.zip"


def test_a_set_is_fetched_checked_and_read_as_it_is(served, tmp_path, capsys):
    assert main(["fetch", "horse2zebra", "--root", str(tmp_path / "data")]) == 0
    place = tmp_path / "data" / "cyclegan" / "horse2zebra.zip"
    assert capsys.readouterr().out == f"{place}\n"
    assert place.read_bytes() == served.read_bytes()
    data = Unpaired(root=str(place), size=8, num_workers=0, val_fraction=0)
    for split, values in (("train", ([10, 11], [0, 1])), ("test", ([30, 31], [20, 21]))):
        assert tuple(sorted(side[:, 0, 0, 0].tolist()) for side in data.sides(split)) == values


def test_what_is_there_is_not_fetched_again(served, tmp_path):
    place = fetch("horse2zebra", str(tmp_path / "data"))
    size = place.stat().st_size
    served.unlink()
    assert fetch("horse2zebra", str(tmp_path / "data")) == place
    place.write_bytes(place.read_bytes()[: size // 2])
    with pytest.raises(ConnectionError, match="horse2zebra cannot be fetched"):
        fetch("horse2zebra", str(tmp_path / "data"))


def test_another_file_is_refused_and_nothing_is_left(served, tmp_path):
    served.write_bytes(served.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"^what came as horse2zebra has sha256 [0-9a-f]{64}, not .*: fetch it again$"):
        fetch("horse2zebra", str(tmp_path / "data"))
    assert not list((tmp_path / "data" / "cyclegan").iterdir())


def test_no_answer_names_every_address(tmp_path, monkeypatch):
    monkeypatch.setattr(cyclegan_sets, "ADDRESSES", ((tmp_path / "one").as_uri(), (tmp_path / "two").as_uri()))
    with pytest.raises(ConnectionError, match=r"^maps cannot be fetched \(file:.*/one: .*; file:.*/two: .*try again"):
        fetch("maps", str(tmp_path))


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), IncompleteRead(b"")])
def test_a_broken_connection_is_no_full_disk(error, tmp_path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, n):
            raise error

    monkeypatch.setattr(cyclegan_sets, "opened", lambda name: Broken())
    with pytest.raises(ValueError, match=r"^the download of maps broke off \(.*\): fetch it again$"):
        fetch("maps", str(tmp_path))
    assert not list((tmp_path / "cyclegan").iterdir())


def test_the_command_line_knows_what_can_be_fetched():
    assert sorted(FETCHABLE) == sorted([*(cls.name for cls in torchvision_sets.FETCHABLE), *cyclegan_sets.SETS])
    assert all(len(digest) == 64 and size > 10**7 for size, digest in cyclegan_sets.SETS.values())

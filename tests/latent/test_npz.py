"""Latents in files come back as they were, and nothing is unpickled."""

import pickle

import numpy as np
import pytest
import torch

from ganzoo.latent.npz import load_latents, save_latents
from ganzoo.priors import Normal

RAN = []


class Runs:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("import tests.latent.test_files as t; t.RAN.append(1)",))


@pytest.fixture
def file(tmp_path):
    return save_latents(tmp_path / "z.npz", Normal(4).seeded(range(50)), y=torch.arange(50))


def test_latents_and_arrays_come_back(tmp_path):
    z = Normal(4).seeded(range(3))
    path = save_latents(tmp_path / "new" / "z.npz", z, y=torch.tensor([1, 0, 2]), files=["a.png", "b.png", "c.png"])
    got = load_latents(path, dim=4)
    assert torch.equal(got.z, z)
    assert got.extra["y"].tolist() == [1, 0, 2]
    assert got.extra["files"].tolist() == ["a.png", "b.png", "c.png"]
    assert sorted(got.extra) == ["files", "y"]
    assert torch.equal(load_latents(save_latents(path, z.double().requires_grad_())).z, z)
    assert [p.name for p in path.parent.iterdir()] == ["z.npz"]


def test_the_same_latents_are_the_same_bytes(file, tmp_path):
    again = save_latents(tmp_path / "again.npz", load_latents(file).z, y=load_latents(file).extra["y"])
    assert file.read_bytes() == again.read_bytes()


def test_what_cannot_be_written_leaves_the_old_file(file):
    before = file.read_bytes()
    for z in (torch.zeros(3), torch.zeros(3, 4).long()):
        with pytest.raises(ValueError, match=r"z must be floating point of shape \[N, dim\], got"):
            save_latents(file, z)
    with pytest.raises(ValueError, match=r"z must be finite, got inf or nan in rows \[1, 2\]"):
        save_latents(file, torch.tensor([[0.0, 1.0], [torch.nan, 0.0], [0.0, torch.inf]]))
    with pytest.raises(ValueError, match="y must be numbers or text, which need no pickle, got object"):
        save_latents(file, torch.zeros(1, 4), y=[Runs()])
    assert file.read_bytes() == before


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no latents at .*nothing.npz"):
        load_latents(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": np.zeros((2, 4))}, r"must hold latents z, \[N, dim\], holds \['w'\]"),
        ({"z": np.zeros((2, 5))}, r"z must be floating point of shape \[N, 4\], got torch.float32 \[2, 5\]"),
        ({"z": np.zeros(4)}, r"z must be floating point of shape \[N, 4\], got torch.float32 \[4\]"),
        ({"z": np.zeros((2, 4), dtype=int)}, "z must be floating point, got int64"),
        ({"z": np.array([["a"] * 4])}, "z must be floating point, got <U1"),
        ({"z": np.array([[1.0, 2.0, 3.0, np.inf]])}, r"z must be finite, got inf or nan in rows \[0\]"),
        ({"z": np.array([[1.0, 2.0, 1e300, 3.0]])}, r"z must be finite, got inf or nan in rows \[0\]"),
        ({"z": np.zeros((2, 4)), "y": np.array([None, Runs()])}, "is damaged, cut off, or no npz without pickle"),
    ],
)
def test_wrong_content_is_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "z.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_latents(tmp_path / "z.npz", dim=4)
    assert not RAN


@pytest.mark.parametrize("write", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))], ids=["torch", "pickle"])
def test_a_pickle_is_refused_unread(write, tmp_path):
    write(Runs(), tmp_path / "z.npz")
    with pytest.raises(ValueError, match=r"z.npz (is damaged, cut off, or no npz without pickle|must hold latents z)"):
        load_latents(tmp_path / "z.npz")
    assert not RAN


def test_an_array_alone_is_refused(tmp_path):
    np.save(tmp_path / "z.npy", np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"z.npy must hold latents z, \[N, dim\], holds one array"):
        load_latents(tmp_path / "z.npy")


def test_every_cut_is_found(file, tmp_path):
    data = file.read_bytes()
    for size in range(0, len(data), 37):
        (tmp_path / "cut.npz").write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"cut.npz is damaged, cut off, or no npz"):
            load_latents(tmp_path / "cut.npz")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_flipped_byte_is_found_or_is_not_in_the_latents(write, file):
    write(file, z=load_latents(file).z.numpy())
    expected, data = load_latents(file).z, file.read_bytes()
    found = 0
    for position in range(0, len(data), 11):
        damaged = bytearray(data)
        damaged[position] ^= 8
        file.write_bytes(damaged)
        try:
            assert torch.equal(load_latents(file).z, expected)
        except ValueError:
            found += 1
    assert found > len(data) / 11 / 2

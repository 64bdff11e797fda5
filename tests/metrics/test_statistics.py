"""Files of statistics that a user names: which are taken, for whom, and what is said of all others."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

from ganzoo.metrics.features import Raw, file_sha256
from ganzoo.metrics.inception import InceptionV3
from ganzoo.metrics.references import Reference, reference_of
from ganzoo.metrics.statistics import known_origin, read_statistics

D = 6
X = torch.randn(40, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
MU, SIGMA = X.mean(0).numpy(), torch.cov(X.T).numpy()
ORIGIN = {"data": "Made", "split": "train", "pixels": "p", "shape": [D]}


def of_inception(dim=D):
    """Inception without a network: only its name and size matter here."""
    extractor = object.__new__(InceptionV3)
    extractor.id, extractor.dim, extractor.official, extractor.sha256 = "inception-2015-12-05", dim, True, "6726825d"
    return extractor


def ours(path, **changes):
    """Write a file as ``ganzoo reference`` does, with some other entries of meta."""
    made = reference_of([X.float()], Raw(D), ORIGIN, keep=0)
    Reference(made.mu, made.sigma, made.n, meta=made.meta | changes).save(path)
    return made


def refused(path, extractor=None):
    """Return the one line that a file is refused with."""
    with pytest.raises(ValueError, match=path.name) as error:
        read_statistics(path, extractor or of_inception())
    line = str(error.value)
    assert "\n" not in line
    assert line.endswith("; `ganzoo reference --help` says how a file of statistics is made")
    return line


@pytest.mark.parametrize(
    ("name", "save", "extra"),
    [
        ("cifar10_train.npz", np.savez, {}),  # pytorch-fid, EDM
        ("ffhq_clean_trainfull_1024.npz", np.savez_compressed, {}),  # clean-fid
        ("VIRTUAL_imagenet256.npz", np.savez, {"arr_0": np.zeros((9, 9)), "mu_s": np.array([object()])}),  # ADM
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_foreign_files_are_taken_for_inception(tmp_path, name, save, extra, dtype):
    path = tmp_path / name
    save(path, mu=MU.astype(dtype), sigma=SIGMA.astype(dtype), **extra)
    found = read_statistics(path, of_inception())
    assert torch.equal(found.mu, torch.from_numpy(MU.astype(dtype)).double())
    assert torch.equal(found.sigma, torch.from_numpy(SIGMA.astype(dtype)).double())
    assert found.meta == {"file": name, "file_sha256": file_sha256(path)}
    assert (found.n, found.features, known_origin(found)) == (None, None, False)


def test_a_foreign_file_is_taken_for_nobody_else(tmp_path):
    np.savez(tmp_path / "f.npz", mu=MU, sigma=SIGMA)
    line = refused(tmp_path / "f.npz", Raw(D))
    assert "f.npz does not name its extractor, so it is taken for Inception's, not for raw: add --evaluate.ext" in line


def test_a_file_of_ours_says_where_it_is_from(tmp_path):
    made = ours(tmp_path / "r.npz")
    found = read_statistics(tmp_path / "r.npz", Raw(D))
    assert torch.equal(found.mu, made.mu)
    assert torch.equal(found.sigma, made.sigma)
    assert (found.n, found.features, known_origin(found)) == (40, None, True)
    assert found.meta.items() >= {**ORIGIN, "extractor": "raw", "file": "r.npz"}.items()


@pytest.mark.parametrize(("mine", "theirs"), [(D, 2048), (2048, 64)])
def test_another_number_of_features_is_refused_with_both(tmp_path, mine, theirs):
    np.savez(tmp_path / "f.npz", mu=np.zeros(theirs), sigma=np.eye(theirs))
    line = refused(tmp_path / "f.npz", of_inception(mine))
    assert f"of another extractor: mu is [{theirs}], inception-2015-12-05 has {mine} features" in line
    ours(tmp_path / "r.npz")
    assert f"mu is [{D}], raw has {D + 1} features; choose the one that made it by --evaluate.extractor" in refused(
        tmp_path / "r.npz", Raw(D + 1)
    )


@pytest.mark.parametrize("changes", [{}, {"verified": False}])
def test_a_file_of_another_extractor_of_the_same_size_is_refused(tmp_path, changes):
    ours(tmp_path / "r.npz", **changes)
    assert "made for extractor 'raw', and extractor 'inception-2015-12-05' is needed" in refused(tmp_path / "r.npz")
    ours(tmp_path / "r.npz", extractor="inception-2015-12-05", family="A", **changes)
    assert "made for extractor_sha256 '', and extractor_sha256 '6726825d' is needed" in refused(tmp_path / "r.npz")
    ours(tmp_path / "r.npz", extractor="inception-2015-12-05", extractor_sha256="6726825d", family="A", **changes)
    assert known_origin(read_statistics(tmp_path / "r.npz", of_inception()))


def at(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"sigma": at(SIGMA, (0, 1), 9.0)}, "sigma is not symmetric"),
        ({"sigma": at(SIGMA, (0, 0), -9.0)}, "sigma is no covariance"),
        ({"sigma": at(SIGMA, (2, 2), np.nan)}, "mu and sigma must be finite"),
        ({"mu": at(MU, 1, np.inf)}, "mu and sigma must be finite"),
        ({"mu": MU.astype(int)}, "mu must be float64, got int64"),
        ({"sigma": SIGMA.astype(np.float16)}, "sigma must be float64, got float16"),
        ({"sigma": SIGMA.astype(complex)}, "sigma must be float64, got complex128"),
        ({"sigma": SIGMA.astype(">f8")}, "sigma must be float64, got >f8"),
        ({"sigma": SIGMA[:2]}, "expected mu [d] and sigma [d, d], got [6] and [2, 6]"),
        ({"mu": MU[None]}, "mu is [1, 6], inception-2015-12-05 has 6 features"),
        ({"mu": np.float64(3)}, "mu is [], inception"),
        ({"mu": None}, "must hold mu and sigma, lacks mu"),
        ({"mu": None, "sigma": None, "feats": X.numpy()}, "must hold mu and sigma, lacks mu"),  # clean-fid's KID
        ({"mu": np.array([object()])}, "is damaged, cut off, or no npz without pickle;"),
        ({"n": np.array(1)}, "n must be a number of images, at least 2, got array(1)"),
        ({"n": np.arange(3)}, "n must be a number of images"),
        ({"n": np.array("many")}, "n must be a number of images"),
        ({"sigma": np.zeros((4096, 4096))}, "sigma has 134217856 bytes, more than 4384"),
        ({"mu": np.zeros(2**20)}, "mu has 8388736 bytes, more than 2097152"),
        ({"meta": np.array("x" * 2**17)}, "meta has 524416 bytes, more than 65536"),
        ({"meta": np.array("{")}, "meta is not JSON"),
        ({"meta": np.array("[" * 9999)}, "meta"),
        ({"meta": np.array('{"family": ["A"]}')}, "meta names no known preprocessing family"),
        ({"meta": np.array('{"family": "A"}')}, "meta must name its data in at most 200 letters, got None"),
    ],
)
def test_what_is_no_mean_and_covariance_is_one_line(tmp_path, arrays, message):
    given = {"mu": MU, "sigma": SIGMA} | arrays
    np.savez_compressed(tmp_path / "f.npz", **{name: value for name, value in given.items() if value is not None})
    assert message in refused(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "\x1b[2J"}, "meta must name its data in at most 200 letters, got '\\x1b[2J'"),
        ({"data": "x" * 201}, "meta must name its data"),
        ({"split": 3}, "meta must name its split in at most 200 letters, got 3"),
        ({"extractor": None}, "meta must name its extractor"),
        ({"shape": "1 x 8 x 8"}, "meta must hold the shape of an image"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path, changes, message):
    ours(tmp_path / "r.npz", **changes)
    assert message in refused(tmp_path / "r.npz", Raw(D))


class Touch:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def packed(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_npy", ".npy"), data)
    return buffer.getvalue()


HEADER = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(
    118
)


@pytest.mark.parametrize("name", ["img512.pkl", "stats.npz"])
def test_pickles_are_refused_and_never_run(tmp_path, name):
    """EDM2 and StyleGAN3 write such files."""
    (tmp_path / name).write_bytes(pickle.dumps({"fid": {"mu": MU, "sigma": SIGMA}, "x": Touch(tmp_path / "ran")}))
    line = refused(tmp_path / name)
    assert f"{name} is a pickle, which could run code when it is read" in line
    assert "numpy.savez(FILE, mu=mu, sigma=sigma)" in line
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no npz without pickle"),
        (b"hello", "is no npz without pickle"),
        (b"\x93NUMPY", "is no npz without pickle"),
        (b"PK hello", "is damaged, cut off, or no npz without pickle"),
        (packed(mu_npy=HEADER, sigma_npy=HEADER), "is damaged, cut off, or no npz without pickle"),
        (packed(mu=b"hello", sigma=b"hello"), "mu must be float64, got |S5"),
        (packed(model="x" * 9), "must hold mu and sigma, lacks mu"),
    ],
)
def test_what_is_no_npz_is_one_line(tmp_path, data, message):
    (tmp_path / "f.npz").write_bytes(data)
    assert message in refused(tmp_path / "f.npz")


def test_a_cut_file_a_folder_and_none_are_one_line(tmp_path):
    ours(tmp_path / "r.npz")
    (tmp_path / "r.npz").write_bytes((tmp_path / "r.npz").read_bytes()[:-9])
    assert "is damaged, cut off, or no npz" in refused(tmp_path / "r.npz", Raw(D))
    assert "cannot be read: Is a directory" in refused(tmp_path)
    assert "no reference statistics at " in refused(tmp_path / "none.npz")


def test_what_is_written_is_plain(tmp_path):
    ours(tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz", allow_pickle=False) as file:
        assert set(file.files) == {"mu", "sigma", "meta", "n"}
        assert file["mu"].dtype == file["sigma"].dtype == np.float64
        assert json.loads(str(file["meta"])).items() >= ORIGIN.items()

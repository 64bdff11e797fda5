import json
import os

import numpy as np
import pytest
import torch

from ganzoo.metrics import references
from ganzoo.metrics.features import Raw
from ganzoo.metrics.references import Reference, cache_key, pixel_hash, reference_of

META = {"family": "raw", "extractor": "raw", "resolution": [1, 2, 2]}


def images(n=40, seed=0):
    return torch.randint(0, 256, (n, 1, 2, 2), generator=torch.Generator().manual_seed(seed)).byte()


def small(**changes):
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    values = {"mu": x.mean(0).double(), "sigma": torch.cov(x.T.double()), "n": 20}
    return Reference(**(values | {"features": x, "meta": META} | changes))


def counting(blocks, seen):
    for block in blocks:
        seen.append(len(block))
        yield block


def test_statistics_are_those_of_numpy():
    x = images()
    reference = reference_of(x.split(7), Raw(4), {"pixels": pixel_hash(x)})
    flat = x.flatten(1).numpy() / 127.5 - 1
    np.testing.assert_allclose(reference.mu.numpy(), flat.mean(0), rtol=0, atol=1e-7)
    np.testing.assert_allclose(reference.sigma.numpy(), np.cov(flat, rowvar=False), rtol=0, atol=1e-7)
    assert reference.n == 40
    assert reference.mu.dtype == reference.sigma.dtype == torch.float64
    assert torch.equal(reference.features, Raw(4)(x).features)


@pytest.mark.parametrize(("keep", "kept"), [(0, None), (1, 1), (10, 10), (40, 40), (50_000, 40)])
def test_only_the_first_features_are_kept(keep, kept):
    x = images()
    features = reference_of(x.split(7), Raw(4), {"pixels": "p"}, keep=keep).features
    assert (None if features is None else len(features)) == kept
    assert features is None or torch.equal(features, Raw(4)(x).features[:keep])


def test_file_round_trip(tmp_path):
    reference = small(logits=torch.ones(20, 2), labels=torch.arange(20))
    reference.save(tmp_path / "r.npz")
    again = Reference.load(tmp_path / "r.npz", expect={"family": "raw", "resolution": (1, 2, 2), "dim": 3})
    for name in ("mu", "sigma", "features", "logits", "labels"):
        assert torch.equal(getattr(again, name), getattr(reference, name))
        assert getattr(again, name).dtype == getattr(reference, name).dtype
    assert (again.n, again.meta) == (20, META)


def test_file_can_be_read_as_pytorch_fid_does(tmp_path):
    reference = small()
    reference.save(tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz") as file:
        mu, sigma = file["mu"][:], file["sigma"][:]
        assert json.loads(str(file["meta"])) == META
        assert file["n"] == 20
        assert file["feats"].dtype == np.float32
    np.testing.assert_array_equal(mu, reference.mu.numpy())
    np.testing.assert_array_equal(sigma, reference.sigma.numpy())


def test_a_file_that_says_nothing_of_itself_is_no_reference_of_ours(tmp_path):
    np.savez(tmp_path / "f.npz", mu=small().mu, sigma=small().sigma)
    with pytest.raises(ValueError, match="does not say how it was made"):
        Reference.load(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [("family", "A"), ("extractor", "mnist-lenet64.v1"), ("resolution", [1, 8, 8]), ("pixels", "a")],
)
def test_reference_of_something_else_is_refused(tmp_path, name, value):
    small().save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match=f"made for {name} .*and {name} .* is needed") as error:
        Reference.load(tmp_path / "r.npz", expect=META | {name: value})
    assert repr(value) in str(error.value)
    assert repr(META.get(name)) in str(error.value)


def with_entry(sigma, row, column, value):
    sigma = sigma.clone()
    sigma[row, column] = value
    return sigma


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": with_entry(small().sigma, 0, 1, 9.0)}, "not symmetric"),
        ({"sigma": with_entry(small().sigma, 0, 0, -1.0)}, "no covariance, its smallest eigenvalue is -1"),
        ({"sigma": with_entry(small().sigma, 0, 0, float("nan"))}, "must be finite"),
        ({"sigma": small().sigma[:2]}, r"sigma \[d, d\], got \[3\] and \[2, 3\]"),
        ({"features": torch.zeros(5, 4)}, "mu has 3 features, feats 4"),
        ({"meta": META | {"dim": 7}}, "mu has 3 features, feats 3, meta 7"),
    ],
)
def test_impossible_statistics_are_refused_in_both_directions(tmp_path, changes, message, monkeypatch):
    with pytest.raises(ValueError, match=message):
        small(**changes).save(tmp_path / "r.npz")
    assert not list(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(references, "check_statistics", lambda *_: None)
        small(**changes).save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match=message):
        Reference.load(tmp_path / "r.npz")


def test_rounding_below_zero_is_accepted(tmp_path):
    sigma = torch.diag(torch.tensor([1.0, 1.0, -1e-8], dtype=torch.float64))
    small(sigma=sigma).save(tmp_path / "r.npz")
    assert torch.equal(Reference.load(tmp_path / "r.npz").sigma, sigma)


def test_meta_must_be_plain(tmp_path):
    with pytest.raises(ValueError, match="plain values only"):
        small(meta={"family": object()}).save(tmp_path / "r.npz")


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "p.npz", mu=np.array([object()]), sigma=np.eye(1))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    np.savez(tmp_path / "no.npz", mu=np.zeros(2))
    for name, message in {
        "p": "without pickle",
        "junk": "without pickle",
        "no": "lacks",
        "none": "no reference",
    }.items():
        with pytest.raises(ValueError, match=message) as error:
            Reference.load(tmp_path / f"{name}.npz")
        assert "allow_pickle" not in str(error.value), "no library's advice to run what a file holds"


def test_cache_answers_without_touching_the_images(tmp_path):
    x, seen, done = images(), [], []
    meta = {"pixels": pixel_hash(x), "dataset": "made"}
    first = reference_of(counting(x.split(16), seen), Raw(4), meta, tmp_path, done.append)
    assert (seen, done) == ([16, 16, 8], [16, 32, 40])
    second = reference_of(counting(x.split(16), seen), Raw(4), meta, tmp_path, done.append)
    assert (len(seen), len(done)) == (3, 3)
    assert torch.equal(first.sigma, second.sigma)
    assert first.meta == second.meta
    assert first.meta["extractor"] == "raw"
    other = images(seed=1)
    third = reference_of(other.split(16), Raw(4), meta | {"pixels": pixel_hash(other)}, tmp_path)
    assert not torch.equal(third.mu, first.mu)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "flip", "text", "foreign"])
def test_damaged_cache_is_computed_anew(tmp_path, damage):
    x = images()
    first = reference_of([x], Raw(4), {"pixels": "p"}, tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    where = content.index(first.mu.numpy().tobytes())
    flipped = content[:where] + bytes([content[where] ^ 1]) + content[where + 1 :]
    ruined = {"empty": b"", "cut": content[: len(content) // 2], "flip": flipped, "text": b"hello"}
    if damage == "foreign":
        np.savez(path, mu=np.zeros(4), sigma=np.eye(4))
    else:
        path.write_bytes(ruined[damage])
    with pytest.warns(UserWarning, match="computed anew"):
        again = reference_of([x], Raw(4), {"pixels": "p"}, tmp_path)
    assert torch.equal(again.sigma, first.sigma)
    assert path.read_bytes() == content


@pytest.mark.parametrize("where", ["savez", "replace"])
def test_a_broken_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch, where):
    path = tmp_path / "r.npz"
    small().save(path)
    old = path.read_bytes()

    def fail(file, *args, **kwargs):
        if where == "savez":
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np if where == "savez" else os, where, fail)
    with pytest.raises(OSError, match="disk full"):
        small(n=21).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_reference_needs_a_hash_and_images():
    with pytest.raises(ValueError, match="pixels, the hash of the images"):
        reference_of([images()], Raw(4), {"dataset": "made"})
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        reference_of([images(1)], Raw(4), {"pixels": "p"})


def test_cache_key_is_that_of_the_content():
    assert cache_key({"a": 1, "b": [2]}) == cache_key({"b": [2], "a": 1})
    assert cache_key({"a": 1}) != cache_key({"a": 2})
    assert cache_key({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_pixel_hash_knows_pixels_and_shape():
    x = images()
    changed = x.clone()
    changed[3, 0, 1, 1] ^= 1
    assert pixel_hash(x) == pixel_hash(x.split(7)) == pixel_hash(x.clone())
    assert len({pixel_hash(value) for value in (x, changed, x.reshape(-1, 1, 1, 4), x.flip(0))}) == 4
    with pytest.raises(ValueError, match="same shape"):
        pixel_hash([x, x.reshape(-1, 1, 1, 4)])

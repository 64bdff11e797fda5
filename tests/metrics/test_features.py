import hashlib
import io
import pickle
import shutil
import subprocess
import sys
import textwrap
import zipfile
from types import SimpleNamespace

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import softmax

from ganzoo.callbacks.evaluate import default_extractor
from ganzoo.config import Configurable, build
from ganzoo.metrics import inception, lenet
from ganzoo.metrics.features import Raw, Shrunk, full_precision, operations_with_precision
from ganzoo.metrics.frechet import frechet
from ganzoo.metrics.inception import InceptionV3
from ganzoo.metrics.lenet import SHA256, WEIGHTS, LeNet64, as_mnist
from ganzoo.metrics.moments import Moments


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory):
    """The real Inception architecture with random weights, saved as torch-fidelity saves them."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Bare(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, strict=True, assign=False):
            return None

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Bare("made", ["2048"], empty)
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.001, 0.01)
    path = tmp_path_factory.mktemp("weights") / "made.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def made(made_weights):
    torch.manual_seed(3)
    extractor = InceptionV3(str(made_weights))
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(3)))
    return extractor


def noise(n, channels, size, seed=0):
    return torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(seed)).byte()


def sklearn_digits():
    digits = load_digits()
    images = torch.tensor(digits.images).mul(255 / 16).round().byte().unsqueeze(1)
    return images, torch.tensor(digits.target)


def test_inception_equals_torch_fidelity(made, made_weights):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    images = noise(3, 3, 32)
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], str(made_weights)).eval()
    features, logits = theirs(images)
    ours = made(images)
    assert ours.features.shape == (3, 2048)
    assert ours.logits.shape == (3, 1008)
    assert features.std(dim=0).mean() > 1e-3
    torch.testing.assert_close(ours.features, features, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.logits, logits, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_frechet_distance_of_inception_features_is_torch_fidelitys(made, made_weights):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    d = 6  # of the 2048: fewer than the 8 images, so that the matrix whose root they take has full rank
    sets = noise(8, 3, 32), noise(8, 3, 32, seed=1) // 2
    theirs = FeatureExtractorInceptionV3("theirs", ["2048"], str(made_weights)).eval()
    statistics = [fid_features_to_statistics(theirs(x)[0][:, :d].double()) for x in sets]
    expected = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    a, b = Moments(d), Moments(d)
    for moments, images in zip((a, b), sets, strict=True):
        moments.update(made(images).features[:, :d])
    assert frechet(a.mean, a.cov(), b.mean, b.cov(), n1=a.n, n2=b.n) == pytest.approx(expected, rel=1e-6)


def torchvisions(**kwargs):
    """Return torchvision's Inception v3 without numbers."""
    from torchvision.models import inception_v3

    with torch.device("meta"):
        return inception_v3(weights=None, init_weights=False, **kwargs)


@pytest.mark.parametrize("counts", [True, False], ids=["of new torch", "of old torch"])
def test_pytorch_fids_file_gives_the_same_features_bit_for_bit(made, made_weights, tmp_path, counts):
    """pytorch-fid's network is torchvision's with 1008 classes; its file is older than BatchNorm's counts."""
    network = torchvisions(num_classes=1008, aux_logits=False)
    network.load_state_dict(torch.load(made_weights, weights_only=True), assign=True)
    state = network.state_dict()
    for name in [name for name in state if name.endswith("num_batches_tracked") and not counts]:
        del state[name]
    assert next(iter(state)) == "Conv2d_1a_3x3.conv.weight"
    assert (len(state), list(state["fc.weight"].shape)) == (566 if counts else 472, [1008, 2048])
    torch.save(state, tmp_path / "pt_inception.pth", _use_new_zipfile_serialization=counts)
    images = noise(2, 3, 32)
    theirs = InceptionV3(str(tmp_path / "pt_inception.pth"))(images)
    assert torch.equal(theirs.features, made(images).features)
    assert torch.equal(theirs.logits, made(images).logits)


@pytest.mark.parametrize("aux_logits", [True, False])
def test_torchvisions_own_network_is_refused_by_its_name(tmp_path, aux_logits):
    state = torchvisions(aux_logits=aux_logits).state_dict()
    blank = {name: torch.zeros(()).expand(value.shape) for name, value in state.items()}  # takes no memory
    torch.save(blank, tmp_path / "inception_v3_google-0cc3c7bd.pth")
    with pytest.raises(
        ValueError, match=r"google-0cc3c7bd\.pth is torchvision's Inception v3.*1000.*; download w"
    ) as error:
        InceptionV3(str(tmp_path / "inception_v3_google-0cc3c7bd.pth"))
    assert "\n" not in str(error.value)


def test_weights_that_are_too_large_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "LARGEST", 2**20)
    monkeypatch.setattr(torch, "load", None)
    torch.save({"x": torch.zeros(2**19)}, tmp_path / "large.pth")
    small, large = tmp_path / "packed.pth", tmp_path / "large.pth"
    with zipfile.ZipFile(large) as whole, zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    (tmp_path / "flat.safetensors").write_bytes(bytes(2**21))
    assert small.stat().st_size < 2**16
    for path in (large, small, tmp_path / "flat.safetensors"):
        with pytest.raises(ValueError, match=r"holds 2\d{6} bytes, at most 1048576 are expected: download"):
            InceptionV3(str(path))


def test_inception_repeats_grey(made):
    grey = noise(2, 1, 28)
    torch.testing.assert_close(made(grey).features, made(grey.repeat(1, 3, 1, 1)).features, rtol=0, atol=0)


def test_inception_with_other_bytes_is_unverified(made, made_weights):
    digest = hashlib.sha256(made_weights.read_bytes()).hexdigest()
    assert (made.official, made.sha256, made.id) == (False, digest, f"inception-unverified-{digest[:8]}")
    assert (made.dim, made.family) == (2048, "A")


def test_inception_with_the_right_hash_is_official(made_weights, monkeypatch):
    digest = hashlib.sha256(made_weights.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "OFFICIAL_PREFIX", digest[:8])
    monkeypatch.setattr(inception, "inception", lambda state, source: nn.Identity())
    extractor = InceptionV3(str(made_weights))
    assert (extractor.official, extractor.id) == (True, "inception-2015-12-05")


class Touch:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_inception_never_runs_a_pickle(tmp_path):
    bad = {"x": Touch(tmp_path / "ran")}
    torch.save(bad, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(bad, protocol=2))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ValueError, match=r"holds no plain tensors \(") as error:
            InceptionV3(str(tmp_path / name))
        assert "Weights only" not in str(error.value), "no library's advice to run what a file holds"
    assert not (tmp_path / "ran").exists()


def test_inception_names_tensors_that_do_not_fit(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="does not fit InceptionV3") as error:
        InceptionV3(str(tmp_path / "other.pth"))
    assert "\n" not in str(error.value)
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="should hold a dict of tensors, holds list"):
        InceptionV3(str(tmp_path / "list.pth"))


@pytest.mark.parametrize("argument", [True, False])
def test_missing_weights_are_explained(tmp_path, monkeypatch, argument):
    monkeypatch.setenv("GANZOO_WEIGHTS", str(tmp_path))
    with pytest.raises(ValueError, match=r"(?s)neither a file nor a folder.*6726825d\.pth.*GANZOO_WEIGHTS"):
        InceptionV3(str(tmp_path / "none.pth") if argument else None)


def test_weights_are_found_in_the_folder_of_the_environment(tmp_path, monkeypatch):
    (tmp_path / inception.FILE).write_bytes(b"")
    monkeypatch.setenv("GANZOO_WEIGHTS", str(tmp_path))
    assert inception.find_weights(None) == tmp_path / inception.FILE


def test_no_network_is_explained(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.delenv("GANZOO_WEIGHTS", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(ValueError, match=r"(?s)no route to host.*6726825d\.pth.*GANZOO_WEIGHTS"):
        InceptionV3()
    (tmp_path / "checkpoints" / inception.FILE).write_bytes(b"cut short")
    with pytest.raises(ValueError, match="damaged"):
        InceptionV3()


def test_lenet_file_is_the_one_of_its_id():
    extractor = LeNet64()
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == SHA256 == extractor.sha256
    assert (extractor.id, extractor.dim, extractor.family, extractor.official) == (
        "mnist-lenet64.v1",
        64,
        "grey28",
        False,
    )
    assert WEIGHTS.stat().st_size < 260_000


def test_lenet_refuses_a_flipped_byte(tmp_path):
    path = tmp_path / "flipped.safetensors"
    shutil.copy(WEIGHTS, path)
    assert LeNet64(str(path)).dim == 64
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not mnist-lenet64\.v1: SHA-256 should be"):
        LeNet64(str(path))
    with pytest.raises(ValueError, match="reinstall"):
        LeNet64(str(tmp_path / "none"))


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 28), (1, 8), (3, 64), (1, 15)])
def test_lenet_takes_any_size(channels, size):
    out = LeNet64()(noise(3, channels, size))
    assert out.features.shape == (3, 64)
    assert out.logits.shape == (3, 10)
    assert out.features.dtype == torch.float32
    assert out.features.isfinite().all()


def test_lenet_sees_the_mean_of_the_channels():
    grey = noise(4, 1, 28)
    torch.testing.assert_close(as_mnist(grey.repeat(1, 3, 1, 1)), grey / 255)
    colours = torch.tensor([30, 60, 90]).byte().view(1, 3, 1, 1).expand(1, 3, 28, 28)
    torch.testing.assert_close(as_mnist(colours), torch.full((1, 1, 28, 28), 60 / 255))


@pytest.mark.parametrize(("size", "frame"), [(8, 6), (15, 6), (16, 0), (32, 0)])
def test_small_images_get_a_dark_frame(size, frame):
    out = as_mnist(torch.full((1, 1, size, size), 255, dtype=torch.uint8))
    expected = torch.zeros(1, 1, 28, 28)
    expected[..., frame : 28 - frame, frame : 28 - frame] = 1
    torch.testing.assert_close(out, expected)


def test_lenet_reads_the_digits_of_scikit_learn():
    images, labels = sklearn_digits()
    accuracy = (LeNet64()(images).logits.argmax(dim=1) == labels).double().mean().item()
    assert accuracy == pytest.approx(0.9455, abs=0.005)


def test_lenet_is_less_sure_of_faint_digits():
    images, _ = sklearn_digits()
    halves = images.float().div(2).byte()
    confidence = [softmax(LeNet64()(x[:200]).logits, dim=1).amax(dim=1).mean() for x in (images, halves)]
    assert confidence[0] > confidence[1]


def test_blocks_do_not_change_features():
    extractor = LeNet64()
    images = noise(7, 1, 28)
    whole = extractor(images)
    extractor.block = 3
    torch.testing.assert_close(extractor(images).features, whole.features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["lenet", "inception"])
def test_surroundings_do_not_change_features(kind, made):
    extractor = LeNet64() if kind == "lenet" else made
    images = noise(2, 3, 28)
    before = extractor(images)
    model = nn.Module()
    model.extractor = extractor
    model.train()
    extractor.network.train()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            after = extractor(images)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert not list(model.parameters())
    assert not model.state_dict()
    assert torch.equal(before.features, after.features)
    assert torch.equal(before.logits, after.logits)


def test_features_can_be_trained_upon():
    features = LeNet64()(noise(2, 1, 28)).features
    probe = nn.Linear(64, 1)
    probe(features).sum().backward()
    assert probe.weight.grad is not None
    assert not features.requires_grad


def precisions():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, each_precision()


@pytest.mark.parametrize("matmul", ["highest", "high", "medium"])
def test_full_precision_is_set_and_taken_back(matmul):
    torch.set_float32_matmul_precision(matmul)
    each = ["ieee"] * 5 if hasattr(torch.backends.cudnn, "conv") else []  # since torch 2.9
    try:
        before = precisions()
        with full_precision():
            assert precisions() == ("highest", False, each)
        assert precisions() == before
        with pytest.raises(KeyError), full_precision():
            raise KeyError
        assert precisions() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def each_precision():
    return [operation.fp32_precision for operation in operations_with_precision()]


@pytest.mark.skipif(not operations_with_precision(), reason="this torch has the older switches only")
def test_full_precision_goes_with_torchs_newer_switches():
    """Once one of them is set, torch refuses to read the older ones; in a process where none was ever set."""
    code = """
        import torch
        from ganzoo.metrics.features import full_precision, operations_with_precision
        def each():
            return [operation.fp32_precision for operation in operations_with_precision()]
        backends, refused = torch.backends, 0
        for place in (backends, backends.cuda.matmul, backends.mkldnn, backends.cudnn):
            old, place.fp32_precision = place.fp32_precision, "tf32"
            try:
                torch.get_float32_matmul_precision()
            except RuntimeError:
                refused += 1
            before = each()
            with full_precision():
                assert set(each()) == {"ieee"}
            assert each() == before
            place.fp32_precision = old
        print(refused)
    """
    code = textwrap.dedent(code)
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(out) > 0


def test_raw_is_the_pixels():
    out = Raw(4)(torch.tensor([[[[0, 255], [51, 204]]]], dtype=torch.uint8))
    torch.testing.assert_close(out.features, torch.tensor([[-1.0, 1.0, -0.6, 0.6]]))
    assert out.logits is None


def test_raw_keeps_points():
    points = torch.tensor([[1.5, -2.0], [0.0, 3.0]], dtype=torch.float64)
    assert torch.equal(Raw(2)(points).features, points.float())


@pytest.mark.parametrize(
    ("extractor", "images", "message"),
    [
        (LeNet64, torch.zeros(2, 1, 28, 28), "takes uint8 images from 0 to 255, got torch.float32"),
        (LeNet64, torch.zeros(2, 28, 28, dtype=torch.uint8), r"got \[2, 28, 28\]"),
        (LeNet64, torch.zeros(2, 4, 28, 28, dtype=torch.uint8), r"got \[2, 4, 28, 28\]"),
        (LeNet64, torch.zeros(0, 1, 28, 28, dtype=torch.uint8), "N > 0"),
        (Raw, torch.zeros(2, 3), r"floating points \[N, 2\], got torch.float32 \[2, 3\]"),
        (Raw, torch.zeros(2, 2, dtype=torch.int64), "got torch.int64"),
    ],
)
def test_wrong_images_are_refused(extractor, images, message):
    with pytest.raises(ValueError, match=message):
        extractor()(images)


def test_extractors_can_be_made_from_their_config(made, made_weights):
    for extractor in (LeNet64(), Raw(3)):
        again = build(extractor.config())
        assert isinstance(again, Configurable)
        assert (again.id, again.dim, again.sha256) == (extractor.id, extractor.dim, extractor.sha256)
    assert made.config()["init_args"] == {"weights": str(made_weights)}


def test_lenet_does_not_touch_the_random_state():
    torch.manual_seed(5)
    assert lenet.LeNet64().to("cpu").device == torch.device("cpu")
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(5)))


# -- images too large for all their pixels


def test_shrunk_are_the_means_of_parts():
    images = torch.randint(0, 256, (3, 7, 48, 32), dtype=torch.uint8)
    found = Shrunk(7)(images).features
    means = images.float().unflatten(3, (16, 2)).unflatten(2, (16, 3)).mean(dim=(3, 5))
    torch.testing.assert_close(found, means.flatten(1) / 127.5 - 1)
    assert found.shape == (3, Shrunk(7).dim)
    with pytest.raises(ValueError, match=r"raw16 takes uint8 images \[N, 3, H, W\], got torch.uint8 \[3, 7, 48, 32\]"):
        Shrunk(3)(images)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 64, 64), "mnist-lenet64.v1"), ((3, 32, 32), "raw"), ((3, 64, 64), "raw16"), ((7, 40, 96), "raw16")],
)
def test_large_colour_images_are_shrunk_where_nothing_better_is_known(shape, expected):
    assert default_extractor(SimpleNamespace(classifier="", image_shape=shape)).id == expected

"""VGG-16 from a local file: the real architecture with made weights."""

import pytest
import torch
from torchvision.models import vgg16

from ganzoo.inversion import Features
from ganzoo.metrics.vgg import LAYERS, VGG16


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    with torch.no_grad():
        network = vgg16(weights=None).eval()
    return network


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    """The convolutions alone: all that is read."""
    path = tmp_path_factory.mktemp("vgg") / "made.pth"
    torch.save({name: value for name, value in theirs.state_dict().items() if name.startswith("features.")}, path)
    return path


def test_its_layers_are_those_of_torchvision_on_imagenets_scale(theirs, weights):
    ours, x = VGG16(weights), torch.rand(2, 3, 32, 32) * 2 - 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = ((x + 1) / 2 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    wanted = []
    for i, layer in enumerate(theirs.features[:21]):
        seen = layer(seen)
        if f"features.{i}" in LAYERS:
            wanted.append(seen.flatten(1).clone())
    assert [len(maps[0]) for maps in wanted] == [64 * 32 * 32, 64 * 32 * 32, 256 * 8 * 8, 512 * 4 * 4]
    for got, expected in zip(Features(ours, LAYERS).maps(x), wanted, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert not ours.official
    assert not any(p.requires_grad for p in ours.parameters())


def test_grey_images_are_seen_as_grey_colours(weights):
    ours, x = VGG16(weights), torch.rand(2, 1, 16, 16)
    assert torch.equal(ours(x), ours(x.expand(-1, 3, -1, -1)))


def test_files_that_are_not_it_are_refused(weights, tmp_path):
    state = torch.load(weights, weights_only=True)
    del state["features.0.weight"]
    torch.save(state, tmp_path / "less.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for path, message in (
        (tmp_path / "none.pth", "no weights of VGG-16 at .*none.pth: download https://"),
        (
            tmp_path / "less.pth",
            "less.pth does not hold VGG-16 as torchvision names it: Missing key.*features.0.weight",
        ),
        (tmp_path / "text.pth", "text.pth holds no plain tensors"),
    ):
        with pytest.raises(ValueError, match=message):
            VGG16(path)

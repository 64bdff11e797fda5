"""The reader of Peeps' attributes: it learns, and is the same when it is read again."""

import pytest
import torch

from benchmarks import peeps
from ganzoo.data import Peeps
from ganzoo.pixels import to_uint8
from tests.data.test_peeps import faces, members, write


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Peeps(write(tmp_path_factory.mktemp("data"), members(faces(), side=64)))


@pytest.fixture(scope="module")
def reader(data):
    return peeps.train(data, batches=60)


class Oracle(torch.nn.Module):
    """Knows all, but calls the head of whoever wears glasses 0."""

    def __init__(self, data, split):
        super().__init__()
        self.heads, greys = peeps.sizes(data), data.arrays(split)[0][:, 0, 0, 0].tolist()
        self.rows, self.wanted = {grey: i for i, grey in enumerate(greys)}, peeps.targets(data, split)

    def forward(self, x):
        index = torch.tensor([self.rows[grey] for grey in to_uint8(x)[:, 0, 0, 0].tolist()])
        found = {name: y[index] for name, y in self.wanted.items()}
        found["head"] = torch.where(found["eyewear"] == 1, 0, found["head"])
        return {name: torch.nn.functional.one_hot(found[name], n) for name, n in self.heads.items()}


def test_it_tells_grey_from_light(reader, data):
    assert peeps.report(reader, data, "train")["eyewear"]["all"] == 1


def test_the_table_says_what_is_read_rightly(data):
    """Test faces 8 to 11 have the heads bun, long, turban, afro (0)."""
    lines = peeps.report(Oracle(data, "test"), data)
    assert list(lines) == ["eyewear", *data.names]
    assert lines["head"] == {"all": 5 / 8, "plain": 1, "glasses": 1 / 4, "both alike": 1 / 4, "guess": 1 / 4}
    assert lines["skinColor"] == {"all": 1, "plain": 1, "glasses": 1, "both alike": 1, "guess": 1 / 2}
    assert lines["eyewear"] == {"all": 1, "plain": 1, "glasses": 1, "both alike": 0, "guess": 1 / 2}


def test_it_is_small(reader):
    real = {"eyewear": 2, "glasses": 8, "head": 48, "face": 30, "skinColor": 5, "clothingColor": 7}
    assert sum(p.numel() for p in peeps.Reader({**real, "headContrastColor": 10}).parameters()) <= 200_000


def test_training_is_a_function_of_the_seed(data):
    one, same, other = (peeps.train(data, batches=2, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["heads.face.weight"], other["heads.face.weight"])


def test_no_face_is_in_both_halves(data):
    (first, worn), (second, also_worn) = (peeps.half(data, which) for which in ("first", "second"))
    rows = torch.cat([first, worn, second, also_worn]).tolist()
    assert sorted(rows) == sorted(torch.cat(peeps.half(data, "all")).tolist())
    assert len(set(rows)) == len(rows)
    one, other = (peeps.train(data, batches=1, which=which).state_dict() for which in ("first", "second"))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_what_was_written_is_read_again(reader, data, tmp_path):
    file = peeps.write(reader, tmp_path / "new")
    x = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    wanted = {name: logits.detach() for name, logits in reader(x).items()}
    for path in (file, tmp_path / "new"):
        again = peeps.load(path)
        found = again(x)
        assert {name: tuple(logits.shape) for name, logits in found.items()} == {
            name: (4, n) for name, n in peeps.sizes(data).items()
        }
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
        assert not again.training
        assert not any(p.requires_grad for p in again.parameters())


def test_there_is_nothing_to_load(tmp_path):
    message = rf"^{tmp_path}/none is not there: run `python -m benchmarks\.peeps --out {tmp_path}/none`$"
    with pytest.raises(FileNotFoundError, match=message):
        peeps.load(tmp_path / "none")


def test_images_are_mirrored_and_moved_on_white():
    x = torch.full((64, 3, 8, 8), 1.0)
    x[:, :, 4, 2] = -1  # left of the middle
    found = peeps.moved(x, torch.Generator().manual_seed(0))
    places = {divmod(int(image[0].argmin()), 8) for image in found}
    assert {row for row, _ in places} == {2, 3, 4, 5, 6}
    assert {column for _, column in places} == set(range(8)), "2 and, mirrored, 5; up to 2 pixels either way"
    assert (found.min(dim=3).values.min(dim=2).values < -0.7).all(), "all channels move together"
    assert (found.amin(dim=1) > 0).sum(dim=(1, 2)).eq(63).all(), "what moves in is white"

"""Callbacks on generators that are told the class, on data that know their modes, and the animation of a run."""

import json
import os
import tarfile
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from ganzoo.callbacks import Animation, Checkpoints, Collapse, Evaluate, SampleGrid, SampleWriter, Watch
from ganzoo.callbacks.animation import save_gif
from ganzoo.callbacks.condition import classes_of, conditions_of, in_turn
from ganzoo.callbacks.evaluate import default_extractor
from ganzoo.data import KMNIST, MNIST, Gaussians, StackedMNIST
from ganzoo.metrics.judge import KINDS, LOWER
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.modes import class_report, mode_report
from ganzoo.metrics.stacked import StackedLeNet64
from ganzoo.models import CGAN, NSGAN
from ganzoo.pictures import limits, scatter
from ganzoo.pixels import to_float, to_uint8
from ganzoo.priors import Normal
from ganzoo.roles import Discriminator, Generator
from tests.data.test_torchvision_sets import write_mnist
from tests.processes import on_ranks
from tests.zoo import FromImage, ToImage, digits, make, trainer, written


class Painter(Generator):
    """Paints the first training image of class (y + turn) mod 10, a little brightened by z."""

    def __init__(self, turn: int = 0):
        super().__init__((1, 8, 8), Normal(dim=2), num_classes=10)
        images, labels = digits().arrays("train")
        first = torch.stack([images[labels == k][0] for k in range(10)])
        self.register_buffer("templates", to_float(first).roll(-turn, 0))
        self.strength = torch.nn.Parameter(torch.tensor(0.05))

    def forward(self, z, y=None):
        return (self.templates[y] + self.strength * z[:, :1, None, None].abs()).clamp(-1, 1)


class Level(Generator):
    """Paints its label as a grey level, and its seed in the first row."""

    def __init__(self, num_classes=4, image_shape=(1, 8, 8)):
        super().__init__(image_shape, Normal(dim=2), num_classes)
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, z, y=None):
        level = (2 * y.float() / max(self.num_classes - 1, 1) - 1 + self.weight).view(-1, *[1] * len(self.image_shape))
        images = level.expand(-1, *self.image_shape).clone()
        if images.ndim == 4:
            images[:, :, 0] = z[:, :1, None].clamp(-1, 1)
        return images


class Told(Discriminator):
    def __init__(self, image_shape=(1, 8, 8), num_classes=10):
        super().__init__(image_shape, num_classes)
        self.net = FromImage(image_shape)

    def forward(self, x, y=None):
        return self.net(x)


def game(generator):
    torch.manual_seed(0)
    return CGAN(generator, Told(generator.image_shape, generator.num_classes)).eval()


def validated(model, data, folder, **kwargs):
    judged = Evaluate(**{"n": 200, **kwargs})
    trainer(1, folder, callbacks=[judged], limit_val_batches=None).validate(model, data, verbose=False)
    return judged.verdict, written(folder)


def with_data(data):
    runner = trainer(1, "unused")
    runner.datamodule = data
    return runner


# -- labels of seeds


def test_labels_are_as_frequent_as_in_the_training_set():
    data = digits()
    n = len(data.labels("train"))
    labels = conditions_of(with_data(data), game(Level(10)), range(5, 5 + n))
    assert torch.equal(labels.bincount(), data.labels("train").bincount())
    assert not torch.equal(labels, data.labels("train"))
    few = labels[:300].bincount(minlength=10) / 300
    assert (few > 0.05).all()


def test_a_label_is_a_function_of_its_seed():
    data, model = digits(), game(Level(10))
    labels = conditions_of(with_data(data), model, range(100, 200))
    torch.rand(3)
    assert torch.equal(conditions_of(with_data(digits(seed=4)), model, range(130, 140)), labels[30:40])
    n = len(data.labels("train"))
    assert torch.equal(conditions_of(with_data(data), model, range(100 + n, 200 + n)), labels)


def test_labels_without_data_go_round():
    model = game(Level(3))
    assert conditions_of(with_data(None), model, range(4, 9)).tolist() == [1, 2, 0, 1, 2]
    assert in_turn(with_data(None), model, range(2**20, 2**20 + 2)).tolist() == [2**20 % 3, (2**20 + 1) % 3]
    assert classes_of(model) == 3
    assert conditions_of(with_data(digits()), make("NSGAN"), range(9)) is None


# -- judging


def accuracy(images, labels):
    return pytest.approx(float((LeNet64()(images).logits.argmax(dim=1) == labels).double().mean()))


def test_a_conditional_generator_is_judged_by_class(tmp_path):
    data, model = digits(), game(Painter())
    verdict, record = validated(model, data, tmp_path)
    extra = {"class_fd", "label_accuracy"}
    assert extra < set(verdict.values)
    assert set(verdict.values) == set(verdict.floors) <= set(KINDS)
    asked = conditions_of(with_data(data), model, range(2**20, 2**20 + 200))
    assert verdict.values["label_accuracy"] == accuracy(to_uint8(model.sample(200, 2**20, asked)), asked)
    assert verdict.values["label_accuracy"] > 0.9
    assert verdict.floors["label_accuracy"] == accuracy(*data.arrays("test"))
    assert 0 < verdict.floors["class_fd"] < verdict.values["class_fd"]
    by_class = record["classes"]
    assert set(by_class) == {f"{kind}@mnist-lenet64.v1" for kind in extra}
    assert all(set(values) == set("0123456789") for values in by_class.values())
    mean = sum(by_class["class_fd@mnist-lenet64.v1"].values()) / 10
    assert verdict.values["class_fd"] == pytest.approx(mean)
    assert record["metrics"]["class_fd@mnist-lenet64.v1"] == verdict.values["class_fd"]


def test_a_generator_that_does_not_obey_is_found_out(tmp_path):
    obedient, _ = validated(game(Painter()), digits(), tmp_path)
    other, _ = validated(game(Painter(turn=1)), digits(), tmp_path)
    assert other.values["label_accuracy"] < 0.1
    assert other.values["class_fd"] > 1.5 * obedient.values["class_fd"]
    assert other.values["fd"] < 1.5 * obedient.values["fd"]  # the set of images is nearly the same
    assert other.floors == obedient.floors


def test_every_sample_gets_the_label_of_its_seed(tmp_path):
    model, data, given = game(Painter()), digits(), {}
    sample = model.sample

    def spied(n, seed=0, labels=None):
        given.update(zip(range(seed, seed + n), labels.tolist(), strict=True))
        return sample(n, seed, labels)

    model.sample = spied
    validated(model, data, tmp_path, n=70, seed=30)
    assert sorted(given) == list(range(30, 30 + 128))  # two blocks
    assert list(given.values()) == conditions_of(with_data(data), model, range(30, 158)).tolist()


def test_obedience_is_asked_only_of_a_classifier_that_knows_the_classes(tmp_path):
    data = digits()
    data.classifier = ""
    verdict, record = validated(game(Painter()), data, tmp_path)
    assert "class_fd" in verdict.values
    assert not {"label_accuracy", "modes", "kl_uniform"} & {*verdict.values, *verdict.floors}
    assert set(record["classes"]) == {"class_fd@mnist-lenet64.v1"}


def test_an_unconditional_generator_has_no_classes(tmp_path):
    verdict, record = validated(make("NSGAN").eval(), digits(), tmp_path)
    assert verdict.classes is None
    assert "classes" not in record
    assert not {"class_fd", "label_accuracy", "high_quality"} & set(verdict.values)


@pytest.mark.parametrize(
    ("data", "extractor"),
    [(MNIST(), LeNet64), (KMNIST(), LeNet64), (StackedMNIST(), StackedLeNet64), (digits(), LeNet64)],
)
def test_the_data_choose_the_extractor(data, extractor):
    assert type(default_extractor(data)) is extractor
    assert (default_extractor(data).id == data.classifier) == (data.name != "KMNIST")


def test_smaller_is_better_of_distances_and_divergences():
    errors = {"recon_mse", "recon_ratio", "pair_l1", "cycle_l1", "cycle_back_l1"}
    assert set(LOWER) == {"fd", "kd", "class_fd", "reverse_kl", "kl_uniform"} | errors
    for kind in KINDS:
        assert Checkpoints(metric=kind).mode == ("min" if kind in LOWER else "max")


def judge(folder):
    world = int(os.environ.get("WORLD_SIZE", 1))
    evaluate = Evaluate(n=200)
    strategy = "game" if world > 1 else "auto"
    runner = trainer(1, folder, callbacks=[evaluate], devices=world, strategy=strategy, limit_val_batches=None)
    runner.validate(game(Painter()), datamodule=digits(), verbose=False)
    if os.environ.get("RANK", "0") == "0":
        (folder / f"verdict{world}.json").write_text(json.dumps(evaluate.verdict))


def test_verdicts_by_class_are_the_same_on_1_2_and_3_ranks(tmp_path):
    log = tmp_path / "log"
    judge(tmp_path)
    for world in (2, 3):
        assert on_ranks(world, lambda: judge(tmp_path), log) == [0] * world, log.read_text()
    one, two, three = ((tmp_path / f"verdict{w}.json").read_text() for w in (1, 2, 3))
    assert one == two == three
    assert "label_accuracy" in one
    assert "nan" not in one.lower()


# -- modes


class Ring(Generator):
    """Points of three neighbouring modes of the ring, and some between modes."""

    def __init__(self, num_classes=0):
        super().__init__((2,), Normal(dim=2), num_classes)
        self.register_buffer("means", Gaussians().means)
        self.strength = torch.nn.Parameter(torch.tensor(0.01))

    def forward(self, z, y=None):
        mode = (z[:, 0] * 1e4).long() % 3 if y is None else y
        return self.means[mode] * torch.where(z[:, 1:] > 1, 0.5, 1) + self.strength * z


def test_the_modes_of_a_mixture_are_counted(tmp_path):
    data = Gaussians(n_points=2000)
    model = NSGAN(Ring(), FromImage((2,))).eval()
    verdict, record = validated(model, data, tmp_path, n=300)
    own = mode_report(model.sample(300, 2**20), data.means, 0.01, data.weights)
    assert {kind: verdict.values[kind] for kind in ("modes", "high_quality", "reverse_kl")} == own._asdict()
    assert (own.modes, round(own.high_quality, 1)) == (3, 0.8)
    real = mode_report(data.arrays("train")[0][:300], data.means, 0.01, data.weights)
    assert verdict.floors["reverse_kl"] == real.reverse_kl < own.reverse_kl
    assert (verdict.floors["modes"], verdict.floors["high_quality"]) == (8, real.high_quality)
    assert record["metrics"]["modes@raw"] == 3


def test_points_of_classes_are_judged_by_class(tmp_path):
    verdict, record = validated(game(Ring(num_classes=8)), Gaussians(n_points=2000), tmp_path, n=300)
    assert verdict.values["modes"] == 8
    assert "label_accuracy" not in verdict.values
    assert verdict.values["class_fd"] > verdict.floors["class_fd"] >= 0
    assert set(record["classes"]["class_fd@raw"]) == set("01234567")


def test_the_modes_of_stacked_digits_are_counted(tmp_path):
    write_mnist(tmp_path, n_train=40, n_test=20)
    data = StackedMNIST(root=str(tmp_path), val_size=5, n_images=200)
    model = NSGAN(ToImage((3, 28, 28)), FromImage((3, 28, 28))).eval()
    verdict, record = validated(model, data, tmp_path, n=64)
    named = StackedLeNet64()(to_uint8(model.sample(64, 2**20))).logits.argmax(dim=1)
    assert {kind: verdict.values[kind] for kind in ("modes", "kl_uniform")} == class_report(named, 1000)._asdict()
    real = StackedLeNet64()(data.arrays("train")[0][:64]).logits.argmax(dim=1)
    assert {kind: verdict.floors[kind] for kind in ("modes", "kl_uniform")} == class_report(real, 1000)._asdict()
    assert "kl_uniform@mnist-lenet64x3.v1" in record["floors"]


# -- pictures


def cells(path, rows, columns=8, side=48, gap=2):
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (rows * (side + gap) + gap, columns * (side + gap) + gap)
    starts = [[(gap + i * (side + gap), gap + j * (side + gap)) for j in range(columns)] for i in range(rows)]
    return [[pixels[top : top + side, left : left + side] for top, left in row] for row in starts]


@pytest.mark.parametrize(
    ("num_classes", "shown"), [(4, [0, 1, 2, 3]), (10, list(range(10))), (100, list(range(0, 100, 10)))]
)
def test_the_grid_has_a_row_per_class_with_the_same_seeds(num_classes, shown, tmp_path):
    model = game(Level(num_classes))
    grid = SampleGrid(seed=7)
    runner = trainer(1, tmp_path)
    grid.draw(runner, model)
    rows = cells(tmp_path / "grids" / "0000000.png", len(shown))
    for row, label in zip(rows, shown, strict=True):
        level = to_uint8(torch.tensor([2 * label / (num_classes - 1) - 1])).item()
        assert all((cell[6:] == level).all() for cell in row)
        assert all((cell[0] == first[0]).all() for cell, first in zip(row, rows[0], strict=True))
    assert len({cell[0, 0] for cell in rows[0]}) > 4
    expected = to_uint8(model.sample(8, 7, 0))[:, 0, 0, 0].tolist()
    assert [cell[0, 0] for cell in rows[0]] == expected


def test_all_callbacks_take_part_in_training_with_classes(tmp_path):
    torch.manual_seed(0)
    model = CGAN(Level(10), Told())
    callbacks = [Evaluate(n=64), SampleGrid(every=2), Watch(every=1, warmup=100), Checkpoints(metric="label_accuracy")]
    runner = trainer(4, tmp_path, callbacks=callbacks, val_check_interval=2, limit_val_batches=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner.fit(model, digits())
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()
    assert len(list((tmp_path / "grids").iterdir())) == 2
    assert callbacks[2].share > 0


def test_points_of_classes_are_drawn(tmp_path):
    runner = trainer(1, tmp_path)
    runner.datamodule = Gaussians(n_points=100)
    SampleGrid(n=4).draw(runner, game(Ring(num_classes=8)))
    with Image.open(tmp_path / "grids" / "0000000.png") as picture:
        assert np.asarray(picture).std() > 1


# -- predict


def predicted(folder, form, **kwargs):
    writer = SampleWriter(n=10, seed=3, format=form, out=str(folder / form), **kwargs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*predict returned None.*")
        trainer(1, folder, callbacks=[writer]).predict(game(Level(4)), digits(), return_predictions=False)
    return folder / form


def test_predict_goes_round_the_classes(tmp_path, capsys):
    labels = [(3 + i) % 4 for i in range(10)]
    levels = [to_uint8(torch.tensor([2 * k / 3 - 1])).item() for k in labels]
    with np.load(predicted(tmp_path, "npz") / "samples-000003.npz") as file:
        assert file["labels"].tolist() == labels
        assert file["images"][:, 0, 4, 4].tolist() == levels
    for i, path in enumerate(sorted(predicted(tmp_path, "png").iterdir())):
        with Image.open(path) as image:
            assert image.getpixel((4, 4)) == levels[i]
    assert "10 images" in capsys.readouterr().out


def test_shards_hold_the_classes(tmp_path):
    pytest.importorskip("webdataset")
    (path,) = predicted(tmp_path, "shards").glob("*.tar")
    with tarfile.open(path) as tar:
        found = [int(tar.extractfile(m).read()) for m in tar if m.name.endswith(".cls")]
    assert found == [(3 + i) % 4 for i in range(10)]


def test_samples_without_classes_have_no_labels(tmp_path):
    SampleWriter(format="npz").write(torch.zeros(2, 1, 8, 8), 0, tmp_path)
    with np.load(tmp_path / "samples-000000.npz") as file:
        assert sorted(file) == ["images", "seeds"]


# -- the animation


@pytest.mark.parametrize("first", [True, False], ids=["before the grid", "after the grid"])
def test_the_animation_has_every_picture_of_the_run(first, tmp_path):
    callbacks = [Animation(fps=20, hold=1.0), SampleGrid(every=2, n=4)]
    trainer(5, tmp_path, callbacks=callbacks if first else callbacks[::-1]).fit(make("NSGAN"), digits())
    pictures = sorted((tmp_path / "grids").iterdir())
    assert len(pictures) == 3
    with Image.open(tmp_path / "animation.gif") as gif:
        frames = [(frame.convert("L"), frame.info["duration"]) for frame in ImageSequence.Iterator(gif)]
        assert gif.info["loop"] == 0
    assert [duration for _, duration in frames] == [50, 50, 1000]
    for (frame, _), path in zip(frames, pictures, strict=True):
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(frame), np.asarray(picture.convert("L")))


def test_the_animation_of_a_resumed_run_begins_at_its_start(tmp_path):
    for steps in (2, 4):
        runner = trainer(steps, tmp_path, callbacks=[SampleGrid(every=1, n=4), Animation(), Checkpoints()])
        runner.fit(make("NSGAN"), digits(), ckpt_path=None if steps == 2 else tmp_path / "checkpoints" / "last.ckpt")
        with Image.open(tmp_path / "animation.gif") as gif:
            assert gif.n_frames == steps


def test_frames_in_colour_and_of_another_size(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, size, colour in zip(paths, [5, 9, 9, 9], [(9, 9, 9), *colours], strict=True):
        Image.new("RGB", (size, 9), colour).save(path)
    with Image.open(save_gif(paths, tmp_path / "a.gif")) as gif:
        found = [frame.convert("RGB").getpixel((4, 4)) for frame in ImageSequence.Iterator(gif)]
    assert found == colours


def test_the_animation_needs_a_grid(tmp_path):
    with pytest.raises(ValueError, match=r"Animation is made of the pictures of SampleGrid: add SampleGrid\(\)"):
        trainer(1, tmp_path, callbacks=[Animation()]).fit(make("NSGAN"), digits())
    with pytest.raises(ValueError, match="fps must be from 1 to 50, as GIF counts in hundredths of a second, got 0"):
        Animation(fps=0)
    with pytest.raises(ValueError, match="hold must not be negative, got -1"):
        Animation(hold=-1)


def test_the_axes_are_those_of_the_data():
    data = Gaussians("grid", n_points=500).arrays("train")[0]
    low, high = data.min(dim=0).values, data.max(dim=0).values
    for axis, (start, end) in enumerate(limits(data.double())):
        span = float(high[axis] - low[axis])
        assert start == pytest.approx(float(low[axis]) - 0.1 * span, abs=1e-5)
        assert end == pytest.approx(float(high[axis]) + 0.1 * span, abs=1e-5)
    far = [np.asarray(scatter(torch.full((3, 2), value), data)) for value in (50.0, -300.0)]
    assert np.array_equal(*far)
    assert not np.array_equal(far[0], np.asarray(scatter(torch.zeros(3, 2) + 1, data)))


def test_the_axes_of_a_line_are_those_of_the_data():
    data = Gaussians("line", n_points=500).arrays("train")[0]
    (start, end), (bottom, top) = limits(data.double())
    assert start < float(data.min()) < float(data.max()) < end
    assert (bottom, top > 1) == (0, True)
    far = [np.asarray(scatter(torch.full((30, 1), value), data)) for value in (50.0, -300.0)]  # none to be seen
    assert np.array_equal(*far)
    assert not np.array_equal(far[0], np.asarray(scatter(torch.zeros(30, 1), data)))
    assert np.asarray(scatter(torch.zeros(30, 1))).std() > 1


def test_one_image_for_each_class_is_a_collapse(tmp_path):
    """Ten different images are as diverse as the data, but not within a class."""
    watch = Watch(every=1, warmup=1)
    game = CGAN(Painter(), FromImage(num_classes=10), ema_decay=0.0)
    with pytest.warns(Collapse, match="collapse: at batch 1"):
        trainer(2, tmp_path, callbacks=[watch]).fit(game, datamodule=digits())
    assert watch.share < 0.1

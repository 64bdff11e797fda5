"""What the verbs write: the pictures of the latents that they write beside them, the same twice."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.hub import Pretrained
from ganzoo.latent import digits, inputs, verbs
from ganzoo.latent.arithmetic import around
from ganzoo.latent.edit import rescore
from ganzoo.latent.interpolate import path
from ganzoo.latent.neighbours import drawn, nearest_training
from ganzoo.latent.npz import load_latents, save_latents
from ganzoo.metrics.features import Features
from ganzoo.networks import Bottleneck, MLPGenerator
from ganzoo.photos import read_images
from ganzoo.pictures import grid, headed, sided, tiled
from ganzoo.pixels import to_uint8
from ganzoo.priors import Coded, Normal, Uniform
from ganzoo.roles import Encoder


class Flat(Encoder):
    """z is the first pixels."""

    def numbers(self, x, y=None):
        return x.flatten(1)[:, : self.dim] + 0 * self.weight

    def __init__(self, image_shape=(1, 8, 8), dim=4):
        super().__init__(image_shape, dim)
        self.weight = torch.nn.Parameter(torch.zeros(1))


def model(prior=Normal(4), num_classes=0, channels=1, encoder=False):
    torch.manual_seed(0)
    G = MLPGenerator((channels, 8, 8), prior, width=8, num_classes=num_classes)
    return Pretrained({"generator": G, **({"encoder": Flat()} if encoder else {})}, {})


def pixels(file):
    with Image.open(file) as image:
        return np.asarray(image)


def same(file, picture):
    return np.array_equal(pixels(file), np.asarray(picture))


def beside(file, picture, rows, words=()):
    """The sheet is the picture, with words left of its rows, and above its columns."""
    whole, (w, h) = pixels(file), picture.size
    assert (whole[: len(whole) - h, -w:] < 128).any() == bool(words)
    return np.array_equal(whole[-h:, -w:], np.asarray(picture)) and same(file, sided(picture, rows, words))


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


# -- where latents come from


def test_seeds_are_those_of_generate():
    loaded = model()
    z = inputs.of_seeds(loaded, [0, 5, 9])
    torch.testing.assert_close(loaded.decode(z), loaded.sample(10)[[0, 5, 9]])


@pytest.mark.parametrize(
    ("text", "seeds"), [("5", [5]), ("0,5,9", [0, 5, 9]), ("0-3", [0, 1, 2, 3]), ("7, 1-2,1", [7, 1, 2, 1])]
)
def test_seeds_are_read(text, seeds):
    assert inputs.read_numbers(text, "seeds") == seeds


@pytest.mark.parametrize("text", ["", "a", "1,", "-3", "3-", "5-3", "1;2", "1.5", "z.txt"])
def test_wrong_seeds_are_refused(text):
    with pytest.raises(ValueError, match=r"expected seeds such as 7, 0,5,9 or 0-7, or a file FILE\.npz, got"):
        inputs.read_numbers(text, "seeds such as 7, 0,5,9 or 0-7, or a file FILE.npz")


def test_strengths_are_read():
    assert inputs.read_strengths("-3:3:7") == [-3, -2, -1, 0, 1, 2, 3]
    assert inputs.read_strengths("-2,0,0.5") == [-2, 0, 0.5]
    for wrong in ("", "a", "1:2", "1:2:x", "0:1:-2", "1:2:3:4"):
        with pytest.raises(ValueError, match=r"expected strengths such as -2,0,2 or first:last:n"):
            inputs.read_strengths(wrong)


def test_pictures_stand_over_what_their_latents_decode_to(tmp_path):
    loaded = model(encoder=True)
    x = torch.rand(10, 1, 8, 8) * 2 - 1
    assert verbs.encode(loaded, x, tmp_path).startswith("10 latents in")
    again, white = loaded.reconstruct(x), torch.ones(6, 1, 8, 8)
    rows = torch.cat([x[:8], again[:8], x[8:], white, again[8:], white])
    assert same(tmp_path / "reconstructions.png", grid(rows, columns=8))
    assert torch.equal(load_latents(tmp_path / "latents.npz").z, loaded.encode(x))
    verbs.encode(loaded, x[:3], tmp_path / "b", labels=[1, 0, 1])  # which G is not told, but keeps for FILE:CLASS
    file = tmp_path / "b" / "latents.npz"
    assert torch.equal(inputs.of_term(loaded, f"{file}:1"), loaded.encode(x[[0, 2]]))
    assert inputs.labelled(loaded, str(file))[1] is None
    with pytest.raises(ValueError, match="expected one label or 3 labels, got 2"):
        verbs.encode(loaded, x[:3], tmp_path / "c", labels=[1, 0])
    verbs.encode(loaded, x[:3], tmp_path)
    assert same(tmp_path / "reconstructions.png", grid(torch.cat([x[:3], again[:3]]), columns=3))


def test_a_term_is_seeds_a_file_or_a_class_of_a_file(tmp_path):
    loaded, z = model(), Normal(4).seeded(range(4))
    file = save_latents(tmp_path / "z.npz", z, y=[3, 5, 3, 12])
    assert torch.equal(inputs.of_term(loaded, "2,0-1"), z[[2, 0, 1]])
    assert torch.equal(inputs.of_term(loaded, str(file)), z)
    assert torch.equal(inputs.of_term(loaded, f"{file}:3"), z[[0, 2]])
    assert torch.equal(inputs.of_term(loaded, f"{file}:12"), z[[3]])
    with pytest.raises(ValueError, match="holds nothing of y = '1': its y are 3, 5, 12"):
        inputs.of_term(loaded, f"{file}:1")
    with pytest.raises(ValueError, match=r"shape \[N, 4\], got torch.float32 \[4, 3\]"):
        inputs.of_term(loaded, str(save_latents(tmp_path / "other.npz", z[:, :3])))
    with pytest.raises(ValueError, match="holds no labels y, one for each of its 4 latents"):
        inputs.of_term(loaded, f"{save_latents(tmp_path / 'none.npz', z)}:3")
    with pytest.raises(FileNotFoundError, match="no latents at"):
        inputs.of_term(loaded, "nothing.npz")


def test_a_term_is_called_by_its_pictures():
    assert inputs.title("x/a.png") == "a.png"
    assert inputs.title("a.png,b.png,c.png") == "a.png\nand 2 more"
    assert inputs.title("1,2") == "seeds 1,2"


def test_pictures_are_encoded(tmp_path):
    loaded = model(encoder=True)
    x = loaded.sample(2)
    for i, image in enumerate(to_uint8(x)):
        Image.fromarray(image[0].numpy()).save(tmp_path / f"{i}.png")
    z = loaded.encode(read_images([tmp_path / "1.png", tmp_path / "0.png"], (1, 8, 8)))
    torch.testing.assert_close(z, x.flatten(1)[[1, 0], :4], rtol=0, atol=1 / 127)


def test_pictures_of_other_kinds_are_turned_cut_and_resized(tmp_path):
    wide = np.zeros((20, 60, 4), dtype=np.uint8)
    wide[:, 20:40] = (255, 255, 255, 255)  # the middle is white, and all that is left of the rest is a softer edge
    Image.fromarray(wide).save(tmp_path / "wide.png")
    for shape in ((1, 8, 8), (3, 10, 10)):
        x = read_images([tmp_path / "wide.png"], shape)
        assert x.shape == (1, *shape)
        assert x[..., 1:-1].min() > 0.98
        assert x.min() > 0.8
    (tmp_path / "no.png").write_text("no")
    with pytest.raises(ValueError, match=r"cannot read .*no.png as a picture"):
        read_images([tmp_path / "no.png"], (1, 8, 8))
    with pytest.raises(ValueError, match=r"nothing.png as a picture"):
        read_images([tmp_path / "nothing.png"], (1, 8, 8))
    with pytest.raises(ValueError, match=r"the model's images have the shape \(2,\)"):
        read_images([tmp_path / "wide.png"], (2,))


# -- the verbs


@pytest.mark.parametrize("channels", [1, 3])
def test_interpolate(channels, tmp_path):
    loaded = model(channels=channels)
    z = inputs.of_seeds(loaded, [0, 5, 9])
    line = verbs.interpolate(loaded, z, tmp_path / "a", steps=4, loop=True)
    assert line == f"12 frames through 3 latents in {tmp_path / 'a' / 'interpolation.gif'}"
    way = load_latents(tmp_path / "a" / "latents.npz").z
    assert torch.equal(way, path(z, 4, Normal(4), loop=True))
    rows = [*range(5), *range(4, 9), *range(8, 12), 0]  # each pair whole: from one latent to the next
    ways = ["row 0\nto row 1", "row 1\nto row 2", "row 2\nto row 0"]
    assert beside(tmp_path / "a" / "interpolation.png", grid(loaded.decode(way)[rows], columns=5), ways)
    with Image.open(tmp_path / "a" / "interpolation.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (12, (256, 256), 0)
        gif.seek(5)
        shown = np.asarray(gif.convert("RGB"))[16::32, 16::32]
    expected = to_uint8(loaded.decode(way[5:6]))[0].expand(3, 8, 8).permute(1, 2, 0).numpy()
    assert np.abs(shown.astype(int) - expected).max() <= (0 if channels == 1 else 12)  # 256 colours
    verbs.interpolate(loaded, way[::4], tmp_path / "b", steps=4, loop=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_interpolate_one_class(tmp_path):
    loaded = model(num_classes=3)
    z = inputs.of_seeds(loaded, [0, 1])
    verbs.interpolate(loaded, z, tmp_path, steps=3, labels=[2])
    got = load_latents(tmp_path / "latents.npz")
    assert got.extra["y"].tolist() == [2] * 4
    assert beside(tmp_path / "interpolation.png", grid(loaded.decode(got.z, 2), columns=4), ["row 0\nto row 1"])
    with pytest.raises(ValueError, match="this generator is conditional"):
        verbs.interpolate(loaded, z, tmp_path, steps=3)


def test_traverse_codes_by_default(tmp_path):
    loaded = model(Coded(Uniform(4), categorical=(3,), uniform=2))
    z = inputs.of_seeds(loaded, range(5))
    line = verbs.traverse(loaded, z, tmp_path / "all", n=4)
    names = [code.name for code in loaded.generator.prior.codes]
    assert line == f"{', '.join(names)}: 5 rows each in {tmp_path / 'all'}"
    assert set(files(tmp_path / "all")) == {*(f"{name}.png" for name in names), "latents.npz"}
    assert torch.equal(load_latents(tmp_path / "all" / "latents.npz").z, z)
    last = z.clone()
    last[:, 8] = 2.0
    row = grid(loaded.decode(last), columns=1)
    sheet, width = pixels(tmp_path / "all" / f"{names[2]}.png"), row.size[0]
    assert np.array_equal(sheet[16:, -width:], np.asarray(row))
    verbs.traverse(loaded, z, tmp_path / "one", code=names[2], n=4)
    verbs.traverse(loaded, z, tmp_path / "dim", dims=[8], n=4)
    assert same(tmp_path / "one" / f"{names[2]}.png", Image.fromarray(sheet))
    walk = verbs.traverse_dimension(z, 8, verbs.dimension_values(Uniform(1), n=4)).flatten(0, 1)
    rows, values = [f"row {i}" for i in range(5)], ["-1", "-0.333", "0.333", "1"]
    assert beside(tmp_path / "dim" / "dim8.png", grid(loaded.decode(walk), columns=4), rows, values)
    with pytest.raises(ValueError, match="this model's prior has no code 'c9': it has"):
        verbs.traverse(loaded, z, tmp_path, code="c9")


@pytest.mark.parametrize("method", [None, "jacobian", "pca"])
def test_traverse_directions(method, tmp_path):
    loaded = model()
    z = inputs.of_seeds(loaded, range(3))
    verbs.traverse(loaded, z, tmp_path / "a", directions=method, n=5)
    name = method or "jacobian"
    q = load_latents(tmp_path / "a" / "directions.npz")
    assert q.z.shape == (4, 4)
    assert (np.diff(q.extra["eigenvalues"]) <= 0).all()
    walk = verbs.traverse_direction(z, q.z[1], [-3.0, -1.5, 0.0, 1.5, 3.0])
    rows, values = ["row 0", "row 1", "row 2"], ["-3", "-1.5", "0", "1.5", "3"]
    assert beside(tmp_path / "a" / f"{name}1.png", grid(loaded.decode(walk.flatten(0, 1)), columns=5), rows, values)
    assert torch.equal(inputs.of_direction(f"{tmp_path / 'a' / 'directions.npz'}:2"), q.z[2])
    with pytest.raises(ValueError, match=r"holds 4 directions: choose one by its number, as in FILE.npz:2"):
        inputs.of_direction(str(tmp_path / "a" / "directions.npz"))
    verbs.traverse(loaded, z, tmp_path / "b", directions=method, n=5)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_traverse_a_conditional_model_row_by_row(tmp_path):
    loaded = model(num_classes=3)
    z = inputs.of_seeds(loaded, range(2))
    verbs.traverse(loaded, z, tmp_path, dims=[1], n=3, labels=[2, 0])
    walk = verbs.traverse_dimension(z, 1, [-3.0, 0.0, 3.0]).flatten(0, 1)
    picture = grid(loaded.decode(walk, [2, 2, 2, 0, 0, 0]), columns=3)
    assert beside(tmp_path / "dim1.png", picture, ["row 0", "row 1"], ["-3", "0", "3"])


def test_add(tmp_path):
    loaded = model()
    a, b, c = (inputs.of_term(loaded, text) for text in ("1,2,3", "4,5,6", "7,8,9"))
    line = verbs.add(loaded, [a, c], [b], tmp_path / "a")
    assert line == f"2 terms less 1 in {tmp_path / 'a' / 'arithmetic.png'}"
    z = load_latents(tmp_path / "a" / "latents.npz").z
    torch.testing.assert_close(z[0], a.mean(0) - b.mean(0) + c.mean(0))
    terms = torch.stack([a.mean(0), c.mean(0), b.mean(0), z[0]])
    words = [*(f"{term[0]} mean of\nterm {term[1]}" for term in ("+1", "+2", "-1")), "= sum"]
    assert same(tmp_path / "a" / "terms.png", headed(grid(loaded.decode(terms), columns=4, cell=96), words))
    near = around(z[0])
    square = loaded.decode(torch.cat([near[:4], z, near[4:]]))
    heads = [*["sum + noise"] * 4, "sum", *["sum + noise"] * 4]
    tiles = [headed(grid(x[None], gap=0, cell=96), [head]) for x, head in zip(square, heads, strict=True)]
    assert same(tmp_path / "a" / "arithmetic.png", tiled(tiles, columns=3))
    verbs.add(loaded, [a, c], [b], tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert "a term has only 2: take 3 exemplars or more" in verbs.add(loaded, [a[:2], c], [b], tmp_path / "c")


def test_edit(tmp_path):
    loaded = model(num_classes=3)
    z, q = inputs.of_seeds(loaded, range(2)), torch.tensor([0.0, 1.0, 0.0, -1.0])
    line = verbs.edit(loaded, z, q, [-1.0, 0.0, 2.0], tmp_path / "a", labels=[1, 2])
    assert line == f"2 latents at 3 strengths in {tmp_path / 'a' / 'edit.png'}"
    got = load_latents(tmp_path / "a" / "latents.npz")
    assert torch.equal(got.z, torch.stack([z[0] - q, z[0], z[0] + 2 * q, z[1] - q, z[1], z[1] + 2 * q]))
    assert got.extra["y"].tolist() == [1, 1, 1, 2, 2, 2]
    picture = grid(loaded.decode(got.z, [1, 1, 1, 2, 2, 2]), columns=3)
    assert beside(tmp_path / "a" / "edit.png", picture, ["row 0", "row 1"], ["-1", "0", "2"])
    kept = inputs.of_direction(str(tmp_path / "a" / "direction.npz"))
    assert torch.equal(kept, q)
    verbs.edit(loaded, z, kept, [-1.0, 0.0, 2.0], tmp_path / "b", labels=[1, 2])
    assert files(tmp_path / "a") == files(tmp_path / "b")


class Brightness:
    """A digit network: the brighter an image, the more it is a 3, and else a 5."""

    id = "brightness"

    def __call__(self, images):
        assert images.dtype == torch.uint8
        logits = torch.full((len(images), 10), -30.0)
        logits[:, 3] = (images.float().mean(dim=(1, 2, 3)) - 127.5) / 2
        logits[:, 5] = -logits[:, 3]
        return Features(images, logits)


@pytest.mark.parametrize("labels", [None, [2]])
def test_the_direction_towards_a_digit_is_that_of_samples_taken_for_it(labels, monkeypatch):
    monkeypatch.setattr(digits, "LeNet64", Brightness)
    loaded = model(num_classes=3 if labels else 0)
    z = inputs.of_seeds(loaded, range(1000))
    bright = to_uint8(loaded.decode(z, labels)).float().mean(dim=(1, 2, 3)) >= 127.5
    q = digits.class_direction(loaded, 3, labels)
    torch.testing.assert_close(q, z[bright].mean(dim=0) - z[~bright].mean(dim=0))
    with pytest.raises(ValueError, match="got 0 of class 4"):
        digits.class_direction(loaded, 4, labels)


def test_the_scores_of_a_digit_are_those_of_other_samples(monkeypatch):
    monkeypatch.setattr(digits, "LeNet64", Brightness)
    loaded = model()
    q = digits.class_direction(loaded, 3)
    head, columns, *rows = digits.score_class(loaded, q, [-1.0, 0.0, 1.0], 3).splitlines()
    assert head == "change of P(3) by brightness, mean of 1000 seeds:"
    assert columns.split() == ["strength", "P(3)", "Σ|others|", "random"]
    z = inputs.of_seeds(loaded, range(1000, 2000))

    def score(x):
        return Brightness()(to_uint8(x)).logits.softmax(dim=1)

    found = rescore(score, loaded, z, q, [-1.0, 0.0, 1.0], 3)
    expected = torch.stack([torch.tensor([-1.0, 0, 1]), found.target, found.others.abs().sum(1), found.random_target])
    numbers = torch.tensor([[float(word) for word in row.split()] for row in rows])
    torch.testing.assert_close(numbers, expected.T.float(), atol=6e-4, rtol=0)
    assert numbers[0, 1] < -0.01 < 0.01 < numbers[2, 1]


def test_digits_are_named_in_grey_images_only():
    for wrong in (
        lambda m, k: digits.class_direction(m, k),
        lambda m, k: digits.score_class(m, torch.ones(4), [1.0], k),
    ):
        with pytest.raises(ValueError, match=r"for grey images; this model makes the shape \(3, 8, 8\)"):
            wrong(model(channels=3), 1)
        for digit in (-1, 10):
            with pytest.raises(ValueError, match=f"from 0 to 9, got {digit}"):
                wrong(model(), digit)


def test_neighbours(tmp_path):
    loaded = model(num_classes=3)
    z = inputs.of_seeds(loaded, range(3))
    x = loaded.decode(z, [1, 1, 2])
    training = torch.cat([to_uint8(-x), to_uint8(x[1:2])])
    line = verbs.neighbours(loaded, z, training, tmp_path, labels=[1, 1, 2], columns=2)
    found = nearest_training(x, training)
    assert line == f"3 samples in {tmp_path / 'neighbours.png'}, the nearest of 4 beside them; exact copies: 1"
    assert same(tmp_path / "neighbours.png", drawn(found, ["row 0", "row 1", "row 2"], columns=2))
    got = load_latents(tmp_path / "latents.npz")
    assert torch.equal(got.z, z)
    assert got.extra["y"].tolist() == [1, 1, 2]
    assert got.extra["neighbour"].tolist() == found.at.tolist()
    assert got.extra["distance"].tolist() == found.distance.tolist()


def test_behind_a_channel_it_is_walked_through_r(tmp_path):
    torch.manual_seed(0)
    G = Bottleneck(MLPGenerator((1, 8, 8), Normal(3), width=8), dim=2)
    loaded = Pretrained({"generator": G}, {})
    z = inputs.of_seeds(loaded, range(2))
    verbs.traverse(loaded, z, tmp_path, dims=[2], n=3)
    r = G.channel(z).repeat_interleave(3, dim=0)
    r[:, 2] = torch.tensor([-3.0, 0.0, 3.0]).repeat(2)
    assert beside(tmp_path / "dim2.png", grid(G.decode(r), columns=3), ["row 0", "row 1"], ["-3", "0", "3"])
    assert torch.equal(load_latents(tmp_path / "latents.npz").z, z)


def test_a_direction_behind_the_channel_edits_r(tmp_path):
    torch.manual_seed(0)
    G = Bottleneck(MLPGenerator((1, 8, 8), Normal(3), width=8), dim=2)
    loaded, z = Pretrained({"generator": G}, {}), torch.randn(2, 5)
    verbs.traverse(loaded, z, tmp_path / "found", directions="jacobian", n=3)
    q = inputs.of_direction(str(tmp_path / "found" / "directions.npz:1"))
    verbs.edit(loaded, z, q, [-1.0, 2.0], tmp_path / "edited")
    r = torch.stack([G.channel(z) - q, G.channel(z) + 2 * q], dim=1).flatten(0, 1)
    torch.testing.assert_close(load_latents(tmp_path / "edited" / "r.npz").z, r)
    assert not (tmp_path / "edited" / "latents.npz").exists()  # which other verbs would take for z
    assert beside(tmp_path / "edited" / "edit.png", grid(G.decode(r), columns=2), ["row 0", "row 1"], ["-1", "2"])
    assert digits.score_class(loaded, q, [1.0], 3).startswith("change of P(3)")


def test_a_file_brings_the_classes_of_what_is_chosen(tmp_path):
    z = torch.randn(3, 4)
    file = save_latents(tmp_path / "a.npz", z, y=torch.tensor([1, 2, 1]))
    assert inputs.labelled(model(num_classes=3), str(file))[1] == [1, 2, 1]
    assert inputs.labelled(model(num_classes=3), f"{file}:2")[1] == [2]
    assert inputs.labelled(model(), f"{file}:1")[1] is None
    assert inputs.labelled(model(num_classes=3), "0-2")[1] is None


def test_nothing_is_written_for_a_wrong_call(tmp_path):
    loaded = model()
    z, out = inputs.of_seeds(loaded, range(3)), tmp_path / "out"
    for wrong, message in (
        (
            lambda: verbs.interpolate(loaded, z[:1], out),
            r"two or more latents, \[K, 4\], such as those of two seeds, got \[1, 4\]",
        ),
        (lambda: verbs.interpolate(loaded, z, out, fps=0), "fps must be from 1 to 50, .*, got 0"),
        (lambda: verbs.interpolate(loaded, z, out, labels=[1]), "unconditional: leave labels out"),
        (lambda: verbs.traverse(loaded, z, out, dims=[4]), "z has the dimensions 0 to 3, got 4"),
        (lambda: verbs.traverse(loaded, z, out, labels=[1]), "unconditional: leave labels out"),
        (lambda: verbs.traverse(model(num_classes=3), z, out, labels=[1, 2]), "one label or 3 labels, got 2"),
        (lambda: verbs.add(loaded, [z], [z[:0]], out), r"latents \[n, 4\] with n at least 1, got \[0, 4\]"),
        (
            lambda: verbs.edit(loaded, z, torch.ones(5), [1.0], out),
            "the direction has 5 numbers, latents of this model have: z 4",
        ),
        (lambda: verbs.edit(loaded, z, torch.zeros(4), [1.0], out), "the direction is zero: give latents with and"),
        (lambda: verbs.edit(loaded, z, torch.ones(4), [], out), "give at least one value to walk through, got none"),
        (lambda: verbs.neighbours(loaded, z, torch.zeros(4, 1, 9, 8), out), r"got \[3, 1, 8, 8\] and \[4, 1, 9, 8\]"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
    assert not out.exists()


def test_images_of_two_channels_are_drawn_by_their_first(tmp_path):
    loaded = model(channels=2)
    verbs.interpolate(loaded, inputs.of_seeds(loaded, range(2)), tmp_path / "out")
    assert (tmp_path / "out" / "interpolation.png").is_file()


def test_each_half_of_the_way_takes_the_class_of_its_end(tmp_path):
    loaded = model(num_classes=3)
    z = inputs.of_seeds(loaded, [0, 1, 2])
    verbs.interpolate(loaded, z, tmp_path, steps=4, labels=[2, 0, 1])
    way = path(z, 4, loaded.generator.prior)
    y = [2, 2, 0, 0, 0, 0, 1, 1, 1]
    rows = [*range(5), *range(4, 9)]
    ways = ["row 0\nto row 1", "row 1\nto row 2"]
    assert beside(tmp_path / "interpolation.png", grid(loaded.decode(way, y)[rows], columns=5), ways)

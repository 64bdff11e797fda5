"""Games between images: their equations on linear maps, their parts, the way back, and what they refuse."""

import math

import pytest
import torch
from torch import nn

import ganzoo
from ganzoo.engine import SGD
from ganzoo.inference import decode
from ganzoo.inversion import invert
from ganzoo.models import CoGAN, ContentGAN, CycleGAN, PairGAN, Pix2Pix
from ganzoo.models.pool import Pool
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, DiffAugment, InstanceNoise, PatchDiscriminator
from ganzoo.priors import Normal
from ganzoo.roles import Discriminator, Generator, Images
from tests.translator import Negatives, OfImages, Translate
from tests.zoo import FromImage, ToImage, digits, make, trainer, weights

SHAPE = (1, 2, 2)


class Times(Generator):
    """G(x) = a x."""

    def __init__(self, image_shape=SHAPE, source_shape=SHAPE, a: float = 1.0) -> None:
        super().__init__(image_shape, Normal(0), condition=Images(source_shape))
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, z, y=None):
        return self.a * y


class Mean(Discriminator):
    """D(y) = b mean(y), or of a pair b mean(y x): one patch."""

    def __init__(self, image_shape=SHAPE, sees: str = "image", b: float = 1.0) -> None:
        super().__init__(image_shape)
        self.b = nn.Parameter(torch.tensor(b))
        if sees == "pair":
            self.condition = Images(image_shape)

    def forward(self, x, y=None):
        return self.b * (x if y is None else x * y).flatten(1).mean(1, keepdim=True)


def batch(n=4):
    rows = torch.linspace(-0.9, 1, 8 * n).view(2, n, *SHAPE)
    return rows[0], rows[1].flip(0)


def seen(network, x):
    return x.flatten(1).mean(1)


def gradient(terms, *parameters):
    return [g.item() for g in torch.autograd.grad(sum(terms.values()), parameters)]


def test_cyclegan_is_its_equation():
    """With G(x) = a x, F(y) = b y and D = mean, all by hand; the squares have no 1/2 in G's loss, and one in D's."""
    game = CycleGAN(Times(a=0.5), Mean(), 10.0, 7.0, 3.0, 2.0, pool=0)
    with torch.no_grad():
        game.F.a.fill_(1.5)
        game.D_X.b.fill_(-1.0)
    y, x = batch()
    terms = game.gf_loss((y, x))
    my, mx, ay, ax = seen(None, y), seen(None, x), y.abs().mean(), x.abs().mean()
    expected = {
        "adv": 2 * ((0.5 * mx - 1).square().mean() + (-1.5 * my - 1).square().mean()),
        "forward": 10 * abs(0.5 * 1.5 - 1) * ax,
        "backward": 7 * abs(0.5 * 1.5 - 1) * ay,
        "identity": 3 * (0.5 * ay + 0.5 * ax),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    by_a = 2 * 2 * ((0.5 * mx - 1) * mx).mean() - 10 * 1.5 * ax - 7 * 1.5 * ay - 3 * ay
    by_b = 2 * 2 * ((-1.5 * my - 1) * -my).mean() - 10 * 0.5 * ax - 7 * 0.5 * ay + 3 * ax
    assert gradient(terms, game.G.a, game.F.a) == pytest.approx([by_a.item(), by_b.item()], rel=1e-5)
    losses = game.d_loss((y, x))
    torch.testing.assert_close(losses["y"], ((my - 1).square().mean() + (0.5 * mx).square().mean()) / 2)
    torch.testing.assert_close(losses["x"], ((-mx - 1).square().mean() + (1.5 * my).square().mean()) / 2)
    by_d = ((my - 1) * my).mean() + 0.25 * mx.square().mean()
    assert gradient({"y": losses["y"]}, game.D_Y.b) == pytest.approx([by_d.item()], rel=1e-5)


def test_the_cycle_of_linear_maps_is_that_of_the_normal_distribution():
    """|a b - 1| √(2 / π) for x ~ N(0, 1); the identity has no cycle loss, whatever D thinks."""
    torch.manual_seed(0)
    x = torch.randn(50_000, *SHAPE)
    game = CycleGAN(Times(a=0.5), Mean(), pool=0)
    with torch.no_grad():
        game.F.a.fill_(1.5)
    assert game.gf_loss((x, x))["forward"].item() == pytest.approx(10 * 0.25 * math.sqrt(2 / math.pi), rel=0.01)
    same = CycleGAN(Times(a=1.0), Mean(), identity_weight=5.0, pool=0).gf_loss((x, -x))
    assert [same[name].item() for name in ("forward", "backward", "identity")] == [0, 0, 0]


def test_pix2pix_is_its_equation():
    y, x = batch()
    for sees, paired in (("pair", x), ("image", torch.ones_like(x))):
        game = Pix2Pix(Times(a=0.5), Mean(sees=sees), l1_weight=100.0, gan_weight=2.0)
        terms, losses = game.g_loss((y, x)), game.d_loss((y, x))
        real, fake = seen(None, y * paired), seen(None, 0.5 * x * paired)
        torch.testing.assert_close(terms["adv"], -2 * fake.sigmoid().log().mean())
        torch.testing.assert_close(terms["l1"], 100 * (y - 0.5 * x).abs().mean())
        torch.testing.assert_close(
            losses["adv"], -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()) / 2
        )
        whole = (2 * (fake.sigmoid() - 1) * seen(None, x * paired)).mean() + 100 * ((0.5 * x - y).sign() * x).mean()
        assert gradient(terms, game.G.a) == pytest.approx([whole.item()], rel=1e-4)


def test_contentgan_is_its_equation():
    y, x = batch()
    game = ContentGAN(Times(a=0.5), Mean(), content_weight=10.0, pool=0)
    terms, losses = game.g_loss((y, x)), game.d_loss((y, x))
    torch.testing.assert_close(terms["adv"], (seen(None, 0.5 * x) - 1).square().mean())
    torch.testing.assert_close(terms["content"], 10 * 0.5 * x.abs().mean())
    squares = (seen(None, y) - 1).square().mean() + seen(None, 0.5 * x).square().mean()
    torch.testing.assert_close(losses["adv"], squares / 2)
    by_features = ContentGAN(Times(a=0.5), Mean(), content_weight=1.0, features=nn.AvgPool2d(2), pool=0)
    torch.testing.assert_close(by_features.g_loss((y, x))["content"], 0.5 * seen(None, x).abs().mean())


def test_pairgan_is_its_equation():
    y, x = batch()
    game = PairGAN(Times(a=0.5), Mean(sees="pair"), pool=0)
    with torch.no_grad():
        game.F.a.fill_(1.5)
    terms, losses = game.gf_loss((y, x)), game.d_loss((y, x))
    of_g, of_f = seen(None, 0.5 * x * x), seen(None, 1.5 * y * y)
    torch.testing.assert_close(terms["g"], of_g.square().mean())
    torch.testing.assert_close(terms["f"], (of_f - 1).square().mean())
    torch.testing.assert_close(losses["g"], (of_g - 1).square().mean())
    torch.testing.assert_close(losses["f"], of_f.square().mean())


def test_cogan_shares_all_layers_but_one_and_is_two_games(tmp_path):
    game = CoGAN(ToImage(), FromImage())
    shared = {id(p) for p in game.G_y.parameters()} & {id(p) for p in game.G_x.parameters()}
    assert len(shared) == len(list(game.G_y.parameters())) - 2  # weight and bias of the last layer
    assert game.G_x.net[-2].weight is not game.G_y.net[-2].weight
    assert not torch.equal(game.G_x.net[-2].weight, game.G_y.net[-2].weight)
    assert game.D_x.net[1].weight is not game.D_y.net[1].weight
    assert game.D_x.head.weight is game.D_y.head.weight
    y, x = torch.rand(2, 6, 1, 8, 8) * 2 - 1
    torch.manual_seed(3)
    losses, terms = game.d_loss((y, x)), game.g_loss((y, x))
    torch.manual_seed(3)
    z = game.prior(6)
    for name, D, G, real in (("x", game.D_x, game.G_x, x), ("y", game.D_y, game.G_y, y)):
        whole = -(D(real).sigmoid().log().mean() + (1 - D(G(z)).sigmoid()).log().mean())
        torch.testing.assert_close(losses[name], whole)
    z = game.prior(6)
    for name, D, G in (("x", game.D_x, game.G_x), ("y", game.D_y, game.G_y)):
        torch.testing.assert_close(terms[name], -D(G(z)).sigmoid().log().mean())
    trainer(6, tmp_path).fit(game, datamodule=Negatives(batch_size=16))
    assert game.D_x.head.weight is game.D_y.head.weight
    with pytest.raises(
        ValueError, match=r"CoGAN needs two sets of images of one shape: .* got \[16, 1, 8, 8\] and \[16\]"
    ):
        trainer(1, tmp_path).fit(CoGAN(ToImage(), FromImage()), datamodule=digits())


@pytest.mark.parametrize(
    ("of_g", "kind", "of_d"),
    [
        ("batch", DCGANDiscriminator, {"norm": "none"}),
        ("batch+spectral", DCGANDiscriminator, {"norm": "spectral"}),
        ("batch+spectral", PatchDiscriminator, {"norm": "spectral", "n_layers": 1}),
    ],
)
def test_a_layer_of_a_coupled_network_is_one_layer_with_spectral_norm_too(of_g, kind, of_d, tmp_path):
    G = DCGANGenerator((1, 8, 8), Normal(4), width=4, norm=of_g)
    game = CoGAN(G, kind((1, 8, 8), width=4, **of_d))
    trainer(2, tmp_path).fit(game, datamodule=Negatives(batch_size=8))
    for mine, other, layer in ((game.D_x, game.D_y, "features.0"), (game.G_x, game.G_y, "body.4")):
        own = {name for name, p in mine.named_parameters() if all(p is not q for q in other.parameters())}
        assert own == {name for name, _ in mine.named_parameters() if name.startswith(f"{layer}.")}
        mine.eval()
        other.eval()
        assert not torch.equal(mine.get_submodule(layer).weight, other.get_submodule(layer).weight)
    assert torch.equal(game.D_x.head.weight, game.D_y.head.weight)  # divided by the same norm
    assert torch.equal(game.G_x.body[0].weight, game.G_y.body[0].weight)


def test_cogan_translates_by_inversion_as_its_docstring_says():
    torch.manual_seed(0)
    game = CoGAN(ToImage(), FromImage()).eval()
    model = game.trained
    x = decode(model.networks["generator_source"], model.latents(6, seed=7))
    z = invert(model.networks["generator_source"], x, progress=False).latents
    y, other = model.decode(z), model.sample(6, seed=7)
    assert (y - other).square().mean() < 0.05 * (other - other.roll(1, 0)).square().mean()


# -- parts by weights


@pytest.mark.parametrize(
    ("weights_of", "terms", "players"),
    [
        ({"forward_weight": 0, "backward_weight": 0}, ["adv"], ["gf", "d"]),
        ({"backward_weight": 0}, ["adv", "forward"], ["gf", "d"]),
        ({"forward_weight": 0}, ["adv", "backward"], ["gf", "d"]),
        ({"gan_weight": 0}, ["forward", "backward"], ["gf"]),
        ({}, ["adv", "forward", "backward"], ["gf", "d"]),
    ],
    ids=["GAN alone", "GAN + forward", "GAN + backward", "cycle alone", "all"],
)
def test_the_ablation_is_a_matter_of_weights(weights_of, terms, players, tmp_path):
    game = CycleGAN(Translate(), OfImages(), pool=5, **weights_of)
    before = weights(game.D_Y)
    trainer(3, tmp_path).fit(game, datamodule=Negatives(batch_size=8))
    assert sorted(game.shown) == sorted([f"gf/{t}" for t in terms] + [f"d/{k}" for k in "yx" if "d" in players])
    assert list(game.players()) == players
    still = all(torch.equal(value, game.D_Y.state_dict()[key]) for key, value in before.items())
    assert still == ("d" not in players)


def test_l1_alone_learns_the_median_and_d_does_not_play(tmp_path):
    class Constant(Times):
        def forward(self, z, y=None):
            return self.a.expand(len(y), *self.image_shape)

    class Skewed(Negatives):
        def read(self, split):
            images, sources = super().read(split)
            return (images > 100).byte() * 255, sources

    game = Pix2Pix(Constant((1, 8, 8), (1, 8, 8), a=0.0), OfImages(), gan_weight=0.0, g_optimizer=SGD(lr=2e-3))
    trainer(60, tmp_path).fit(game, datamodule=Skewed(batch_size=64))
    assert list(game.players()) == ["g"]
    assert game.G.a.item() == pytest.approx(-1, abs=0.2)  # more than half of the pixels are dark


def test_a_game_with_features_of_a_users_own_publishes_its_networks(tmp_path):
    game = ContentGAN(Translate(), OfImages(), features=nn.AvgPool2d(2))
    runner = trainer(2, tmp_path)
    runner.fit(game, datamodule=Negatives(batch_size=8))
    runner.save_checkpoint(tmp_path / "a.ckpt")
    x = torch.rand(2, 1, 8, 8) * 2 - 1
    assert torch.equal(ganzoo.load(tmp_path / "a.ckpt").translate(x), game.trained.translate(x))
    with pytest.raises(ValueError, match=r"features=AvgPool2d"):
        ganzoo.load_game(tmp_path / "a.ckpt")


# -- the pool


def numbers(n, start=0):
    return torch.arange(start, start + n, dtype=torch.float32).view(n, 1, 1, 1)


def shown_by(pool, n, batch=1, seed=0):
    parts = [pool(numbers(batch, k), before=k, seed=seed) for k in range(0, n, batch)]
    return torch.cat(parts).flatten().long()


def test_a_pool_shows_each_image_once_the_first_twice_and_the_last_never():
    shown = shown_by(Pool(50, (1, 1, 1)), 4000)
    counts = torch.bincount(shown, minlength=4000)
    kept = Pool(50, (1, 1, 1))
    shown_by(kept, 4000)
    last = kept.images.flatten().long()
    assert counts[:50].tolist() == [2] * 50
    assert len(last.unique()) == 50
    assert counts[50:].max() == 1
    assert not counts[last].any()
    assert (counts == 0).sum() == 50
    assert torch.equal(shown[:50], torch.arange(50))


def test_half_of_what_a_pool_shows_is_old_and_its_age_is_its_size():
    n, size = 40_000, 20
    shown = shown_by(Pool(size, (1, 1, 1)), n, batch=4)[1000:]
    age = torch.arange(1000, n) - shown
    assert (age > 0).float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert age.float().mean().item() == pytest.approx(size, rel=0.03)
    assert age[age > 0].float().mean().item() == pytest.approx(2 * size, rel=0.03)


def test_a_pool_without_a_size_shows_what_comes_and_seeds_decide(tmp_path):
    new = numbers(6)
    a, b, c = (shown_by(Pool(5, (1, 1, 1)), 60, batch=3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    game = make("CycleGAN", pool=0)
    game._made = [(new, new)]
    assert all(torch.equal(shown, new) for shown in game.pooled(game.pools))
    with pytest.raises(ValueError, match="pool must not be negative, got -1: 50 is usual"):
        Pool(-1, (1, 1, 1))


def test_each_part_of_a_batch_has_its_place_in_the_pool(tmp_path):
    how = SGD(lr=0.1, accumulate=2)
    game = make("CycleGAN", pool=20, g_optimizer=how, d_optimizer=how)
    trainer(1, tmp_path).fit(game, datamodule=Negatives(batch_size=8))
    for pool in game.pools:
        assert pool.images[:8].abs().amax(dim=(1, 2, 3)).min() > 0
        assert not pool.images[8:].any()


@pytest.mark.parametrize(("g", "d"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("name", ["CycleGAN", "PairGAN", "ContentGAN", "Pix2Pix"])
def test_parts_of_a_batch_that_differ_for_g_and_d_are_refused_before_training(name, g, d, tmp_path):
    how = {"g_optimizer": SGD(lr=0.1, accumulate=g), "d_optimizer": SGD(lr=0.1, accumulate=d)}
    game = make(name, **how)
    said = f"g_optimizer has accumulate={g}, d_optimizer accumulate={d}: .* give both accumulate=2$"
    with pytest.raises(ValueError, match=said):
        trainer(1, tmp_path).fit(game, datamodule=Negatives(batch_size=8))
    assert not game.has_played
    if name in ("CycleGAN", "Pix2Pix"):  # whose D may not play
        trainer(1, tmp_path).fit(make(name, gan_weight=0.0, **how), datamodule=Negatives(batch_size=8))


def test_a_pair_stays_together_in_a_pool():
    game = PairGAN(Times(), Mean(sees="pair"), pool=3)
    torch.manual_seed(0)
    for k in range(20):
        y, x = torch.randn(2, 2, *SHAPE)
        game.images_seen = 2 * k
        game._passed = 0
        game.gf_loss((y, x))
        game._made = [(torch.cat([x, 2 * x], 1), torch.cat([y, 3 * y], 1))]
        of_g, of_f = (game.apart(pairs) for pairs in game.pooled(game.pools))
        torch.testing.assert_close(of_g[1], 2 * of_g[0])
        torch.testing.assert_close(of_f[1], 3 * of_f[0])


def test_half_full_pools_are_part_of_exact_resume(tmp_path):
    """Killed processes are in tests/engine/test_resume.py."""

    def fit(batches, path=None):
        runner = trainer(batches, tmp_path)
        game = make("CycleGAN", pool=100)
        runner.fit(game, datamodule=Negatives(batch_size=16), ckpt_path=path, weights_only=path and True)
        runner.save_checkpoint(tmp_path / f"{batches}.ckpt")
        return game

    whole = fit(9)
    fit(4)
    resumed = fit(9, tmp_path / "4.ckpt")
    assert torch.load(tmp_path / "4.ckpt", weights_only=True)["state_dict"]["pools.0.images"][64:].abs().max() == 0
    assert whole.pools[0].images[99].abs().max() > 0
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())


# -- what comes from outside


@pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no")
def test_bytes_of_a_plain_loader_are_images_on_both_sides(tmp_path):
    class Watched(CycleGAN):
        def gf_loss(self, batch):
            seen.append(batch)
            return super().gf_loss(batch)

    seen = []
    y, x = torch.randint(256, (2, 8, 1, 8, 8), dtype=torch.uint8)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(y, x), batch_size=8)
    trainer(1, tmp_path).fit(Watched(Translate(), OfImages()), loader)
    for found, given in zip(seen[0], (y, x), strict=True):
        torch.testing.assert_close(found, given / 127.5 - 1)


def test_a_wrapper_hands_on_that_its_d_judges_pairs(tmp_path):
    game = Pix2Pix(Translate(), InstanceNoise(OfImages(sees="pair"), std=0.1))
    trainer(1, tmp_path).fit(game, datamodule=Negatives(batch_size=8))
    assert set(game.shown) == {"g/adv", "g/l1", "d/adv"}
    with pytest.raises(ValueError, match=r"move an image away from its pair: let D judge images \(sees='image'\)"):
        DiffAugment(OfImages(sees="pair"))


# -- the way back


def test_the_way_back_is_a_network_of_its_own():
    game = CycleGAN(Translate(width=6), OfImages(width=5))
    assert game.F.hidden.weight.shape == game.G.hidden.weight.shape
    assert not torch.equal(game.F.hidden.weight, game.G.hidden.weight)
    assert not torch.equal(game.D_X.net[0].weight, game.D_Y.net[0].weight)
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    model = game.eval().trained
    torch.testing.assert_close(model.translate_back(x), game.F_ema(torch.empty(3, 0), x))
    torch.testing.assert_close(model.translate(x), game.G_ema(torch.empty(3, 0), x))


def test_what_does_not_fit_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"CycleGAN translates: its generator must be told Images, .* got ToImage"):
        CycleGAN(ToImage(), FromImage())
    with pytest.raises(ValueError, match=r"CycleGAN has no pairs: its discriminator must judge images alone"):
        CycleGAN(Translate(), OfImages(sees="pair"))
    with pytest.raises(ValueError, match=r"PairGAN's discriminator must judge pairs: make it with sees='pair'"):
        PairGAN(Translate(), OfImages())
    with pytest.raises(ValueError, match="forward_weight must not be negative, got -1"):
        CycleGAN(Translate(), OfImages(), -1.0)
    with pytest.raises(ValueError, match="l1_weight and gan_weight are 0: nothing is left to learn from"):
        Pix2Pix(Translate(), OfImages(), l1_weight=0, gan_weight=0)
    with pytest.raises(ValueError, match=r"forward_weight, .* and gan_weight are 0: nothing is left to learn from"):
        CycleGAN(Translate(), OfImages(), forward_weight=0, backward_weight=0, gan_weight=0)
    with pytest.raises(ValueError, match=r"Grey has no way back, from images \(3, 2, 2\) to \(1, 2, 2\)"):
        CycleGAN(Grey(), OfImages((3, 2, 2)))
    grey = Times((1, 2, 2), (3, 2, 2))
    with pytest.raises(ValueError, match=r"compares G\(y\) with y: images \(3, 2, 2\) and \(1, 2, 2\) differ"):
        CycleGAN(grey, Mean(), identity_weight=1.0)
    with pytest.raises(ValueError, match=r"G\(x\) is compared with x: .* differ"):
        ContentGAN(grey, Mean())


class Grey(Generator):
    """A generator that cannot be made the other way round."""

    def __init__(self) -> None:
        super().__init__((3, 2, 2), Normal(0), condition=Images((1, 2, 2)))


def test_wrong_networks_and_batches_are_named_before_training(tmp_path):
    class Cube(OfImages):
        def forward(self, x, y=None):
            return super().forward(x)[:, :, None]

    with pytest.raises(ValueError, match=r"discriminator must return logits .* \[N, patches\], got \[2, 4, 1\]"):
        trainer(1, tmp_path).fit(Pix2Pix(Translate(), Cube()), datamodule=Negatives(batch_size=8))
    alone = torch.utils.data.DataLoader(torch.rand(8, 1, 8, 8) * 2 - 1, batch_size=4)
    with pytest.raises(ValueError, match=r"needs sources: let the loader give \(targets, sources\)"):
        trainer(1, tmp_path).fit(make("CycleGAN"), alone)
    pairs = [(torch.rand(4, 1, 8, 8) * 2 - 1, torch.rand(4, 1, 8, 8))]
    with pytest.raises(ValueError, match=r"games take \[-1, 1\]"):
        trainer(1, tmp_path).fit(make("CycleGAN"), torch.utils.data.DataLoader(pairs, batch_size=None))

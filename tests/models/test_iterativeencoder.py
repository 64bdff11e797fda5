"""An iterative encoder's steps: with G(z) = A z and E([x, x']) = b A⁻¹(x - x') each leaves 1 - b of what was left."""

import pytest
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo.hub import publish
from ganzoo.models import IterativeEncoder
from ganzoo.networks import MLPEncoder, Refiner
from ganzoo.priors import Normal
from ganzoo.roles import Encoder, Generator
from tests.models.hand import derivative
from tests.zoo import SHAPE, ToImage, ToLatent, digits, trainer, weights

A = torch.tensor([[2.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
T = 3


class Linear(Generator):
    """G(z) = A z; of class y, A z + y."""

    def __init__(self, num_classes: int = 0) -> None:
        super().__init__((2,), Normal(dim=2), num_classes)
        self.A = nn.Parameter(A.clone())

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        assert (y is not None) == bool(self.num_classes)
        return z @ self.A.T + (0 if y is None else y[:, None])


class Residual(Encoder):
    """E([x, x']) = b A⁻¹(x - x'); told y, of which x knows nothing, b A⁻¹(x + y - x')."""

    def __init__(self, b: float = 0.25, num_classes: int = 0) -> None:
        super().__init__((4,), 2, num_classes=num_classes)
        self.b = nn.Parameter(torch.tensor(b))

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        assert (y is not None) == bool(self.num_classes)
        left = x[:, :2] - x[:, 2:] + (0 if y is None else y[:, None])
        return self.b * left @ A.inverse().T


def game(b=0.25, classes=(0, 0), latent_weight=0.5):
    E = Refiner(Residual(b, num_classes=classes[1]), steps=T)
    return IterativeEncoder(Linear(classes[0]), E, latent_weight=latent_weight).double()


def points(n=5):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def first(model):
    return 0.3 * model.G.prior.seeded([0]).double()


@pytest.mark.parametrize("b", [0.25, 0.5, 1.0])
def test_the_loss_is_that_of_every_step(b):
    model, x = game(b), points()
    torch.manual_seed(0)
    z = model.prior(len(x))
    torch.manual_seed(0)
    terms = model.e_loss((x, None))
    shrunk = sum((1 - b) ** (2 * t) for t in (1, 2, 3)) / 3
    at_first = (x - first(model) @ A.T).square().mean().item()
    assert terms["image"].item() == pytest.approx(shrunk * at_first, rel=1e-6, abs=1e-12)
    expected = 0.5 * shrunk * (z - first(model)).square().mean().item()
    assert terms["latent"].item() == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("term", ["image", "latent"])
def test_each_step_learns_by_itself(term):
    """d/db of (1 - b)² r_t² with r_t, what earlier steps have left, a constant: -2 (1 - b)^(2t+1) r_0²."""
    b, model, x = 0.25, game(0.25), points()
    torch.manual_seed(0)
    z = model.prior(len(x))
    torch.manual_seed(0)
    terms = model.e_loss((x, None))
    size = {
        "image": (x - first(model) @ A.T).square().mean().item(),
        "latent": 0.5 * (z - first(model)).square().mean().item(),
    }
    by_hand = sum(-2 * (1 - b) ** (2 * t + 1) for t in (0, 1, 2)) / 3 * size[term]
    assert derivative(terms[term], model.E.inner.b) == pytest.approx(by_hand, rel=1e-6)


def test_only_e_has_a_gradient_and_it_is_called_t_times_for_each_term():
    model, calls = game(), []
    model.E.register_forward_hook(lambda *_: calls.append(1))
    sum(model.e_loss((points(), None)).values()).backward()
    assert len(calls) == 2 * T
    assert model.E.inner.b.grad.abs() > 0
    assert model.G.A.grad is None
    assert model.E_ema.inner.b.grad is None


def test_what_is_published_takes_all_steps():
    model, x, calls = game(), points(), []
    model.E_ema.register_forward_hook(lambda *_: calls.append(1))
    z = model.encode(x)
    assert len(calls) == T
    torch.testing.assert_close(z, x @ A.inverse().T + (1 - 0.25) ** T * (first(model) - x @ A.inverse().T))
    torch.testing.assert_close(model.reconstruct(x), z @ A.T)


@pytest.mark.parametrize("told", [0, 3])
def test_a_conditional_g_is_told_its_class_in_every_step(told):
    """G(z, y) = A z + y. An E that is told y, too, takes it for a part of what is left: it ends elsewhere."""
    model, x, y = game(classes=(3, told)), points(), torch.tensor([0, 1, 2, 2, 0])
    goal = (x - (0 if told else y[:, None])) @ A.inverse().T
    expected = goal + (1 - 0.25) ** T * (first(model) - goal)
    torch.testing.assert_close(model.encode(x, y), expected)
    torch.testing.assert_close(model.reconstruct(x, y), expected @ A.T + y[:, None])
    *_, (z, made) = model.way(x, y)
    torch.testing.assert_close(z, expected)
    torch.testing.assert_close(made, model.reconstruct(x, y))
    with pytest.raises(ValueError, match="this encoder is conditional: give labels from 0 to 2"):
        model.encode(x)


def test_a_run_is_loaded_and_exported(tmp_path):
    torch.manual_seed(0)
    model = IterativeEncoder(ToImage(norm=True), Refiner(MLPEncoder((2, 8, 8), 4, width=8, norm="batch"), steps=2))
    G = weights(model.G)
    runner = trainer(5, tmp_path)
    runner.fit(model, datamodule=digits())
    assert all(torch.equal(value, weights(model.G)[key]) for key, value in G.items())
    runner.save_checkpoint(tmp_path / "it.ckpt")
    x = torch.rand(20, *SHAPE) * 2 - 1
    z = model.encode(x)
    folder = publish(model, tmp_path / "out", {"data": None, "seed": 0, "batches": 5, "images_seen": 80})
    for loaded in (ganzoo.load(tmp_path / "it.ckpt"), ganzoo.load(folder)):
        assert torch.equal(loaded.encode(x), z)
        assert type(loaded.networks["encoder"]) is Refiner


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda: ToLatent(), r"sees what G makes of its answer: wrap it as Refiner\(encoder\), got ToLatent"),
        (lambda: Refiner(ToLatent((2, 8, 8), dim=5)), "encoder must return latents of 4 numbers"),
        (lambda: Refiner(ToLatent((4, 8, 8))), r"encoder takes images \(2, 8, 8\), the generator makes \(1, 8, 8\)"),
    ],
)
def test_what_does_not_fit_is_refused(encoder, message):
    with pytest.raises(ValueError, match=message):
        IterativeEncoder(ToImage(), encoder())

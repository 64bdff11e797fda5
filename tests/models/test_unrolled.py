"""Looking ahead through the discriminator's own steps."""

import copy

import pytest
import torch

from ganzoo.engine.optim import SGD, Adam, RMSprop
from ganzoo.losses.objectives import Objective
from ganzoo.models import GAN, UnrolledGAN
from tests.models.hand import Line, Point, derivative
from tests.zoo import FromImage, ToImage, digits, make, trainer, weights


class Quadratic(Objective):
    """With D(x) = ψ x, x = 1 and G = θ: L_D = ψ²/2 - ψ θ."""

    def real(self, t):
        return t.square() / 2

    def fake(self, t):
        return -t


@pytest.mark.parametrize("K", [0, 1, 2, 5, 200])
@pytest.mark.parametrize("momentum_free_lr", [0.1, 0.5])
def test_the_gradient_goes_through_the_steps(K, momentum_free_lr):
    """ψ_{k+1} = ψ_k + η (θ - ψ_k); dL_G/dθ = ψ_K + (θ - ψ_K) (1 - (1 - η)^K), which comes to θ."""
    eta, theta, psi = momentum_free_lr, 1.5, -0.25
    model = UnrolledGAN(Point(theta), Line(psi), n_unroll=K, objective=Quadratic(), d_optimizer=SGD(lr=eta)).double()
    last = theta + (psi - theta) * (1 - eta) ** K
    loss = model.g_loss((torch.ones(1, 1, dtype=torch.float64), None))["adv"]
    assert loss.item() == pytest.approx(last * theta - last**2 / 2, rel=1e-12)
    slope = last + (theta - last) * (1 - (1 - eta) ** K)
    assert derivative(loss, model.G.theta) == pytest.approx(slope, rel=1e-12)
    assert (K == 200) is (abs(slope - theta) < 1e-6)


def zoo(cls, **kwargs):
    torch.manual_seed(0)
    return cls(ToImage(), FromImage(), **kwargs).double()


def real(n=6):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1, None


def test_without_steps_it_is_the_minimax_game():
    losses = []
    for model in (zoo(GAN), zoo(UnrolledGAN, n_unroll=0)):
        torch.manual_seed(5)
        loss = model.g_loss(real())["adv"]
        losses.append(torch.autograd.grad(loss, next(model.G.parameters()))[0])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", [Adam(lr=1e-2), Adam(lr=1e-2, weight_decay=0.1), SGD(lr=0.1, momentum=0.9)])
def test_the_steps_are_those_of_ds_optimizer_from_its_present_state(optimizer, tmp_path):
    model = zoo(UnrolledGAN, n_unroll=3, d_optimizer=optimizer)
    trainer(4, tmp_path, precision="64-true").fit(model, datamodule=digits())
    x, fake = real()[0], model.sample(6)
    state = copy.deepcopy(model.optimizers()[0].optimizer.state_dict())
    before = weights(model.D)
    ahead = model.unroll(x, fake)

    after = model.optimizers()[0].optimizer.state_dict()
    assert all(torch.equal(before[key], value) for key, value in model.D.state_dict().items())
    assert str(after) == str(state)
    taken = model.optimizers()[0].optimizer
    for _ in range(3):
        taken.zero_grad()
        model.objective.d(model.D(x), model.D(fake)).backward()
        taken.step()
    for name, p in model.D.named_parameters():
        torch.testing.assert_close(ahead[name], p, rtol=1e-6, atol=1e-5)
        assert not torch.allclose(ahead[name], before[name], atol=1e-3)


def test_gradients_of_adams_steps_are_those_of_finite_differences():
    model = zoo(UnrolledGAN, n_unroll=3, d_optimizer=Adam(lr=1e-2))
    x, fake = real()[0], model.sample(6).double().requires_grad_()

    def ahead(images):
        return -model.judged(model.unroll(x, images), x, images)

    assert torch.autograd.gradcheck(ahead, fake, eps=1e-6, atol=1e-5, nondet_tol=0.0, fast_mode=True)


def test_units_that_are_dead_have_a_finite_gradient():
    """Adam's root has no slope where every gradient so far was 0."""
    model = UnrolledGAN(Point(1.0), Line(1.0), n_unroll=2, objective=Quadratic(), d_optimizer=Adam(lr=0.1))
    loss = model.g_loss((torch.ones(1, 1), None))["adv"]  # θ = ψ = 1: L_D has no slope in ψ
    assert derivative(loss, model.G.theta) == derivative(loss, model.G.theta)


def test_what_cannot_be_unrolled_is_refused():
    with pytest.raises(ValueError, match="n_unroll must not be negative, got -1"):
        make("UnrolledGAN", n_unroll=-1)
    with pytest.raises(ValueError, match="RMSprop has no differentiable form: use Adam or SGD"):
        zoo(UnrolledGAN, d_optimizer=RMSprop()).g_loss(real())

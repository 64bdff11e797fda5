"""The gradient of each logit with respect to its own image, differentiable again."""

import pytest
import torch
from torch import nn

from ganzoo.losses.penalties import with_input_gradient

SHAPES = pytest.mark.parametrize("shape", [(3,), (1, 4, 4), (3, 2, 5)])


class Linear(nn.Module):
    def __init__(self, shape, seed=0):
        super().__init__()
        self.w = nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))

    def forward(self, x):
        return (self.w * x).flatten(1).sum(dim=1) + 0.5


class Smooth(nn.Module):
    """Two layers that are differentiable everywhere."""

    def __init__(self, size=3, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 5), nn.Tanh(), nn.Linear(5, 1)).to(dtype)

    def forward(self, x):
        return self.net(x).flatten()


def images(n, shape, dtype=torch.float32):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


@SHAPES
def test_a_linear_critic_has_its_weights_as_gradient(shape):
    critic, x = Linear(shape), images(6, shape)
    logits, gradient = with_input_gradient(critic, x)
    assert gradient.shape == (6, critic.w.numel())
    torch.testing.assert_close(logits, critic(x))
    torch.testing.assert_close(gradient, critic.w.detach().flatten().expand(6, -1))
    torch.testing.assert_close(gradient.norm(dim=1), critic.w.norm().expand(6))


@SHAPES
def test_r1_of_a_linear_critic_is_half_gamma_w_squared_and_its_gradient_gamma_w(shape):
    critic, gamma = Linear(shape), 7.0
    _, gradient = with_input_gradient(critic, images(5, shape))
    penalty = gamma / 2 * gradient.square().sum(dim=1).mean()
    penalty.backward()
    assert penalty.item() == pytest.approx(gamma / 2 * critic.w.square().sum().item(), rel=1e-6)
    torch.testing.assert_close(critic.w.grad, gamma * critic.w.detach())


def test_each_row_is_the_gradient_of_its_own_logit():
    network, x = Smooth(), images(4, (3,), torch.float64)
    _, together = with_input_gradient(network, x)
    alone = torch.cat([with_input_gradient(network, row[None])[1] for row in x])
    torch.testing.assert_close(together, alone)
    assert len(together.unique(dim=0)) == 4
    h = 1e-6
    for i, axis in enumerate(torch.eye(3, dtype=torch.float64)):
        finite = (network(x + h * axis) - network(x - h * axis)) / (2 * h)
        torch.testing.assert_close(together[:, i], finite, atol=1e-8, rtol=1e-6)


def test_the_penalty_is_differentiable_again():
    network, x = Smooth(), images(4, (3,), torch.float64)

    def penalty():
        logits, gradient = with_input_gradient(network, x)
        return (gradient.norm(dim=1) - 1).square().mean() + logits.square().mean()

    penalty().backward()
    h = 1e-6
    for parameter in network.parameters():
        flat, exact = parameter.data.view(-1), parameter.grad.view(-1)
        for i in range(len(flat)):
            flat[i] += h
            up = penalty().item()
            flat[i] -= 2 * h
            down = penalty().item()
            flat[i] += h
            assert exact[i].item() == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-8)


def test_autocast_does_not_touch_it():
    network, x = Smooth(dtype=torch.float32), images(16, (3,))
    expected = with_input_gradient(network, x)
    with torch.autocast("cpu", torch.bfloat16):
        got = with_input_gradient(network, x)
        assert network(x).dtype == torch.bfloat16  # so that the comparison means something
        lower = with_input_gradient(network, x.bfloat16())
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)
    assert lower[1].dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_true_precisions_stay_what_they_are(dtype):
    logits, gradient = with_input_gradient(Smooth(dtype=dtype), images(4, (3,), dtype))
    assert logits.dtype == gradient.dtype == dtype


@pytest.mark.compiles
@pytest.mark.parametrize(
    "compiler", [{"backend": "eager"}, {"backend": "aot_eager"}, pytest.param({}, marks=pytest.mark.slow)]
)
def test_a_compiled_network_goes_through_its_eager_forward(compiler):
    plain, compiled, x = Smooth(dtype=torch.float32), Smooth(dtype=torch.float32), images(4, (3,))
    compiled.compile(**compiler)
    compiled(x).sum().backward()
    compiled.zero_grad()
    for network in (plain, compiled):
        with_input_gradient(network, x)[1].square().sum().backward()
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        if one.grad is None:  # the last bias
            assert other.grad is None
        else:
            torch.testing.assert_close(one.grad, other.grad)


def test_x_is_left_as_it_was():
    x = images(4, (3,))
    before = x.clone()
    _, gradient = with_input_gradient(Smooth(dtype=torch.float32), x)
    gradient.sum().backward()
    assert torch.equal(x, before)
    assert not x.requires_grad
    assert x.grad is None


def test_what_made_x_gets_no_gradient():
    scale = torch.tensor(2.0, requires_grad=True)
    _, gradient = with_input_gradient(Smooth(dtype=torch.float32), scale * images(4, (3,)))
    gradient.square().sum().backward()
    assert scale.grad is None


def test_a_zero_slope_has_no_nan():
    critic = Linear((3,))
    critic.w.data.zero_()
    _, gradient = with_input_gradient(critic, images(4, (3,)))
    (gradient.norm(dim=1) - 1).square().mean().backward()
    assert critic.w.grad.isfinite().all()

"""Statistics of batch norm, recomputed."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganzoo.networks.batch_norm import refresh_batch_norm
from tests.zoo import weights


def stale(norm):
    """A layer that has seen something else."""
    nn.init.constant_(norm.running_mean, 100.0)
    nn.init.constant_(norm.running_var, 50.0)
    norm.num_batches_tracked.fill_(1000)
    return norm


def network():
    return nn.Sequential(nn.Linear(3, 5), stale(nn.BatchNorm1d(5)), nn.Dropout(0.5), nn.Linear(5, 4), nn.BatchNorm1d(4))


def test_one_batch_gives_its_mean_and_variance():
    norm, x = stale(nn.BatchNorm2d(3)), torch.randn(8, 3, 4, 4) * 2 + 1
    refresh_batch_norm(norm, [x])
    torch.testing.assert_close(norm.running_mean, x.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(norm.running_var, x.var(dim=(0, 2, 3)))


def test_many_batches_have_the_same_weight():
    norm, x = stale(nn.BatchNorm1d(3)), torch.randn(6, 8, 3) * torch.arange(1, 7)[:, None, None] + 1
    refresh_batch_norm(norm, iter(x))
    torch.testing.assert_close(norm.running_mean, x.mean(dim=(0, 1)))
    torch.testing.assert_close(norm.running_var, x.var(dim=1).mean(dim=0))


def test_a_deep_layer_sees_what_it_saw_in_training_without_dropout():
    net, x = network(), torch.randn(64, 3)
    refresh_batch_norm(net, [x])
    h = net[0](x)
    h = (h - h.mean(dim=0)) / (h.var(dim=0, correction=0) + net[1].eps).sqrt()
    h = net[3](h)
    torch.testing.assert_close(net[4].running_mean, h.mean(dim=0))
    torch.testing.assert_close(net[4].running_var, h.var(dim=0))


def test_nothing_else_changes():
    net = network()
    net[1].momentum = 0.3
    net.append(parametrizations.spectral_norm(nn.Linear(4, 2)))
    net.train()
    net[1].eval()
    modes, before = [m.training for m in net.modules()], weights(net)
    refresh_batch_norm(net, [torch.randn(8, 3), torch.randn(8, 3)])
    changed = {name for name, value in weights(net).items() if not torch.equal(value, before[name])}
    assert changed == {f"{k}.{name}" for k in (1, 4) for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert [m.training for m in net.modules()] == modes
    assert (net[1].momentum, net[4].momentum) == (0.3, 0.1)
    assert not any(p.grad is not None for p in net.parameters())


def test_it_is_left_as_it_was_if_a_batch_fails():
    net = network().train()
    with pytest.raises(RuntimeError):
        refresh_batch_norm(net, [torch.randn(8, 3), torch.randn(8, 2)])
    assert all(m.training for m in net.modules())
    assert net[1].momentum == 0.1


def test_a_network_without_running_statistics_is_left_alone():
    net = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.BatchNorm1d(3, track_running_stats=False))
    batches = iter([torch.randn(4, 3)])
    refresh_batch_norm(net, batches)
    assert len(list(batches)) == 1
    assert all(m.training for m in net.modules())


def test_several_inputs_are_passed_one_by_one():
    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = stale(nn.BatchNorm1d(2))

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.norm(x + y[:, None])

    net, x, y = Conditional(), torch.randn(6, 2), torch.arange(6)
    refresh_batch_norm(net, [(x, y)])
    torch.testing.assert_close(net.norm.running_mean, (x + y[:, None]).mean(dim=0))


def test_no_batch_is_refused_and_changes_nothing():
    norm = stale(nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match="batches must hold at least one batch, got none"):
        refresh_batch_norm(norm, [])
    assert (norm.running_mean == 100).all()

"""Feature matching, smoothed labels and historical averaging."""

import math

import pytest
import torch
from torch import nn

from ganzoo.models import ImprovedGAN
from ganzoo.roles import Discriminator
from tests.models.hand import Bowl, Record, Times, X, Z, batch, derivative, mean
from tests.zoo import digits, make, trainer


class Scaled(Discriminator):
    """f(x) = s x and D(x) = Σ f(x)."""

    def __init__(self, s=1.0):
        super().__init__((2,))
        self.s = nn.Parameter(torch.tensor(s))

    def features(self, x):
        return self.s * x

    def forward(self, x, y=None):
        return self.features(x).sum(dim=1)


@pytest.mark.parametrize(("s", "t"), [(0.75, 1.5), (-0.5, 0.5)])
def test_g_matches_the_mean_of_the_features(s, t):
    model = ImprovedGAN(Times(t=t), Scaled(s)).double()
    gaps = [s * mean([x[k] for x in X]) - s * t * mean([z[k] for z in Z]) for k in range(2)]
    terms = model.g_loss(batch())
    assert list(terms) == ["match"]
    assert terms["match"].item() == pytest.approx(sum(gap**2 for gap in gaps), rel=1e-12)
    slope = sum(-2 * gap * s * mean([z[k] for z in Z]) for k, gap in enumerate(gaps))
    assert derivative(terms["match"], model.G.t) == pytest.approx(slope, rel=1e-12)


def test_only_the_label_of_real_images_is_smoothed():
    s, t = 0.75, 1.5
    model = ImprovedGAN(Times(t=t), Scaled(s)).double()
    real, fake = [s * sum(x) for x in X], [s * t * sum(z) for z in Z]
    log = [math.log1p(math.exp(-r)) for r in real], [math.log1p(math.exp(r)) for r in real]
    expected = 0.9 * mean(log[0]) + 0.1 * mean(log[1]) + mean([math.log1p(math.exp(f)) for f in fake])
    assert model.d_loss(batch())["adv"].item() == pytest.approx(expected, rel=1e-12)


def test_weights_are_drawn_to_the_mean_of_all_they_have_been(tmp_path):
    record = Record()
    model = make("ImprovedGAN", history_weight=0.5, n_critic=2)
    trainer(6, tmp_path, callbacks=[record], precision="64-true").fit(model, datamodule=digits())
    for letter, moved in (("D", record.moved("D.")), ("G", record.moved("G."))):
        network, history = getattr(model, letter), getattr(model, f"{letter}_history")
        assert moved == (list(range(1, 7)) if letter == "D" else [2, 4, 6])
        expected = 0.0
        for (name, p), found in zip(network.named_parameters(), history.means(), strict=True):
            seen = torch.stack([record.weights[k][f"{letter}.{name}"].double() for k in (0, *moved)])
            torch.testing.assert_close(found, seen.mean(dim=0), rtol=1e-12, atol=1e-14)
            expected += (p - seen.mean(dim=0)).square().sum().item()
        assert history.distance(network).item() == pytest.approx(expected, rel=1e-10)
        assert expected > 1e-6
    x = torch.zeros(8, 1, 8, 8, dtype=torch.float64)
    terms = model.d_loss((x, None))
    assert terms["history"].item() == pytest.approx(0.5 * model.D_history.distance(model.D).item(), rel=1e-12)
    assert model.g_loss((x, None))["history"].item() == pytest.approx(
        0.5 * model.G_history.distance(model.G).item(), rel=1e-12
    )


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="history_weight must not be negative, got -1"):
        make("ImprovedGAN", history_weight=-1.0)
    with pytest.raises(ValueError, match=r"Bowl has no method features\(x\) for G to match"):
        ImprovedGAN(Times(), Bowl())

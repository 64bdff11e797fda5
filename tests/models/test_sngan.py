"""What distinguishes the games that their networks make."""

import pytest

from ganzoo.models import HingeGAN, PacGAN
from tests.models.hand import batch, game
from tests.zoo import FromImage, ToImage, make


@pytest.mark.parametrize(("name", "lrs", "n_critic"), [("SNGAN", (2e-4, 2e-4), 5), ("SAGAN", (4e-4, 1e-4), 1)])
def test_they_are_the_hinge_game_with_the_papers_steps(name, lrs, n_critic):
    model = make(name)
    hinge = game(HingeGAN, 0.75, 1.5)
    ours = game(type(model), 0.75, 1.5)
    for loss in ("d_loss", "g_loss"):
        assert getattr(ours, loss)(batch())["adv"].item() == getattr(hinge, loss)(batch())["adv"].item()
    players = ours.players()
    assert (players["d"].optimizer.lr, players["g"].optimizer.lr) == lrs
    assert players["g"].every == n_critic
    assert all((p.optimizer.beta1, p.optimizer.beta2) == (0.0, 0.9) for p in players.values())


def test_pacgan_wants_a_discriminator_that_packs():
    with pytest.raises(ValueError, match=r"Packed\(discriminator, pack=2\), got FromImage with pack=1"):
        PacGAN(ToImage(), FromImage())

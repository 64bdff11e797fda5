"""Published models: folders of plain values and tensors that load without running code from them."""

from ganzoo.hub.form import Pretrained
from ganzoo.hub.games import create, list_models, load_game
from ganzoo.hub.reading import load
from ganzoo.hub.writing import publish

__all__ = ["Pretrained", "create", "list_models", "load", "load_game", "publish"]

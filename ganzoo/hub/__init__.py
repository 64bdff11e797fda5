"""Published models: folders of plain values and tensors that load without running code from them."""

from ganzoo.hub.form import Pretrained
from ganzoo.hub.reading import Trained, create, list_models, load
from ganzoo.hub.writing import publish

__all__ = ["Pretrained", "Trained", "create", "list_models", "load", "publish"]

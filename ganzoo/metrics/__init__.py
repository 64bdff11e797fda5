"""Judging: features, distances, neighbours, references. The classes exported here turn images into features."""

from ganzoo.metrics.features import Extractor, Features, Raw, Shrunk
from ganzoo.metrics.inception import InceptionV3
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.stacked import StackedLeNet64

__all__ = ["Extractor", "Features", "InceptionV3", "LeNet64", "Raw", "Shrunk", "StackedLeNet64"]

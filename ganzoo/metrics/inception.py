"""InceptionV3 of 2015-12-05: the network by which the literature reports FID, KID and the Inception score."""

import io
import os
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ganzoo.metrics.features import Extractor, Features, file_sha256
from ganzoo.metrics.tensors import read_tensors

ENVIRONMENT = "GANZOO_WEIGHTS"
OFFICIAL_PREFIX = "6726825d"  # torch-hub's rule: the end of the file's name is the start of its SHA-256
FILE = f"weights-inception-2015-12-05-{OFFICIAL_PREFIX}.pth"
FILES = (FILE, f"pt_inception-2015-12-05-{OFFICIAL_PREFIX}.pth")
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
LARGEST = 2**28  # bytes of a file of weights; the official one has 96 MB
OTHERS = 1000  # classes of torchvision's network, which knows ImageNet's; that of 2015-12-05 has 1008
REMEDY = f"download {FILE} from {URL} and pass its path, or set {ENVIRONMENT} to the file or to its folder"


class InceptionV3(Extractor):
    """Pool3 features [N, 2048] and bias-free logits [N, 1008] of one pass, after TensorFlow 1's resize.

    Architecture and resize are torch-fidelity's. Its constructor would read the file with an unrestricted
    unpickler; here ``torch.load(weights_only=True)`` or safetensors reads it, and the constructor gets only
    an in-memory copy of the tensors that came out. The random generators keep their state.

    pytorch-fid's file names the tensors in the same way, so it is taken too; torchvision's own Inception v3 is another
    network and is refused.

    The result counts as official, and may be called FID, only if the file's SHA-256 starts with 6726825d.

    Salimans et al., "Improved Techniques for Training GANs", 2016. https://arxiv.org/abs/1606.03498
    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017. https://arxiv.org/abs/1706.08500

    Args:
        weights: File of weights, or its folder. Default: the environment variable GANZOO_WEIGHTS, else
            torch-hub's cache, else a download of 96 MB into that cache.

    Raises:
        ValueError: no weights can be found, or the file does not fit.
    """

    dim = 2048
    family = "A"
    block = 50

    def __init__(self, weights: str | None = None) -> None:
        self.path = find_weights(weights)
        state = read_tensors(self.path, LARGEST, REMEDY)
        self.sha256 = file_sha256(self.path)
        self.official = self.sha256.startswith(OFFICIAL_PREFIX)
        self.id = "inception-2015-12-05" if self.official else f"inception-unverified-{self.sha256[:8]}"
        self.network = inception(state, str(self.path))

    def extract(self, images: Tensor) -> Features:
        """Return features [N, 2048] and unbiased logits [N, 1008]; grey is repeated to RGB."""
        return Features(*self.network.eval()(images.expand(-1, 3, -1, -1)))

    def to(self, device: torch.device | str) -> Self:
        """Move to ``device`` and return itself."""
        self.network.to(device)
        return super().to(device)


def find_weights(weights: str | None) -> Path:
    """Return the file of weights: the argument, else the environment, else torch-hub's cache or a download.

    Raises:
        ValueError: nothing there, and no download possible.
    """
    given = weights or os.environ.get(ENVIRONMENT)
    if not given:
        return _cached()
    candidates = [Path(given), *(Path(given) / name for name in FILES)]
    for path in candidates:
        if path.is_file():
            return path
    source = "weights" if weights else ENVIRONMENT
    raise ValueError(f"{source}={given} is neither a file nor a folder that holds {' or '.join(FILES)}: {REMEDY}")


def _cached() -> Path:
    """Return the file in torch-hub's cache, downloading it with a check of its hash where it is missing."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if path.is_file():
        if not file_sha256(path).startswith(OFFICIAL_PREFIX):
            raise ValueError(f"{path} is damaged: its SHA-256 should start with {OFFICIAL_PREFIX}; delete it")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=OFFICIAL_PREFIX, progress=False)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"no Inception weights, and the download failed ({error}): {REMEDY}") from error
    return path


def check_network(state: dict[str, Tensor], source: str) -> None:
    """Refuse the weights of torchvision's Inception v3, most of whose names are the same.

    Raises:
        ValueError: names the network and the remedy.
    """
    head = state.get("fc.weight")
    if any(name.startswith("AuxLogits.") for name in state) or (head is not None and head.shape == (OTHERS, 2048)):
        raise ValueError(
            f"{source} is torchvision's Inception v3, trained on ImageNet's {OTHERS} classes: its weights and pooling"
            f" are not those of 2015-12-05 by which FID is defined; {REMEDY}"
        )


def inception(state: dict[str, Tensor], source: str) -> nn.Module:
    """Build torch-fidelity's network around ``state``, which may lack the counts of batches: older files have none.

    Raises:
        ValueError: torch-fidelity is missing, or the tensors are not those of this network.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ValueError("InceptionV3 needs torch-fidelity: pip install torch-fidelity") from error
    check_network(state, source)
    copy = io.BytesIO()
    torch.save(dict(state), copy)
    copy.seek(0)
    try:
        with torch.random.fork_rng(devices=[]):
            network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], copy)
    except RuntimeError as error:
        raise ValueError(
            f"{source} does not fit InceptionV3 of 2015-12-05 ({' '.join(str(error).split())[:200]}): {REMEDY}"
        ) from error
    assert isinstance(network, nn.Module)
    return network

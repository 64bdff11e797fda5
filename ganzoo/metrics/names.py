"""What a metric may be called: only the verified Inception network earns the names of the literature."""

import re

from ganzoo.metrics.features import Extractor

PLAIN = (  # of no features; fcn_* are read by streets-fcn.v1 in photographs, by the nearest colour in label maps
    *("recon_mse", "recon_psnr", "recon_ssim", "recon_ratio"),
    *("code_accuracy", "information", "information_max", "information_lower", "information_upper"),
    *("pair_l1", "pair_psnr", "pair_ssim", "cycle_l1", "cycle_back_l1", "sharpness"),
    *("fcn_pixel", "fcn_class", "fcn_iou", "fcn_back_pixel", "fcn_back_class", "fcn_back_iou"),
)
OFFICIAL = {"fd": "fid", "kd": "kid", "classifier_score": "inception_score"}


def metric_name(kind: str, extractor: Extractor) -> str:
    """Return the name under which a value is written: ``fid`` or ``fd@mnist-lenet64.v1``.

    What is measured without features has its plain name, such as ``recon_mse``.

    Args:
        kind: What is measured: fd, kd, classifier_score, precision, recall, density, coverage, ...; or one of
            the names fid, kid and inception_score, which demand the verified weights.
        extractor: What measured it.

    Raises:
        ValueError: ``kind`` is fid, kid or inception_score and the extractor is not the official one.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        raise ValueError(f"a kind of metric is written in lower-case letters, digits and _, got {kind!r}")
    if kind in OFFICIAL.values():
        return _earned(kind, extractor)
    if kind in PLAIN:
        return kind
    if extractor.official and kind in OFFICIAL:
        return OFFICIAL[kind]
    return f"{kind}@{extractor.id}"


def _earned(name: str, extractor: Extractor) -> str:
    if extractor.official:
        return name
    neutral = next(kind for kind, official in OFFICIAL.items() if official == name)
    raise ValueError(
        f"{name} is defined by the Inception weights whose SHA-256 starts with 6726825d, and {extractor.id}"
        f" is not that: ask for {neutral} (written {neutral}@{extractor.id}), or give"
        " weights-inception-2015-12-05-6726825d.pth through the environment variable GANZOO_WEIGHTS"
    )

"""Statistics of real images: computed once, kept in a file, and refused where they do not fit."""

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ganzoo.files import write_arrays
from ganzoo.metrics.arrays import read_statistics_file, tensor_of
from ganzoo.metrics.features import FAMILIES, Extractor
from ganzoo.metrics.moments import Moments

SCHEMA = 1
EIGEN_LIMIT = 512
OPTIONAL = {"feats": torch.float32, "logits": torch.float32, "labels": torch.int64}
Meta = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """Mean, covariance and, where kept, the features behind them.

    Attributes:
        mu: Mean, float64 [d].
        sigma: Covariance with ddof 1, float64 [d, d].
        n: Number of images; None in a foreign file that does not say.
        features: float32 [m, d] of the first m <= n images, or None.
        logits: float32 [m, K] of the same images, or None.
        labels: int64 [m] of the same images, or None.
        meta: Where all this comes from: plain values.
    """

    mu: Tensor
    sigma: Tensor
    n: int | None
    features: Tensor | None = None
    logits: Tensor | None = None
    labels: Tensor | None = None
    meta: Meta = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write an npz without pickle, which readers of ``mu`` and ``sigma`` know; whole or not at all.

        Raises:
            ValueError: the statistics contradict each other.
        """
        check_statistics(self, "this reference")
        arrays = {"mu": self.mu.numpy(), "sigma": self.sigma.numpy(), "meta": np.array(canonical(self.meta))}
        optional = {"feats": self.features, "logits": self.logits, "labels": self.labels}
        arrays |= {name: value.numpy() for name, value in optional.items() if value is not None}
        if self.n is not None:
            arrays["n"] = np.array(self.n, dtype=np.int64)
        write_arrays(Path(path), arrays)

    @classmethod
    def load(cls, path: str | Path, expect: Mapping[str, Any] | None = None) -> Self:
        """Read a file by ``save`` and compare it with what the caller needs.

        Args:
            path: The npz.
            expect: Entries of ``meta`` that must be equal, such as family, extractor, resolution; None: any.

        Raises:
            ValueError: damaged, impossible as statistics, or made for something else.
        """
        arrays = read_statistics_file(Path(path), dict.fromkeys(("mu", "sigma", "n", "meta", *OPTIONAL), math.inf))
        kept = {name: tensor_of(arrays, name, dtype, path) for name, dtype in OPTIONAL.items() if name in arrays}
        reference = cls(
            mu=tensor_of(arrays, "mu", torch.float64, path),
            sigma=tensor_of(arrays, "sigma", torch.float64, path),
            n=count_of(arrays, path),
            features=kept.get("feats"),
            logits=kept.get("logits"),
            labels=kept.get("labels"),
            meta=meta_of(arrays, path),
        )
        check_statistics(reference, str(path))
        compare(reference, dict(expect or {}), str(path))
        return reference


def reference_of(
    blocks: Iterable[Tensor],
    extractor: Extractor,
    meta: Meta,
    cache_dir: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
    keep: int = 50_000,
) -> Reference:
    """Return the statistics of real images, from the cache where the same were computed before.

    Args:
        blocks: uint8 images in blocks [B, C, H, W]; not touched if the cache answers.
        extractor: What turns images into features.
        meta: Plain values that say which images these are; ``pixels`` must be their hash (``pixel_hash``).
        cache_dir: Folder of the cache; None: no cache.
        progress: Called with the number of images done after each block.
        keep: Features and logits of the first ``keep`` images are stored; 0: none.

    Raises:
        ValueError: ``meta`` lacks ``pixels``, or there are fewer than two images.
    """
    if not meta.get("pixels"):
        raise ValueError("meta must hold pixels, the hash of the images (pixel_hash): a cache without it goes stale")
    meta = {**meta, **made_by(extractor), "keep": keep}
    path = Path(cache_dir) / f"{cache_key(meta)}.npz" if cache_dir is not None else None
    if path is not None and path.is_file():
        try:
            return Reference.load(path, expect=meta)
        except ValueError as error:
            warnings.warn(f"the cached reference is computed anew: {error}", stacklevel=2)
    reference = _compute(blocks, extractor, meta, progress, keep)
    if path is not None:
        reference.save(path)
    return reference


def made_by(extractor: Extractor) -> Meta:
    """Return what the statistics of an extractor's features say of it."""
    return {
        "schema": SCHEMA,
        "extractor": extractor.id,
        "extractor_sha256": extractor.sha256,
        "family": extractor.family,
        "dim": extractor.dim,
        "ddof": 1,
    }


def _compute(
    blocks: Iterable[Tensor],
    extractor: Extractor,
    meta: Meta,
    progress: Callable[[int], None] | None,
    keep: int,
) -> Reference:
    moments = Moments(extractor.dim)
    kept: list[Tensor] = []
    logits: list[Tensor] = []
    for block in blocks:
        out = extractor(block)
        room = max(0, keep - moments.n)
        kept.append(out.features[:room].cpu())
        if out.logits is not None:
            logits.append(out.logits[:room].cpu())
        moments.update(out.features)
        if progress is not None:
            progress(moments.n)
    if moments.n < 2:
        raise ValueError(f"a reference needs at least 2 images, got {moments.n}")
    return Reference(
        mu=moments.mean.cpu().clone(),
        sigma=moments.cov().cpu(),
        n=moments.n,
        features=torch.cat(kept) if keep else None,
        logits=torch.cat(logits) if keep and logits else None,
        meta=meta,
    )


def pixel_hash(blocks: Tensor | Iterable[Tensor]) -> str:
    """Return the SHA-256 of images [N, ...] and of one image's shape; blocks and the whole give the same."""
    digest = hashlib.sha256()
    shape: list[int] | None = None
    for block in [blocks] if isinstance(blocks, Tensor) else blocks:
        if shape is None:
            shape = list(block.shape[1:])
            digest.update(f"{block.dtype}{shape}".encode())
        if list(block.shape[1:]) != shape:
            raise ValueError(f"all images must have the same shape, got {shape} and {list(block.shape[1:])}")
        digest.update(block.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def canonical(meta: Meta) -> str:
    """Return ``meta`` as JSON in the one form that is hashed: sorted keys, no spaces, no nan.

    Raises:
        ValueError: a value is not plain.
    """
    try:
        return json.dumps(meta, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(f"meta must hold plain values only: {error}") from error


def cache_key(meta: Meta) -> str:
    """Return the SHA-256 of the canonical JSON of ``meta``."""
    return hashlib.sha256(canonical(meta).encode()).hexdigest()


def meta_of(arrays: dict[str, Any], path: str | Path) -> Meta:
    """Return what a file of ours says of itself.

    Raises:
        ValueError: it says nothing, or what is none.
    """
    if "meta" not in arrays:
        raise ValueError(f"{path} does not say how it was made")
    try:
        meta = json.loads(str(arrays["meta"]))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: meta is not JSON ({error})") from error
    if not isinstance(meta, dict) or meta.get("family") not in [*FAMILIES]:
        raise ValueError(f"{path}: meta names no known preprocessing family ({', '.join(FAMILIES)}): {meta!r:.200}")
    return meta


def count_of(arrays: dict[str, Any], path: str | Path) -> int | None:
    """Return the number of images of a file, None if it does not say.

    Raises:
        ValueError: it is no number of images.
    """
    n = arrays.get("n")
    if n is not None and (n.shape != () or n.dtype.kind != "i" or n < 2):
        raise ValueError(f"{path}: n must be a number of images, at least 2, got {n!r:.100}")
    return None if n is None else int(n)


def check_statistics(reference: Reference, source: str) -> None:
    """Raise ValueError where the statistics are not those of any images.

    The eigenvalues are looked at up to d = 512 only: at 2048 they would take longer than all else.
    """
    mu, sigma = reference.mu, reference.sigma
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise ValueError(f"{source}: expected mu [d] and sigma [d, d], got {list(mu.shape)} and {list(sigma.shape)}")
    if not (mu.isfinite().all() and sigma.isfinite().all()):
        raise ValueError(f"{source}: mu and sigma must be finite, got inf or nan")
    scale = sigma.abs().max().item()
    if (sigma - sigma.T).abs().max().item() > 1e-6 * scale:
        raise ValueError(f"{source}: sigma is not symmetric")
    if len(mu) <= EIGEN_LIMIT and (low := torch.linalg.eigvalsh(sigma)[0].item()) < -1e-6 * scale:
        raise ValueError(f"{source}: sigma is no covariance, its smallest eigenvalue is {low:.3g}")
    rows = len(mu) if reference.features is None else reference.features.shape[-1]
    if rows != len(mu) or reference.meta.get("dim", rows) != rows:
        raise ValueError(f"{source}: mu has {len(mu)} features, feats {rows}, meta {reference.meta.get('dim')}")


def compare(reference: Reference, expect: Meta, source: str) -> None:
    """Raise ValueError at the first entry of ``expect`` that differs."""
    meta = {**reference.meta, "dim": len(reference.mu)}
    expect = json.loads(canonical(expect))
    for name in sorted(expect):
        if meta.get(name) != expect[name]:
            raise ValueError(
                f"{source} was made for {name} {meta.get(name)!r}, and {name} {expect[name]!r} is needed:"
                " compute the reference anew or compare with the same preparation of images"
            )

"""Editing towards a class that the digit network names, and measuring how far an edit gets."""

from collections.abc import Callable, Sequence

from torch import Tensor

from ganzoo.inference import Inference, here
from ganzoo.latent.drawing import decoded
from ganzoo.latent.edit import attribute_direction, rescore
from ganzoo.latent.inputs import Labels, in_blocks, of_seeds
from ganzoo.metrics.lenet import LeNet64
from ganzoo.pixels import to_uint8
from ganzoo.roles import Space

SEEDS = 1000  # samples that a class is looked for in


def class_direction(model: Inference, target: int, labels: Labels = None) -> Tensor:
    """Return the direction, [dim], from all other samples to those that the digit network takes for a class.

    Args:
        model: Of grey images.
        target: The class.
        labels: One class for all; only for a conditional model.

    Raises:
        ValueError: no such class, no samples of it, images that are not grey, or labels that are wrong.
    """
    probabilities = digit_network(model, target)
    z = of_seeds(model, range(SEEDS))
    found = in_blocks(lambda x, _: probabilities(x).argmax(dim=1), decoded(model, z, labels), None, "classifying")
    return attribute_direction(z, found, target)


def score_class(
    model: Inference, direction: Tensor, strengths: Sequence[float], target: int, labels: Labels = None
) -> str:
    """Return a table: how the digit network's probability of a class changes along a direction, and along a random one.

    Args:
        model: Of grey images.
        direction: q, [dim].
        strengths: The α.
        target: The class.
        labels: One class for all; only for a conditional model.

    Raises:
        ValueError: as ``class_direction``, or a direction of another size than z.
    """
    probabilities = digit_network(model, target)
    z = of_seeds(model, range(SEEDS, 2 * SEEDS))  # others than those that a direction is found with
    space = space_with(model, len(direction))
    found = rescore(probabilities, space, here(space, z), direction, strengths, target, labels)
    rows = zip(strengths, found.target.tolist(), found.others.abs().sum(dim=1), found.random_target, strict=True)
    lines = [f"  {a:+8.2f}   {of_class:+.3f}      {others:.3f}   {random:+.3f}" for a, of_class, others, random in rows]
    head = (
        f"change of P({target}) by {LeNet64.id}, mean of {len(z)} seeds:\n  strength   P({target})  Σ|others|   random"
    )
    return "\n".join([head, *lines])


def space_with(model: Inference, dim: int) -> Space:
    """Return the space in which latents have ``dim`` numbers: z, or where walks have a meaning.

    Raises:
        ValueError: neither has.
    """
    spaces = model.generator.spaces
    for name in ("z", model.generator.walk_space):
        if spaces[name].prior.dim == dim:
            return spaces[name]
    sizes = ", ".join(f"{name} {space.prior.dim}" for name, space in spaces.items())
    raise ValueError(f"the direction has {dim} numbers, latents of this model have: {sizes}")


def digit_network(model: Inference, target: int) -> Callable[[Tensor], Tensor]:
    """Return the digit network as a map of images to probabilities, [N, 10]."""
    if model.generator.image_shape[0] != 1 or len(model.generator.image_shape) != 3:
        shape = model.generator.image_shape
        raise ValueError(f"classes are named by {LeNet64.id}, for grey images; this model makes the shape {shape}")
    if not 0 <= target < 10:
        raise ValueError(f"the class must be from 0 to 9, got {target}")
    network = LeNet64()

    def probabilities(x: Tensor) -> Tensor:
        logits = network(to_uint8(x.cpu())).logits
        assert logits is not None
        return logits.softmax(dim=1)

    return probabilities

"""The verb ``translate``: pictures into pictures of another kind."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganzoo.cli.parser import Parser
from ganzoo.cli.verbs import MODEL, load


def translate(rest: list[str]) -> int:
    """Write what a model makes of pictures; 2 if some were left out."""
    given = options().parse_args(rest)
    refuse_folders(given.out, *given.pictures, *given.target)
    from ganzoo.priors import which_seeds
    from ganzoo.translation import Way, write_translations

    which_seeds(1, given.seed, None)
    sources = found(given.pictures)
    if given.target:
        sources = with_targets(sources, found(given.target))
    refuse_names(sources, given.out, given.strip)
    way = Way(load(given.model), given.back, None if given.deterministic else given.seed)
    line, left = write_translations(way, sources, given.out, given.strip)
    print(line)
    if left:
        print(f"ganzoo: {left} of {len(sources)} pictures were left out", file=sys.stderr)
    return 2 if left else 0


def found(words: Sequence[str]) -> list[Any]:
    """Return the pictures of files, folders and archives; those of a folder or archive are named by their place in it.

    Raises:
        ValueError: there are none in one.
        FileNotFoundError: there is no such file.
    """
    from ganzoo.data.archives import LABELS, SUFFIXES, Entry, files_of
    from ganzoo.translation import Source

    sources = []
    for word in words:
        path = Path(word)
        if not path.exists():
            raise FileNotFoundError(f"there is no picture {word}")
        if many := path.is_dir() or is_archive(path, SUFFIXES):
            entries = [entry for entry in files_of(path) if not entry.name.endswith(LABELS)]
        else:
            entries = [Entry(path.name, -1, word, 0, path.stat().st_size)]
        if not entries:
            raise ValueError(f"there are no pictures ({', '.join(SUFFIXES)}) in {word}")
        for entry in entries:
            name = Path(entry.name.lstrip("/")).with_suffix("").as_posix()  # an archive may say any path
            sources.append(Source(str(path / entry.name.lstrip("/")) if many else word, name, entry.read))
    return sources


def is_archive(path: Path, pictures: Sequence[str]) -> bool:
    """Whether a file that has not the ending of a picture is a zip or tar file."""
    import tarfile
    import zipfile

    return not path.name.lower().endswith(tuple(pictures)) and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def with_targets(sources: list[Any], targets: list[Any]) -> list[Any]:
    """Return pictures with the targets of the same name; one picture and one target belong together.

    Raises:
        ValueError: two targets have one name, or none has that of a picture.
    """
    if len(sources) == len(targets) == 1:
        return [replace(sources[0], target=targets[0])]
    named = {target.name: target for target in targets}
    if len(named) < len(targets):
        twice = next(target for target in targets if named[target.name] is not target)
        raise ValueError(f"{twice.file} and {named[twice.name].file} are targets of one name: keep one")
    paired = [replace(source, target=named.get(source.name)) for source in sources]
    without = [source for source in paired if source.target is None]
    if len(without) == len(paired):
        raise ValueError(
            f"no target has the name of a picture, but for its ending: {targets[0].file} does not belong to"
            f" {sources[0].file}"
        )
    if without:
        n = f"{len(without)} of {len(paired)}"
        print(f"ganzoo: {n} pictures have no target, such as {without[0].file}", file=sys.stderr)
    return paired


def refuse_folders(out: str, *given: str) -> None:
    """Check that what is written is not among what is read.

    Raises:
        ValueError: it would be, or ``out`` is a file.
    """
    folder = Path(out)
    if folder.is_file():
        raise ValueError(f"{folder} is a file: give a folder")
    for word in given:
        if Path(word).is_dir() and folder.resolve().is_relative_to(Path(word).resolve()):
            raise ValueError(f"--out {out} lies in {word}, whose pictures are read: choose another folder")


def refuse_names(sources: Sequence[Any], out: str, strip: bool) -> None:
    """Check that no two pictures are written to one file, and none over a picture that is read.

    Raises:
        ValueError: names the two.
    """
    from ganzoo.translation import written_of

    files = {Path(one.file).resolve(): one.file for one in parts(sources)}
    written = {"sheet.png": "the sheet"}
    for source in sources:
        for name in written_of(source.name, strip):
            key = name.casefold()  # as some disks have it
            if key in written:
                raise ValueError(
                    f"{written[key]} and {source.file} would both be written to {name}: rename one, or translate them"
                    " into two folders"
                )
            written[key] = source.file
            if over := files.get((Path(out) / name).resolve()):
                raise ValueError(f"--out {out} would overwrite {over}: choose another folder")


def parts(sources: Sequence[Any]) -> Iterator[Any]:
    """Yield pictures and their targets."""
    for source in sources:
        yield source
        if source.target is not None:
            yield source.target


def options() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        prog="ganzoo translate",
        description="Translate pictures of any size by a model that translates, such as CycleGAN or Pix2Pix. Each"
        " keeps its size, and its name with the ending .png. Beside them: metrics.json, and sheet.png, which shows the"
        " first, with what the way back makes of them if the model has one. A picture that cannot be read or translated"
        " is named in a warning and left out; the others are translated, and the exit status is 2.",
    )
    parser.add_argument("model", help=MODEL)
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="files; or folders, zip or tar files, of which all pictures are taken, named by their place in it",
    )
    parser.add_argument("--back", action="store_true", help="by the generator of the way back (CycleGAN)")
    chance = parser.add_mutually_exclusive_group()
    chance.add_argument("--seed", type=int, default=0, help="of what is random, such as dropout (default: 0)")
    chance.add_argument("--deterministic", action="store_true", help="nothing is random: no dropout")
    parser.add_argument(
        "--target",
        nargs="+",
        default=[],
        metavar="PICTURE",
        help="what they should become: files, folders or archives with the same names but for the ending",
    )
    parser.add_argument("--strip", action="store_true", help="also write NAME-strip.png: input, output, ... in a row")
    parser.add_argument("--out", default="translated", help="folder (default: translated)")
    return parser

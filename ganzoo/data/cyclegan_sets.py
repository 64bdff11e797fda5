"""The sets of CycleGAN's authors: zip files that ``Unpaired`` reads as they are."""

import hashlib
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tqdm import tqdm

from ganzoo.files import write_atomically

ADDRESSES = (  # of today, and of those who noted the checksums
    "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets",
    "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets",
)
# Bytes and sha256 of each, as TensorFlow Datasets checks them (url_checksums/cycle_gan.txt).
SETS = {
    "apple2orange": (78_456_409, "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8"),
    "cezanne2photo": (279_885_071, "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff"),
    "facades": (35_135_868, "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0"),
    "horse2zebra": (116_867_962, "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1"),
    "iphone2dslr_flower": (339_964_458, "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113"),
    "maps": (1_476_754_427, "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e"),
    "monet2photo": (305_231_073, "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04"),
    "summer2winter_yosemite": (132_640_856, "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9"),
    "ukiyoe2photo": (292_946_532, "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08"),
    "vangogh2photo": (306_590_349, "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff"),
}
BLOCK = 2**20  # bytes that are read at a time
PATIENCE = 30  # seconds to wait for an answer


def fetch_zip(name: str, folder: Path) -> Path:
    """Download one of ``SETS``, if it is not there, and return its zip file: the root of ``Unpaired``.

    Raises:
        ConnectionError: no address answers.
        ValueError: what came is not what is known of the set.
        OSError: it could not be written.
    """
    size, digest = SETS[name]
    place = folder / f"{name}.zip"
    if not place.is_file() or place.stat().st_size != size:
        with opened(name) as answer:
            write_atomically(place, lambda part: copy_checked(answer, part, name, digest))
    return place


def opened(name: str) -> Any:
    """Return the answer of the first address that gives one.

    Raises:
        ConnectionError: none does.
    """
    reasons = []
    for address in ADDRESSES:
        try:
            return urlopen(f"{address}/{name}.zip", timeout=PATIENCE)
        except OSError as error:
            reasons.append(f"{address}: {error}")
    raise ConnectionError(f"{name} cannot be fetched ({'; '.join(reasons)}): try again later, or from another network")


def copy_checked(answer: Any, part: Path, name: str, digest: str) -> None:
    """Write what comes to a file, and check it.

    Raises:
        ValueError: it breaks off, or is not what is known of the set.
    """
    found = hashlib.sha256()
    with open(part, "wb") as file, tqdm(desc=f"fetching {name}", unit="MiB", disable=None) as bar:
        while block := received(answer, name):
            found.update(block)
            file.write(block)
            bar.update()
    if found.hexdigest() != digest:
        raise ValueError(f"what came as {name} has sha256 {found.hexdigest()}, not {digest}: fetch it again")


def received(answer: Any, name: str) -> bytes:
    """Return the next bytes that come.

    Raises:
        ValueError: the connection broke.
    """
    try:
        block: bytes = answer.read(BLOCK)
    except (OSError, HTTPException) as error:
        raise ValueError(f"the download of {name} broke off ({error}): fetch it again") from error
    return block

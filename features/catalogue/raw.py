"""Camera RAW: the JPEG that the camera put into the file for showing it. Nothing of the sensor's data is read.

CR2, NEF, ARW, DNG, ORF and RW2 are TIFFs of a kind, CR3 is a box file as MP4 is, RAF has a head of its own. All
hold one or more whole JPEGs, which are found by their marks; that needs no knowledge of each maker's tags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2")
TIFF = (b"II*\0", b"MM\0*")
MARKS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")  # Olympus, and Panasonic
SENSOR = (32803, 34892)  # PhotometricInterpretation: colour filter array, and linear raw
PHOTOMETRIC, SUBFOLDERS, DNG_VERSION = 0x0106, 0x014A, 0xC612
FOLDERS, TAGS = 24, 512  # of a TIFF, and in one folder: real files have fewer
CANDIDATES, SEGMENTS = 1000, 200  # JPEGs that are considered, and segments before the size of one
HEAD = 4 << 20  # bytes in which a file's tags lie


class Tag(NamedTuple):
    """An entry of a TIFF folder. value: the number, or the place in the file where the numbers lie."""

    kind: int
    many: int
    value: int


def is_raw(data: bytes) -> bool:
    """Whether the bytes are of a RAW file, by its marks and tags."""
    if data[:16] == b"FUJIFILMCCD-RAW " or data[4:12] == b"ftypcrx " or data[:4] in MARKS:
        return True
    if data[:4] not in TIFF:
        return False
    if data[8:10] == b"CR":
        return True
    return any(
        DNG_VERSION in folder or (PHOTOMETRIC in folder and folder[PHOTOMETRIC].value in SENSOR)
        for folder in _folders(data)
    )


def preview(data: bytes) -> bytes:
    """Returns the largest JPEG in a RAW file, and what follows it; empty where there is none."""
    largest, place = 0, -1
    found = data.find(b"\xff\xd8\xff")
    for _ in range(CANDIDATES):
        if found < 0:
            break
        area = _area(data, found)
        if area > largest:
            largest, place = area, found
        found = data.find(b"\xff\xd8\xff", found + 3)
    return data[place:] if largest else b""


def exif(data: bytes) -> Image.Exif:
    """Returns the tags of the RAW file itself; none where they are damaged."""
    tags = Image.Exif()
    block = data[:HEAD]
    if data[4:12] == b"ftypcrx ":
        block = block[block.find(b"CMT1") + 4 :] if b"CMT1" in block else b""
    if block[:2] in (b"II", b"MM"):
        tags.load(TIFF[block[:2] == b"MM"] + block[4:])
    return tags


def _area(data: bytes, start: int) -> int:
    """Pixels of the JPEG that starts there; 0 unless it is one of 8 bits that our decoder reads."""
    place = start + 2
    for _ in range(SEGMENTS):
        if place + 4 > len(data) or data[place] != 0xFF:
            return 0
        mark = data[place + 1]
        if mark == 0xFF:  # a byte to fill
            place += 1
            continue
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            if place + 10 > len(data) or mark > 0xC2:  # others are lossless, as the sensor's own data is
                return 0
            bits, height, width, colours = struct.unpack_from(">BHHB", data, place + 4)
            return width * height if bits == 8 and colours in (1, 3) else 0
        if mark in (0xD8, 0xD9, 0xDA, 0x00, 0x01) or 0xD0 <= mark <= 0xD7:
            return 0
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return 0


def _folders(data: bytes) -> Iterator[dict[int, Tag]]:
    """The folders of a TIFF: those in its chain, and those below them."""
    order = ">" if data[:2] == b"MM" else "<"
    waiting = [_number(data, order, 4)]
    seen: set[int] = set()
    while waiting and len(seen) < FOLDERS:
        place = waiting.pop(0)
        if place in seen or not 8 <= place <= len(data) - 2:
            continue
        seen.add(place)
        count = min(struct.unpack_from(order + "H", data, place)[0], TAGS)
        folder = {}
        for start in range(place + 2, min(place + 2 + 12 * count, len(data) - 11), 12):
            tag, kind, many = struct.unpack_from(order + "HHI", data, start)
            short = kind == 3 and many == 1
            value = struct.unpack_from(order + ("H" if short else "I"), data, start + 8)[0]
            folder[tag] = Tag(kind, many, value)
        yield folder
        waiting.append(_number(data, order, place + 2 + 12 * count))
        if SUBFOLDERS in folder:
            below = folder[SUBFOLDERS]
            many = min(below.many, FOLDERS)
            waiting += (
                [below.value] if many == 1 else [_number(data, order, below.value + 4 * i) for i in range(many)]
            )


def _number(data: bytes, order: str, place: int) -> int:
    return struct.unpack_from(order + "I", data, place)[0] if 0 <= place <= len(data) - 4 else 0

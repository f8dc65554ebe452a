"""JPEGs that lack their end: taken where every pixel is there, refused where one is missing."""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageChops

END = b"\xff\xd9"
ZEROS = 32  # no picture has as many at its end
MOST = 16_000_000  # pixels that are compared; a larger picture is compared at a fraction
# Bits that the decoder would take for the rest of the picture, if one is missing: it looks different with them.
# The marks let a picture in pieces go on with its next piece, whichever that is.
REST = b"".join(b"\xaa" * 32 + bytes([0xFF, 0xD0 + number]) for number in range(8)) * 4


def ends_in_zeros(data: bytes) -> bool:
    """Whether zeros stand where the end should be, as in a download that broke off: they pass for pixels."""
    return data.endswith(bytes(ZEROS)) and data[:2] == b"\xff\xd8" and not data.rstrip(b"\0").endswith(END)


def completed(data: bytes) -> bytes:
    """Returns a JPEG that lacks its end mark with one; empty where it lacks pixels, or nothing.

    A decoder fills what is missing with zeros, and so can't be asked. But if nothing is missing, what follows the
    last pixel makes no difference: decoded with more bits after it and without, the picture is the same.
    """
    if data[:2] != b"\xff\xd8" or END in data[-2:]:
        return b""
    body = data.rstrip(b"\0")
    if body[-1:] == b"\xff" and len(body) < len(data):
        body += b"\0"  # it belongs to the pixels: there, 255 is followed by 0
    if body[-2:] == END or not _all_scans(body):
        return b""
    whole = body.removesuffix(b"\xff") + END
    try:
        same = ImageChops.difference(_decoded(whole), _decoded(body.removesuffix(b"\xff") + REST + END))
    except Exception:  # whatever a decoder may raise for bytes that make no sense
        return b""
    return whole if same.getbbox() is None else b""


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        part = min(1.0, (MOST / (image.width * image.height)) ** 0.5)
        image.draft(image.mode, (int(image.width * part), int(image.height * part)))
        image.load()
        return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _all_scans(data: bytes) -> bool:
    """Whether a JPEG has every bit of every coefficient: a progressive one has them in many scans."""
    place, colours, exact, progressive = 2, 0, set(), False
    while 0 <= place <= len(data) - 4:
        mark, length = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        if data[place] != 0xFF:
            return False
        if mark == 0xFF:
            place += 1
            continue
        if mark == END[1]:
            break
        body = data[place + 4 : place + 2 + length]
        if mark in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and len(body) > 5:
            colours, progressive = body[5], mark in (0xC2, 0xCA)
        if mark == 0xDA:
            many = body[0] if body else 0
            if len(body) < 4 + 2 * many:
                return False
            first, last, bits = body[1 + 2 * many : 4 + 2 * many]
            if bits & 15 == 0 or not progressive:
                last = last if progressive else 63
                exact |= {(body[1 + 2 * one], number) for one in range(many) for number in range(first, last + 1)}
            place = _after_pixels(data, place + 2 + length)
        else:
            place += 2 + length
    return colours > 0 and len(exact) >= 64 * colours


def _after_pixels(data: bytes, place: int) -> int:
    """Where the next segment begins; beyond the end where none does."""
    while (place := data.find(b"\xff", place)) >= 0:
        if place + 1 >= len(data):
            break
        if data[place + 1] not in (0x00, 0xFF) and not 0xD0 <= data[place + 1] <= 0xD7:
            return place
        place += 1 if data[place + 1] == 0xFF else 2
    return len(data)

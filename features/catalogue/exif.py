"""When, with what and where a photo was taken, by the tags in it. They are data of others: never trusted."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

from features.catalogue.formats import opened

EXIF, GPS = 0x8769, 0x8825  # the folders of tags
TAKEN = (0x9003, 0x9004)  # DateTimeOriginal, DateTimeDigitized
SAVED, MAKE, MODEL = 0x0132, 0x010F, 0x0110
LONGEST = 80  # letters of a camera's name
MARKS = (b"Exif", b"eXIf", b"II*\0", b"MM\0*", b"CMT1")  # a file without any has no tags
LARGEST = 64_000_000  # pixels of a picture that is decoded for its tags, where there is no other way


@dataclass(frozen=True)
class Details:
    """What the tags say.

    Attributes:
        taken: Date and time on the camera's clock, as in 2024-05-01T12:30:00; empty where it is not known.
        camera: Its maker and model; empty where it is not known.
        place: Latitude and longitude in degrees, north and east positive; None where it is not known.
    """

    taken: str = ""
    camera: str = ""
    place: tuple[float, float] | None = None

    @property
    def seconds(self) -> float | None:
        """The date in seconds since 1970, the camera's clock taken for this machine's; None where unknown."""
        with contextlib.suppress(ValueError, OverflowError, OSError):
            return datetime.fromisoformat(self.taken).timestamp()
        return None


NONE = Details()


def details(data: bytes) -> Details:
    """Returns what the tags in a picture file's bytes say; nothing where they are missing or damaged."""
    if not any(mark in data for mark in MARKS):
        return NONE
    try:
        file = opened(data, LARGEST)
        with file.image as image:
            if image.width * image.height > LARGEST and image.format != "JPEG":
                return NONE  # a PNG is decoded to find its tags
            tags = file.exif()
            return Details(_taken(tags), _camera(tags), _place(tags))
    except Exception:  # whatever a damaged or hostile file may raise; the picture itself is judged elsewhere
        return NONE


def from_json(told: Any) -> Details:
    """Raises ValueError or TypeError for anything but what `as_json` makes."""
    taken, camera, place = told
    if not (isinstance(taken, str) and isinstance(camera, str)):
        raise TypeError("no texts")
    return Details(taken, camera, _checked(*place) if place else None)


def as_json(one: Details) -> list[Any]:
    """Returns plain values for a file of ours."""
    return [one.taken, one.camera, one.place]


def _taken(tags: Image.Exif) -> str:
    folder = tags.get_ifd(EXIF)
    for value in (*(folder.get(tag) for tag in TAKEN), tags.get(SAVED)):
        if isinstance(value, str) and re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", text := value.strip("\0 ")):
            with contextlib.suppress(ValueError):  # 0000:00:00, of a camera whose clock was never set
                return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").isoformat()
    return ""


def _camera(tags: Image.Exif) -> str:
    make, model = (_plain(tags.get(tag)) for tag in (MAKE, MODEL))
    maker = make.split(" ")[0].lower()
    return model if maker and model.lower().startswith(maker) else f"{make} {model}".strip()


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())[:LONGEST]


def _place(tags: Image.Exif) -> tuple[float, float] | None:
    folder = tags.get_ifd(GPS)
    if not (folder.get(2) and folder.get(4)):
        return None
    with contextlib.suppress(ValueError, TypeError, ZeroDivisionError):
        return _checked(_degrees(folder[2], folder.get(1), "S"), _degrees(folder[4], folder.get(3), "W"))
    return None


def _degrees(parts: Any, reference: Any, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    size = degrees + minutes / 60 + seconds / 3600
    return -size if str(reference).strip("\0 ").upper() == negative else size


def _checked(latitude: Any, longitude: Any) -> tuple[float, float] | None:
    """None for a place that is not on Earth; and for (0, 0), which is written where nothing was measured."""
    latitude, longitude = float(latitude), float(longitude)
    sound = math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180
    return (round(latitude, 6), round(longitude, 6)) if sound and (latitude or longitude) else None

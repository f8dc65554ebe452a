"""How much of everything there may be: the one place for it. docs/security.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MB, GB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Limits:
    """Bytes, pixels, numbers and seconds, each the most that is taken, but for `free`.

    Attributes:
        picture: Bytes of a picture's file.
        captions: Bytes of a metadata file in a zip.
        pixels: Of a picture by its format or mode (of Pillow), so that decoding takes under 700 MB; `other_pixels`
            for all the rest. The JPEG decoder shrinks as it reads.
        large: Pixels from which pictures are decoded one at a time.
        archive_files: Members of one zip.
        archive_directory: Bytes of a zip's table of contents, which is read whole.
        archive: Bytes that one zip unpacks to.
        ratio: Unpacked to packed bytes of a zip, and of each member: pictures hardly shrink, bombs do.
        ratio_matters: Unpacked bytes below which the ratio is not judged.
        request: Bytes of a request that is no upload.
        upload: Bytes of a visitor's upload request.
        visitor_incoming: Bytes that one visitor uploads within `incoming_seconds`.
        incoming: The same of all visitors.
        incoming_seconds: How long an uploaded file is kept before it becomes part of a collection.
        sweep_seconds: How often old files are deleted.
        visitor_kept: Bytes in the collections of one visit.
        kept: Bytes in the collections of all visitors.
        free: Bytes that stay free on the disk.
        text: Letters of a text that an endpoint takes.
        listed: Digests that an endpoint takes, and matches that it returns.
    """

    picture: int = 512 * MB
    captions: int = 64 * MB
    pixels: Mapping[str, int] = field(
        default_factory=lambda: {
            "JPEG": 150_000_000,
            "MPO": 150_000_000,
            "progressive JPEG": 110_000_000,
            "JPEG2000": 24_000_000,
            "WEBP": 35_000_000,
            "AVIF": 40_000_000,
            "HEIF": 40_000_000,
            "PPM": 50_000_000,
            **dict.fromkeys(("RGBA", "LA", "I", "F"), 60_000_000),
        }
    )
    other_pixels: int = 64_000_000
    large: int = 16_000_000
    archive_files: int = 20_000
    archive_directory: int = 4 * MB
    archive: int = 4 * GB
    ratio: int = 200
    ratio_matters: int = 10 * MB
    request: int = 16 * MB
    upload: int = 512 * MB
    visitor_incoming: int = 1 * GB
    incoming: int = 4 * GB
    incoming_seconds: int = 600
    sweep_seconds: int = 60
    visitor_kept: int = 1 * GB
    kept: int = 4 * GB
    free: int = 1 * GB
    text: int = 10_000
    listed: int = 200


LIMITS = Limits()

"""Any picture is opened in one way: upright RGB of bounded size, or one sentence that says why not."""

import contextlib
import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from features.catalogue import formats, images, raw
from features.catalogue.images import decode, open_image
from features.errors import ImageError
from features.limits import LIMITS
from tests.support.toy import is_one_sentence

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def solid(mode: str, colour: object, size: tuple[int, int] = (16, 8)) -> Image.Image:
    return Image.new(mode, size, colour)


def png(width: int, height: int, data: bytes = b"", depth: int = 8, kind: int = 0) -> bytes:
    """A PNG by hand. kind: 0 grey, 2 RGB, 6 RGBA."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    )


def palette() -> Image.Image:
    return solid("RGB", RED).quantize(4)


def see_through_palette() -> bytes:
    image = Image.new("P", (16, 8), 0)
    image.putpalette([0, 0, 0, *RED])
    return encoded(image, "PNG", transparency=0)


def animation(kind: str) -> bytes:
    return encoded(
        solid("RGB", RED), kind, save_all=True, append_images=[solid("RGB", BLUE)], duration=50, lossless=True
    )


GREY = (128, 128, 128)
SEEN_AS = {
    "jpeg": (encoded(solid("RGB", RED), "JPEG", quality=95), RED),
    "grey jpeg": (encoded(solid("L", 128), "JPEG"), GREY),
    "cmyk jpeg": (encoded(solid("CMYK", (0, 255, 255, 0)), "JPEG", quality=95), RED),
    "png": (encoded(solid("RGB", RED), "PNG"), RED),
    "grey png": (encoded(solid("L", 128), "PNG"), GREY),
    "black-and-white png": (encoded(solid("1", 1), "PNG"), WHITE),
    "16-bit grey png": (encoded(Image.fromarray(np.full((8, 16), 128 * 257, np.uint16)), "PNG"), GREY),
    "16-bit colour png": (png(16, 8, (b"\0" + b"\xff\xff\0\0\0\0" * 16) * 8, 16, 2), RED),
    "palette png": (encoded(palette(), "PNG"), RED),
    "palette png, see-through": (see_through_palette(), WHITE),
    "rgba png, see-through": (encoded(solid("RGBA", (*RED, 0)), "PNG"), WHITE),
    "rgba png, half": (encoded(solid("RGBA", (*RED, 128)), "PNG"), (255, 127, 127)),
    "grey with alpha": (encoded(solid("LA", (0, 128)), "PNG"), (127, 127, 127)),
    "gif": (encoded(palette(), "GIF"), RED),
    "animated gif": (animation("GIF"), RED),
    "webp": (encoded(solid("RGB", RED), "WEBP", lossless=True), RED),
    "animated webp": (animation("WEBP"), RED),
    "avif": (encoded(solid("RGB", RED), "AVIF", quality=95), RED),
    "bmp": (encoded(solid("RGB", RED), "BMP"), RED),
    "tiff": (encoded(solid("RGB", RED), "TIFF"), RED),
    "cmyk tiff": (encoded(solid("CMYK", (0, 255, 255, 0)), "TIFF"), RED),
    "ppm": (encoded(solid("RGB", RED), "PPM"), RED),
    "two pictures in one jpeg": (
        encoded(solid("RGB", RED), "MPO", save_all=True, append_images=[solid("RGB", BLUE)], quality=95),
        RED,
    ),
}


@pytest.mark.parametrize("kind", SEEN_AS)
def test_every_kind_becomes_rgb(kind: str) -> None:
    data, colour = SEEN_AS[kind]
    picture = decode(data)
    assert picture.pixels.shape == (8, 16, 3) and picture.pixels.dtype == np.uint8
    assert (picture.width, picture.height) == (16, 8)
    assert np.abs(picture.pixels.astype(int) - colour).max() <= 4, picture.pixels[0, 0]


def test_one_pixel_is_a_picture() -> None:
    assert decode(encoded(solid("RGB", RED, (1, 1)), "PNG")).pixels.tolist() == [[[255, 0, 0]]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_16_bits_become_8_by_rounding(dtype: type) -> None:
    values = np.arange(65536).reshape(256, 256)
    picture = decode(encoded(Image.fromarray(values.astype(dtype)), "TIFF"))
    assert (picture.pixels == np.round(values / 257)[..., None]).all()


TURNS: dict[int, Callable[[Image.Image], Image.Image]] = {  # how a picture was laid down -> how to store it so
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """Red, green / blue, white: upright in one way only."""
    image = Image.new("RGB", (width, height))
    for place, colour in (((0, 0), RED), ((1, 0), GREEN), ((0, 1), BLUE), ((1, 1), WHITE)):
        left, top = place[0] * width // 2, place[1] * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def is_upright(pixels: np.ndarray) -> bool:
    h, w = pixels.shape[:2]
    seen = [pixels[y, x].astype(int) for y in (h // 4, 3 * h // 4) for x in (w // 4, 3 * w // 4)]
    return np.abs(np.array(seen) - [RED, GREEN, BLUE, WHITE]).max() < 40


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_turned_pictures_come_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    picture = decode(encoded(TURNS[orientation](corners()), kind, exif=exif, **options))
    assert (picture.width, picture.height) == (96, 64)
    assert picture.pixels.shape == (64, 96, 3)
    assert is_upright(picture.pixels)


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_that_does_not_exist_is_passed_over(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(corners(), "JPEG", exif=exif, quality=95))
    assert (picture.width, picture.height) == (96, 64) and is_upright(picture.pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_boxes_lead_back_to_the_full_size(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(TURNS[orientation](corners(4000, 3000)), kind, exif=exif))
    assert picture.pixels.shape == (1200, 1600, 3) and is_upright(picture.pixels)
    assert (picture.width, picture.height) == (4000, 3000)
    assert picture.full_box((0, 0, 1600, 1200)) == (0, 0, 4000, 3000)
    assert picture.full_box((160, 120, 800, 600)) == (400, 300, 2000, 1500)
    assert picture.full_box(None) is None


SMALLER = [  # kind, size, the side that is enough; then the size that comes out
    ("JPEG", (1600, 2132), 224, (400, 533)),
    ("JPEG", (4000, 3000), 224, (500, 375)),
    ("JPEG", (4000, 3000), 96, (167, 125)),
    ("JPEG", (448, 448), 224, (224, 224)),
    ("JPEG", (447, 600), 224, (447, 600)),
    ("JPEG", (100, 200), 224, (100, 200)),
    ("JPEG", (2000, 4), 224, (1600, 3)),
    ("PNG", (1600, 2132), 224, (229, 305)),
    ("PNG", (447, 600), 224, (447, 600)),
    ("PNG", (100, 200), 224, (100, 200)),
    ("WEBP", (1000, 500), 224, (500, 250)),
]


@pytest.mark.parametrize(("kind", "size", "side", "expected"), SMALLER, ids=str)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_is_no_larger_than_it_needs_to_be(
    kind: str, size: tuple[int, int], side: int, expected: tuple[int, int], orientation: int
) -> None:
    """Its shorter side keeps what was asked for, if it had as much; and boxes lead back to the full size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole = corners(*size)
    picture = decode(encoded(TURNS[orientation](whole), kind, exif=exif, quality=95), side)
    assert picture.pixels.shape == (*expected[::-1], 3)
    assert (picture.width, picture.height) == size
    assert picture.full_box((0, 0, *expected)) == (0, 0, *size)
    assert min(expected) < 8 or is_upright(picture.pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_smaller_at_once_looks_as_if_made_smaller_later(kind: str) -> None:
    spots = Image.fromarray(np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8))
    data = encoded(spots.resize((1200, 900), Image.Resampling.BICUBIC), kind, quality=95)
    small, whole = (
        Image.fromarray(decode(data, side).pixels).resize((150, 112), Image.Resampling.BOX) for side in (224, None)
    )
    assert np.abs(np.asarray(small, int) - np.asarray(whole, int)).mean() < 2


def test_small_pictures_are_not_enlarged() -> None:
    picture = decode(encoded(corners(), "PNG"))
    assert picture.pixels.shape == (64, 96, 3) and picture.full_box((1, 2, 3, 4)) == (1, 2, 3, 4)


def test_a_strip_stays_a_strip() -> None:
    assert decode(encoded(solid("L", 7, (16_000, 2)), "PNG")).pixels.shape == (1, 1600, 3)


JPEG, PNG, GIF = encoded(corners(), "JPEG"), encoded(corners(), "PNG"), encoded(palette(), "GIF")
DAMAGED = "The picture is damaged or cut short; copy it again from where it came."
NO_PICTURE = "The file holds no picture that can be read; export it as JPEG or PNG."
TOO_LARGE = "The picture is 40,000 x 40,000 pixels, more than 64 million; save a smaller copy."
REFUSED = {
    "nothing.jpg": (b"", "The file is empty; copy it again from where it came."),
    "a text.jpg": (b"Dear diary", NO_PICTURE),
    "cut in the head.jpg": (JPEG[:100], DAMAGED),
    "cut.jpg": (JPEG[:-200], DAMAGED),
    "cut.png": (PNG[:150], DAMAGED),
    "cut.webp": (encoded(corners(), "WEBP")[:-20], DAMAGED),
    "bomb.png": (png(40_000, 40_000), TOO_LARGE),
    "a little too large.png": (png(8001, 8000), TOO_LARGE.replace("40,000 x 40,000", "8,001 x 8,000")),
    "no height.gif": (GIF.replace(b"\x10\0\x08\0", b"\x10\0\0\0"), NO_PICTURE),
    "phone.heic": (b"anything", NO_PICTURE),
    "photoshop.PSD": (b"anything", "Photoshop pictures are not supported; export it as JPEG or PNG."),
    "drawing.svg": (b"<svg/>", "SVG pictures are not supported; export it as JPEG or PNG."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_one_sentence(tmp_path: Path, name: str) -> None:
    data, sentence = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError) as refusal:
        open_image(tmp_path / name)
    assert str(refusal.value) == sentence and is_one_sentence(sentence)


def test_pillow_takes_a_file_for_nothing_but_what_our_suffixes_say() -> None:
    extensions = Image.registered_extensions()
    own = {*formats.HEIF, ".jxl", *raw.SUFFIXES}  # these are told by their marks
    assert {extensions[suffix] for suffix in formats.SUFFIXES if suffix not in own} == {*formats.FORMATS, "MPO"}


PHOTOSHOP = b"8BPS" + struct.pack(">HxxxxxxHIIHHIIIH", 1, 3, 8, 16, 8, 3, 0, 0, 0, 0) + bytes(3 * 8 * 16)
OTHERS = {
    "EPS": encoded(solid("RGB", RED), "EPS"),
    "PSD": PHOTOSHOP,
    "ICO": encoded(solid("RGBA", RED, (16, 16)), "ICO"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_content_named_jpg_is_refused_and_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with Image.open(io.BytesIO(OTHERS[kind])) as image:
        assert image.format == kind
    (tmp_path / "photo.jpg").write_bytes(OTHERS[kind])
    started = []

    def start(command: object, *_: object, **__: object) -> None:
        started.append(command)
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(ImageError) as refusal:
        open_image(tmp_path / "photo.jpg")
    assert str(refusal.value) == NO_PICTURE and started == []


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^There is no such file; check the path\.$"):
        open_image(tmp_path / "nowhere.jpg")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^It is not a file; name a picture\.$"):
        open_image(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    code = "import sys, pathlib, features.catalogue.images as i; i.open_image(pathlib.Path(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "pipe.jpg"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.stderr.endswith("It is not a file; name a picture.\n")


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "locked.jpg"
    file.write_bytes(JPEG)
    file.chmod(0)
    if os.access(file, os.R_OK):  # root reads all: let the system's answer be played

        def denied(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ImageError, match=r"^The file can't be read; check its permissions\.$"):
        open_image(file)


def test_a_file_of_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(LIMITS.picture + 1)  # takes no room on the disk
    with pytest.raises(ImageError, match=r"^The file is larger than 512 MB; save a smaller copy\.$"):
        open_image(tmp_path / "huge.jpg")


def test_a_bomb_takes_no_memory() -> None:
    bomb = png(40_000, 40_000, b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError):
        decode(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


PEAK = """
import sys, pathlib, features.catalogue.images as images
peak = lambda: int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])  # kB
before = peak()
picture = images.open_image(pathlib.Path(sys.argv[1]))
print(1024 * (peak() - before) / (picture.width * picture.height))
"""
LARGE = {  # a large picture, and the bytes that a pixel of it may take: times its limit, 700 MB
    "wavelets.jp2": (lambda: encoded(solid("RGBA", RED, (3000, 3000)), "JPEG2000"), 29),
    "web.webp": (lambda: encoded(solid("RGBA", RED, (3000, 3000)), "WEBP"), 20),
    "progressive.jpg": (lambda: encoded(solid("RGB", RED, (6000, 6000)), "JPEG", progressive=True), 6.6),
    "16-bit grey.png": (lambda: png(6000, 6000, bytes(12_001 * 6000), 16), 10),
    "see-through.png": (lambda: png(6000, 6000, bytes(24_001 * 6000), 8, 6), 12),
    "colour.png": (lambda: png(6000, 6000, bytes(18_001 * 6000), 8, 2), 8),
    "strip.jpg": (lambda: encoded(solid("RGB", RED, (1500, 48_000)), "JPEG"), 1),  # more than other_pixels
}


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no way to measure here")
@pytest.mark.parametrize("name", LARGE)
def test_a_large_picture_takes_little_memory(tmp_path: Path, name: str) -> None:
    made, most = LARGE[name]
    (tmp_path / name).write_bytes(made())
    run = subprocess.run([sys.executable, "-c", PEAK, tmp_path / name], capture_output=True, text=True, check=True)
    assert 0 < float(run.stdout) < most


TOO_LARGE = {"a.jp2": ("JPEG2000", (5000, 5000), 24), "a.webp": ("WEBP", (6000, 6000), 35)}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_kinds_that_take_much_memory_may_have_fewer_pixels(name: str) -> None:
    kind, size, most = TOO_LARGE[name]
    with pytest.raises(ImageError, match=rf"more than {most} million; save a smaller copy\.$"):
        decode(encoded(solid("L", 7, size), kind))


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")  # elsewhere `images` sees to it; pytest undoes that
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "TGA", "AVIF", "JPEG2000"])
def test_no_damage_does_worse_than_refuse(kind: str) -> None:
    """Bytes changed at random: a picture comes out, or an ImageError; nothing else ever."""
    whole = encoded(corners(), kind)
    generator = np.random.default_rng(5)
    for _ in range(100):
        data = bytearray(whole[: generator.integers(1, len(whole) + 1)] if generator.random() < 0.2 else whole)
        reach = len(data) if generator.random() < 0.5 else min(len(data), 80)  # heads break in more ways
        for place in generator.integers(0, reach, generator.integers(1, 6)):
            data[place] = generator.integers(0, 256)
        with contextlib.suppress(ImageError):
            assert max(decode(bytes(data)).pixels.shape[:2]) <= images.LONGEST_SIDE

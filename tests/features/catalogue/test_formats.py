"""Pictures as people have them: phones', cameras', with colour profiles, of many bits, and without an end."""

from __future__ import annotations

import contextlib
import io
import struct
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from features.catalogue import exif, formats, raw
from features.catalogue.images import decode, full_size
from features.errors import ImageError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(size: tuple[int, int] = (96, 64), seed: int = 3) -> Image.Image:
    """Soft spots of many colours."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


# Colour


def fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def profile(kind: str, gamma: float, columns: dict[str, tuple[float, float, float]]) -> bytes:
    """A small ICC profile: of RGB by three primaries (adapted to D50) and a gamma, or of grey by a gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(79)
    for name, numbers in columns.items():
        tags[name.encode() + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(fixed, numbers))
        tags[name.encode() + b"TRC"] = curve
    if kind == "GRAY":
        tags[b"kTRC"] = curve
    place, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", place + len(body), bytes(4), 0x02100000, b"mntr", kind.encode(), b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return head.ljust(128, b"\0") + table + body


PROPHOTO = {"r": (0.7977, 0.2880, 0.0), "g": (0.1352, 0.7119, 0.0), "b": (0.0313, 0.0001, 0.8249)}
ADOBE = {"r": (0.6097, 0.3111, 0.0195), "g": (0.2053, 0.6257, 0.0609), "b": (0.1492, 0.0632, 0.7446)}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROFILES = {
    "ProPhoto": ("RGB", profile("RGB ", 1.8, PROPHOTO)),
    "AdobeRGB": ("RGB", profile("RGB ", 2.2, ADOBE)),
    "grey": ("L", profile("GRAY", 1.0, {})),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_honoured_as_littlecms_does(name: str, kind: str) -> None:
    mode, icc = PROFILES[name]
    data = encoded(photo().convert(mode), kind, icc_profile=icc, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as stored:
        if stored.mode != mode:
            pytest.skip("WebP has no grey")
        srgb = ImageCms.createProfile("sRGB")
        right = ImageCms.profileToProfile(stored, io.BytesIO(icc), srgb, outputMode="RGB")
        without = np.asarray(stored.convert("RGB"), int)
    pixels = decode(data).pixels.astype(int)
    assert np.abs(pixels - np.asarray(right, int)).mean() < 1 < np.abs(without - np.asarray(right, int)).mean()


def test_transparency_and_a_palette_keep_their_profile() -> None:
    icc = PROFILES["ProPhoto"][1]
    plain = decode(encoded(photo(), "PNG", icc_profile=icc)).pixels.astype(int)
    clear = decode(encoded(photo().convert("RGBA"), "PNG", icc_profile=icc)).pixels
    assert np.abs(clear - plain).max() <= 1
    few = photo().quantize(64)
    expected = decode(encoded(few.convert("RGB"), "PNG", icc_profile=icc)).pixels
    assert (decode(encoded(few, "PNG", icc_profile=icc)).pixels == expected).all()


@pytest.mark.parametrize(
    "icc", [SRGB, b"no profile", PROFILES["grey"][1], PROFILES["ProPhoto"][1][:200], bytes(500)]
)
def test_srgb_damage_and_profiles_of_other_pictures_change_nothing(icc: bytes) -> None:
    pixels = decode(encoded(photo(), "PNG", icc_profile=icc)).pixels
    assert (pixels == np.asarray(photo())).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_of_fewer_bits_in_16_is_scaled_by_what_it_holds(bits: int) -> None:
    most = 2**bits - 1
    values = np.linspace(0, most, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    right = (values * (255 / most)).round()
    assert (decode(encoded(Image.fromarray(values), "PNG")).pixels[..., 0] == right).all()
    values[5, 5] = 65535  # a hot pixel
    pixels = decode(encoded(Image.fromarray(values), "TIFF")).pixels[..., 0]
    right[5, 5] = 255
    assert (pixels == right).all()


def test_a_dark_picture_of_8_bits_spread_over_16_stays_dark() -> None:
    values = (np.arange(64 * 64).reshape(64, 64) % 50 * 257).astype(np.uint16)
    assert decode(encoded(Image.fromarray(values), "PNG")).pixels.max() == 49


@pytest.mark.parametrize("outlier", [1e6, -1e6, np.inf, -np.inf, np.nan])
def test_an_outlier_is_no_range_for_floats(outlier: float) -> None:
    values = np.linspace(0.005, 0.98, 96 * 96, dtype=np.float32).reshape(96, 96)
    plain = decode(encoded(Image.fromarray(values), "TIFF")).pixels
    assert (plain.min(), plain.max()) == (0, 255)
    values[40, 40] = outlier
    pixels = decode(encoded(Image.fromarray(values), "TIFF")).pixels
    pixels = np.where(np.arange(96 * 96).reshape(96, 96, 1) == 40 * 96 + 40, plain, pixels)
    assert (pixels == plain).all()


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf])
def test_floats_that_are_all_the_same_are_a_picture(value: float) -> None:
    flat = Image.fromarray(np.full((8, 8), value, np.float32))
    assert np.ptp(decode(encoded(flat, "TIFF")).pixels) == 0


# Damaged or not

JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 2},
    "grey": {"mode": "L"},
}


def jpeg(name: str) -> bytes:
    options = dict(JPEGS[name])
    return encoded(photo().convert(options.pop("mode", "RGB")), "JPEG", quality=90, **options)


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0" * 500, b"Samsung_Capture_Info"])
def test_a_jpeg_with_all_its_pixels_is_taken(name: str, tail: bytes) -> None:
    whole = jpeg(name)
    expected = decode(whole).pixels
    assert (decode(whole[:-2] + tail).pixels == expected).all()
    assert (decode(whole + tail).pixels == expected).all()


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("lost", [20, 100, 0.3, 0.6])
@pytest.mark.parametrize("tail", [b"", b"\0" * 5000])
def test_a_jpeg_that_lacks_pixels_is_refused(name: str, lost: float, tail: bytes) -> None:
    whole = jpeg(name)
    left = len(whole) - int(lost if lost > 1 else lost * len(whole))
    with pytest.raises(ImageError) as refusal:
        decode(whole[:left] + tail)
    assert refusal.value.message.id == "images.damaged"


# Formats


def heic(image: Image.Image, **options: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    return encoded(image, "HEIF", quality=95, **options)


def test_heic_is_read_with_its_tags_and_profile() -> None:
    data = heic(photo(), exif=tagged().tobytes())
    picture = decode(data, 32)
    assert (picture.width, picture.height) == (96, 64) and picture.pixels.shape[:2] == (32, 48)
    assert exif.details(data).camera == "Canon EOS R5"
    icc = PROFILES["ProPhoto"][1]
    with Image.open(io.BytesIO(wide := heic(photo(), icc_profile=icc))) as stored:
        right = ImageCms.profileToProfile(
            stored, io.BytesIO(icc), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    assert np.abs(decode(wide).pixels.astype(int) - np.asarray(right, int)).mean() < 1
    with pytest.raises(ImageError):
        decode(data[: len(data) // 2])


def test_jpeg_xl_is_read_or_its_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_jxl")
    data = encoded(photo(), "JXL", lossless=True)
    assert (decode(data).pixels == np.asarray(photo())).all()
    assert (decode(encoded(photo(), "JXL", lossless=True, use_container=True)).pixels == np.asarray(photo())).all()
    with pytest.raises(ImageError, match="more than 0 million"):
        formats.opened(data, 1000)
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match=r"requirements-jxl\.txt"):
        decode(data)


def folder(order: str, entries: list[tuple[int, int, int, int]]) -> bytes:
    """One folder of a TIFF, at byte 8: (tag, type, count, value) each."""
    packed = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + (struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value))
        for tag, kind, count, value in entries
    )
    return struct.pack(order + "H", len(entries)) + packed + bytes(4)


def raw_file(kind: str, preview: bytes, orientation: int = 1) -> bytes:
    """As a camera lays it down: a small thumbnail, the preview, and what its sensor saw."""
    small, sensor = encoded(photo((16, 12)), "JPEG"), np.random.default_rng(1).bytes(3000)
    pictures = bytes(100) + small + bytes(50) + preview + sensor
    turned, sensed = (0x0112, 3, 1, orientation), (0x0106, 3, 1, 32803)
    if kind == "RAF":
        return b"FUJIFILMCCD-RAW 0201" + bytes(80) + pictures
    if kind == "CR3":
        tags = b"II*\0\x08\0\0\0" + folder("<", [turned])
        return b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + struct.pack(">I", 8 + len(tags)) + b"CMT1" + tags + pictures
    order, mark, tags = {
        "CR2": ("<", b"II*\0\x10\0\0\0CR\2\0\0\0\0\0", [turned]),
        "NEF": (">", b"MM\0*\0\0\0\x08", [turned, sensed]),
        "ARW": ("<", b"II*\0\x08\0\0\0", [turned, sensed]),
        "DNG": ("<", b"II*\0\x08\0\0\0", [turned, (0xC612, 4, 1, 1025)]),
        "ORF": ("<", b"IIRO\x08\0\0\0", [turned]),
        "RW2": ("<", b"IIU\0\x08\0\0\0", [turned]),
    }[kind]
    return mark + folder(order, tags) + pictures


RAWS = [suffix[1:].upper() for suffix in raw.SUFFIXES]


@pytest.mark.parametrize("kind", RAWS)
def test_camera_raw_is_read_by_its_largest_preview(kind: str, tmp_path: Path) -> None:
    preview = encoded(photo(), "JPEG", quality=95)
    (tmp_path / f"a.{kind}").write_bytes(raw_file(kind, preview))
    assert full_size(tmp_path / f"a.{kind}") == (96, 64) and formats.is_image_name(f"a.{kind}")
    assert (decode(raw_file(kind, preview)).pixels == decode(preview).pixels).all()
    if kind != "RAF":  # its preview has tags of its own
        assert decode(raw_file(kind, preview, 6)).pixels.shape == (96, 64, 3)


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")  # as in tests/test_images.py
@pytest.mark.parametrize("kind", RAWS)
def test_raw_without_a_preview_or_damaged_is_refused(kind: str) -> None:
    whole = raw_file(kind, encoded(photo(), "JPEG"))
    generator = np.random.default_rng(2)
    with pytest.raises(ImageError):
        decode(whole.replace(b"\xff\xd8\xff", b"\0\0\0"))
    for _ in range(60):
        data = bytearray(whole[: generator.integers(1, len(whole))])
        for place in generator.integers(0, min(len(data), 200), 4):
            data[place] = generator.integers(0, 256)
        with contextlib.suppress(ImageError):
            assert decode(bytes(data)).pixels.size
        exif.details(bytes(data))


def test_videos_are_no_pictures() -> None:
    assert formats.is_video_name("a.MP4") and formats.is_video_name("b.mov") and not formats.is_video_name("a.jpg")
    assert not formats.is_image_name("a.mp4")


# What the tags say


def tagged(**gps: object) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Canon", "Canon EOS R5\0"
    tags.get_ifd(0x8769)[0x9003] = "2024:05:01 12:30:00"
    tags.get_ifd(0x8825).update({1: "S", 2: (33.0, 30.0, 36.0), 3: "E", 4: (151.0, 15.0, 0.0)} | gps)
    return tags


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_date_camera_and_place_are_read(kind: str) -> None:
    found = exif.details(encoded(photo(), kind, exif=tagged()))
    assert found == exif.Details("2024-05-01T12:30:00", "Canon EOS R5", (-33.51, 151.25))
    assert exif.from_json(exif.as_json(found)) == found


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
def test_tags_that_make_no_sense_say_nothing() -> None:
    assert exif.details(encoded(photo(), "JPEG")) == exif.details(b"") == exif.details(b"Exif") == exif.NONE
    tags = Image.Exif()
    tags[0x0110] = "x" * 500 + "\n\x1b[31m"
    tags[0x0132] = "0000:00:00 00:00:00"
    tags.get_ifd(0x8825).update({1: "N", 2: (900.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)})
    found = exif.details(encoded(photo(), "JPEG", exif=tags))
    assert (found.taken, found.place) == ("", None) and found.camera.isprintable() and len(found.camera) <= 80
    generator, whole = np.random.default_rng(7), encoded(photo(), "JPEG", exif=tagged())
    for _ in range(200):
        data = bytearray(whole)
        for place in generator.integers(0, 400, 5):
            data[place] = generator.integers(0, 256)
        assert isinstance(exif.details(bytes(data)), exif.Details)


def test_a_name_is_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café.png") for form in ("NFC", "NFD"))
    photo().save(tmp_path / apart)
    assert full_size(tmp_path / composed) == (96, 64)

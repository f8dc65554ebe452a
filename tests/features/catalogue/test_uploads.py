"""What comes over the wire, hostile zips among it, ends in a folder of our own or is refused with its reason."""

import bz2
import errno
import filecmp
import hashlib
import io
import os
import stat
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines import SemblanceError
from features.catalogue import uploads
from features.catalogue.folder import Skipped
from features.catalogue.uploads import Room, receive
from features.library import Library
from features.limits import LIMITS
from tests.support.toy import GREEN, RED, Toy, is_one_sentence, snapshot


def picture(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


PNG, OTHER_PNG = picture(RED), picture(GREEN)


def member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """A member of just this name, which zipfile's own constructor would tidy up."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zipped(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members:
            archive.writestr(info, data)
    return path


def zipped_by_hand(path: Path, packed: bytes, size: int, crc: int, method: int = 8, flags: int = 0) -> Path:
    """One member, evil.png, of which any lie may be told."""
    path.parent.mkdir(exist_ok=True)
    name = b"evil.png"
    fields = struct.pack("<HHHHHLLLHH", 20, flags, method, 0, 0x21, crc, len(packed), size, len(name), 0)
    local = b"PK\3\4" + fields + name + packed
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + name
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, 9)[2:-4]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


OUT = "Its name leads out of the archive; it was not unpacked."
NO_PICTURE = "Not a picture."
HOSTILE = {
    "up": (member("../evil.png"), PNG, OUT),
    "up from below": (member("a/../../evil.png"), PNG, OUT),
    "up by backslash": (member("..\\..\\evil.png"), PNG, OUT),
    "absolute": (member("/tmp/evil.png"), PNG, OUT),
    "absolute by backslash": (member("\\tmp\\evil.png"), PNG, OUT),
    "drive": (member("C:\\evil.png"), PNG, OUT),
    "drive, relative": (member("C:evil.png"), PNG, OUT),
    "share": (member("\\\\server\\share\\evil.png"), PNG, OUT),
    "link": (member("link.png", stat.S_IFLNK | 0o777), b"/etc/passwd", "It is a link, not a picture."),
    "text": (member("notes.txt"), b"hello", NO_PICTURE),
    "zip in zip": (member("inner.zip"), b"PK", NO_PICTURE),
    "no name": (member(""), PNG, NO_PICTURE),
    "a dot for a name": (member("."), PNG, NO_PICTURE),
    "bomb": (member("bomb.png"), bytes(60 << 20), "It unpacks to 60 MB; no picture does."),
}


@pytest.mark.parametrize(("info", "data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_member_is_refused_and_the_rest_taken(
    tmp_path: Path, info: zipfile.ZipInfo, data: bytes, reason: str
) -> None:
    archive = zipped(tmp_path / "sent/pictures.zip", (info, data), ("good.png", PNG))
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert skipped == [Skipped(f"pictures.zip/{info.filename}", reason)] and is_one_sentence(reason)
    assert folder == tmp_path / "home/uploads/mine"
    assert files(tmp_path) == {"sent/pictures.zip", "home/uploads/mine/good.png"}


UNUSUAL = "It is packed in an unusual way; zip it again with an ordinary tool."
LOCKED = "It is locked with a password; zip it without one."
DAMAGED = "Damaged in the archive; zip it again."
LIES = {  # packed, size, crc, method, flags
    "password": ((deflated(PNG), len(PNG), zlib.crc32(PNG), 8, 1), LOCKED),
    "wrong checksum": ((deflated(PNG), len(PNG), 7), DAMAGED),
    "not deflated at all": ((b"\xff" * 50, 50, 7), DAMAGED),
    "cut short": ((deflated(PNG)[:-9], len(PNG), zlib.crc32(PNG)), DAMAGED),
    "larger than it says": ((deflated(bytes(50 << 20)), 100, zlib.crc32(PNG)), DAMAGED),
    "of an unknown method": ((PNG, len(PNG), zlib.crc32(PNG), 77), UNUSUAL),
    "bzip2": ((bz2.compress(PNG), len(PNG), zlib.crc32(PNG), 12), UNUSUAL),
    "lzma": ((b"\x09\x04\x05\x00" + b"\xff" * 40, 50, 7, 14), UNUSUAL),
    "larger than any picture": ((b"", 600 << 20, 0, 0), "It unpacks to 600 MB; no picture does."),
    "larger than all": ((b"", (4 << 30) - 1, 0, 0), "It unpacks to 4,095 MB; no picture does."),
}  # fmt: skip


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES)
def test_a_member_that_lies_is_refused(tmp_path: Path, lie: tuple[bytes, int, int], reason: str) -> None:
    bad = zipped_by_hand(tmp_path / "sent/bad.zip", *lie)
    good = zipped(tmp_path / "sent/good.zip", ("good.png", PNG))
    _, skipped = receive(tmp_path / "home", "mine", [bad, good])
    assert skipped == [Skipped("bad.zip/evil.png", reason)] and is_one_sentence(reason)
    assert files(tmp_path / "home") == {"uploads/mine/good.png"}


GIGABYTE = 1 << 30
BOMBS = {
    "honest": (GIGABYTE, "It unpacks to 1,024 MB; no picture does."),
    "with a lie about its size": (1000, DAMAGED),
    "with another lie": (4 << 20, "The file holds no picture that can be read; export it as JPEG or PNG."),
}


@pytest.fixture(scope="module")
def gigabyte() -> tuple[bytes, int]:
    """A gigabyte of zeros, deflated, and its checksum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(1024):
        crc = zlib.crc32(bytes(1 << 20), crc)
    return megabyte * 1024 + packer.flush(), crc


@pytest.mark.parametrize(("told", "reason"), BOMBS.values(), ids=BOMBS)
def test_a_gigabyte_of_zeros_is_never_unpacked(
    tmp_path: Path, gigabyte: tuple[bytes, int], told: int, reason: str
) -> None:
    packed, crc = gigabyte
    archive = zipped_by_hand(tmp_path / "bomb.zip", packed, told, crc)
    assert archive.stat().st_size < 2 << 20
    tracemalloc.start()
    with pytest.raises(SemblanceError) as refusal:
        receive(tmp_path / "home", "mine", [archive])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30 << 20
    assert str(refusal.value).endswith(reason)
    assert files(tmp_path / "home") == set()


def test_too_much_in_one_archive_is_refused_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, archive_files=3))
    four = zipped(tmp_path / "four.zip", *((f"{i}.png", PNG) for i in range(4)))
    three = zipped(tmp_path / "three.zip", *((f"{i}.png", PNG) for i in range(3)))
    _, skipped = receive(tmp_path / "home", "mine", [four, three])
    assert [skip.path for skip in skipped] == ["four.zip"] and skipped[0].reason.endswith("send it in parts.")
    assert len(files(tmp_path / "home")) == 3
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, archive=3 * len(PNG) - 1))
    with pytest.raises(SemblanceError, match="send it in parts"):
        receive(tmp_path / "home", "mine", [three])


NO_ARCHIVES = {
    "a text": b"Dear diary",
    "empty": b"",
    "cut": b"PK\3\4" + bytes(30),
    "an end and no more": b"PK\5\6" + b"\xff" * 18,
}


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES)
def test_what_is_only_named_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(content)
    good = zipped(tmp_path / "good.zip", ("good.png", PNG))
    _, skipped = receive(tmp_path / "home", "mine", [tmp_path / "bad.zip", good])
    assert skipped == [Skipped("bad.zip", "The archive is damaged, or not a zip file; zip it again.")]
    with pytest.raises(SemblanceError) as refusal:
        receive(tmp_path / "other", "mine", [tmp_path / "bad.zip"])
    assert str(refusal.value).startswith("There was no picture to take.") and is_one_sentence(str(refusal.value))
    assert not (tmp_path / "other").exists()


def test_no_damage_does_worse_than_refuse(tmp_path: Path) -> None:
    """Bytes of an archive changed at random: nothing outside its folder, no exception but ours."""
    members = [(f"{i % 2}/{i}.png", PNG) for i in range(4)]
    whole = zipped(tmp_path / "whole.zip", *members).read_bytes()
    generator = np.random.default_rng(9)
    home = tmp_path / "a/b/c/home"
    for number in range(300):
        data = bytearray(whole)
        for place in generator.integers(0, len(data), generator.integers(1, 12)):
            data[place] = generator.integers(0, 256)
        (tmp_path / "bad.zip").write_bytes(data)
        try:
            receive(home, f"{number}", [tmp_path / "bad.zip"])
        except SemblanceError:
            continue
    assert {path.parts[0] for path in (Path(name) for name in files(tmp_path / "a/b/c"))} == {"home"}
    assert files(tmp_path) - {f"a/b/c/{name}" for name in files(tmp_path / "a/b/c")} == {"whole.zip", "bad.zip"}


def test_folders_become_labels(tmp_path: Path) -> None:
    members = [
        ("top.png", picture(RED)),
        ("shoes/boots/a.png", picture(GREEN)),
        ("bags\\b.png", picture((9, 9, 9))),
    ]
    archive = zipped(tmp_path / "pictures.zip", *((member(name), data) for name, data in members))
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert skipped == [] and files(folder) == {"top.png", "shoes/boots/a.png", "bags/b.png"}
    library = Library(tmp_path / "home")
    assert library.index(library.open(folder), Toy()).update().rows == 3
    assert library.open(folder).labels() == ["bags", "shoes/boots"]


def test_a_label_of_ones_own_goes_above(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "pictures.zip", ("boots/a.png", PNG))
    (tmp_path / "b.png").write_bytes(OTHER_PNG)
    folder, _ = receive(tmp_path / "home", "mine", [archive, tmp_path / "b.png"], label="shoes")
    assert files(folder) == {"shoes/boots/a.png", "shoes/b.png"}


def test_equal_names_with_other_bytes_are_both_kept(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = zipped(tmp_path / "pictures.zip", (member("a.png"), PNG), (member("a.png"), OTHER_PNG))
    for name, data in (("x", PNG), ("y", OTHER_PNG), ("z", picture((1, 2, 3)))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(data)
    folder, _ = receive(tmp_path / "home", "mine", [archive, *(tmp_path / f"{name}/a.png" for name in "xyz")])
    assert files(folder) == {"a.png", hashed(OTHER_PNG), hashed(picture((1, 2, 3)))}
    assert {path.read_bytes() for path in folder.iterdir()} == {PNG, OTHER_PNG, picture((1, 2, 3))}
    before = snapshot(folder)
    again, _ = receive(tmp_path / "home", "mine", [archive])
    assert again == folder and snapshot(folder) == before, "the same once more changes nothing"


def hashed(data: bytes, length: int = 8) -> str:
    return f"a-{hashlib.sha256(data).hexdigest()[:length]}.png"


def test_no_picture_takes_the_place_of_one_of_equal_hash(tmp_path: Path) -> None:
    folder = tmp_path / "home/uploads/mine"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PNG)
    (folder / hashed(OTHER_PNG)).write_bytes(b"another")  # as by chance, once in four thousand million
    (tmp_path / "a.png").write_bytes(OTHER_PNG)
    for _ in range(2):
        receive(tmp_path / "home", "mine", [tmp_path / "a.png"])
        assert files(folder) == {"a.png", hashed(OTHER_PNG), hashed(OTHER_PNG, 32)}
    assert (folder / hashed(OTHER_PNG)).read_bytes() == b"another"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_thousands_of_equal_names_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # the disk's time is not ours
    read = []
    compare = filecmp.cmp
    monkeypatch.setattr(
        filecmp, "cmp", lambda one, other, shallow: read.append(one) or compare(one, other, shallow)
    )
    large = ("a.png", PNG + os.urandom(1 << 20))
    members = [(member("a.png"), PNG + b"%d" % number) for number in range(3000)]
    archive = zipped(tmp_path / "pictures.zip", large, *members)
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert skipped == [] and len(files(folder)) == 3001
    assert read == [], "the large one is not read for each of the small"


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "a.png").write_bytes(PNG)
    for upload in (tmp_path / "a.png", zipped(tmp_path / "pictures.zip", ("a.png", PNG))):
        with pytest.raises(SemblanceError) as refusal:
            receive(tmp_path / "home", "mine", [upload])
        assert str(refusal.value) == (
            f"The pictures can't be kept in {tmp_path / 'home/uploads/mine'} (No space left on device); "
            "see that there is room, and that we may write there."
        )
        assert is_one_sentence(str(refusal.value))


def test_a_name_that_can_not_be_kept_is_told_and_the_rest_taken(tmp_path: Path) -> None:
    bad = ["a.png/b.png", "/".join(["x" * 200] * 30) + "/c.png"]  # below a file; longer than any path
    archive = zipped(tmp_path / "pictures.zip", *((name, PNG) for name in ("a.png", *bad, "d.png")))
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert files(folder) == {"a.png", "d.png"}
    assert [skip.path for skip in skipped] == [f"pictures.zip/{name}" for name in bad]
    for skip in skipped:
        assert skip.reason.startswith("It can't be kept under its name (") and is_one_sentence(skip.reason)


def test_what_macs_add_is_passed_over(tmp_path: Path) -> None:
    extra = [(member("__MACOSX/._a.png"), b"\0"), (member(".DS_Store"), b"\0"), (member("._b.png"), b"\0")]
    archive = zipped(tmp_path / "pictures.zip", (member("a.png"), PNG), *extra)
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert skipped == [] and files(folder) == {"a.png"}


NAMES = {
    "spaces": "two  words.png",
    "newline": "two\nlines.png",
    "unicode": "żółć 写真 🎨.png",
    "markup": "<b>&amp;.png",
    "question": "what?*|.png",
    "only spaces": "   .png",
    "only question marks": "???.png",
    "long": "x" * 240 + ".png",
    "long, a dot where it is cut": "x" * 30 + "." + "x" * 95 + ".png",
    "long, in another script": "写" * 80 + ".png",
    "a space before the suffix": "a .png",
    "many dots": "a...b...png",
    "device": "con.png",
}


@pytest.mark.parametrize("by", ["file", "zip", "zip, as a folder"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_is_taken_is_found(tmp_path: Path, name: str, by: str) -> None:
    """Under whatever name we keep it."""
    sent = tmp_path / "sent"
    sent.mkdir()
    if by == "file":
        (sent / name).write_bytes(PNG)
        upload = sent / name
    else:
        inner = name if by == "zip" else f"{name.removesuffix('.png')}/a.png"
        upload = zipped(sent / "pictures.zip", (member(inner), PNG))
    folder, skipped = receive(tmp_path / "home", "mine", [upload])
    library = Library(tmp_path / "home")
    report = library.index(library.open(folder), Toy()).update()
    assert (report.rows, report.skipped, skipped) == (1, [], [])
    assert all(len(os.fsencode(part)) <= 255 for kept in files(folder) for part in kept.split("/"))


@pytest.mark.parametrize(
    "name", ["mine", "../../mine", "/mine", "C:\\mine", "..", "", "  ", "two words", "写" * 200]
)
def test_a_collection_lies_in_the_home_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    folder, _ = receive(tmp_path / "home", name, [tmp_path / "a.png"], label=name)
    assert folder.parent == tmp_path / "home/uploads" and folder.name not in ("", ".", "..")
    assert {name for name in files(tmp_path) if not name.startswith("home/uploads/")} == {"a.png"}
    assert folder in next(iter(folder.rglob("a.png"))).parents


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    for name in ("notes.txt", "a.png"):
        (tmp_path / name).write_bytes(PNG)
    _, skipped = receive(tmp_path / "home", "mine", [tmp_path / "notes.txt", tmp_path / "a.png"])
    assert skipped == [Skipped("notes.txt", "Not a picture; send JPEG, PNG, WebP, or a zip of them.")]


def test_nothing_sent_is_told(tmp_path: Path) -> None:
    with pytest.raises(SemblanceError, match=r"Choose some first\.$"):
        receive(tmp_path / "home", "mine", [])


def test_what_was_sent_stays_as_it_was(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "sent/pictures.zip", ("a.png", PNG), ("../b.png", PNG))
    (tmp_path / "sent/c.png").write_bytes(OTHER_PNG)
    before = snapshot(tmp_path / "sent")
    receive(tmp_path / "home", "mine", [archive, tmp_path / "sent/c.png"])
    assert snapshot(tmp_path / "sent") == before


# what fills a disk or the memory


def test_a_member_that_only_has_a_pictures_name_is_not_kept(tmp_path: Path) -> None:
    notes = [(f"{number}.png", os.urandom(64) * 4096) for number in range(5)]
    archive = zipped(tmp_path / "pictures.zip", *notes, ("empty.png", b""), ("photo.heic", PNG), ("good.png", PNG))
    folder, skipped = receive(tmp_path / "home", "mine", [archive])
    assert files(folder) == {"good.png", "photo.heic"} and len(skipped) == 6
    assert {skip.reason for skip in skipped} == {
        "The file holds no picture that can be read; export it as JPEG or PNG.",
        "The file is empty; copy it again from where it came.",
    }


KINDS = ("jpg", "png", "gif", "webp", "bmp", "tif", "ppm", "tga", "jp2", "avif")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_picture_is_known_by_its_head(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / f"a.{kind}")
    folder, skipped = receive(tmp_path / "home", "mine", [tmp_path / f"a.{kind}"])
    assert files(folder) == {f"a.{kind}"} and skipped == []


def test_the_ratio_is_judged_over_the_whole_archive(tmp_path: Path) -> None:
    nine = PNG + bytes(9 << 20)  # less than what is judged for itself
    archive = zipped(tmp_path / "pictures.zip", *((f"{number}.png", nine) for number in range(8)))
    with pytest.raises(SemblanceError, match=r"It unpacks to 72 MB; no pictures do\.$"):
        receive(tmp_path / "home", "mine", [archive])
    assert not (tmp_path / "home").exists()


def test_a_table_of_contents_is_not_read_where_it_would_fill_the_memory(tmp_path: Path) -> None:
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number:0200}.png", b"")
    tracemalloc.start()
    with pytest.raises(SemblanceError, match="The archive is damaged"):
        receive(tmp_path / "home", "mine", [many])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 << 20


def test_a_large_file_is_copied_piece_by_piece(tmp_path: Path) -> None:
    large = PNG + os.urandom(1 << 20) * 48
    (tmp_path / "a.png").write_bytes(large)
    archive = zipped(tmp_path / "pictures.zip", ("b.png", large))
    tracemalloc.start()
    folder, _ = receive(tmp_path / "home", "mine", [tmp_path / "a.png", archive])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 << 20 and files(folder) == {"a.png", "b.png"}
    assert not list((tmp_path / "home").rglob("*.tmp"))


def test_room_that_runs_out_is_told_and_what_was_taken_stays(tmp_path: Path) -> None:
    archive = zipped(
        tmp_path / "pictures.zip", ("a.png", PNG), ("b.png", OTHER_PNG), ("c.png", picture((1, 2, 3)))
    )
    folder, skipped = receive(tmp_path / "home", "mine", [archive], room=Room(len(PNG) + len(OTHER_PNG)))
    assert files(folder) == {"a.png", "b.png"}
    assert [skip.reason for skip in skipped] == [
        "There is no room for more uploads here; what was taken before is kept."
    ]


def test_some_of_the_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, free=1 << 60))
    (tmp_path / "a.png").write_bytes(PNG)
    with pytest.raises(SemblanceError, match="The disk is nearly full"):
        receive(tmp_path / "home", "mine", [tmp_path / "a.png"])

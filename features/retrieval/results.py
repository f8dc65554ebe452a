"""Answers: what Library takes and gives, as plain data, and the errors of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines import Box
from features.catalogue.folder import Skipped


@dataclass(frozen=True)
class Share:
    """What one worker of a cluster has done. worker: its machine and process, for people."""

    worker: str
    pictures: int
    pictures_per_second: float


@dataclass(frozen=True)
class Report:
    """What an index run did, counted in different pictures.

    images: that could be read. new: looked at in this run, refused ones too. kept: looked at before. removed: no
    longer in the folder. rows: vectors stored. skipped: files that have no vector. workers: of a cluster, where
    one did it. videos: files that are not indexed. recognised: the folder whose vectors and marks were taken
    over, as it held the same pictures.
    """

    engine: str
    fingerprint: str
    network: str
    weights: str
    images: int
    rows: int
    new: int
    kept: int
    removed: int
    skipped: list[Skipped]
    seconds: float
    images_per_second: float
    cancelled: bool
    workers: list[Share] = field(default_factory=list)
    videos: int = 0
    recognised: str = ""


@dataclass(frozen=True)
class Status:
    """How much of a catalogue has been looked at by an engine: done of images, giving rows."""

    images: int
    done: int
    rows: int


@dataclass(frozen=True)
class Match:
    """One picture of an answer. score: cosine, -1..1. box: the part that matched, in full-size pixels.

    remarks: what makes its vector doubtful; see engines.Crop. part: which of the picture's crops it was, from 0.
    agreement: part of its vector (see engines.Parted) -> share of strangers that are less alike in it, 0..1.
    """

    digest: str
    path: Path
    label: str
    score: float
    box: Box | None
    remarks: tuple[str, ...] = ()
    part: int = 0
    agreement: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """A picture to search with.

    Attributes:
        path: Its file.
        weight: Of its vector where several are averaged; more than 0.
        box: The part of it to search with, in pixels of the upright full-size picture; None is all of it.
    """

    path: Path
    weight: float = 1.0
    box: Box | None = None


@dataclass(frozen=True)
class Liked:
    """A picture that a person likes, or doesn't. picture: a file, or the digest of a picture of the catalogue.

    part: which of its crops, from 0; where it has not as many, the most prominent. weight: more than 0.
    """

    picture: Path | str
    part: int = 0
    weight: float = 1.0


@dataclass(frozen=True)
class Group:
    """A label with its best pictures, best first. A picture without a label is a group of its own.

    matches: as many as searchable.SHOWN. score: half the best cosine, half the mean over all its pictures.
    """

    label: str
    score: float
    matches: list[Match]


@dataclass(frozen=True)
class Ranking:
    """groups: best first. searched: rows that took part. index: how it was searched, for people."""

    groups: list[Group]
    searched: int
    index: str


@dataclass(frozen=True)
class Part:
    """A crop of a query. box: in pixels of the upright full-size picture; pixels, remarks: see engines.Crop."""

    box: Box | None
    pixels: np.ndarray
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Why two pictures are alike, by a crop of each. score: the cosine.

    query_map, match_map: (h, w) float32 over the crop: what each position adds to the score; both sum to it.
    query_box, match_box: where the crops lie, in full-size pixels.
    """

    score: float
    query_map: np.ndarray
    match_map: np.ndarray
    query_box: Box | None
    match_box: Box | None


@dataclass(frozen=True)
class Answer:
    """matches: best first, or as `diverse` orders them, each picture once. searched: pictures that took part.

    seconds: from file to answer. index: how it was searched, for people. because: of a recommendation, for each
    match the number of the like that is nearest to it.
    """

    matches: list[Match]
    network: str
    weights: str
    index: str
    searched: int
    seconds: float
    because: tuple[int, ...] = ()

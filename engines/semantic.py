"""Meaning: the same content, by CLIP or SigLIP embeddings of a picture and of its caption.

A vector concatenates the embedding of the picture, with squared length 0.7, and that of its caption, with 0.3. The
cosine of two pictures is then 0.7 times the cosine of their picture parts plus 0.3 times that of their captions.
BLIP writes captions that are not given. A text query is compared with both parts.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engines import settings
from engines.base import Card, Crop, Engine, NetworkChoice, VectorPart, register, unit_rows
from engines.errors import NotFetched, WeightsError, WeightsUnavailable
from engines.messages import Message, joined
from engines.networks import blip, clip, hub, runtime
from engines.networks.hub import Pretrained
from engines.networks.weights import Found

SHARES = {"picture": 0.7, "caption": 0.3}
RUNNERS = runtime.RUNNERS | {runtime.KERAS: "PyTorch, float32"}  # in the place of Keras
CAPTIONS = (*blip.NETS, "off")  # values of SEMBLANCE_CAPTIONS; unset means base if available, else off


@dataclass(frozen=True)
class _Answering:
    """The models in use.

    Attributes:
        net: The model that embeds pictures and texts.
        found: Its files.
        precision: Precision of its vision tower; None if that takes an export to know.
        writer: The captioning model, if any.
        written: Its files.
        note: Why there are no captions, or what the first use has yet to do.
        settled: See Card.
    """

    net: Pretrained
    found: Found
    precision: str | None
    writer: Pretrained | None = None
    written: Found | None = None
    note: str = ""
    settled: bool = True


@register
class Semantic(Engine):
    """Finds the same content; it also takes text queries and captions."""

    name = "semantic"
    version = 1
    networks = tuple(net.name for net in clip.NETS)

    def __init__(self, network: str = "auto", preferred: str = "") -> None:
        if network == "auto" and preferred in self.networks:
            network = preferred
        self._asked = network
        self._net = next((net for net in clip.NETS if net.name == network), clip.NETS[0])
        self._answering: _Answering | None = None
        self._towers: clip.Towers | None = None
        self._captioner: blip.Captioner | None = None
        self._settling = threading.Lock()
        self._loading = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the arguments only: another process rebuilds the engine, because models and locks can't move."""
        return type(self), (self._asked,)

    @property
    def side(self) -> int | None:
        try:
            answering = self._answer(fetch=False)
            models = filter(None, (answering.found, answering.written))
            return max(hub.preprocessing(found.path).side for found in models)
        except (WeightsUnavailable, WeightsError):
            return None

    def prepare(self) -> None:
        self._answer(fetch=True)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        return self.embed_captioned(crops, self.captions(crops))

    def captioner(self) -> str:
        """Returns the name and weights of BLIP; empty if captions are off."""
        answering = self._answer(fetch=True)
        if not (answering.writer and answering.written):
            return ""
        return f"{answering.writer.name}/{answering.written.sha256[:12]}"

    def captions(self, crops: Sequence[Crop]) -> list[str]:
        """Returns BLIP's captions; empty ones if captions are off."""
        answering = self._answer(fetch=True)
        if not crops or not answering.written:
            return [""] * len(crops)
        with self._loading:
            self._captioner = self._captioner or blip.Captioner(answering.written)
        return self._captioner.captions([crop.pixels for crop in crops])

    def embed_captioned(self, crops: Sequence[Crop], captions: Sequence[str]) -> np.ndarray:
        """Embeds crops with given captions, which it ignores if captions are off: (N, D) float32 unit rows."""
        if not crops:
            return self._none()
        return self._joined(self._loaded().pictures([crop.pixels for crop in crops]), captions)

    def recaption(self, vectors: np.ndarray, captions: Sequence[str]) -> np.ndarray:
        if not len(vectors):
            return self._none()
        return self._joined(unit_rows(vectors[:, : self._parts()[0].dim]), captions)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds texts in place of both the picture and its caption: (N, D) float32 unit rows."""
        if not texts:
            return self._none()
        rows = self._loaded().texts(texts)
        return unit_rows(np.concatenate([np.sqrt(part.share) * rows for part in self._parts()], axis=1))

    def vector_parts(self) -> tuple[VectorPart, ...]:
        """See Parted. Empty without captions, or without weights."""
        try:
            parts = self._parts(fetch=False)
        except (WeightsUnavailable, WeightsError):
            return ()
        return parts if len(parts) > 1 else ()

    def _parts(self, fetch: bool = True) -> tuple[VectorPart, ...]:
        answering = self._answer(fetch)
        dim = clip.dim(answering.found)
        if not answering.written:
            return (VectorPart("picture", dim, 1.0, "picture"),)
        return tuple(VectorPart(name, dim, share, name) for name, share in SHARES.items())

    def settings(self) -> dict[str, Any]:
        """See Engine. Without weights there are no vectors, so the requested network suffices."""
        try:
            answering = self._answer(fetch=False)
        except (WeightsUnavailable, WeightsError):
            return {"network": self._asked}
        told: dict[str, Any] = {
            "network": answering.net.name,
            "weights": answering.found.sha256,
            "precision": answering.precision,
        }
        if answering.written:
            told |= {"captions": answering.written.sha256, "words": blip.WORDS, "shares": SHARES}
        return told

    def choices(self) -> Sequence[NetworkChoice]:
        """See Engine. A choice includes the captioning model, unless captions are off."""
        writer = blip.NETS.get(settings.current().captions or "base")
        return [_choice(net, writer) for net in clip.NETS]

    def describe(self) -> Card:
        settled, available, reason, note, runner = True, True, "", "", ""
        found: Found | None = None
        writer: Pretrained | None = None
        try:
            answering = self._answer(fetch=False)
        except NotFetched as error:
            settled, reason = False, error.message
        except (WeightsUnavailable, WeightsError) as error:
            available, reason = False, error.message
        else:
            found, writer = answering.found, answering.writer
            settled, note = answering.settled, answering.note
            reason = "" if settled else note
            runner = RUNNERS.get(answering.precision or "", "")
        dim = clip.dim(found) if found else clip.DIMS[self._net.kind]
        origins = [found.origin if found else reason]
        if found and writer and answering.written:
            origins.append(Message("captions.by", writer=answering.written.origin))
        return Card(
            title=Message("titles.semantic"),
            alike=Message("alike.semantic"),
            dim=dim * len(SHARES) if writer or not found else dim,
            network="builtin" if self._asked == "builtin" else self._net.name,
            weights=joined((*origins, note)),
            licence=_licence(self._net, writer),
            available=available,
            reason=reason,
            runner=runner,
            settled=settled,
            order=35,
        )

    def _none(self) -> np.ndarray:
        return np.zeros((0, sum(part.dim for part in self._parts())), np.float32)

    def _joined(self, pictures: np.ndarray, captions: Sequence[str]) -> np.ndarray:
        """Joins (N, D) unit rows of pictures with the embeddings of their captions."""
        if len(self._parts()) == 1:
            return pictures
        looks, words = (np.sqrt(part.share) for part in self._parts())
        return unit_rows(np.concatenate([looks * pictures, words * self._loaded().texts(captions)], axis=1))

    def _loaded(self) -> clip.Towers:
        answering = self._answer(fetch=True)
        with self._loading:
            self._towers = self._towers or clip.Towers(answering.found, answering.net.kind)
        return self._towers

    def _answer(self, fetch: bool) -> _Answering:
        """Returns the models in use. The first call with `fetch` decides them; earlier calls return at once.

        Raises:
            NotFetched: The weights are not on this machine, and `fetch` is False.
            WeightsUnavailable: The weights are unavailable; the message is a whole sentence.
            WeightsError: A weights file is not the published one.
        """
        if self._answering:
            return self._answering
        if not fetch:
            return self._look(fetch)
        with self._settling:
            self._answering = self._answering or self._look(fetch)
            return self._answering

    def _look(self, fetch: bool) -> _Answering:
        if self._asked == "builtin":
            choices = ", ".join(("auto", *self.networks))
            raise WeightsUnavailable("semantic.choose_network", choices=choices)
        if problem := hub.lacking():
            raise WeightsUnavailable(problem)
        wanted = settings.current().captions
        if wanted not in ("", *CAPTIONS):
            raise WeightsError("semantic.no_captions", name=wanted, choices=", ".join(CAPTIONS))
        found = _resolved(self._net, fetch)
        eye = clip.eye(found, self._net.kind)
        answering = _Answering(self._net, found, runtime.prepare(eye) if fetch else runtime.precision(eye))
        if wanted != "off":
            writer = blip.NETS[wanted or "base"]
            try:
                answering = replace(answering, writer=writer, written=_resolved(writer, fetch))
            except NotFetched as error:
                return replace(answering, note=joined((writer.folder, error.message), ": "), settled=False)
            except WeightsUnavailable as error:
                if wanted:
                    raise
                answering = replace(answering, note=Message("captions.without", why=error))
        if answering.precision:
            return answering
        return replace(answering, note=Message("weights.to_be_fitted"), settled=False)


def _choice(net: Pretrained, writer: Pretrained | None) -> NetworkChoice:
    models = [net, writer] if writer else [net]
    missing = [model for model in models if not hub.present(model)]
    return NetworkChoice(
        name=net.name,
        licence=_licence(net, writer),
        megabytes=round(sum(model.size for model in missing or models) / 1e6),
        manual=net.manual,
        free=all(model.free for model in models),
        present=not missing,
        automatic=net is clip.NETS[0],
    )


def _licence(net: Pretrained, writer: Pretrained | None) -> str:
    return (
        Message("licences.with_captions", network=net.licence, captions=writer.licence) if writer else net.licence
    )


def _resolved(model: Pretrained, fetch: bool) -> Found:
    try:
        return hub.resolve(model, fetch=fetch)
    except NotFetched:
        raise
    except WeightsUnavailable as error:
        raise hub.refusal(model, error) from error

"""Search in a vector database: Milvus proposes rows, exact cosines order them. This process holds no vectors.

https://milvus.io. `milvus://[USER:PASSWORD@]HOST:19530/NAME` is a server (`milvus+tls://` over TLS), and NAME what
its collections begin with; `milvus:///FOLDER/FILE.db` is Milvus Lite, which runs in this process, and which one
process at a time may open. The client is the same. Why Milvus: docs/decisions/0017-vector-database.md.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from engines.messages import Message, joined

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read as it is imported; what goes wrong is raised

import grpc
import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.exceptions import ConnectionConfigException

from engines import SemblanceError
from engines.extras import missing
from features.index.database import BATCH, Payload
from features.index.rows import check, cosine

LITE = "milvus-lite>=3.2,<4"
URI = "milvus://HOST:19530/NAME, or milvus:///FOLDER/FILE.db"
PORT = 19530
NAME = "semblance"
LINKS, BREADTH = 32, 128  # of each row in the graph (HNSW); rows that are looked at, at least
WIDEST, MOST = 32_768, 16_384  # Milvus's limits: rows that are looked at, and that may come
SLACK = 32  # rows that are proposed beyond k: what float32 can't tell apart, and equal ones
ROWS = 4096  # that may come at a time, all queries together: some ten megabytes
PAGE = 10_000  # rows that are listed at a time
SHOWN = "hidden == false"
LONGEST = 65_535  # bytes of a text
SECONDS = 30  # to wait for an answer
WRITING, LOADING = 120, 600  # the same while much is written, and while a collection is brought into memory
PAUSES = (0.3, 1, 2)  # seconds before what writes is tried again; what asks is, once
PATIENCE = 10  # seconds after which nothing is tried again
NOT_LOADED = 101  # Milvus's code
CHANNEL = {
    "grpc.use_local_subchannel_pool": 1,  # a new client doesn't wait because an earlier one found nobody
    "grpc.keepalive_time_ms": 300_000,  # Milvus Lite hangs up on who asks more often whether it is there
}
NO_CONNECTION = (2, grpc.StatusCode.UNAVAILABLE)  # of its client: nobody is there
NO_ANSWER = (grpc.StatusCode.DEADLINE_EXCEEDED,)

T = TypeVar("T")

_clients: dict[str, MilvusClient] = {}
_opening = threading.Lock()
for _talkative in ("pymilvus", "pymilvus.milvus_client", "milvus_lite"):
    logging.getLogger(_talkative).setLevel(logging.CRITICAL)


class MilvusIndex:
    """See features.index.Index and features.index.database.Remote. Nothing is connected before the first call.

    Of more rows than MOST a query gives so many.

    Raises SemblanceError for a URI that can't be, and what to install for Milvus Lite.
    """

    missing = 0

    def __init__(self, uri: str, collection: str) -> None:
        """collection: any text; two that differ in more than punctuation are two."""
        self._address, self._told, name = _read(uri)
        self._collection = re.sub(r"\W", "_", f"{name}_{collection}", flags=re.ASCII)
        self._ready = False  # the collection is there, and in the database's memory
        self._fresh = False  # something was written

    @property
    def name(self) -> str:
        lacks = Message("indexes.missing", n=self.missing) if self.missing else ""
        return joined((Message("indexes.approximate", kind="Milvus"), lacks))

    def __len__(self) -> int:
        return self._count(SHOWN)

    def count(self) -> int:
        return self._count("")

    def upsert(self, ids: Sequence[str], vectors: np.ndarray, payloads: Sequence[Payload] | None = None) -> None:
        check(ids, vectors)
        if not ids:
            return
        rows = [
            {"id": name, "vector": vector, **vars(payload)}
            for name, vector, payload in zip(ids, vectors, payloads or [Payload()] * len(ids), strict=True)
        ]
        if not self._there():
            self._do(lambda client: self._create(client, vectors.shape[1]))
        self._fresh = True
        for first in range(0, len(rows), BATCH):
            self._do(partial(self._write, rows[first : first + BATCH]), PAUSES)

    def remove(self, ids: Collection[str]) -> None:
        names = list(ids)
        if not (names and self._there()):
            return
        for first in range(0, len(names), BATCH):
            self._do(partial(self._delete, _among(names[first : first + BATCH])), PAUSES)

    def _write(self, rows: list[dict[str, Any]], client: MilvusClient) -> None:
        client.upsert(self._collection, rows, timeout=WRITING)

    def _delete(self, chosen: str, client: MilvusClient) -> None:
        client.delete(self._collection, filter=chosen, timeout=WRITING)

    def settle(self) -> None:
        if self._fresh:
            self._do(lambda client: client.flush(self._collection, timeout=LOADING))
            self._fresh = False

    def drop(self) -> None:
        self._do(lambda client: client.drop_collection(self._collection, timeout=SECONDS))
        self._ready = False

    def stored(self, *, hidden_only: bool = False) -> Iterator[tuple[str, Payload]]:
        if not self._there():
            return
        keys, wanted = list(vars(Payload())), "hidden == true" if hidden_only else ""
        pages = self._do(
            lambda client: client.query_iterator(
                self._collection, batch_size=PAGE, filter=wanted, output_fields=["id", *keys], timeout=SECONDS
            )
        )
        while page := self._do(lambda client: pages.next()):
            yield from ((row["id"], Payload(**{key: row[key] for key in keys})) for row in page)

    def query(
        self, vectors: np.ndarray, k: int, allow: Collection[str] | None = None
    ) -> tuple[list[list[str]], list[list[float]]]:
        ids: list[list[str]] = []
        cosines: list[list[float]] = []
        if k < 1 or not len(vectors) or (allow is not None and not allow) or not self._there():
            return [[] for _ in vectors], [[] for _ in vectors]
        wanted = SHOWN if allow is None else f"{SHOWN} and {_among(allow)}"
        limit = min(k + SLACK, MOST)
        turn = max(1, ROWS // limit)
        for first in range(0, len(vectors), turn):
            asked = vectors[first : first + turn]
            breadth = max(BREADTH, 2 * limit) if allow is None else WIDEST  # few may be allowed, and far apart
            for vector, hits in zip(asked, self._near(asked, limit, wanted, breadth), strict=True):
                names = [hit["id"] for hit in hits]
                rows = np.array([hit["entity"]["vector"] for hit in hits], np.float32).reshape(-1, len(vector))
                best = sorted(zip((-cosine(rows, vector)).tolist(), names, strict=True))[:k]
                ids.append([name for _, name in best])
                cosines.append([-less for less, _ in best])
        return ids, cosines

    def _near(self, vectors: np.ndarray, limit: int, wanted: str, breadth: int) -> list[list[dict]]:
        """For each query so many rows; fewer only where there are fewer."""

        def search(breadth: int) -> list[list[dict]]:
            return self._do(
                lambda client: client.search(
                    self._collection,
                    list(vectors),
                    filter=wanted,
                    limit=limit,
                    output_fields=["vector"],
                    search_params={"params": {"ef": breadth}},
                    timeout=SECONDS,
                )
            )

        found = search(breadth)
        fewest = min(map(len, found))
        return search(WIDEST) if fewest < limit and fewest < self._count(wanted) else found

    def _count(self, wanted: str) -> int:
        if not self._there():
            return 0
        (row,) = self._do(
            lambda client: client.query(
                self._collection, filter=wanted, output_fields=["count(*)"], timeout=SECONDS
            )
        )
        return row["count(*)"]

    def _there(self) -> bool:
        """Whether the collection is; from then on it can be asked."""
        if not self._ready:
            self._ready = self._do(self._load)
        return self._ready

    def _load(self, client: MilvusClient) -> bool:
        there = client.has_collection(self._collection, timeout=SECONDS)
        if there:
            client.load_collection(self._collection, timeout=LOADING)
        return there

    def _create(self, client: MilvusClient, dim: int) -> None:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        for key, value in vars(Payload()).items():
            if isinstance(value, bool):
                schema.add_field(key, DataType.BOOL)
            else:
                schema.add_field(key, DataType.VARCHAR, max_length=LONGEST)
        graph = client.prepare_index_params()
        graph.add_index(
            "vector", index_type="HNSW", metric_type="IP", params={"M": LINKS, "efConstruction": 200}
        )  # inner products of unit rows
        client.create_collection(self._collection, schema=schema, consistency_level="Session", timeout=SECONDS)
        client.create_index(self._collection, graph, timeout=SECONDS, sync=False)  # of nothing yet
        self._ready = self._load(client)

    def _do(self, work: Callable[[MilvusClient], T], pauses: Sequence[float] = PAUSES[:1]) -> T:
        """work: may be done twice: where nobody answered, and where a restarted database has to load."""
        started = time.monotonic()
        for pause in (*pauses, None):
            try:
                client = _client(self._address)
                try:
                    return work(client)
                except MilvusException as error:
                    if error.code != NOT_LOADED:
                        raise
                    self._load(client)
                    return work(client)
            except (MilvusException, grpc.RpcError) as error:
                code = error.code if isinstance(error, MilvusException) else error.code()
                gone = code in NO_CONNECTION or isinstance(error, ConnectionConfigException)
                if gone:
                    _forget(self._address)
                if not gone or pause is None or time.monotonic() - started > PATIENCE:
                    self._ready = False
                    raise SemblanceError(self._sentence(gone or code in NO_ANSWER, error)) from error
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _sentence(self, gone: bool, error: Exception) -> str:
        if not gone:
            reason = " ".join(str(getattr(error, "message", error)).split())[:200]
            return Message("milvus.failed", database=self._told, reason=reason)
        if self._address.endswith(".db"):
            return Message("milvus.lite_in_use", database=self._told, folder=self._address, port=str(PORT))
        return Message("milvus.no_answer", database=self._told)


def _client(address: str) -> MilvusClient:
    """One for all indexes in a database."""
    with _opening:
        if address not in _clients:
            if address.endswith(".db"):
                Path(address).parent.mkdir(parents=True, exist_ok=True)
            split = urlsplit(address)
            login = {"user": unquote(split.username or ""), "password": unquote(split.password or "")}
            _clients[address] = MilvusClient(address, **login, timeout=SECONDS, grpc_options=CHANNEL)
        return _clients[address]


def _forget(address: str) -> None:
    """The next call connects anew. It is not closed: other threads may be asking by it."""
    with _opening:
        _clients.pop(address, None)


def _read(uri: str) -> tuple[str, str, str]:
    """Of a URI: the address for Milvus's client, the same for people (no password), how collections begin."""
    split = urlsplit(uri)
    name = split.path.strip("/")
    try:
        host, port = split.hostname, split.port or PORT
    except ValueError as error:
        raise SemblanceError("milvus.bad_port", example=URI) from error
    if host:
        if not re.fullmatch(r"([A-Za-z_]\w*)?", name, re.ASCII):
            raise SemblanceError("milvus.bad_name", name=name, example=URI)
        secure = "https" if split.scheme == "milvus+tls" else "http"
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        login = split.netloc.rpartition("@")[0]
        told = f"{split.scheme}://{place}/{name or NAME}"
        return f"{secure}://{login}{'@' * bool(login)}{place}", told, name or NAME
    path = unquote(split.path)
    if not path.endswith(".db") or path == "/.db":
        raise SemblanceError("milvus.no_host", example=URI)
    if importlib.util.find_spec("milvus_lite") is None:
        raise SemblanceError(missing("milvus-lite", "cluster", LITE))
    return path, f"milvus://{path}", NAME


def _among(ids: Collection[str]) -> str:
    """An expression: the id is one of these."""
    return f"id in {dumps(list(ids), ensure_ascii=False)}"

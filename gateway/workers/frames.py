"""What crosses the pipe between the gateway and a worker: length-prefixed pickles between parent and own child.

Tables of identifiers may be large and are the same for each message of a partner: a frame only names them by their
digest, and a worker that has not got one is given it once, before the job that names it.
"""

import io
import pickle  # both ends are this program; nothing from a partner is ever unpickled
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from translators.catalog import TranslatedDocument, TranslationResult
from translators.guide import ReadingRules
from translators.vocabulary.values import IdentifierTable

LENGTH_BYTES = 8
BATCH_DOCUMENTS = 25


@dataclass(frozen=True, slots=True)
class Job:
    """One body to translate; where `data` is None it follows the frame as it is, `follows_bytes` in number."""

    data: bytes | None
    rules: ReadingRules
    content_type: str
    follows_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A function of this program, which travels by its name, and what it is called with."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """What a call returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents that were translated so far, in their order."""

    documents: Sequence[TranslatedDocument]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a job."""

    result: TranslationResult


@dataclass(frozen=True, slots=True)
class Failure:
    """The job failed by our own fault; `error` names the exception, never payload."""

    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables that the next job names; those that came before are given up where `only` says so."""

    tables: tuple[IdentifierTable, ...]
    only: bool = False


Frame = Job | Call | Returned | Batch | Done | Failure | Tables


class _Naming(pickle.Pickler):
    """Names tables by their digest."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.tables: dict[str, IdentifierTable] = {}

    def persistent_id(self, of: object) -> str | None:
        if type(of) is not IdentifierTable:
            return None
        self.tables[of.digest] = of
        return of.digest


class _Finding(pickle.Unpickler):
    """Finds the tables that are named."""

    def __init__(self, data: bytes, tables: Mapping[str, IdentifierTable]) -> None:
        super().__init__(io.BytesIO(data))
        self._tables = tables

    def persistent_load(self, digest: str) -> IdentifierTable:
        return self._tables[digest]


def encode(frame: Frame) -> bytes:
    """The frame with its length before it."""
    return _framed(pickle.dumps(frame, protocol=pickle.HIGHEST_PROTOCOL))


def encode_naming(frame: Job | Call) -> tuple[bytes, dict[str, IdentifierTable]]:
    """The frame with its length before it, and the tables that it only names."""
    file = io.BytesIO()
    pickler = _Naming(file)
    pickler.dump(frame)
    return _framed(file.getbuffer()), pickler.tables


def _framed(data: bytes | memoryview) -> bytes:
    return b"".join((len(data).to_bytes(LENGTH_BYTES, "big"), data))


def decode(data: bytes, tables: Mapping[str, IdentifierTable] | None = None) -> Frame:
    """The frame without its length, with the tables that it may name.

    Raises:
        KeyError, UnpicklingError: it names another one.
    """
    frame: Frame = pickle.loads(data) if not tables else _Finding(data, tables).load()  # noqa: S301  # see the import
    return frame


def read_frame(stream: BinaryIO, tables: Mapping[str, IdentifierTable] | None = None) -> Frame | None:
    """The next frame of a blocking stream; None at its end."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    data = stream.read(int.from_bytes(head, "big"))
    return decode(data, tables)

"""What crosses the pipe between the gateway and a worker: length-prefixed pickles between parent and own child."""

import pickle  # both ends are this program; nothing from a partner is ever unpickled
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from translators.catalog import TranslatedDocument, TranslationResult
from translators.guide import ReadingRules

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


Frame = Job | Call | Returned | Batch | Done | Failure


def encode(frame: Frame) -> bytes:
    """The frame with its length before it."""
    data = pickle.dumps(frame, protocol=pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def decode(data: bytes) -> Frame:
    """The frame without its length."""
    frame: Frame = pickle.loads(data)  # noqa: S301  # see the import
    return frame


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame of a blocking stream; None at its end."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    data = stream.read(int.from_bytes(head, "big"))
    return decode(data)

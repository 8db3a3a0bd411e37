"""What was written for a partner, put into another syntax of canonical documents: read as it lies there, written anew.

Every rendition is made of the bytes that were agreed and kept, so that all of them say the same, in the partner's own
words. None is kept: the same bytes give the same rendition.
"""

from typing import Literal, TypeAlias, get_args

from gateway.buffers import Buffer, whole
from gateway.model.delivery import DeliveryKind
from gateway.store.deliveries import StoredDelivery
from gateway.workers import WorkerFailed, WorkerPool
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.guide import ReadingRules, Tolerance
from translators.outgoing import Plan, write_outgoing

Rendered: TypeAlias = Literal["json", "xml"]
MEDIA_TYPES: dict[str, Rendered] = {"application/json": "json", "application/xml": "xml"}
OCTETS = "application/octet-stream"
# What is larger is had as it was agreed: several times as much memory is needed to put it into other words.
RENDERED_BYTES_MAX = 16 * 1_048_576
# Reading and writing as much takes some 20 ms; more is the workers' affair.
RENDERED_ON_THE_LOOP_BYTES_MAX = 8_192
# What was agreed with the partner is no fault here.
_ALL_TOLERANCES: frozenset[Tolerance] = frozenset(get_args(Tolerance))
Encoding: TypeAlias = Literal["latin-1", "utf-8"]


class CannotRender(Exception):  # noqa: N818  # told to the partner
    """It can be had as it was agreed alone; the text says why."""


def media_types_of(delivery: StoredDelivery) -> tuple[str, ...]:
    """The media types in which a delivery can be had, the agreed one first."""
    agreed = agreed_media_type(delivery)
    if delivery.kind != DeliveryKind.DOCUMENT or delivery.payload_bytes > RENDERED_BYTES_MAX:
        return (agreed,)
    return tuple(dict.fromkeys((agreed, *MEDIA_TYPES)))


def agreed_media_type(delivery: StoredDelivery) -> str:
    """The media type of what lies there, without parameters."""
    return delivery.content_type.partition(";")[0].strip().lower() or OCTETS


class Renditions:
    """Puts documents into other syntaxes.

    Args:
        pool: workers for all but small ones; everything happens in place where there is none.
    """

    def __init__(self, pool: WorkerPool | None = None) -> None:
        self._pool = pool

    async def of(self, payload: Buffer, content_type: str, syntax: Rendered, encoding: Encoding = "latin-1") -> bytes:
        """The documents of a payload in another syntax.

        Args:
            payload: as it was agreed.
            content_type: of the payload.
            syntax: the other one.
            encoding: of the partner's X12.

        Raises:
            CannotRender: they cannot be put into it.
        """
        if self._pool is None or len(payload) <= RENDERED_ON_THE_LOOP_BYTES_MAX:
            made = render(whole(payload), content_type, syntax, encoding)
        else:
            try:
                made = await self._pool.call(render, whole(payload), content_type, syntax, encoding)
            except WorkerFailed as failed:
                raise CannotRender(f"it could not be put into {syntax}: {failed}") from None
        if isinstance(made, str):
            raise CannotRender(made)
        return made


def render(payload: bytes, content_type: str, syntax: Rendered, encoding: Encoding = "latin-1") -> bytes | str:
    """The documents of a payload in another syntax, or why not."""
    rules = ReadingRules(tolerances=_ALL_TOLERANCES, encoding=encoding)
    documents: list[bytes] = []
    for item in translate(payload, rules, content_type=content_type):
        match item:
            case TranslatedDocument(document=None):
                return f"it cannot be put into {syntax}: one of its documents does not keep to the standard"
            case TranslatedDocument():
                documents.append(item.document or b"")
            case TranslationResult() if not documents:
                return f"it cannot be put into {syntax}: it holds no business document"
    outgoing = write_outgoing(documents, [None] * len(documents), Plan(syntax))
    if not isinstance(outgoing.body, bytes):
        why = next((finding.message for finding in outgoing.findings), "it cannot be written")
        return f"it cannot be put into {syntax}: {why}"
    return outgoing.body

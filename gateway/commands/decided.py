"""Documents of a file, held back until their interchange is decided: what is printed may be taken for good.

A wrong GE or IEA, or a bad set that takes its group or interchange with it, rejects documents that were read long
before. They wait in a temporary file, so that an interchange may be of any size.
"""

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from gateway.commands.output import Advance
from translators.catalog import Translated, TranslatedDocument, TranslationResult, translate
from translators.findings import Finding, Level
from translators.guide import ReadingRules
from translators.source import Source
from translators.x12.reading import Status
from translators.x12.results import InterchangeResult

HELD_IN_MEMORY_BYTES_MAX = 4_194_304


def decided(source: Source, rules: ReadingRules, advance: Advance) -> Iterator[Translated]:
    """What `translate` yields, each interchange at its end; a document is rejected with its group or interchange."""
    closed: list[InterchangeResult] = []
    documents = 0
    with tempfile.SpooledTemporaryFile(HELD_IN_MEMORY_BYTES_MAX) as held:
        for item in translate(source, rules, closed=closed.append):
            if closed:
                # Nothing is held of another interchange: what closed first is what the held documents stand in.
                yield from _released(held, documents, closed[0])
                documents = 0
                closed.clear()
            if isinstance(item, TranslationResult) or item.location.interchange_control_number is None:
                yield item
            else:
                pickle.dump(item, held, pickle.HIGHEST_PROTOCOL)
                documents += 1
                advance(item.location.end or 0)


def _released(held: IO[bytes], documents: int, interchange: InterchangeResult) -> Iterator[TranslatedDocument]:
    held.seek(0)
    for _ in range(documents):
        # The file is ours alone and has no name.
        yield _judged(pickle.load(held), interchange)  # noqa: S301
    held.seek(0)
    held.truncate()


def _judged(document: TranslatedDocument, interchange: InterchangeResult) -> TranslatedDocument:
    """The document, rejected where what it stands in is."""
    if document.status is Status.REJECTED:
        return document
    if interchange.status is Status.REJECTED:
        what, number = "interchange", interchange.header.control_number
    else:
        group = interchange.groups[document.location.group_index]
        if group.status is not Status.REJECTED:
            return document
        what, number = "group", group.header.control_number
    message = (
        f"The {what} {number} that it stands in is rejected as a whole, and the document with it; mend what is told of"
        f" the {what}, or of another set in it, and send it again"
    )
    finding = Finding(Level.DOCUMENT, f"rejected-with-{what}", message, byte_offset=document.location.start)
    return replace(document, document=None, status=Status.REJECTED, findings=(*document.findings, finding))

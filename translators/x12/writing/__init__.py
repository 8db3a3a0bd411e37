"""Canonical documents to X12: `write_set` for one transaction set, `write_interchange` for what is sent.

`prepare_interchange` does all of it but the control numbers, for those who give them out in a transaction.
`with_context` fills an answer from the order it belongs to.
"""

from translators.x12.writing.context import with_context
from translators.x12.writing.framing import FramingRules
from translators.x12.writing.interchanges import (
    Envelope,
    Preparation,
    PreparedInterchange,
    WrittenInterchange,
    prepare_interchange,
    write_interchange,
)
from translators.x12.writing.sets import SET_TYPES, Written, write_set

__all__ = [
    "SET_TYPES",
    "Envelope",
    "FramingRules",
    "Preparation",
    "PreparedInterchange",
    "Written",
    "WrittenInterchange",
    "prepare_interchange",
    "with_context",
    "write_interchange",
    "write_set",
]

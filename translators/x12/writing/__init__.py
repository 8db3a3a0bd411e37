"""Canonical documents to X12: `write_set` for one transaction set, `write_interchange` for what is sent.

`with_context` fills an answer from the order it belongs to.
"""

from translators.x12.writing.context import with_context
from translators.x12.writing.framing import FramingRules
from translators.x12.writing.interchanges import Envelope, WrittenInterchange, write_interchange
from translators.x12.writing.sets import SET_TYPES, Written, write_set

__all__ = [
    "SET_TYPES",
    "Envelope",
    "FramingRules",
    "Written",
    "WrittenInterchange",
    "with_context",
    "write_interchange",
    "write_set",
]

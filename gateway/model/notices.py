"""Notices: what the gateway itself has to say to the ERP side, in events that carry no partner's document.

Each travels as `<document type>.<event>.<partner or identity>`; the schema of its body stands here under its type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

NOTICE_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    Attributes:
        key: what makes it this notice, such as ``delivery.failed:ID:3``; the same key is announced once.
        document_type: one of `NOTICES`, the first word of the routing key.
        event: what happened, such as ``failed``, the middle word.
        partner_id: the last word: a partner, or one of our identities.
        subject: what it is about, as people name it; not empty.
        body: JSON values by name; document type and schema version are put in front.
        message_id: the message or delivery that it is about: its timeline takes what the ERP makes of it.
        source: who speaks, such as ``/gateway/bigcorp``.
    """

    key: str
    document_type: str
    event: str
    partner_id: str
    subject: str
    body: Mapping[str, object]
    message_id: str = ""
    source: str = "/gateway"

    def content(self) -> bytes:
        """The body as it travels."""
        return orjson.dumps({"document_type": self.document_type, "schema_version": NOTICE_VERSION, **self.body})


_INSTANT = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}


def _notice(document_type: str, description: str, properties: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": document_type,
            "description": description,
            "type": "object",
            "required": ["document_type", "schema_version", *properties],
            "properties": {
                "document_type": {"const": document_type},
                "schema_version": {"const": NOTICE_VERSION},
                **properties,
            },
        }
    )


CERTIFICATE = _notice(
    "certificate",
    "A certificate of ours or of a partner ends soon (event `expiring`, 30, 14, 7 and 1 days ahead) or has ended "
    "(`expired`), and no successor is known.",
    {
        "owner_kind": {"enum": ["identity", "partner"], "description": "whose: one of our identities, or a partner"},
        "owner": {**_TEXT, "description": "its name"},
        "uses": {
            "type": "array",
            "items": {"enum": ["signing", "encryption", "tls", "authority", "client"]},
            "description": "what it is used for",
        },
        "subject": {**_TEXT, "description": "distinguished name (RFC 4514)"},
        "serial_number": {**_TEXT, "description": "hexadecimal"},
        "fingerprint_sha256": {**_TEXT, "pattern": "^[0-9a-f]{64}$"},
        "ends_at": {**_INSTANT, "description": "from then on it is of no more use"},
        "days_ahead": {
            "enum": [30, 14, 7, 1, 0],
            "description": "the warning that this is: so many days are left at most; 0: it has ended",
        },
        "reason": {**_TEXT, "description": "in words, with what to do"},
    },
)

PARTNER_PROFILE = _notice(
    "partner_profile",
    "The profile of a partner changed: a new version is in force (event `in_force`), the newest one is refused and the "
    "last good one stays (`rejected`), or the partner's folder is gone (`removed`).",
    {
        "partner_id": {**_TEXT, "description": "the partner"},
        "profile": {
            "type": ["string", "null"],
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of the version in force; null when none is",
        },
        "status": {
            "enum": ["draft", "testing", "live", "suspended", None],
            "description": "of the version in force; null when none is",
        },
        "problems": {
            "type": "array",
            "items": _TEXT,
            "description": "of a refused one: file:line:column, what is wrong; what would be right",
        },
        "reason": {**_TEXT, "description": "in words, with what to do"},
    },
)

WEBHOOK = _notice(
    "webhook",
    "A webhook subscription of a partner is told of nothing for now: every call failed for days (event `paused`), or "
    "their server said that the address is gone (`disabled`). What was to be told is held until it is resumed.",
    {
        "partner_id": {**_TEXT, "description": "the partner"},
        "webhook": {**_TEXT, "description": "id of the subscription"},
        "name": {**_TEXT, "description": "its name"},
        "origin": {"enum": ["profile", "api"], "description": "who set it up"},
        "host": {**_TEXT, "description": "host of its address"},
        "failing_since": {"type": ["string", "null"], "format": "date-time", "description": "since when all failed"},
        "waiting": {"type": "integer", "minimum": 0, "description": "how many calls are held"},
        "reason": {**_TEXT, "description": "in words, with what to do"},
    },
)

# Schemas by document type; whoever announces something new adds its own.
NOTICES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"certificate": CERTIFICATE, "partner_profile": PARTNER_PROFILE, "webhook": WEBHOOK}
)

"""Examples where a partner has no sample of a document: ours, written by the agreement and proved by our reader."""

from datetime import UTC, datetime
from importlib import resources
from typing import Final

from gateway.agreements import framing_for, overrides
from gateway.settings import Settings
from partners.profile import Agreement, Profile
from translators import json
from translators.document_reading import DocumentRead
from translators.documents import Document
from translators.guide import Identity
from translators.x12.writing import Envelope
from translators.x12.writing.interchanges import write_interchange
from translators.xml import write as write_xml

_AT: Final = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
_NUMBER: Final = 1


def example_document(document_type: str) -> bytes | None:
    """A canonical document of a type, as JSON; None where there is none."""
    file = resources.files(__package__).joinpath("examples", f"{document_type}.json")
    return file.read_bytes() if file.is_file() else None


def example_of(profile: Profile, agreement: Agreement, release: str, settings: Settings) -> bytes | None:
    """An example of what an agreement exchanges; None where none can be written that keeps all of its rules."""
    text = example_document(agreement.document)
    if text is None:
        return None
    if agreement.syntax == "json":
        return text
    document = _read(text)
    if document is None:
        return None
    return write_xml(document) if agreement.syntax == "xml" else _x12(profile, agreement, release, settings, document)


def _read(text: bytes) -> Document | None:
    first = next(json.read(text))
    return first.document if isinstance(first, DocumentRead) else None


def _x12(profile: Profile, agreement: Agreement, release: str, settings: Settings, document: Document) -> bytes | None:
    named = [item for item in settings.identities if item.x12 and agreement.our_identity in (None, item.name)]
    address = named[0].x12 if named else None
    use = "inbound" if agreement.direction == "inbound" else "outbound"
    theirs = next((item for item in profile.x12 if item.use in {"both", use}), None)
    if address is None or theirs is None:
        return None
    ours, code = Identity(address.qualifier, address.id), address.group_id
    them, their_code = Identity(theirs.qualifier, theirs.id), theirs.group_id or theirs.id
    inbound = agreement.direction == "inbound"
    envelope = Envelope(
        sender=them if inbound else ours,
        sender_code=their_code if inbound else code,
        receiver=ours if inbound else them,
        receiver_code=code if inbound else their_code,
        release=release,
        at=_AT,
        interchange_control_number=_NUMBER,
        usage="T",
        version=(profile.framing.version or "") if not inbound else "",
        rules=overrides(agreement),
    )
    return write_interchange([document], envelope, framing_for(profile, agreement)).data

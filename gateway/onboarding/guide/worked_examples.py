"""Examples where a partner has no sample of a document: ours, written by the agreement and proved by our reader."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Final

import orjson

from gateway.agreements import framing_for, overrides
from gateway.onboarding.guide.fitting import fitted
from gateway.settings import Settings
from partners.profile import Agreement, Profile
from translators import json
from translators.document_reading import DocumentRead
from translators.documents import Document
from translators.guide import Identity
from translators.x12.writing import Envelope
from translators.x12.writing.interchanges import WrittenInterchange, write_interchange
from translators.xml import write as write_xml

_AT: Final = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
_NUMBER: Final = 1


def example_document(document_type: str) -> bytes | None:
    """A canonical document of a type, as JSON; None where there is none."""
    return next(_texts(f"{document_type}.json"), None)


def example_of(profile: Profile, agreement: Agreement, release: str, settings: Settings) -> bytes | None:
    """An example of what an agreement exchanges; None where none can be written that keeps all of its rules."""
    if agreement.syntax == "json":
        return example_document(agreement.document)
    if agreement.syntax == "xml":
        document = _read(example_document(agreement.document) or b"")
        return None if document is None else write_xml(document)
    held = [_read(text) for text in _candidates(agreement)]
    written = [_x12(profile, agreement, release, settings, document) for document in held if document is not None]
    # The one of which the least was left out; of several the richer one, which comes first.
    found = [one for one in written if one is not None and one.data is not None]
    return min(found, key=_left_out).data if found else None


def _candidates(agreement: Agreement) -> Iterator[bytes]:
    """Documents that may do, the richer ones first, each as it is and with what the rules want besides."""
    for text in _texts(f"{agreement.document}.packed.json", f"{agreement.document}.json"):
        yield text
        yield orjson.dumps(fitted(orjson.loads(text), agreement.rules))


def _left_out(written: WrittenInterchange) -> int:
    return len(written.findings) + sum(len(one.findings) for one in written.sets)


def _texts(*names: str) -> Iterator[bytes]:
    """The files with these names, as far as there are any."""
    folder = resources.files(__package__).joinpath("examples")
    return (file.read_bytes() for name in names if (file := folder.joinpath(name)).is_file())


def _read(text: bytes) -> Document | None:
    first = next(json.read(text))
    return first.document if isinstance(first, DocumentRead) else None


def _x12(
    profile: Profile, agreement: Agreement, release: str, settings: Settings, document: Document
) -> WrittenInterchange | None:
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
        release=agreement.releases[0] if agreement.releases else release,
        at=_AT,
        interchange_control_number=_NUMBER,
        usage="T",
        version=(profile.framing.version or "") if not inbound else "",
        rules=overrides(agreement),
        group_code=agreement.group_code or "",
    )
    return write_interchange([document], envelope, framing_for(profile, agreement))

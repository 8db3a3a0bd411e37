"""Documents written as X12 for a command: under a partner's agreement, or as a test with the source's addresses."""

import argparse
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from gateway.agreements import OurIdentity, agreement_for, envelope_for, framing_for, vocabulary_of
from gateway.commands.opening import open_settings
from gateway.commands.parsing import Unusable
from gateway.commands.profiles import profile_of
from partners.profile import Agreement, Profile
from partners.tables import Table
from translators import json
from translators.catalog import TranslatedDocument
from translators.document_reading import DocumentRead
from translators.documents import Document
from translators.findings import Finding, Level, Severity
from translators.guide import Identity
from translators.vocabulary.outward import into_theirs
from translators.vocabulary.walking import Worded
from translators.x12.dictionary import BASE_RELEASE_WIDTH, releases
from translators.x12.writing import Envelope, FramingRules, WrittenInterchange, write_interchange

_NOBODY = (Identity("ZZ", "SENDER"), Identity("ZZ", "RECEIVER"))


class X12Writing:
    """Writes documents one by one, each as an interchange with the next control number."""

    def __init__(self, called: argparse.Namespace, at: datetime) -> None:
        self._number: int = called.control_number
        self._at = at
        self._release: str | None = called.release
        if self._release is not None and self._release[:BASE_RELEASE_WIDTH] not in releases():
            raise Unusable(f"release {self._release} has no tables; name one of {', '.join(releases())}")
        self._profile: Profile | None = None
        self._tables: Mapping[str, Table] = {}
        self._identities: Collection[OurIdentity] = ()
        self._encoding = FramingRules().encoding
        if called.partner is not None:
            settings = open_settings(called)
            loaded = profile_of(settings, called.partner)
            self._profile, self._tables = loaded.profile, loaded.tables
            self._identities = settings.identities
            self._encoding = self._profile.encoding

    @property
    def encoding(self) -> str:
        """The character encoding of what is written."""
        return self._encoding

    def write(self, item: TranslatedDocument) -> WrittenInterchange:
        """The interchange of one document that was read.

        Raises:
            Unusable: nothing says in which release, or from whom to whom.
        """
        document = None
        if item.document is not None:
            held = next(json.read(item.document))
            document = held.document if isinstance(held, DocumentRead) else None
        if document is None:
            fault = Finding(
                Level.DOCUMENT, "not-writable", "the document was rejected when it was read", Severity.ERROR
            )
            return WrittenInterchange(None, (fault,), ())
        envelope, worded = self._envelope(item), self._in_their_words(item, document)
        if any(finding.severity is Severity.ERROR for finding in worded.findings):
            return WrittenInterchange(None, worded.findings, ())
        written = write_interchange([worded.document], envelope, self._framing(item))
        self._number += written.data is not None
        return replace(written, findings=(*worded.findings, *written.findings))

    def _framing(self, item: TranslatedDocument) -> FramingRules:
        return FramingRules() if self._profile is None else framing_for(self._profile, self._agreement(item))

    def _in_their_words(self, item: TranslatedDocument, document: Document) -> Worded:
        words = None if self._profile is None else vocabulary_of(self._profile, self._agreement(item), self._tables)
        return Worded(document) if words is None else into_theirs(document, words, "x12")

    def _agreement(self, item: TranslatedDocument) -> Agreement | None:
        if self._profile is None:
            return None
        return agreement_for(self._profile, item.document_type, "outbound", "x12", release=self._release)

    def _envelope(self, item: TranslatedDocument) -> Envelope:
        if self._profile is None:
            return self._test_envelope(item)
        made = envelope_for(
            self._profile,
            self._identities,
            item.document_type,
            at=self._at,
            control_number=self._number,
            release=self._release,
        )
        if isinstance(made, str):
            raise Unusable(made)
        return made

    def _test_envelope(self, item: TranslatedDocument) -> Envelope:
        release = self._release or item.location.release
        if release is None:
            raise Unusable("nothing says which release to write; name it with --release, or the partner with --partner")
        sender, receiver = (_address(held) for held in (item.location.sender, item.location.receiver))
        sender, receiver = sender or _NOBODY[0], receiver or _NOBODY[1]
        return Envelope(
            sender=sender,
            sender_code=sender.id,
            receiver=receiver,
            receiver_code=receiver.id,
            release=release,
            at=self._at,
            interchange_control_number=self._number,
            group_control_number=self._number,
            usage="T",
        )


def _address(shown: str | None) -> Identity | None:
    """An address as `DocumentLocation` shows it: qualifier and id."""
    qualifier, _, held = (shown or "").partition("/")
    return Identity(qualifier, held) if len(qualifier) == 2 and len(held) > 1 else None  # noqa: PLR2004 - ISA05, GS02

"""Uploads that were given up: they were never complete, nobody went on with them, and a person hears of it."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from gateway.sftp import shown
from gateway.store.oversight import audit, cases
from gateway.store.oversight.cases import CaseKind, CaseState

_NAMED_BY_DIGITS: Final = 16
_BROKE_OFF: Final = (
    "the upload broke off and was not gone on with; nothing of it was processed, and what there was is gone: ask the "
    "partner whether the file was sent again, then close the case with `gateway exceptions resolve`"
)
_NOT_RENAMED: Final = (
    "it was closed, but not renamed from a temporary name, which hands it over; nothing of it was processed, and what "
    "there was is gone: ask the partner to send it again and to rename it (`complete_on` and `temporary_suffixes` in "
    "the profile say when a file is complete), then close the case with `gateway exceptions resolve`"
)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An unfinished file that grew too old.

    Attributes:
        hours: for how long it could be gone on with.
        lacks_rename: whether all of it had come, and only a rename was missing.
    """

    partner_id: str
    name: bytes
    bytes_count: int
    began_ms: int
    touched_ms: int
    hours: int
    lacks_rename: bool


def case_of(partner_id: str, name: bytes) -> str:
    """The id of the case of a file; one for each name, whose characters may be any."""
    return f"{CaseKind.UPLOAD_GIVEN_UP.value}:{_subject(partner_id, name)}"


def tell(connection: Connection, given_up: GivenUp, now_ms: int) -> None:
    """Write it into the audit, and open a case; of an empty file nothing was ever received, so nothing is lost."""
    name = shown(given_up.name)
    detail = {
        "name": name,
        "bytes": given_up.bytes_count,
        "began_at_ms": given_up.began_ms,
        "last_byte_at_ms": given_up.touched_ms,
    }
    actor = f"partner:{given_up.partner_id}"
    audit.record(connection, audit.Act(now_ms, actor, "sftp.upload.abandoned", name, "", detail))
    if not given_up.bytes_count:
        return
    cases.raise_case(
        connection,
        CaseKind.UPLOAD_GIVEN_UP,
        CaseState.STOPPED,
        now_ms,
        partner_id=given_up.partner_id,
        subject=_subject(given_up.partner_id, given_up.name),
        reason=f"{name}: {given_up.bytes_count:,} bytes were given up after {given_up.hours} h without another one",
        detail=_NOT_RENAMED if given_up.lacks_rename else _BROKE_OFF,
    )


def _subject(partner_id: str, name: bytes) -> str:
    return f"{partner_id}/{hashlib.sha256(name).hexdigest()[:_NAMED_BY_DIGITS]}"

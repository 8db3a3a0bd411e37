"""What reading a file found, as one JSON object: the answer of ``gateway validate``."""

from collections.abc import Iterable
from typing import Any

from translators.findings import Finding, Severity
from translators.guide import ReadingRules
from translators.source import Source
from translators.x12.reader import read
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    InterchangeClosed,
    Piece,
    SetRead,
    Status,
)

_ACCEPTED = frozenset({Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS})


def report(file_name: str, data: Source, rules: ReadingRules) -> dict[str, Any]:
    """Read a file and report on it; every byte is accounted for, whatever it holds."""
    return report_of(file_name, read(data, rules))


def report_of(file_name: str, pieces: Iterable[Piece]) -> dict[str, Any]:
    """The report on a file in the pieces that reading it gives; keeps no tree."""
    interchanges: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    sets: list[dict[str, Any]] = []
    accepted = True
    omitted = 0
    file: dict[str, Any] = {"file": file_name}
    for piece in pieces:
        match piece:
            case SetRead():
                sets.append(_set(piece))
                accepted &= piece.status in _ACCEPTED
                omitted += piece.findings_omitted
            case GroupClosed():
                groups.append(_group(piece, sets))
                sets = []
                accepted &= piece.status in _ACCEPTED
                omitted += piece.findings_omitted
            case InterchangeClosed():
                interchanges.append(_interchange(piece, groups))
                groups = []
                accepted &= piece.status in _ACCEPTED
                omitted += piece.findings_omitted
            case FileRead():
                accepted &= not any(finding.severity is Severity.ERROR for finding in piece.findings)
                file |= {
                    "bytes_total": piece.bytes_total,
                    "bytes_in_segments": piece.bytes_in_segments,
                    "bytes_unaccounted": piece.bytes_unaccounted,
                    "accepted": accepted,
                    "findings": _findings(piece.findings),
                    "findings_omitted": omitted + piece.findings_omitted,
                    "interchanges": interchanges,
                }
            case _:
                pass
    return file


def _findings(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [finding.as_json() for finding in findings]


def _set(piece: SetRead) -> dict[str, Any]:
    return {
        "type": piece.type,
        "control_number": piece.control_number,
        "status": piece.status.value,
        "segments": piece.segments,
        "findings": _findings(piece.findings),
        "findings_omitted": piece.findings_omitted,
    }


def _group(piece: GroupClosed, sets: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "control_number": piece.header.control_number,
        "functional_id": piece.header.functional_id,
        "release": piece.header.release,
        "status": piece.status.value,
        "findings": _findings(piece.findings),
        "transaction_sets": sets,
    }


def _interchange(piece: InterchangeClosed, groups: list[dict[str, Any]]) -> dict[str, Any]:
    header = piece.header
    # GS08 decides how documents are read; ISA12 speaks only of the envelope and stands in where no group is.
    release = groups[0]["release"] if groups else header.version
    return {
        "control_number": header.control_number,
        "sender": _address(header.sender_qualifier, header.sender_id),
        "receiver": _address(header.receiver_qualifier, header.receiver_id),
        "release": release,
        "status": piece.status.value,
        "findings": _findings(piece.findings),
        "acknowledgments": _acknowledgments(piece),
        "groups": groups,
    }


def _address(qualifier: str, identifier: str) -> str:
    return f"{qualifier}/{identifier}"


def _acknowledgments(piece: InterchangeClosed) -> list[dict[str, str]]:
    return [{"control_number": one.control_number, "code": one.code, "note": one.note} for one in piece.acknowledgments]

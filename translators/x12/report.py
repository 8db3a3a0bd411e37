"""What reading a file found, as one JSON object: the answer of ``gateway validate``, whole or as it grows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from translators.findings import Finding, Severity
from translators.guide import ReadingRules
from translators.source import Source
from translators.x12.reader import read
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    GroupHeader,
    GroupOpened,
    InterchangeClosed,
    InterchangeHeader,
    InterchangeOpened,
    Piece,
    SetRead,
    Status,
)

_ACCEPTED = frozenset({Status.ACCEPTED, Status.ACCEPTED_WITH_ERRORS})


@dataclass(slots=True)
class Verdict:
    """What the pieces of a file come to; fed with every piece.

    Attributes:
        accepted: no set, group or interchange is rejected, and nothing is wrong with the file itself.
        findings_omitted: findings that were counted but not kept.
    """

    accepted: bool = True
    findings_omitted: int = 0

    def add(self, piece: Piece) -> None:
        """Take a piece."""
        match piece:
            case SetRead() | GroupClosed() | InterchangeClosed():
                self.accepted &= piece.status in _ACCEPTED
                self.findings_omitted += piece.findings_omitted
            case FileRead():
                self.accepted &= not any(finding.severity is Severity.ERROR for finding in piece.findings)
                self.findings_omitted += piece.findings_omitted
            case _:
                pass


def report(file_name: str, data: Source, rules: ReadingRules) -> dict[str, Any]:
    """Read a file and report on it; every byte is accounted for, whatever it holds."""
    return report_of(file_name, read(data, rules))


def report_of(file_name: str, pieces: Iterable[Piece]) -> dict[str, Any]:
    """The report on a file in the pieces that reading it gives; keeps no tree."""
    found: dict[str, Any] = orjson.loads(b"".join(report_lines(file_name, pieces)))
    return found


def report_lines(
    file_name: str, pieces: Iterable[Piece], more: Callable[[], dict[str, Any]] | None = None
) -> Iterator[bytes]:
    """The report as one JSON object in UTF-8, piece by piece: nothing of it is kept, however long the file is.

    What is known only at the end of an interchange, a group or the file stands behind what they hold; last of all the
    members that ``more`` gives once the file was read.
    """
    verdict = Verdict()
    opened = _Commas()
    yield b"{" + _members({"file": file_name}) + b',"interchanges":['
    for piece in pieces:
        verdict.add(piece)
        match piece:
            case InterchangeOpened():
                yield opened.comma(0) + b"{" + _members(_interchange_head(piece.header)) + b',"groups":['
            case GroupOpened():
                yield opened.comma(1) + b"{" + _members(_group_head(piece.header)) + b',"transaction_sets":['
                opened.release = opened.release or piece.header.release
            case SetRead():
                yield opened.comma(2) + b"{" + _members(_set(piece)) + b"}"
            case GroupClosed():
                yield b"]," + _members(_group_tail(piece)) + b"}"
            case InterchangeClosed():
                # GS08 decides how documents are read; ISA12 speaks only of the envelope and stands in without a group.
                release = opened.release or piece.header.version
                yield b"]," + _members({"release": release} | _interchange_tail(piece)) + b"}"
                opened.release = ""
            case FileRead():
                members = _file(piece, verdict) | ({} if more is None else more())
                yield b"]," + _members(members) + b"}\n"


class _Commas:
    """Which of the lists that are open, from outside in, hold something; and GS08 of the interchange's first group."""

    def __init__(self) -> None:
        self._filled = [False, False, False]
        self.release = ""

    def comma(self, depth: int) -> bytes:
        comma = b"," if self._filled[depth] else b""
        self._filled[depth:] = [True] + [False] * (len(self._filled) - depth - 1)
        return comma


def _members(values: dict[str, Any]) -> bytes:
    """The members of an object without its braces."""
    return orjson.dumps(values)[1:-1]


def _findings(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [finding.as_json() for finding in findings]


def _file(piece: FileRead, verdict: Verdict) -> dict[str, Any]:
    return {
        "bytes_total": piece.bytes_total,
        "bytes_in_segments": piece.bytes_in_segments,
        "bytes_unaccounted": piece.bytes_unaccounted,
        "accepted": verdict.accepted,
        "findings": _findings(piece.findings),
        "findings_omitted": verdict.findings_omitted,
    }


def _set(piece: SetRead) -> dict[str, Any]:
    return {
        "type": piece.type,
        "control_number": piece.control_number,
        "status": piece.status.value,
        "segments": piece.segments,
        "findings": _findings(piece.findings),
        "findings_omitted": piece.findings_omitted,
    }


def _group_head(header: GroupHeader) -> dict[str, Any]:
    return {
        "control_number": header.control_number,
        "functional_id": header.functional_id,
        "release": header.release,
    }


def _group_tail(piece: GroupClosed) -> dict[str, Any]:
    return {
        "status": piece.status.value,
        "findings": _findings(piece.findings),
        "findings_omitted": piece.findings_omitted,
    }


def _interchange_head(header: InterchangeHeader) -> dict[str, Any]:
    return {
        "control_number": header.control_number,
        "sender": header.sender,
        "receiver": header.receiver,
    }


def _interchange_tail(piece: InterchangeClosed) -> dict[str, Any]:
    return {
        "status": piece.status.value,
        "findings": _findings(piece.findings),
        "findings_omitted": piece.findings_omitted,
        "acknowledgments": [
            {"control_number": one.control_number, "code": one.code, "note": one.note} for one in piece.acknowledgments
        ],
    }

"""Reports in errors/: what was wrong with a file, in words, for people who have a mailbox and no other window to us.

A report says what stands in the store and cannot change any more until it is purged, so it is the same each time it is
asked for: sizes in a listing are true.
"""

import textwrap
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import orjson
from sqlalchemy import Connection

from gateway.edge.sftp.mailbox import repeated
from gateway.edge.sftp.mailbox.refusals import ENVELOPES_MAX, TA1_REJECTED, Refusal, is_repeated, load
from gateway.edge.sftp.mailbox.repeated import Earlier
from gateway.model.instants import moment
from gateway.sftp import shown
from gateway.store.messages import StoredMessage
from gateway.store.messages.documents import REJECTED, StoredDocument, Tally
from gateway.store.refused_files import RefusedFile
from translators.x12.envelope_words import NUMBERED, words_of
from translators.x12.faults import SetError

WIDTH: Final = 88
FINDINGS_MAX: Final = 50  # of a file
MESSAGE_CHARACTERS_MAX: Final = 1_000
# A pointer is made of names that a partner chose.
PLACE_CHARACTERS_MAX: Final = 500
TEXTS_KEPT: Final = 64
SIZES_KEPT: Final = 20_000
T = TypeVar("T")
Read: TypeAlias = Callable[[Callable[[Connection], list[bytes]]], Awaitable[list[bytes]]]
_NEVER_DECIDED: Final = "Our records of this file are no longer kept. If it matters still, ask us."
# Where the standard lists the codes of each level.
_CODES: Final[Mapping[str, str]] = {
    "interchange": "TA105",
    "group": "AK905",
    "transaction_set": "AK502",
    "segment": "AK304",
    "element": "AK403",
}


class Reports:
    """Writes reports, and keeps the last ones, and how long very many are, for those who list and then fetch.

    Args:
        read: reads from the store, and raises `Declined` where it is away.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._texts: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._sizes: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def text(self, file: RefusedFile) -> bytes:
        """The report on a file.

        Raises:
            Declined: the store is away.
        """
        text = self._texts.get(_key(file))
        if text is None:
            (text,) = await self._write([file])
        return text

    async def sizes(self, files: Sequence[RefusedFile]) -> list[int]:
        """How many bytes the reports on these files have.

        Raises:
            Declined: the store is away.
        """
        known = {_key(file): self._sizes.get(_key(file)) for file in files}
        missing = [file for file in files if known[_key(file)] is None]
        if missing:
            texts = await self._write(missing)
            known |= {_key(file): len(text) for file, text in zip(missing, texts, strict=True)}
        return [known[_key(file)] or 0 for file in files]

    async def _write(self, files: Sequence[RefusedFile]) -> list[bytes]:
        texts = await self._read(lambda connection: [report(load(connection, file)) for file in files])
        for file, text in zip(files, texts, strict=True):
            _keep(self._texts, _key(file), text, TEXTS_KEPT)
            _keep(self._sizes, _key(file), len(text), SIZES_KEPT)
        return texts


def _key(file: RefusedFile) -> tuple[str, int]:
    return file.message_id, file.refused_at_ms


def _keep(kept: "OrderedDict[tuple[str, int], T]", key: tuple[str, int], value: T, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)


def report(refusal: Refusal) -> bytes:
    """The text, in UTF-8: lines of at most `WIDTH` characters, but for words that are longer."""
    title = shown(refusal.file.name)
    lines = [title, "=" * min(len(title), WIDTH), ""]
    message = refusal.message
    if message is None:
        lines += [*_wrapped(_NEVER_DECIDED), "", f"Message id:  {refusal.file.message_id}"]
        return _joined(lines)
    is_whole = message.state == "rejected"
    lines += [*_wrapped(_verdict(refusal.tally, is_whole=is_whole)), ""]
    lines += _facts(refusal.file, message)
    lines += ["", *_headed("What is wrong")]
    said = [*_of_envelopes(refusal), *_of_documents(refusal)]
    lines += said or _wrapped(_visible(message.reason) or "Nothing in it was accepted.", "  ")
    lines += ["", *_headed("What to do"), *_to_do(refusal, is_whole=is_whole)]
    return _joined(lines)


def _verdict(tally: Tally, *, is_whole: bool) -> str:
    if is_whole or not tally.current:
        return "This file was refused: nothing of it was accepted."
    taken = tally.current - tally.rejected
    return f"This file was refused in part: {taken:,} of {tally.current:,} documents in it were accepted."


def _facts(file: RefusedFile, message: StoredMessage) -> list[str]:
    return [
        f"Received:    {moment(message.received_at_ms):%Y-%m-%d %H:%M:%S} UTC",
        f"Refused:     {moment(file.refused_at_ms):%Y-%m-%d %H:%M:%S} UTC",
        f"Size:        {message.payload_bytes:,} bytes",
        f"SHA-256:     {message.payload_sha256}",
        f"Message id:  {message.id}",
    ]


def _remedy(refusal: Refusal, *, is_whole: bool) -> str:
    same, refused = refusal.repeats, refusal.interchanges
    if same is not None and is_whole:
        return repeated.to_do(same)
    is_repetition_alone = bool(refused) and all(is_repeated(one) for one in refused)
    if same is not None and is_repetition_alone:
        return repeated.NOTHING_TO_DO
    again = "the file" if is_whole else "the documents that were not accepted, and only those,"
    first = (
        "Give what is named above a control number (ISA13) that was not used before"
        if is_repetition_alone
        else "Correct what is named above"
    )
    return (
        f"{first} and send {again} again, under any name. The same file once more would be recognised as what it is, "
        "and refused as before."
    )


def _to_do(refusal: Refusal, *, is_whole: bool) -> Iterator[str]:
    yield from _wrapped(_visible(_remedy(refusal, is_whole=is_whole)), "  ")
    for kinds, number in refusal.acknowledged:
        text = f"The acknowledgment ({kinds}, our interchange {number:09d}) in acknowledgments/ says it in X12."
        yield from _wrapped(text, "  ")
    yield from _wrapped(
        f"If you ask us about it, name the message id {refusal.file.message_id}. You may remove this report and the "
        "file beside it; both go by themselves in time.",
        "  ",
    )


def _of_envelopes(refusal: Refusal) -> Iterator[str]:
    """Findings on the file as a whole, and interchanges and groups that were refused."""
    told = refusal.told
    findings = told.get("findings") or []
    yield from _findings(findings[:FINDINGS_MAX], "  ")
    omitted = len(findings[FINDINGS_MAX:]) + int(told.get("findings_omitted") or 0)
    if omitted:
        yield f"  ... and {omitted:,} more like these."
    refused = refusal.interchanges
    for one in refused[:ENVELOPES_MAX]:
        yield from _interchange(one, findings, refusal.earlier.get(one["control_number"]))
    if len(refused) > ENVELOPES_MAX:
        yield f"  ... and {len(refused) - ENVELOPES_MAX:,} more interchanges."


def _interchange(
    one: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], earlier: Earlier | None
) -> Iterator[str]:
    ta1 = one["ta1"]
    code = f" (TA1 {ta1['code']} {ta1['note']})" if ta1["code"] not in {None, "", "A"} else ""
    who = f"Interchange {one['control_number']} from {one['sender']} to {one['receiver']}"
    yield from _wrapped(_visible(f"{who}: {one['status']}{code}"), "  ")
    if ta1["code"] == TA1_REJECTED:
        note = _finding("interchange", ta1["note"], one["control_number"], one.get("number_byte_offset"))
        if earlier is not None:
            note["message"] = repeated.words_of(earlier)
        yield from _findings(_untold([note], findings), "    ")
    for group in [group for group in one["groups"] if group["status"] == REJECTED][:ENVELOPES_MAX]:
        codes = f" (AK905 {', '.join(map(str, group['codes']))})" if group["codes"] else ""
        yield from _wrapped(
            _visible(f"Group {group['control_number']} {group['functional_id']}: {group['status']}{codes}"), "    "
        )
        notes = [
            _finding("group", str(code), group["control_number"], group.get("byte_offset")) for code in group["codes"]
        ]
        yield from _findings(_untold(notes, findings), "      ")


def _finding(level: str, code: str, number: str, byte_offset: int | None) -> dict[str, Any]:
    """What an envelope earned, in the shape of a finding: where it lies, what the code says and what to do."""
    words = words_of(level, code)
    segment, element = NUMBERED.get((level, code), (None, None))
    remedy = f": {words.remedy[0].lower()}{words.remedy[1:].rstrip('.')}" if words.remedy else ""
    return {
        "level": level,
        "code": code,
        "segment": segment,
        "element": element,
        "value": number if segment else None,
        "byte_offset": byte_offset if segment else None,
        "message": f"{words.says}{remedy}",
    }


def _untold(notes: Sequence[dict[str, Any]], findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of which no finding of the file has told already; what earned a control number is told by its value."""
    told = {(one.get("level"), str(one.get("code")), one.get("value")) for one in findings}
    levels = {(level, code) for level, code, _ in told}
    return [
        note
        for note in notes
        if (note["level"], note["code"]) not in levels
        or (note["value"] is not None and (note["level"], note["code"], note["value"]) not in told)
    ]


def _of_documents(refusal: Refusal) -> Iterator[str]:
    room = FINDINGS_MAX
    for document in refusal.refused:
        if room <= 0:
            break
        yield ""
        name = " ".join(part for part in (document.document_type, document.number) if part)
        status = document.status.replace("_", " ")
        yield from _wrapped(_visible(f"Document {document.ordinal + 1}: {name}{_stands(document)}: {status}"), "  ")
        findings = orjson.loads(document.findings)
        told = findings[:room]
        room -= len(told)
        yield from _findings(told, "    ")
        omitted = len(findings) - len(told) + document.findings_omitted
        if omitted:
            yield f"    ... and {omitted:,} more findings in this document."
        if not findings:
            yield from _without_findings(document, refusal)
    rejected = sum(document.status == REJECTED for document in refusal.refused)
    if refusal.tally.rejected > rejected or room <= 0:
        yield ""
        yield f"  {refusal.tally.rejected:,} documents were refused in all; the first are told here."


def _without_findings(document: StoredDocument, refusal: Refusal) -> Iterator[str]:
    """Why a document was refused that reads well: its envelope was, or its number was used before."""
    number = orjson.loads(document.location).get("set_control_number")
    if document.status == REJECTED and number is not None and not _is_in_refused(document, refusal):
        yield from _findings([_finding("transaction_set", SetError.DUPLICATE.value, number, None)], "    ")
    else:
        yield from _wrapped("Nothing is wrong with it by itself: it was refused with what it stands in.", "    ")


def _is_in_refused(document: StoredDocument, refusal: Refusal) -> bool:
    """Whether its envelope was refused, or what stands beside it took it along.

    Of very many envelopes the last are not told, so that of theirs it is supposed. Of a group that holds nothing but
    sets whose numbers were used before the status is that of these.
    """
    location = orjson.loads(document.location)
    takes_along = any(one.status == REJECTED and orjson.loads(one.findings) for one in refusal.refused)
    found = False
    for one in refusal.told.get("interchanges") or []:
        if one["control_number"] != location.get("interchange_control_number"):
            continue
        for group in one["groups"]:
            if group["control_number"] == location.get("group_control_number"):
                found = True
                is_rejected = REJECTED in (one["status"], group["status"])
                if one["ta1"]["code"] == TA1_REJECTED or (is_rejected and (group["codes"] or takes_along)):
                    return True
    return not found


def _stands(document: StoredDocument) -> str:
    """Where a document stands in an interchange; nothing where it is the file, or one of JSON and XML."""
    location = orjson.loads(document.location)
    number, group, one = (
        location.get(name) for name in ("interchange_control_number", "group_control_number", "set_control_number")
    )
    return f" (interchange {number}, group {group}, transaction set {one})" if number is not None else ""


def _findings(findings: Sequence[Mapping[str, Any]], margin: str) -> Iterator[str]:
    for finding in findings:
        warning = ", a warning" if finding.get("severity") == "warning" else ""
        place = _visible(_place(finding)[:PLACE_CHARACTERS_MAX])
        yield from _wrapped(f"{place}  [{_visible(_code(finding))}{warning}]", margin, "- ")
        yield from _wrapped(_visible(str(finding["message"])[:MESSAGE_CHARACTERS_MAX]), f"{margin}  ")
        if finding.get("value"):
            yield from _wrapped(f"value: {_visible(str(finding['value']))}", f"{margin}  ")


def _code(finding: Mapping[str, Any]) -> str:
    element = _CODES.get(str(finding.get("level")))
    return f"{element} {finding['code']}" if element else str(finding["code"])


def _place(finding: Mapping[str, Any]) -> str:
    if finding.get("pointer") is not None:
        line = f", line {finding['line']}" if finding.get("line") else ""
        return f"{finding['pointer'] or '/'}{line}"
    where = str(finding.get("level") or "file").replace("_", " ")
    if finding.get("segment"):
        element = f"{finding['element']:02d}" if finding.get("element") else ""
        component = f"-{finding['component']}" if finding.get("component") else ""
        where = f"{finding['segment']}{element}{component}"
    position = f", segment {finding['position']} of its set" if finding.get("position") else ""
    at = f", byte {finding['byte_offset']:,}" if finding.get("byte_offset") is not None else ""
    return f"{where}{position}{at}"


def _headed(title: str) -> list[str]:
    return [title, "-" * len(title)]


def _wrapped(text: str, margin: str = "", bullet: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=margin + bullet,
        subsequent_indent=margin + " " * len(bullet),
        break_on_hyphens=False,
        break_long_words=True,
    )


def _visible(text: str) -> str:
    r"""Text of theirs without what would write on a terminal: everything that cannot be seen as `\xNN`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def _joined(lines: Sequence[str]) -> bytes:
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode("utf-8", "replace")

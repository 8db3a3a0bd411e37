"""Reads functional groups and the transaction sets in them."""

import itertools
from collections.abc import Generator
from dataclasses import dataclass, field, replace

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import Guide, Identity, OnBadSet, ReadingRules, Tolerance
from translators.x12.accounting import Account, Strays, Tally
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import Release, choose_release, load_release
from translators.x12.faults import (
    GroupError,
    InterchangeError,
    Ledger,
    SetError,
    duplicate_group_code,
    duplicate_set_code,
)
from translators.x12.interchange import check_ge, check_gs, group_header, implied_header
from translators.x12.overrides import AgreedTables, agreed_tables
from translators.x12.reading import (
    GroupClosed,
    GroupHeader,
    GroupOpened,
    InterchangeHeader,
    Piece,
    SetRead,
    Status,
)
from translators.x12.sets import DOCUMENT_TYPES, FUNCTIONAL_ACKNOWLEDGMENTS, FUNCTIONAL_IDS
from translators.x12.tokenizer import Token, TokenStream
from translators.x12.validator import CleanTexts, SetReader, SetValidator
from translators.x12.value_faults import quoted

_SET_NUMBER_WIDTHS = range(4, 10)  # ST02 has four to nine characters
_TAKES_GROUP = frozenset({"reject_group", "reject_interchange"})
SET_SEGMENTS_MAX = 500_000  # what is read of one set has to fit into memory
_GROUP_ENDS = frozenset({"GE", "GS", "IEA", "ISA"})


@dataclass(slots=True)
class _Group:
    """What the sets of one group have in common."""

    header: GroupHeader
    tables: str | None
    ledger: Ledger
    tally: Tally = field(default_factory=Tally)
    numbers: set[str] = field(default_factory=set)
    known: dict[str, tuple[Guide | None, AgreedTables | None]] = field(default_factory=dict)
    is_implied: bool = False  # there is no GS


class GroupReader:
    """Reads the groups of one interchange, one after the other.

    Attributes:
        end: the end of what was read last.
        takes_interchange: a bad set rejects the whole interchange, as was agreed.
    """

    def __init__(
        self, stream: TokenStream, delimiters: Delimiters, rules: ReadingRules, account: Account, interchange: Ledger
    ) -> None:
        self._stream = stream
        self._delimiters = delimiters
        self._rules = rules
        self._account = account
        self._interchange = interchange
        self._group_codes = frozenset(guide.group_code for guide in rules.guides or () if guide.group_code)
        self._numbers: set[str] = set()
        self._clean: dict[tuple[Release, str], CleanTexts] = {}
        self._release = ""  # of the group before
        self.takes_interchange = False
        self.end = 0

    def pieces(self, opening: Token, interchange: InterchangeHeader) -> Generator[Piece, None, Status]:
        """GS to GE; returns the status of the group. Sets that stand in no group are read as one without GS."""
        ledger = Ledger(self._rules.tolerances, self._rules.findings_per_set_max)
        if self._stream.code(opening) == "GS":
            self._segment(opening)
            header = group_header(self._stream.parts(opening), opening[1])
            chosen = check_gs(header, ledger, self._interchange, self._group_codes)
            group = _Group(header, chosen.name, ledger)
            self._note_duplicate(header, group)
            self._release = header.release
        else:
            group = self._implied(opening, interchange, ledger)
            header = group.header
        yield GroupOpened(header, group.tables)
        strays = Strays("transaction set", self._delimiters.element, self._account, self._interchange)
        takes_group = False
        while (token := self._stream.next()) is not None:
            code = self._stream.code(token)
            opens_set = code == "ST" and self._account.is_open
            if opens_set or code in _GROUP_ENDS:
                strays.flush()
            if code in _GROUP_ENDS:
                break
            if opens_set:
                piece = self._set(token, group)
                yield piece
                # Counted last: who takes the set may still reject it for what translation finds.
                group.tally.add(piece.status)
                if piece.status is Status.REJECTED:
                    takes_group |= piece.on_bad_set in _TAKES_GROUP
                    self.takes_interchange |= piece.on_bad_set == "reject_interchange"
            else:
                strays.add(token)
                self.end = token[2]
        strays.flush()
        claimed = self._close(token, group)
        self._account.damaged_envelopes += ledger.errors > 0 or group.tally.total == 0
        status = Status.REJECTED if takes_group else group.tally.status(ledger)
        accepted = 0 if status is Status.REJECTED else group.tally.accepted
        yield GroupClosed(header, status, claimed, group.tally.total, accepted, ledger.findings, ledger.omitted)
        return status

    def _implied(self, opening: Token, interchange: InterchangeHeader, ledger: Ledger) -> _Group:
        """The group of sets without one; they have the release of the group before, else that of ISA12."""
        self._stream.hold(opening)
        set_type = [*self._stream.parts(opening), ""][1]
        header = implied_header(set_type, self._release or interchange.version, opening[1])
        self._account.damaged_envelopes += 1
        message = (
            f"ST at byte {opening[1]} stands in no functional group, so nothing can acknowledge it; send GS before it"
            " and GE behind the last set of its kind"
        )
        code = InterchangeError.CONTROL_STRUCTURE
        self._interchange.add(Finding(Level.INTERCHANGE, code, message, segment="ST", byte_offset=opening[1]))
        return _Group(header, choose_release(header.release).name, ledger, is_implied=True)

    def _segment(self, token: Token) -> None:
        self._account.bytes_in_segments += token[2] - token[1]
        self.end = token[2]

    def _close(self, token: Token | None, group: _Group) -> int | None:
        if token is not None and self._stream.code(token) == "GE":
            self._segment(token)
            parts = self._stream.parts(token)
            if group.is_implied:
                return None
            return check_ge(parts, token[1], group.header, group.tally.total, group.ledger)
        if token is not None:
            self._stream.hold(token)
        if group.is_implied:
            return None
        severity = group.ledger.severity("missing-trailer")
        message = f"Group {quoted(group.header.control_number)} has no GE; end each group with GE"
        group.ledger.add(
            Finding(Level.GROUP, GroupError.TRAILER_MISSING, message, severity, segment="GE", byte_offset=self.end)
        )
        return None

    def _note_duplicate(self, header: GroupHeader, group: _Group) -> None:
        number = header.control_number
        if number in self._numbers and self._rules.duplicate_action != "process":
            message = f"GS06 {quoted(number)} was used before in this interchange; give each group its own number"
            code = duplicate_group_code(group.tables or header.release)
            severity = self._duplicate_severity()
            group.ledger.add(
                Finding(Level.GROUP, code, message, severity, "GS", None, 6, value=number, byte_offset=header.start)
            )
        self._numbers.add(number)

    def _duplicate_severity(self) -> Severity:
        return Severity.ERROR if self._rules.duplicate_action == "reject" else Severity.WARNING

    def _set(self, opening: Token, group: _Group) -> SetRead:
        """ST to SE."""
        values = [*(value[:VALUE_CHARACTERS_MAX] for value in self._stream.parts(opening)[1:4]), "", "", ""]
        set_type, number, implementation = values[:3]
        guide, tables = self._agreed(set_type, group)
        tolerances: frozenset[Tolerance] = self._rules.tolerances | (guide.tolerances if guide else frozenset())
        ledger = Ledger(tolerances, self._rules.findings_per_set_max)
        reader = SetReader(self._delimiters, ledger)
        if tables is not None:
            encoding = (guide.encoding if guide is not None else None) or self._rules.encoding
            # All sets of a release share what was found right, unless an agreement sees to theirs.
            clean = self._clean.setdefault((tables.grammar.release, encoding), {})
            reader = SetValidator(tables, self._delimiters, encoding, ledger, clean)
        else:
            message = _unsupported(set_type, group, self._rules)
            _report(ledger, SetError.NOT_SUPPORTED, message, ("ST", 1, set_type), opening[1])
        self._check_st(set_type, number, group, guide, ledger, opening[1])
        reader.take_envelope(*opening)
        token = reader.take_all(itertools.islice(self._stream.rest, SET_SEGMENTS_MAX))
        read = reader.segments
        if token is None and (further := self._stream.next()) is not None:
            token = self._count(further, reader, ledger)
        is_whole = reader.segments == read
        self._close_set(token, number, reader, ledger)
        # No set is whole without a segment between ST and SE.
        self._account.damaged_envelopes += reader.segments <= 2  # noqa: PLR2004  # ST and SE
        self.end = reader.end
        self._account.bytes_in_segments += reader.bytes_in_segments
        self._account.bytes_in_findings += reader.bytes_in_findings
        on_bad_set = (guide.on_bad_set if guide is not None else None) or self._rules.on_bad_set
        return SetRead(
            type=set_type,
            control_number=number,
            implementation=implementation,
            status=_status(ledger, on_bad_set, reader),
            segments=reader.segments,
            tree=reader.tree if is_whole else None,
            findings=ledger.findings,
            findings_omitted=ledger.omitted,
            start=opening[1],
            end=self.end,
            on_bad_set=on_bad_set,
            guide=guide,
        )

    def _count(self, further: Token, reader: SetReader, ledger: Ledger) -> Token | None:
        """Take what stands beyond the most that is read of a set; hands back the token of an envelope behind it."""
        counter = SetReader(self._delimiters, ledger)
        token = counter.take_all(itertools.chain((further,), self._stream.rest))
        reader.segments += counter.segments
        reader.bytes_in_segments += counter.bytes_in_segments
        reader.bytes_in_findings += counter.bytes_in_findings
        reader.end = max(reader.end, counter.end)
        if counter.segments:
            message = f"The set is read no further than {SET_SEGMENTS_MAX} segments; send it in several"
            _report(ledger, SetError.SEGMENTS_IN_ERROR, message, ("ST", None, None), further[1])
        return token

    def _agreed(self, set_type: str, group: _Group) -> tuple[Guide | None, AgreedTables | None]:
        """The agreement on this kind of set in this group, and the tables that read it."""
        if set_type in group.known:
            return group.known[set_type]
        guide = agreement_on(self._rules, set_type, group.header.release)
        is_agreed = self._rules.guides is None or guide is not None or set_type in FUNCTIONAL_ACKNOWLEDGMENTS
        tables = None
        if is_agreed and group.tables is not None:
            validation = (guide.validation if guide is not None else None) or self._rules.validation
            tables = agreed_tables(set_type, group.tables, () if guide is None else guide.rules, validation)
        if tables is not None:  # ST01 comes from outside: what means nothing is not kept
            group.known[set_type] = guide, tables
        return guide, tables

    def _check_st(
        self, set_type: str, number: str, group: _Group, guide: Guide | None, ledger: Ledger, start: int
    ) -> None:
        expected = FUNCTIONAL_IDS.get(set_type)
        if guide is not None and guide.group_code and not group.is_implied:
            expected = guide.group_code
        if not set_type or (expected is not None and expected != group.header.functional_id):
            kind = quoted(group.header.functional_id)
            remedy = f"send it in a group with GS01 {expected}" if expected else "send ST01"
            message = f"ST01 {quoted(set_type)} does not belong into a group with GS01 {kind}; {remedy}"
            # ST01 alone decides how a set is read, so another GS01 can be tolerated; an empty ST01 cannot.
            _report(
                ledger, SetError.IDENTIFIER, message, ("ST", 1, set_type), start, "group-kind" if set_type else None
            )
        if len(number) not in _SET_NUMBER_WIDTHS:
            message = f"ST02 {quoted(number)} is no control number; send four to nine characters, such as 0001"
            _report(ledger, SetError.CONTROL_NUMBER, message, ("ST", 2, number), start, "element-lengths")
        elif number in group.numbers and self._rules.duplicate_action != "process":
            message = f"ST02 {quoted(number)} was used before in this group; give each set its own number"
            code = duplicate_set_code(load_release(group.tables).codes("718") if group.tables else frozenset())
            severity = self._duplicate_severity()
            ledger.add(
                Finding(Level.TRANSACTION_SET, code, message, severity, "ST", 1, 2, value=number, byte_offset=start)
            )
        group.numbers.add(number)

    def _close_set(self, token: Token | None, number: str, reader: SetReader, ledger: Ledger) -> None:
        if token is None or self._stream.code(token) != "SE":
            if token is not None:
                self._stream.hold(token)
            reader.end_without_trailer()
            message = f"Transaction set {quoted(number)} has no SE; end each set with SE"
            self._trailer(ledger, SetError.TRAILER_MISSING, message, ("SE", None, None), reader.end, "missing-trailer")
            return
        reader.take_envelope(*token)
        sent = (value[:VALUE_CHARACTERS_MAX] for value in self._stream.parts(token)[1:3])
        count, closing = [*sent, "", ""][:2]
        if not (count.isascii() and count.isdigit()) or count.lstrip("0") != str(reader.segments):
            claims = f"SE01 is {quoted(count)}, but {reader.segments} segments were sent, ST and SE counted"
            message = f"{claims}; send all of them, or the right count"
            self._trailer(ledger, SetError.SEGMENT_COUNT, message, ("SE", 1, count), token[1], "trailer-counts")
        if closing != number:
            message = f"SE02 is {quoted(closing)}, but ST02 is {quoted(number)}; send the same number in both"
            place = ("SE", 2, closing)
            self._trailer(ledger, SetError.CONTROL_NUMBER_MISMATCH, message, place, token[1], "trailer-numbers")

    def _trailer(
        self,
        ledger: Ledger,
        code: SetError,
        message: str,
        place: tuple[str, int | None, str | None],
        start: int,
        tolerance: Tolerance,
    ) -> None:
        """Note a missing or wrong trailer; where it is not tolerated, the envelope counts as damaged."""
        _report(ledger, code, message, place, start, tolerance)
        self._account.damaged_envelopes += tolerance not in ledger.tolerances


def _status(ledger: Ledger, on_bad_set: OnBadSet, reader: SetReader) -> Status:
    """The status of a set; what is wrong inside of it can be accepted, what is wrong with ST or SE cannot."""
    status = Tally().status(ledger)
    understood = reader.tree is not None and ledger.set_errors == 0
    if status is Status.REJECTED and on_bad_set == "accept_with_errors" and understood:
        return Status.ACCEPTED_WITH_ERRORS
    return status


def rules_between(rules: ReadingRules, header: InterchangeHeader) -> ReadingRules:
    """The rules with those agreements alone that hold between the sender and the receiver of an interchange."""
    sender = Identity(header.sender_qualifier, header.sender_id)
    receiver = Identity(header.receiver_qualifier, header.receiver_id)
    if rules.guides is None:
        return rules
    guides = tuple(guide for guide in rules.guides if guide.holds_for(sender, receiver))
    return rules if len(guides) == len(rules.guides) else replace(rules, guides=guides)


def agreement_on(rules: ReadingRules, set_type: str, release: str) -> Guide | None:
    """The agreement that speaks of this kind of set in this release (GS08): the one that says most precisely which.

    Addresses go before releases, as they do where an agreement is looked up for a document.
    """
    document_type = DOCUMENT_TYPES.get(set_type)
    speaking: list[tuple[tuple[bool, bool, int], Guide]] = []
    for guide in rules.guides or ():
        named = [known for known in guide.releases if release.startswith(known)]
        if guide.syntax == "x12" and guide.document_type == document_type and (named or not guide.releases):
            precision = (guide.senders is not None, guide.receivers is not None, max(map(len, named), default=0))
            speaking.append((precision, guide))
    return max(speaking, key=lambda item: item[0])[1] if speaking else None


def _unsupported(set_type: str, group: _Group, rules: ReadingRules) -> str:
    """What to tell of a set that is not read; a release that is refused was told of with the group."""
    release = group.header.release
    if group.tables is None:
        return f"Transaction set {quoted(set_type)} is not read: release {quoted(release)} of its group (GS08) is not"
    if agreed_tables(set_type, group.tables) is not None:
        remedy = f"{_agreed_instead(set_type, rules)}, or ask for an agreement on it"
        return f"Transaction set {quoted(set_type)} in release {quoted(release)} is not agreed; {remedy}"
    return f"Transaction set {quoted(set_type)} in release {quoted(release)} is not supported; check ST01 and GS08"


def _agreed_instead(set_type: str, rules: ReadingRules) -> str:
    """What to send, for who wrote it and for who looks after the agreements."""
    document_type = DOCUMENT_TYPES.get(set_type)
    guides = [one for one in rules.guides or () if one.syntax == "x12" and one.document_type == document_type]
    releases = sorted({release for guide in guides for release in guide.releases})
    return f"agreed is {' or '.join(releases)}: send that" if releases else "send what is agreed"


def _report(
    ledger: Ledger,
    code: SetError,
    message: str,
    place: tuple[str, int | None, str | None],
    start: int,
    tolerance: Tolerance | None = None,
) -> None:
    segment, element, value = place
    ledger.add(
        Finding(
            Level.TRANSACTION_SET,
            code,
            message,
            ledger.severity(tolerance),
            segment=segment,
            element=element,
            value=None if value is None else value[:VALUE_CHARACTERS_MAX],
            byte_offset=start,
        )
    )

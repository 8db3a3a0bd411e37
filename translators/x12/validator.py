"""Builds the tree of one transaction set, segment by segment, and notes every departure from the release.

A clean segment costs one regular expression, its code lists and one remembered move in the grammar. Only what the
regular expression refuses is looked at element by element.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import Tolerance
from translators.x12.control_totals import check_totals
from translators.x12.delimiters import SEGMENT_CODE, Delimiters
from translators.x12.dictionary import SegmentRule
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import Implementation, Ledger, SegmentError
from translators.x12.grammar import LoopRule, Move
from translators.x12.hierarchy import check_hierarchy
from translators.x12.overrides import ENVELOPE_SEGMENTS, AgreedTables
from translators.x12.qualified_uses import check_qualified
from translators.x12.tokenizer import Token
from translators.x12.tree import Loop, RepeatedElements, Segment, element_values
from translators.x12.value_faults import CONTROL

CLEAN_TEXTS_MAX = 4_096

# Texts that were found right, each with its code and elements once it has come again.
CleanTexts: TypeAlias = "dict[str, tuple[str, RepeatedElements] | None]"
_UNSEEN: Final = ()  # stands for a text that did not come before

ERRORS_EXAMINED_MAX = 5_000  # in one set; behind them segments are still read and placed, but no more looked into


class SetReader:
    """Counts the segments of a transaction set; what has no grammar is only counted.

    Attributes:
        segments: how many segments there were so far, ST being the first.
        bytes_in_segments: bytes of those segments.
        bytes_in_findings: bytes that are no segment and were told of.
        end: offset behind what was taken last.
    """

    def __init__(self, delimiters: Delimiters, ledger: Ledger) -> None:
        self.segments = 0
        self.bytes_in_segments = 0
        self.bytes_in_findings = 0
        self.end = 0
        self._separator = delimiters.element
        self._ledger = ledger

    def take_all(self, tokens: Iterator[Token]) -> Token | None:
        """Take tokens up to one that belongs to an envelope, which is handed back; None at the end of them all."""
        for token in tokens:
            if not self._take_unknown(*token):
                return token
            self.end = token[2]
        return None

    def take_envelope(self, text: str, start: int, end: int) -> None:
        """Take ST or SE, which are counted as segments of the set (SE01)."""
        del text
        self.segments += 1
        self.bytes_in_segments += end - start
        self.end = end

    def end_without_trailer(self) -> None:
        """The set ends without SE."""

    @property
    def tree(self) -> Loop | None:
        """The set as a tree; None without a grammar."""
        return None

    def _take_unknown(self, text: str, start: int, end: int) -> bool:
        """A token whose code is not in the release: an envelope, an unknown segment or no segment at all."""
        if not text:
            what = "is an empty segment; send one terminator behind each segment"
            self._stray(text, start, end, "empty-segments", what)
            return True
        code = text.partition(self._separator)[0]
        if code in ENVELOPE_SEGMENTS:
            return False
        if SEGMENT_CODE.fullmatch(code):
            self.bytes_in_segments += end - start
            self.segments += 1
            self._unknown(code, text, start, end)
            return True
        what = "is no segment: it does not begin with a segment code; remove it, or look for a terminator in data"
        self._stray(text, start, end, None, what)
        return True

    def _unknown(self, code: str, text: str, start: int, end: int) -> None:
        """A segment that no table knows."""

    def _stray(self, text: str, start: int, end: int, tolerance: Tolerance | None, what: str) -> None:
        self.bytes_in_findings += end - start
        severity = self._ledger.severity(tolerance)
        if self._ledger.skips(severity):
            return
        self._ledger.add(
            Finding(
                Level.SEGMENT,
                SegmentError.UNRECOGNIZED,
                f"Text of {end - start} bytes at byte {start} {what}",
                severity,
                position=self.segments + 1,
                value=text[: min(end - start, VALUE_CHARACTERS_MAX)],
                byte_offset=start,
            )
        )


class SetValidator(SetReader):
    """Places each segment in the grammar and checks its elements.

    ``clean`` remembers the texts of an interchange that were found right by these tables: orders repeat themselves.
    """

    def __init__(
        self, tables: AgreedTables, delimiters: Delimiters, encoding: str, ledger: Ledger, clean: CleanTexts
    ) -> None:
        super().__init__(delimiters, ledger)
        grammar = tables.grammar
        self._tables = tables
        self._grammar = grammar
        self._rules = tables.body
        self._checker = ElementChecker(grammar.release, delimiters, encoding, ledger, tables.validation)
        self._extra_uses: dict[tuple[int, int], int] = {}
        self._clean = clean
        self._root = Loop("")
        self._loops = [self._root]
        self._counts = [0]
        self._place = grammar.start
        self._stars = delimiters.element == "*"
        self._utf8 = encoding == "utf-8"
        # A control character stands in for an absent separator: a text that holds one is never clean anyway.
        self._component = delimiters.component or "\x00"
        self._repetition = delimiters.repetition or "\x00"

    @property
    def tree(self) -> Loop | None:
        """The set as a tree."""
        return self._root

    def take_all(  # noqa: C901, PLR0912, PLR0915 - a call for each branch would show
        self, tokens: Iterator[Token]
    ) -> Token | None:
        """Check and place tokens up to one that belongs to an envelope, which is handed back.

        The busiest loop of the house: each call and each attribute in it shows in the time that a file takes.
        """
        separator, rules, clean = self._separator, self._rules, self._clean
        loops, counts = self._loops, self._counts
        segments = self.segments
        component, repetition = self._component, self._repetition
        is_plain = self._stars and not self._utf8 and not self._tables.local_codes
        parts: Any
        rule: Any  # known wherever the text is not
        for text, start, end in tokens:
            known = clean.get(text, _UNSEEN)
            if known:
                code, parts = known
            else:
                parts = text.split(separator)
                code = parts[0]
                rule = rules.get(code)
                if rule is None:
                    if not self._take_unknown(text, start, end):
                        return text, start, end
                    self.end = end
                    segments = self.segments
                    continue
            self.segments = segments = segments + 1
            self.bytes_in_segments += end - start
            self.end = end
            move = self._place.moves.get(code)
            if move is None or not (move.plain or counts[-1 - move.closes] < move.room):
                move = self._uncommon(code, start)
            if not known:
                if known is None:
                    parts = RepeatedElements(parts[1:])
                    clean[text] = code, parts
                elif (
                    is_plain
                    and component not in text
                    and repetition not in text
                    and len(clean) < CLEAN_TEXTS_MAX
                    and rule.is_clean(text, parts)
                ):
                    clean[text] = None
                    del parts[0]
                else:
                    parts = self._elements(rule, parts, text, start, move)
            segment = Segment(code, parts, segments, start, end)
            if move is None:
                self._misplaced(segment)
            elif move.floats:
                loops[-1].items.append(segment)
            else:
                if move.closes:
                    del loops[-move.closes :]
                    del counts[-move.closes :]
                counts[-1] = counts[-1] + 1 if move.repeats else 1
                if move.opens:
                    loop = Loop(code, [segment])
                    loops[-1].items.append(loop)
                    loops.append(loop)
                    counts.append(1)
                else:
                    loops[-1].items.append(segment)
                self._place = move.place
        return None

    def take_envelope(self, text: str, start: int, end: int) -> None:
        """Take ST or SE, whose own values the caller compares."""
        parts: list[Any] = text.split(self._separator)
        if parts[0] == "ST":
            self.segments += 1
            self.bytes_in_segments += end - start
            elements = self._elements(self._grammar.release.segments["ST"], parts, text, start, None)
            self._root.items.append(Segment("ST", elements, 1, start, end))
            self._counts[:] = [1]
            self.end = end
        else:
            rule = self._grammar.release.segments["SE"]
            self.segments += 1
            self.bytes_in_segments += end - start
            self.end = end
            move = self._uncommon("SE", start)
            elements = self._elements(rule, parts, text, start, move)
            if move is not None:
                self._follow(move, Segment("SE", elements, self.segments, start, end))
            self._relations()

    def end_without_trailer(self) -> None:
        """Note what is missing at the end of a set that has no SE."""
        move = self._grammar.move(self._place, "SE")
        if move is not None:
            self._missing(move, "the end", self.end)
        self._relations()

    def _relations(self) -> None:
        """What holds between segments of the whole set: the tree of its levels, the totals at its end."""
        if self._ledger.errors >= ERRORS_EXAMINED_MAX:
            return
        check_hierarchy(self._root, self._ledger)
        check_totals(self._grammar.set_type, self._root, self._grammar.release, self._ledger)
        if self._tables.qualified:
            check_qualified(self._tables.qualified, self._root, self._ledger)

    def _elements(self, rule: SegmentRule, parts: list[Any], text: str, start: int, move: Move | None) -> list[Any]:
        is_local = rule.code in self._tables.local_codes
        if is_local:
            loop_rule = (self._place if move is None else move.place).loop
            rule = self._tables.local.get((loop_rule.path, rule.code), rule)
        if (
            self._component not in text
            and self._repetition not in text
            and (not self._utf8 or text.isascii())
            and (self._stars or "*" not in text)
            and rule.is_clean(text if self._stars else text.replace(self._separator, "*"), parts)
        ):
            # What is right in one loop need not be so in another; ST and SE are no part of the body.
            if not is_local and rule.code in self._rules:
                if len(self._clean) >= CLEAN_TEXTS_MAX:
                    self._clean.clear()
                self._clean[text] = None
            del parts[0]
            return parts
        if self._ledger.errors >= ERRORS_EXAMINED_MAX:
            return parts[1:]
        loop = (self._place if move is None else move.place).loop.code or None
        return self._checker.check(rule, parts, At(rule.code, self.segments, loop, start))

    def _follow(self, move: Move, segment: Segment) -> None:
        loops, counts = self._loops, self._counts
        if move.floats:
            loops[-1].items.append(segment)
            return
        if move.closes:
            del loops[-move.closes :]
            del counts[-move.closes :]
        if move.repeats:
            counts[-1] += 1
        else:
            counts[-1] = 1
        if move.opens:
            loop = Loop(segment.code, [segment])
            loops[-1].items.append(loop)
            loops.append(loop)
            counts.append(1)
        else:
            loops[-1].items.append(segment)
        self._place = move.place

    def _uncommon(self, code: str, start: int) -> Move | None:
        """The move for a code that was not asked for here before, whose place may be full, or that leaves a gap."""
        move = self._grammar.move(self._place, code)
        if move is None or self._ledger.errors >= ERRORS_EXAMINED_MAX:
            return move
        chosen: Move | None = move
        while chosen is not None and chosen.repeats and self._counts[-1 - chosen.closes] >= chosen.max:
            chosen = chosen.otherwise
        is_full, chosen = chosen is None, chosen or move
        if chosen.limit is not None:
            self._check_limit(code, chosen, chosen.limit, start)
        elif is_full:
            self._over_max(code, chosen, chosen.max, f"release {self._grammar.release.name}", start)
        if chosen.missing:
            self._missing(chosen, code, start)
        return chosen

    def _check_limit(self, code: str, move: Move, limit: int, start: int) -> None:
        """What the partner's agreement says of how often a segment or loop stands here."""
        uses = self._counts[-1 - move.closes] + 1 if move.repeats else 1
        if uses <= limit:
            return
        if limit:
            self._over_max(code, move, limit, "the partner's agreement", start)
            return
        what = "The loop" if move.opens else "The segment"
        message = f"{what} {code} was sent, but the partner's agreement does not use it here; leave it out"
        used = Implementation.SEGMENT_NOT_USED
        self._report(code, SegmentError.UNEXPECTED, message, start, implementation=used)

    def _over_max(self, code: str, move: Move, limit: int, who: str, start: int) -> None:
        error = SegmentError.LOOP_OVER_MAX if move.opens else SegmentError.OVER_MAX
        what = "The loop" if move.opens else "The segment"
        times = "once" if limit == 1 else f"{limit} times"
        self._report(code, error, f"{what} {code} may occur {times} here by {who}; leave out what is more", start)

    def _missing(self, move: Move, before: str, start: int) -> None:
        for item in move.missing:
            is_loop = isinstance(item, LoopRule)
            what = "loop" if is_loop else "segment"
            implementation = None
            name = f"The mandatory {what} {item.code}"
            if item.agreed:
                implementation = Implementation.LOOP_UNDER_MIN if is_loop else Implementation.SEGMENT_UNDER_MIN
                name = f"The {what} {item.code}, which the partner's agreement demands,"
            message = f"{name} is missing before {before}; send it"
            self._report(item.code, SegmentError.MANDATORY_MISSING, message, start, implementation=implementation)

    def _misplaced(self, segment: Segment) -> None:
        code, start = segment.code, segment.start
        loop = self._extra(code, start)
        if loop is not None:
            loop.items.append(segment)
            return
        set_type, release = self._grammar.set_type, self._grammar.release.name
        if code not in self._grammar.codes:
            message = f"{code} is no segment of {set_type} in release {release}; leave it out, or agree on it"
            self._report(code, SegmentError.NOT_IN_SET, message, start, "unknown-segments")
            self._loops[-1].items.append(segment)
            return
        move = self._grammar.misplaced(self._place, code)
        if move is None:
            message = f"{code} cannot stand here: no loop that it belongs to is open; send the start of its loop first"
            self._report(code, SegmentError.UNEXPECTED, message, start, "segment-order")
            self._loops[-1].items.append(segment)
            return
        message = f"{code} comes too late: it belongs before segments that were sent before it; send it there"
        self._report(code, SegmentError.NOT_IN_SEQUENCE, message, start, "segment-order")
        if move.limit is not None:
            self._check_limit(code, move, move.limit, start)
        if move.opens:
            # A loop that comes late is read as one, so that its segments have their place.
            self._follow(move, segment)
        else:
            self._loops[-1 - move.closes].items.append(segment)

    def _extra(self, code: str, start: int) -> Loop | None:
        """The loop that holds a segment which the agreement allows here and the standard does not."""
        for place in self._tables.extras.get(code, ()):
            rule, index, depth = self._place.loop, self._place.index, -1
            while rule is not place.loop and rule.parent is not None:
                rule, index, depth = rule.parent, rule.index, depth - 1
            if rule is not place.loop or index > place.index:
                continue
            loop = self._loops[depth]
            uses = self._extra_uses[id(loop), id(place)] = self._extra_uses.get((id(loop), id(place)), 0) + 1
            if uses > place.max:
                times = "once" if place.max == 1 else f"{place.max} times"
                message = (
                    f"The segment {code} may occur {times} here by the partner's agreement; leave out what is more"
                )
                self._report(code, SegmentError.OVER_MAX, message, start)
            return loop
        return None

    def _unknown(self, code: str, text: str, start: int, end: int) -> None:
        elements = [self._checker.split(raw) for raw in text.split(self._separator)[1:]]
        loop = self._extra(code, start)
        if any(CONTROL.search(value) for held in elements for value in element_values(held)):
            # No table says what it may hold, but these no document can carry: it cannot be kept as unmapped.
            message = f"{code} is no segment known here and holds control characters; leave them out, or the segment"
            self._report(code, SegmentError.UNRECOGNIZED, message, start)
        elif loop is None:
            message = f"{code} is no segment of release {self._grammar.release.name} that is known here; leave it out"
            self._report(code, SegmentError.UNRECOGNIZED, message, start, "unknown-segments")
        self._checker.check_unruled(text, At(code, self.segments, self._place.loop.code or None, start))
        (loop or self._loops[-1]).items.append(Segment(code, elements, self.segments, start, end))

    def _report(
        self,
        code: str,
        error: SegmentError,
        message: str,
        start: int,
        tolerance: Tolerance | None = None,
        *,
        implementation: Implementation | None = None,
    ) -> None:
        severity = Severity.ERROR if tolerance is None else self._ledger.severity(tolerance)
        if self._ledger.skips(severity):
            return
        self._ledger.add(
            Finding(
                Level.SEGMENT,
                error,
                message,
                severity,
                segment=code,
                position=self.segments,
                byte_offset=start,
                loop=self._place.loop.code or None,
                implementation_code=implementation,
            )
        )

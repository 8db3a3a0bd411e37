"""Builds the tree of one transaction set, segment by segment, and notes every departure from the release.

A clean segment costs one regular expression, its code lists and one remembered move in the grammar. Only what the
regular expression refuses is looked at element by element.
"""

import functools
from collections.abc import Iterator
from typing import Any

from translators.findings import Finding, Level, Severity
from translators.guide import Tolerance
from translators.x12.delimiters import SEGMENT_CODE, Delimiters
from translators.x12.dictionary import Release, SegmentRule
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import VALUE_CHARACTERS_MAX, Ledger, SegmentError
from translators.x12.grammar import Grammar, LoopRule, Move
from translators.x12.tokenizer import Token
from translators.x12.tree import Loop, Segment

CLEAN_TEXTS_MAX = 4_096
ERRORS_EXAMINED_MAX = 5_000  # in one set; behind them segments are still read and placed, but no more looked into

# Segments of the envelopes: one of these inside a transaction set ends it.
ENVELOPE_SEGMENTS = frozenset({"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"})


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
        code = text.partition(self._separator)[0]
        if code in ENVELOPE_SEGMENTS:
            return False
        if SEGMENT_CODE.fullmatch(code):
            self.bytes_in_segments += end - start
            self.segments += 1
            self._unknown(code, text, start, end)
            return True
        if not text:
            self._stray(text, start, end, "empty-segments", "is an empty segment")
        else:
            self._stray(text, start, end, None, "is no segment")
        return True

    def _unknown(self, code: str, text: str, start: int, end: int) -> None:
        """A segment that no table knows."""

    def _stray(self, text: str, start: int, end: int, tolerance: Tolerance | None, what: str) -> None:
        self.bytes_in_findings += end - start
        self._ledger.add(
            Finding(
                Level.SEGMENT,
                SegmentError.UNRECOGNIZED,
                f"Text of {end - start} bytes {what} (bytes {start} to {end})",
                self._ledger.severity(tolerance),
                position=self.segments + 1,
                value=text[: min(end - start, VALUE_CHARACTERS_MAX)],
                byte_offset=start,
            )
        )


class SetValidator(SetReader):
    """Places each segment in the grammar and checks its elements.

    ``clean`` remembers the texts of an interchange that were found right in this release: orders repeat themselves.
    """

    def __init__(
        self, grammar: Grammar, delimiters: Delimiters, encoding: str, ledger: Ledger, clean: set[str]
    ) -> None:
        super().__init__(delimiters, ledger)
        self._grammar = grammar
        self._rules = _body_segments(grammar.release)
        self._checker = ElementChecker(grammar.release, delimiters, encoding, ledger)
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

    def take_all(self, tokens: Iterator[Token]) -> Token | None:
        """Check and place tokens up to one that belongs to an envelope, which is handed back.

        The busiest loop of the house: each call and each attribute in it shows in the time that a file takes.
        """
        separator, rules, clean = self._separator, self._rules, self._clean
        loops, counts = self._loops, self._counts
        for text, start, end in tokens:
            parts: list[Any] = text.split(separator)
            code = parts[0]
            rule = rules.get(code)
            if rule is None:
                if not self._take_unknown(text, start, end):
                    return text, start, end
                self.end = end
                continue
            self.segments += 1
            self.bytes_in_segments += end - start
            self.end = end
            move = self._place.moves.get(code)
            if move is None or not move.plain:
                move = self._uncommon(code, start)
            if text in clean:
                del parts[0]
            else:
                parts = self._elements(rule, parts, text, start, move)
            segment = Segment(code, parts, self.segments, start, end)
            if move is None:
                self._misplaced(segment)
            elif move.stays:
                loops[-1].items.append(segment)
                counts[-1] = counts[-1] + 1 if move.repeats else 1
                self._place = move.place
            else:
                self._follow(move, segment)
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

    def end_without_trailer(self) -> None:
        """Note what is missing at the end of a set that has no SE."""
        move = self._grammar.move(self._place, "SE")
        if move is not None:
            self._missing(move, self.end)

    def _elements(self, rule: SegmentRule, parts: list[Any], text: str, start: int, move: Move | None) -> list[Any]:
        if (
            self._component not in text
            and self._repetition not in text
            and (not self._utf8 or text.isascii())
            and (self._stars or "*" not in text)
            and rule.is_clean(text if self._stars else text.replace(self._separator, "*"), parts)
        ):
            if len(self._clean) >= CLEAN_TEXTS_MAX:
                self._clean.clear()
            self._clean.add(text)
            del parts[0]
            return parts
        if self._ledger.errors >= ERRORS_EXAMINED_MAX:
            return parts[1:]
        loop = (self._place if move is None else move.place).loop.code or None
        return self._checker.check(rule, parts, At(rule.code, self.segments, loop, start))

    def _follow(self, move: Move, segment: Segment) -> None:
        loops, counts = self._loops, self._counts
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
        if chosen is None:
            error = SegmentError.LOOP_OVER_MAX if move.opens else SegmentError.OVER_MAX
            what = "The loop" if move.opens else "The segment"
            self._report(code, error, f"{what} {code} occurs more than {move.max} times here", start)
            chosen = move
        if chosen.missing:
            self._missing(chosen, start)
        return chosen

    def _missing(self, move: Move, start: int) -> None:
        for item in move.missing:
            what = "loop" if isinstance(item, LoopRule) else "segment"
            message = f"The mandatory {what} {item.code} is missing before this place"
            self._report(item.code, SegmentError.MANDATORY_MISSING, message, start)

    def _misplaced(self, segment: Segment) -> None:
        code, start = segment.code, segment.start
        set_type, release = self._grammar.set_type, self._grammar.release.name
        if code not in self._grammar.codes:
            message = f"{code} is no segment of {set_type} in release {release}"
            self._report(code, SegmentError.NOT_IN_SET, message, start, "unknown-segments")
            self._loops[-1].items.append(segment)
            return
        move = self._grammar.misplaced(self._place, code)
        if move is None:
            message = f"{code} cannot stand here: the loop it belongs to was not opened"
            self._report(code, SegmentError.UNEXPECTED, message, start, "segment-order")
            self._loops[-1].items.append(segment)
            return
        message = f"{code} comes too late: it belongs before the segments that preceded it"
        self._report(code, SegmentError.NOT_IN_SEQUENCE, message, start, "segment-order")
        if move.opens:
            # A loop that comes late is read as one, so that its segments have their place.
            self._follow(move, segment)
        else:
            self._loops[-1 - move.closes].items.append(segment)

    def _unknown(self, code: str, text: str, start: int, end: int) -> None:
        message = f"{code} is no segment of release {self._grammar.release.name} that is known here"
        self._report(code, SegmentError.UNRECOGNIZED, message, start, "unknown-segments")
        elements = [self._checker.split(raw) for raw in text.split(self._separator)[1:]]
        self._loops[-1].items.append(Segment(code, elements, self.segments, start, end))

    def _report(
        self, code: str, error: SegmentError, message: str, start: int, tolerance: Tolerance | None = None
    ) -> None:
        severity = Severity.ERROR if tolerance is None else self._ledger.severity(tolerance)
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
            )
        )


@functools.cache
def _body_segments(release: Release) -> dict[str, SegmentRule]:
    """The segments that may stand between ST and SE."""
    return {code: rule for code, rule in release.segments.items() if code not in ENVELOPE_SEGMENTS}

"""Cuts the bytes of one interchange into segment texts, window by window, each with its place in the file."""

import functools
import itertools
import re
from collections.abc import Generator, Iterable, Iterator

from translators.source import Source
from translators.x12.delimiters import SEGMENT_CODE, Delimiters, IsaFinder

# Text is decoded in windows that grow: a file of many tiny interchanges must not cost a large window for each.
WINDOW_BYTES_MIN = 4_096
WINDOW_BYTES_MAX = 262_144
# Text of that length without a terminator is damage, and handed on in pieces.
SEGMENT_BYTES_MAX = 1_048_576
# A binary segment that claims more is read as text: its element has to fit into memory.
BINARY_BYTES_MAX = 67_108_864

# A segment's text without terminator and line ends, and its bytes start..end with them.
Token = tuple[str, int, int]


class Tokenizer:
    """The segments of one interchange, up to the next ISA or the end of the file.

    Text keeps one character for each byte. Empty text stands for two terminators with nothing between.

    Attributes:
        end: where this interchange ends, known once all its tokens were handed out.
        unterminated_at: start of a last token that has no terminator, once it was handed out.
        leading_bytes: blanks so far that stood before segments, where only line ends may.
        leading_at: offset of the first of them.
    """

    def __init__(self, data: Source, start: int, delimiters: Delimiters, finder: IsaFinder) -> None:
        self._data = data
        self._delimiters = delimiters
        self._terminator = delimiters.terminator
        self._line_ends = "\r\n".replace(delimiters.terminator, "")
        self._blanks = "".join(blank for blank in " \t\r\n\x00" if blank not in delimiters.all())
        self._binary_marks = (f"BIN{delimiters.element}", f"BDS{delimiters.element}")
        self._binary_start, self._binary_head = _binary_patterns(delimiters.element, delimiters.terminator)
        self._start = start
        self._held: str | None = None  # a token ends where the next one begins
        self._held_start = start
        self._finder = finder
        self.end = len(data)
        self.unterminated_at: int | None = None
        self.leading_bytes = 0
        self.leading_at = 0

    def __iter__(self) -> Iterator[Token]:
        """The tokens in file order; each byte belongs to one of them or to the leading bytes."""
        return itertools.chain.from_iterable(self._runs())

    def _runs(self) -> Iterator[Iterable[Token]]:
        """The tokens in runs, each handed out before the next is cut, for its bytes to be noted in their turn."""
        for pieces, first, terminated in self._batches():
            # Nothing that a segment begins with comes before "!", blanks and line ends do.
            texts = pieces if min(pieces) >= "!" else [raw.lstrip(self._line_ends) for raw in pieces]
            if terminated and min(texts) >= "!":
                yield self._all_at_once(pieces, texts, first)
            else:
                yield self._one_by_one(pieces, first, terminated=terminated)
        if self._held is not None:
            yield ((self._held, self._held_start, self.end),)

    def _all_at_once(self, pieces: list[str], texts: list[str], first: int) -> Iterable[Token]:
        """The tokens of a window in order: no call for each, which is what most of the time would go into."""
        behind, step = first, len(self._terminator)
        starts = [
            (behind := behind + len(raw) + step) - step - len(text) for raw, text in zip(pieces, texts, strict=True)
        ]
        if self._held is not None:
            texts, starts = [self._held, *texts], [self._held_start, *starts]
        elif starts[0] > self._held_start:
            self._note_leading(self._held_start, starts[0] - self._held_start)  # line ends that ISA did not take
        self._held, self._held_start = texts[-1], starts[-1]
        return zip(texts, starts, starts[1:], strict=False)  # the end of the last one is not known yet

    def _one_by_one(self, pieces: list[str], first: int, *, terminated: bool) -> Iterator[Token]:
        """The tokens of a window with blanks before segments, or of the last one."""
        line_ends, blanks, step = self._line_ends, self._blanks, len(self._terminator)
        position = first
        for raw in pieces:
            text = raw.lstrip(line_ends)
            start = position + len(raw) - len(text)
            if not terminated:
                text = text.rstrip(line_ends + " ")
                if not text:
                    break
            if self._held is not None:
                yield self._held, self._held_start, start
            elif start > self._held_start:
                self._note_leading(self._held_start, start - self._held_start)  # line ends that ISA did not take
            if text[:1] in blanks and text:
                start, text = self._without_blanks(text, start)
            if not terminated:
                self.unterminated_at = start
            self._held, self._held_start = text, start
            position += len(raw) + step

    def _without_blanks(self, text: str, start: int) -> tuple[int, str]:
        """Note the blanks before a segment; text of blanks alone is an empty segment and keeps them."""
        bare = text.lstrip(self._blanks)
        if not bare:
            return start, ""
        blanks = len(text) - len(bare)
        self._note_leading(start, blanks)
        return start + blanks, bare

    def _note_leading(self, start: int, count: int) -> None:
        if self.leading_bytes == 0:
            self.leading_at = start
        self.leading_bytes += count

    def _batches(self) -> Iterator[tuple[list[str], int, bool]]:
        """Texts between terminators, the offset of the first, and whether a terminator follows each."""
        position = self._start
        step = len(self._terminator)
        window = WINDOW_BYTES_MIN
        while position < self.end:
            isa = self._finder.next(position, min(position + window, len(self._data)))
            if isa == position:
                self.end = isa
                return
            last = isa if isa is not None else min(position + window, len(self._data))
            text = str(self._data[position:last], "latin-1")
            has_binaries = self._binary_marks[0] in text or self._binary_marks[1] in text
            cut = text.rfind(self._terminator)
            if has_binaries and (cut >= 0 or self._binary_end(text, 0, position) is not None):
                position = yield from self._around_binaries(text[: cut + step] if cut >= 0 else text, position)
            elif cut >= 0:
                yield text[:cut].split(self._terminator), position, True
                position += cut + step
            elif isa is not None or last == len(self._data):
                self.end = last
                yield [text], position, False
                return
            elif window >= SEGMENT_BYTES_MAX:
                yield [text[:-step]], position, True  # as if a terminator stood at its end
                position = last
            else:
                window = min(window * 4, SEGMENT_BYTES_MAX)
                continue
            window = min(window * 4, WINDOW_BYTES_MAX)

    def _around_binaries(self, text: str, position: int) -> Generator[tuple[list[str], int, bool], None, int]:
        """The batches of a window that may hold binary segments; returns the offset behind them."""
        step = len(self._terminator)
        offset = searched = 0
        while offset < len(text):  # a binary segment may lead past this window
            mark = self._binary_start.search(text, searched)
            if mark is None:
                yield text[offset:-step].split(self._terminator), position + offset, True
                return position + len(text)
            start = mark.end()
            searched = max(start, 1)  # a mark at the very start has no length
            end = self._binary_end(text, start, position)
            if end is None:
                continue  # it is read as text, up to its terminator
            if start > offset:
                yield text[offset : start - step].split(self._terminator), position + offset, True
            yield [str(self._data[position + start : end - step], "latin-1")], position + start, True
            offset = end - position
            searched = max(0, offset - step)
        return position + offset

    def _binary_end(self, text: str, offset: int, position: int) -> int | None:
        """The offset behind a binary segment, or None when its length leads to no terminator."""
        head = self._binary_head.match(text, offset)
        if head is None:
            return None
        size = int(head[1])
        if size > BINARY_BYTES_MAX:
            return None
        end = position + head.end() + size
        behind = end + len(self._terminator)
        return behind if bytes(self._data[end:behind]) == self._terminator.encode("latin-1") else None


@functools.lru_cache
def _binary_patterns(element: str, terminator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds the place where a binary segment begins, and what reads it up to its binary element."""
    element, terminator = re.escape(element), re.escape(terminator)
    # BIN01 and BDS02 count the bytes of the binary element behind them; terminators inside are data.
    head = rf"[\r\n ]*(?:BIN{element}|BDS{element}[A-Z0-9]{{1,3}}{element})([0-9]{{1,15}}){element}"
    return re.compile(rf"(?:\A|{terminator})(?=[\r\n ]*(?:BIN|BDS){element})"), re.compile(head)


class TokenStream:
    """The tokens of one interchange, of which the last taken may be put back."""

    def __init__(self, data: Source, start: int, delimiters: Delimiters, finder: IsaFinder) -> None:
        self.tokenizer = Tokenizer(data, start, delimiters, finder)
        self._separator = delimiters.element
        self._held: Token | None = None
        self.rest = iter(self.tokenizer)  # for a loop of its own; nothing must be held then

    def next(self) -> Token | None:
        """The next token, None at the end."""
        held, self._held = self._held, None
        return held if held is not None else next(self.rest, None)

    def hold(self, token: Token) -> None:
        """Put the token taken last back."""
        self._held = token

    def is_followed_by_segment(self) -> bool:
        """Whether a segment comes next, before the next ISA."""
        noted = self.tokenizer.leading_bytes
        following = self.next()
        if following is None:
            return False
        self.hold(following)
        found = SEGMENT_CODE.fullmatch(self.code(following)) is not None
        if not found:
            self.tokenizer.leading_bytes = noted  # blanks before it belong to what is told of as no segment
        return found

    def parts(self, token: Token) -> list[str]:
        """The segment code and the elements of a token."""
        return token[0].split(self._separator)

    def code(self, token: Token | None) -> str:
        """The segment code of a token; empty at the end."""
        return "" if token is None else token[0].partition(self._separator)[0]

    def is_unterminated(self, token: Token) -> bool:
        """Whether the file ends before the terminator of this token."""
        return self.tokenizer.unterminated_at == token[1]

"""Cuts the bytes of one interchange into segment texts, window by window, each with its place in the file."""

import re
from collections.abc import Generator, Iterator

from translators.x12.delimiters import Delimiters, IsaFinder

# Text is decoded in windows that grow: a file of many tiny interchanges must not cost a large window for each.
WINDOW_BYTES_MIN = 4_096
WINDOW_BYTES_MAX = 262_144

# A segment's text without terminator and line ends, and its bytes start..end with them.
Token = tuple[str, int, int]


class Tokenizer:
    """The segments of one interchange, up to the next ISA or the end of the file.

    Text keeps one character for each byte. Empty text stands for two terminators with nothing between.

    Attributes:
        end: where this interchange ends at the latest.
        unterminated_at: start of a last token that has no terminator, once it was handed out.
        leading_bytes: blanks so far that stood before segments, where only line ends may.
        leading_at: offset of the first of them.
    """

    def __init__(self, data: bytes | memoryview, start: int, delimiters: Delimiters, finder: IsaFinder) -> None:
        self._data = data
        self._delimiters = delimiters
        self._terminator = delimiters.terminator
        self._line_ends = "\r\n".replace(delimiters.terminator, "")
        self._blanks = "".join(blank for blank in " \t\r\n\x00" if blank not in delimiters.all())
        self._binary_marks = (f"BIN{delimiters.element}", f"BDS{delimiters.element}")
        self._start = start
        self._finder = finder
        self.end = self._bound(start)
        self.unterminated_at: int | None = None
        self.leading_bytes = 0
        self.leading_at = 0

    def _bound(self, position: int) -> int:
        isa = self._finder.next(position)
        return len(self._data) if isa is None else isa

    def __iter__(self) -> Iterator[Token]:
        """Yield the tokens in file order; each byte belongs to one of them or to the leading bytes."""
        held: str | None = None
        held_start = self._start
        line_ends, blanks, step = self._line_ends, self._blanks, len(self._terminator)
        for pieces, first, terminated in self._batches():
            position = first
            for raw in pieces:
                text = raw.lstrip(line_ends)
                start = position + len(raw) - len(text)
                if not terminated:
                    text = text.rstrip(line_ends + " ")
                    if not text:
                        break
                if held is not None:
                    yield held, held_start, start
                elif start > held_start:
                    self._note_leading(held_start, start - held_start)  # line ends that ISA did not take with it
                if text[:1] in blanks and text:
                    start, text = self._without_blanks(text, start)
                if not terminated:
                    self.unterminated_at = start
                held, held_start = text, start
                position += len(raw) + step
        if held is not None:
            yield held, held_start, self.end

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
            text = str(self._data[position : min(position + window, self.end)], "latin-1")
            window = min(window * 4, WINDOW_BYTES_MAX)
            cut = text.rfind(self._terminator)
            if cut < 0:
                # Text of a whole window without a terminator is damage; it is handed on in pieces of that size.
                last = position + len(text) >= self.end
                yield [text] if last else [text[:-step]], position, not last
                position += len(text)
                continue
            text = text[: cut + step]
            if self._binary_marks[0] in text or self._binary_marks[1] in text:
                position = yield from self._around_binaries(text, position)
            else:
                yield text[:-step].split(self._terminator), position, True
                position += len(text)

    def _around_binaries(self, text: str, position: int) -> Generator[tuple[list[str], int, bool], None, int]:
        """The batches of a window that may hold binary segments; returns the offset behind them."""
        step = len(self._terminator)
        before = rf"(?:\A|{re.escape(self._terminator)})"
        binary_start = re.compile(rf"{before}(?=[\r\n ]*(?:BIN|BDS){re.escape(self._delimiters.element)})")
        offset = 0
        while offset < len(text):  # a binary segment may lead past this window
            mark = binary_start.search(text, max(0, offset - step))
            stop = len(text) if mark is None else mark.end()
            if stop > offset:
                yield text[offset : stop - step].split(self._terminator), position + offset, True
            if mark is None:
                return position + len(text)
            end = self._binary_end(text, stop, position)
            if end is None:
                end = position + text.index(self._terminator, stop) + step
            yield [str(self._data[position + stop : end - step], "latin-1")], position + stop, True
            offset = end - position
        return position + offset

    def _binary_end(self, text: str, offset: int, position: int) -> int | None:
        """The offset behind a binary segment, or None when its length leads to no terminator."""
        element = re.escape(self._delimiters.element)
        # BIN01 and BDS02 count the bytes of the binary element behind them; terminators inside are data.
        head = re.compile(
            rf"[\r\n ]*(?:BIN{element}|BDS{element}[A-Z0-9]{{1,3}}{element})([0-9]{{1,15}}){element}"
        ).match(text, offset)
        if head is None:
            return None
        end = position + head.end() + int(head[1])
        behind = end + len(self._terminator)
        if bytes(self._data[end:behind]) != self._terminator.encode("latin-1"):
            return None
        if behind > self.end:
            self.end = self._bound(behind)  # the ISA that was seen ahead lies inside the binary data
        return behind


class TokenStream:
    """The tokens of one interchange, of which the last taken may be put back."""

    def __init__(self, data: bytes | memoryview, start: int, delimiters: Delimiters, finder: IsaFinder) -> None:
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

    def parts(self, token: Token) -> list[str]:
        """The segment code and the elements of a token."""
        return token[0].split(self._separator)

    def code(self, token: Token | None) -> str:
        """The segment code of a token; empty at the end."""
        return "" if token is None else token[0].partition(self._separator)[0]

    def is_unterminated(self, token: Token) -> bool:
        """Whether the file ends before the terminator of this token."""
        return self.tokenizer.unterminated_at == token[1]

"""Clients that leave without a CLOSE once they have a file, and how they are told from those who were cut off.

lftp ends its ssh as soon as it has what it does last, mostly before its CLOSE is out: what arrives is an orderly end of
the connection (RFC 4253 11.1) and nothing else. The same arrives where lftp was killed: its ssh, which loses its
terminal by that, says goodbye for it, and may have taken bytes that lftp never saw. Nothing in SSH tells these two
apart, so what the client asks has to: where an answer is shorter than asked for, it asks for the rest, from where that
answer ended. It knows that place once it has read the answer, and with it all that was answered before, for a channel
keeps the order. Without this nothing but a CLOSE says that it has the file: so it is with one that its blocks divide
evenly.
"""

import asyncio
from typing import Final

# So long the end of a file is not told to a client that may leave on hearing of it, unless it asks for the rest before.
END_HELD_S_MAX: Final = 1.0
# Who leaves because it has the file leaves at once; who was stopped, and ended afterwards, does not.
LEAVES_WITHIN_S: Final = 10.0


class GoingOn:
    """What the questions of a client about one file that it reads show of the answers it has.

    Attributes:
        leaves_early: whether it is such a client, for which the end of the file is worth a wait.
    """

    def __init__(self, *, leaves_early: bool = False) -> None:
        self.leaves_early = leaves_early
        # Where the last answer with bytes ended, and how many bytes were missing in it; None where none was.
        self._rest: tuple[int, int] | None = None
        self._has_asked_on = False
        self._end_told_at_s: float | None = None
        self._stops_waiting = asyncio.Event()

    def asked(self, offset: int, length: int) -> None:
        """It asks for bytes: called when that arrives, before it is this question's turn."""
        if (offset, length) == self._rest:
            self._has_asked_on = True
            self._stops_waiting.set()

    def closes(self) -> None:
        """It closes the file: called when that arrives."""
        self._stops_waiting.set()

    def answered(self, offset: int, length: int, given: int) -> None:
        """It gets bytes: what it has shown before says nothing of these."""
        self._rest = (offset + given, length - given) if given < length else None
        self._has_asked_on = False
        self._end_told_at_s = None
        self._stops_waiting.clear()

    async def before_the_end(self) -> None:
        """Wait, not for long, before it is told that there are no more bytes."""
        if self.leaves_early and self._rest is not None and not self._has_asked_on:
            try:
                async with asyncio.timeout(END_HELD_S_MAX):
                    await self._stops_waiting.wait()
            except TimeoutError:
                self.leaves_early = False  # it is another client
        self._end_told_at_s = asyncio.get_running_loop().time()

    def has_all_that_was_answered(self) -> bool:
        """Whether it has shown that it has what was answered, and was told just now that there is no more."""
        if not self._has_asked_on or self._end_told_at_s is None:
            return False
        return asyncio.get_running_loop().time() - self._end_told_at_s <= LEAVES_WITHIN_S

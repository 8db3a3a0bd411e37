"""Uploads: a file while a client writes it, and what its end means.

A file is complete when its client closes it in so many words, and nothing speaks against it: no byte is missing, the
disk took all of them, and the client did not break off. Some clients close what they have broken off; how each of them
can be told from a good end stands at `_objection`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from gateway.buffers import Buffer
from gateway.edge.sftp.mailbox.unfinished import AHEAD_BYTES_MAX, Unfinished, UnfinishedFiles
from gateway.sftp import REGULAR_FILE, Attributes, Declined, OpenFlag, Status, answers
from partners.sftp_terms import Sftp

# How far ahead of what is there a byte may come: clients have some requests under way and may send them in any order.
AHEAD_OF_FILE_BYTES_MAX = 8 * 1_048_576
AHEAD_PIECES_MAX = 1_024
PERMISSIONS = REGULAR_FILE | 0o600
# What is no refusal, so that no answer says it.
_EMPTY = "an empty file is not taken as a document; if it was not meant to be empty, send it again"
_TO_BE_RENAMED = (
    "a file is here, but not handed over: files are taken when they are renamed from a temporary name; rename it, and "
    "write the next one under {temporary} first"
)

Completes = Callable[[Unfinished], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies to one upload.

    Attributes:
        terms: of the profile.
        bytes_max: how large a file may be.
        is_temporary: whether it has a name under which it is never complete, whatever it is that completes a file.
        blocks: whether the client was told how long to make its writes, and so can be told to have broken off.
        follows: what was taken under this name before, in words; empty for nothing.
    """

    terms: Sftp
    bytes_max: int
    is_temporary: bool
    blocks: bool
    follows: str = ""

    @property
    def waits_for_a_rename(self) -> bool:
        """Whether closing it does not complete it."""
        return self.is_temporary or self.terms.complete_on == "rename"

    @property
    def temporary(self) -> str:
        """A temporary name, as an example."""
        suffixes, prefixes = self.terms.temporary_suffixes, self.terms.temporary_prefixes
        return f"NAME{suffixes[0]}" if suffixes else f"{prefixes[0]}NAME" if prefixes else "another name"


@dataclass(slots=True, eq=False)
class Upload:
    """An open handle on an unfinished file.

    Args:
        files: all that are unfinished.
        flags: with which it was opened.
        rules: what applies.
        completes: takes it as a message.
        failed: told when its CLOSE is declined.
        tells: says a sentence to the people behind the client.
        too_large: told once when more comes than a file may have.
        now_ms: the clock, milliseconds since 1970.
        opened_ms: when it was opened.

    Attributes:
        file: what is written; this handle holds it.
    """

    files: UnfinishedFiles
    flags: OpenFlag
    rules: Rules
    completes: Completes
    failed: Callable[[str], None]
    tells: Callable[[str], None]
    too_large: Callable[[], None]
    now_ms: Callable[[], int]
    opened_ms: int
    file: Unfinished = field(init=False)
    _words: str = ""
    _is_too_large: bool = False
    _written: bool = False
    _in_blocks: bool = True
    _broke_off: bool = False
    _confirmed: bool = False
    _ended: bool = False
    _ahead: list[tuple[int, int, Buffer]] = field(default_factory=list)
    _ahead_bytes: int = 0
    _changes: list[tuple[int, Buffer]] = field(default_factory=list)

    @property
    def name(self) -> bytes:
        """Of the file."""
        return self.file.name

    async def read(self, offset: int, length: int) -> bytes:
        """Nothing can be read back."""
        del offset, length
        raise Declined(Status.PERMISSION_DENIED, "what is uploaded here cannot be read back")

    def write(self, offset: int, data: bytes | memoryview) -> "Awaitable[None] | None":
        """Take bytes; what is returned is to be waited for before more are read.

        Raises:
            Declined: they cannot be taken, and neither can what follows.
        """
        self._still_held()
        file = self.file
        content = file.content
        if content.failure:
            raise self._fail(f"the disk did not take it ({content.failure}); {file.size} bytes are there")
        if OpenFlag.APPEND in self.flags:
            # "Force all writes to append data at the end of the file" (section 6.3); some clients count from 0.
            offset = content.size
        if not self._written:
            self._begin(offset)
            file = self.file  # perhaps another one from now on
            content = file.content
        size = content.size
        end = offset + len(data)
        if end > self.rules.bytes_max:
            self._is_too_large = True
            self.too_large()
            raise self._fail(f"the file is larger than {self.rules.bytes_max} bytes, which is the most for one file")
        self._written = True
        self._broke_off = self._confirmed = False
        self._in_blocks = self._in_blocks and len(data) == answers.WRITE_BYTES_MAX
        file.is_closed = False
        file.touched_ms = self.now_ms()
        if offset > size:
            self._keep_ahead(offset, end, data)
            return None
        if end > size:
            self._grow(end - size)
            content.append(data if offset == size else memoryview(data)[size - offset :])
        if offset < size:
            # Rare, and not quick: done with the end, or with the next look at the file.
            self._changes.append((offset, bytes(data[: size - offset])))
        if self._ahead:
            self._join()
        return content.room() if not self._changes else self._change()

    async def attributes(self) -> Attributes:
        """As it is now."""
        at_s = self.file.touched_ms // 1_000
        return Attributes(size=self.file.size, permissions=PERMISSIONS, accessed_s=at_s, modified_s=at_s)

    async def set_attributes(self, wanted: Attributes) -> None:
        """Only the size, and only to what is there or less; what it says of the upload stands at `_objection`.

        Raises:
            Declined: it would become longer.
        """
        if wanted.size is None:
            return
        self._still_held()
        await self._change()
        content = self.file.content
        if OpenFlag.APPEND in self.flags:
            # OpenSSH counts from where it began to add, so its number says nothing of the file.
            self._broke_off = wanted == replace(Attributes(), size=wanted.size)
            return
        if wanted.size > content.size:
            raise Declined(
                Status.FAILURE, f"{content.size} bytes are there; a file cannot be made longer than what was written"
            )
        if wanted.size == content.size:
            self._confirmed = True
            return
        self._broke_off = OpenFlag.TRUNC in self.flags
        self._drop_ahead()
        await content.shorten(wanted.size)
        self.files.recount(self.file)

    async def close(self) -> None:
        """The client closes it: it is taken if it is complete, and durable either way when this returns.

        Raises:
            Declined: it was not taken; what is there stays.
        """
        try:
            await self._close()
        except Declined as declined:
            self.failed(declined.words)
            raise

    async def _close(self) -> None:
        self._still_held(closing=True)
        self._ended = True
        file = self.file
        try:
            await self._change()
            objection = self._objection()
            self._drop_ahead()
            if objection:
                await self._keep(is_closed=False)
                raise Declined(Status.FAILURE, objection)
            if not file.size:
                # Some create a file before they write it. It is no message, and hides none that was taken.
                if self.rules.follows and OpenFlag.TRUNC not in self.flags:
                    self.files.drop(file)
                self.tells(_EMPTY)
                return
            if self.rules.waits_for_a_rename:
                await self._keep(is_closed=True)
                if not self.rules.is_temporary:
                    # Whoever writes under a temporary name knows that a rename follows.
                    self.tells(_TO_BE_RENAMED.format(temporary=self.rules.temporary))
            else:
                file.is_closed = True
                await self.completes(file)
        finally:
            await self._let_go()

    def abandon(self, *, in_order: bool = False) -> None:  # noqa: ARG002  # without a CLOSE nothing says that it is whole
        """The connection ended while it was open: what is there stays, to be gone on with."""
        if self._ended:
            return
        self._ended = True
        self._drop_ahead()
        if self.file.holder is self:
            self.files.soon(self._leave())

    async def _leave(self) -> None:
        try:
            await self._change()
            await self._keep(is_closed=False)
        except Declined:
            pass  # nobody is there to be told
        finally:
            await self._let_go()

    def has_stalled(self, seconds: float) -> bool:
        """Whether no byte came for so long that another session may go on."""
        return not self._ended and self.now_ms() - max(self.file.touched_ms, self.opened_ms) >= seconds * 1_000

    async def give_way(self) -> None:
        """Another session goes on with the file: nothing more is taken here."""
        self._ended = True
        self._words = "another session went on with this file"
        self._drop_ahead()
        await self._change()

    def _still_held(self, *, closing: bool = False) -> None:
        if self._ended or self.file.holder is not self:
            raise Declined(Status.FAILURE, self._words or "the upload is over")
        if self._words and not closing:
            raise Declined(Status.FAILURE, self._words)

    def _begin(self, offset: int) -> None:
        """The first write tells what is meant by opening a file that is there without truncating it."""
        if OpenFlag.TRUNC in self.flags or OpenFlag.APPEND in self.flags:
            return
        if offset == 0 and self.file.size:
            # scp writes over what is there and sets the size at the end.
            self.file = self.files.anew(self.file, self.rules.terms)
        elif offset and not self.file.size and self.rules.follows:
            raise self._fail(f"{self.rules.follows}, and nothing can be added to it; send the whole file again")

    def _objection(self) -> str:
        """What speaks against its being complete, in words; empty for nothing.

        - `reput` and `put -a` of OpenSSH set the size alone when they were interrupted, and never otherwise.
        - `put` of OpenSSH says nothing when it was interrupted; but then it has sent whole blocks only. How long these
          are is ours to say (limits@openssh.com), and no file is a multiple of them by nature.
        - Nobody who finds the rest of a file missing would close it without a word, so a handle without a write is
          no end, unless it was closed before and only the store was away, or its client sets the size that it has.
        """
        file = self.file
        there = f"{file.size} bytes are there, go on from there or send it again"
        in_blocks = self._written and self.rules.blocks and self._in_blocks and not self._confirmed
        untouched = file.size > 0 and not (self._written or self._confirmed or file.is_closed)
        objections = (
            (bool(self._words), self._words),
            (bool(file.content.failure), f"the disk did not take it ({file.content.failure}); {there}"),
            (bool(self._ahead), f"bytes are missing from {file.size} on; {there}"),
            (self._broke_off, f"the upload was interrupted; {there}"),
            (in_blocks, f"it ends with a whole block, as an interrupted upload does; {there}, in other blocks (-B)"),
            (untouched, f"the upload broke off before, and nothing was added; {there}"),
        )
        return next((words for applies, words in objections if applies), "")

    def _grow(self, count: int) -> None:
        try:
            self.files.grow(self.file, self.rules.terms, count)
        except Declined as declined:
            self._words = declined.words
            raise

    def _fail(self, words: str) -> Declined:
        self._words = words
        return Declined(Status.FAILURE, words)

    def _keep_ahead(self, offset: int, end: int, data: Buffer) -> None:
        if end > self.file.size + AHEAD_OF_FILE_BYTES_MAX or len(self._ahead) >= AHEAD_PIECES_MAX:
            raise self._fail(f"bytes from {offset} on, while those from {self.file.size} on are missing; send in order")
        if any(offset < start + len(piece) and start < end for start, _, piece in self._ahead):
            raise self._fail("pieces that overlap, while those before them are missing; send in order")
        if self.files.ahead_bytes + len(data) > AHEAD_BYTES_MAX:
            raise self._fail("too much comes out of order just now; send in order")
        self.files.ahead_bytes += len(data)
        self._ahead_bytes += len(data)
        # A copy: a piece of a packet would keep all of the packet in memory until the hole is filled.
        heappush(self._ahead, (offset, len(self._ahead), bytes(data)))

    def _join(self) -> None:
        """Add what had come ahead, as far as nothing is missing before it."""
        content = self.file.content
        while self._ahead and self._ahead[0][0] <= content.size:
            offset, _, data = heappop(self._ahead)
            self.files.ahead_bytes -= len(data)
            self._ahead_bytes -= len(data)
            # What lies before the end by now came later than this.
            rest = memoryview(data)[content.size - offset :]
            if rest:
                self._grow(len(rest))
                content.append(rest)

    def _drop_ahead(self) -> None:
        self._ahead.clear()
        self.files.ahead_bytes -= self._ahead_bytes
        self._ahead_bytes = 0

    async def _change(self) -> None:
        """Write over what was to be written over."""
        while self._changes:
            offset, data = self._changes.pop(0)
            await self.file.content.overwrite(offset, data)

    async def _keep(self, *, is_closed: bool) -> None:
        """Have it durable as it is.

        Raises:
            Declined: the disk does not take it.
        """
        file = self.file
        if self._is_too_large:
            self.files.drop(file)
            return
        await file.content.settle(is_closed=is_closed)
        self.files.recount(file)
        if file.content.failure and not self._words:
            raise self._fail(f"the disk did not take it ({file.content.failure}); {file.size} bytes are there")
        file.is_closed = is_closed

    async def _let_go(self) -> None:
        file = self.file
        if file.holder is self:
            if self.files.find(file.partner_id, file.name) is file:
                await file.content.rest()
            file.holder = None

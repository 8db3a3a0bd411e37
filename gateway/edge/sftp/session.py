"""A session: SFTP over one channel. Bytes come in, requests are answered in an order that clients can rely on.

"The server MUST process requests relating to the same file in the order in which they are received" (section 6): what
concerns one path goes one after the other, so that a rename sent behind a CLOSE finds the file complete; what concerns
other paths does not wait for it. A WRITE is done at once, in the loop. So many requests are under way at a time, and
while they are, or while the disk or the client is behind, nothing more is read.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable

import asyncssh

from gateway.edge.connection import log_fault
from gateway.edge.context import Edge
from gateway.edge.sftp.answering import Answering, Path
from gateway.edge.sftp.connections import VisitorConnection
from gateway.edge.sftp.mailbox.root import Mailboxes
from gateway.edge.sftp.visitors import Visitor
from gateway.sftp import Declined, PacketReader, ProtocolError, Status, answers, requests, resolve

REQUESTS_MAX = 64
# What is as long as this gains nothing by waiting for others.
ANSWER_BYTES_ALONE = 4_096
# Clients like OpenSSH's show people nothing of an answer but its code; what stands on the channel's standard error they
# do show. Others keep it in memory, so there is an end to it.
LINES_TOLD_MAX = 30
_TOLD = (
    requests.Open,
    requests.Write,
    requests.Close,
    requests.Remove,
    requests.Rename,
    requests.PosixRename,
    requests.Mkdir,
    requests.Rmdir,
    requests.Setstat,
    requests.Fsetstat,
)
_UNTOLD = frozenset({Status.EOF, Status.NO_SUCH_FILE})
_BY_HANDLE = (requests.Close, requests.Read, requests.Write, requests.Fstat, requests.Fsetstat, requests.Readdir)
_BY_PATH = (
    requests.Open,
    requests.Lstat,
    requests.Stat,
    requests.Setstat,
    requests.Opendir,
    requests.Remove,
    requests.Mkdir,
    requests.Rmdir,
)
_OUR_FAULT = "the fault is ours; try again later"

log = logging.getLogger("gateway.edge.sftp")


class MailboxSession(asyncssh.SSHServerSession[bytes]):
    """One session of a visitor.

    Args:
        edge: what it stands on.
        visitor: who has logged in.
        mailboxes: of all partners.
        connection: counts what is open, and for how long nothing was asked.
    """

    def __init__(self, edge: Edge, visitor: Visitor, mailboxes: Mailboxes, connection: VisitorConnection) -> None:
        self._edge = edge
        self._visitor = visitor
        self._connection = connection
        self._answering = Answering(mailboxes, mailboxes.of(visitor), self._count_files, self._tell)
        self._reader = PacketReader()
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        # The last request for each path that has some under way, and those that wait for a place.
        self._last: dict[Path, asyncio.Task[None]] = {}
        self._waiting: deque[requests.Request] = deque()
        self._under_way = 0
        self._waits_for_disk = 0
        self._is_paused = False
        self._is_over = False
        self._has_ended_input = False
        self._left_in_order = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._told: set[str] = set()
        self._answers: list[bytes] = []

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        """The channel is open."""
        self._channel = chan
        self._connection.at_goodbye.add(self._said_goodbye)

    def subsystem_requested(self, subsystem: str) -> bool:
        """Nothing but SFTP."""
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: asyncssh.DataType = None) -> None:  # noqa: ARG002  # there is one
        """Answer the requests that are complete by this."""
        if self._is_over:
            return
        try:
            for request in self._reader.feed(data):
                self._answering.asked(request)
                if self._waiting or self._is_busy:
                    self._waiting.append(request)
                else:
                    self._begin(request)
                self._connection.touch()
        except ProtocolError as error:
            self._break_off(str(error))
        if self._waiting:
            self._pause_or_go_on()

    def eof_received(self) -> bool:
        """The client asks for nothing more; what is under way is still answered."""
        self._has_ended_input = True
        self._end_if_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over. What was not closed by its client is not complete."""
        self._connection.at_goodbye.discard(self._said_goodbye)
        self._left_in_order = self._left_in_order and exc is None
        self._is_over = True
        self._channel = None
        self._waiting.clear()
        self._writable.set()
        if not self._under_way:
            # Else once that is done: a CLOSE among it was said while the client was there.
            self._answering.abandon(in_order=self._left_in_order)

    def _said_goodbye(self) -> None:
        """The client ends the connection. Where its program ended before, the channel is no longer open."""
        is_open = self._channel is not None and not self._channel.is_closing()
        self._left_in_order = is_open and not self._has_ended_input and not self._is_over

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._writable.clear()
        self._pause_or_go_on()

    def resume_writing(self) -> None:
        """It does."""
        self._writable.set()
        self._go_on()

    @property
    def _is_busy(self) -> bool:
        return self._under_way >= REQUESTS_MAX or self._waits_for_disk > 0 or not self._writable.is_set()

    def _begin(self, request: requests.Request) -> None:
        if isinstance(request, requests.Init):
            self._greet(request)
            return
        paths = self._paths_of(request)
        before = [task for path in paths if (task := self._last.get(path)) is not None]
        if not before and isinstance(request, requests.Write):
            self._write(request)
            return
        self._under_way += 1
        task = asyncio.create_task(self._serve(request, before))
        for path in paths:
            self._last[path] = task
        task.add_done_callback(lambda task: self._done(task, paths))

    def _write(self, request: requests.Write) -> None:
        """Without a task: it is done when this returns, but for what the disk is behind with."""
        try:
            wait = self._answering.write(request)
        except Declined as refusal:
            self._decline(request, refusal)
            return
        self._send(answers.ok(request.id))
        if wait is not None:
            self._waits_for_disk += 1
            self._under_way += 1
            task = asyncio.create_task(self._wait_for_disk(wait))
            task.add_done_callback(lambda task: self._done(task, ()))

    async def _wait_for_disk(self, wait: "Awaitable[None]") -> None:
        try:
            await wait
        finally:
            self._waits_for_disk -= 1

    async def _serve(self, request: requests.Request, before: "list[asyncio.Task[None]]") -> None:
        if before:
            await asyncio.wait(before)
        await self._writable.wait()
        try:
            answer = await self._answering.answer(request)
        except Declined as refusal:
            self._decline(request, refusal)
        except Exception as error:  # noqa: BLE001  # one request must not end the others
            log_fault("a request of SFTP failed", error)
            self._decline(request, Declined(Status.FAILURE, _OUR_FAULT))
        else:
            self._send(answer)

    def _done(self, task: "asyncio.Task[None]", paths: tuple[Path, ...]) -> None:
        self._under_way -= 1
        for path in paths:
            if self._last.get(path) is task:
                del self._last[path]
        if self._is_over and not self._under_way:
            self._answering.abandon(in_order=self._left_in_order)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not self._is_busy:
            self._begin(self._waiting.popleft())
        self._pause_or_go_on()
        self._end_if_done()

    def _pause_or_go_on(self) -> None:
        if self._channel is None:
            return
        pauses = bool(self._waiting) or self._is_busy
        if pauses and not self._is_paused:
            self._is_paused = True
            self._channel.pause_reading()
        elif self._is_paused and not pauses:
            self._is_paused = False
            self._channel.resume_reading()

    def _paths_of(self, request: requests.Request) -> tuple[Path, ...]:
        """What a request concerns."""
        if isinstance(request, _BY_HANDLE):
            path = self._answering.path_of(request.handle)
            return (path,) if path is not None else ()
        if isinstance(request, requests.Rename | requests.PosixRename):
            return (resolve(request.old_path), resolve(request.new_path))
        return (resolve(request.path),) if isinstance(request, _BY_PATH) else ()

    def _greet(self, request: requests.Init) -> None:
        """Section 4: both speak the lower of the two versions; below 3 there is nothing that we could say."""
        if request.version < answers.VERSION:
            self._break_off(f"version {request.version} of SFTP, of which {answers.VERSION} is spoken here")
        else:
            self._answering.leaves_early = request.version > answers.VERSION  # as lftp, which speaks 6 as well
            self._send(answers.version())

    def _send(self, answer: bytes) -> None:
        """Answer at the end of this turn of the loop: what is said in one goes in one packet."""
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._send_answers)
        self._answers.append(answer)
        if len(answer) >= ANSWER_BYTES_ALONE:
            self._send_answers()

    def _send_answers(self) -> None:
        together, self._answers = self._answers, []
        if together and self._channel is not None and not self._channel.is_closing():
            self._channel.write(together[0] if len(together) == 1 else b"".join(together))

    def _decline(self, request: requests.Request, refusal: Declined) -> None:
        self._send(answers.status(request.id, refusal.status, refusal.words))  # type: ignore[union-attr]  # INIT has none
        if isinstance(request, _TOLD) and refusal.status not in _UNTOLD:
            self._tell(refusal.words)

    def _tell(self, words: str) -> None:
        """Say something to people, once a session: some clients would earn the same sentence with every file."""
        channel = self._channel
        if channel is None or channel.is_closing() or words in self._told or len(self._told) >= LINES_TOLD_MAX:
            return
        self._told.add(words)
        channel.write_stderr(f"{words}\r\n".encode("utf-8", "replace"))

    def _break_off(self, words: str) -> None:
        """End a session that cannot be understood."""
        log.warning("a session of SFTP was broken off", extra={"partner": self._visitor.partner.id, "cause": words})
        self._end(1)

    def _end_if_done(self) -> None:
        if self._has_ended_input and not self._waiting and not self._under_way:
            self._end(0)

    def _end(self, status: int) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._answering.abandon()
        self._send_answers()
        if self._channel is not None and not self._channel.is_closing():
            self._channel.exit(status)

    def _count_files(self, count: int) -> None:
        self._connection.files_open += count

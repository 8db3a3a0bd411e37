"""The worker process: reads jobs from standard input, writes batches to standard output, ends with its parent."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from gateway.buffers import WINDOW_BYTES
from gateway.collection import collect_rarely
from gateway.spool import Spool, SpoolFolder, SpoolUnavailable
from gateway.telemetry import places
from gateway.workers.frames import (
    BATCH_DOCUMENTS,
    Batch,
    Call,
    Done,
    Failure,
    Frame,
    Job,
    Returned,
    Tables,
    encode,
    read_frame,
)
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.vocabulary.values import IdentifierTable

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Work until standard input ends."""
    memory_bytes_max, parent, spools = int(sys.argv[1]), int(sys.argv[2]), SpoolFolder(Path(sys.argv[3]))
    _end_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    collect_rarely()
    os.nice(5)  # the loop that answers partners goes first
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    # Whatever else might print must not get between the frames.
    os.dup2(2, 1)
    tables: dict[str, IdentifierTable] = {}
    while True:
        job = read_frame(source, tables)
        if isinstance(job, Tables):
            if job.only:
                tables.clear()
            tables |= {table.digest: table for table in job.tables}
            continue
        if not isinstance(job, Job | Call):
            return
        try:
            if isinstance(job, Call):
                _send(sink, Returned(job.function(*job.arguments)))
            else:
                _work(job, source, spools, sink)
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001  # our own fault, whatever it is: the parent parks the message
            _send(sink, Failure(type(error).__name__, places(error)))


def _end_with(parent: int) -> None:
    """Whatever ends the gateway ends this process, also in the middle of a job; signals are for the gateway alone.

    Elsewhere than on Linux the end of standard input is noticed after the job.
    """
    # A stop signal reaches the whole process group, or the whole control group; the gateway then lets us finish.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit()


def _work(job: Job, source: BinaryIO, spools: SpoolFolder, sink: BinaryIO) -> None:
    batch: list[TranslatedDocument] = []
    data = job.data if job.data is not None else _spooled(source, spools, job.follows_bytes)
    for item in translate(data, job.rules, content_type=job.content_type):
        if isinstance(item, TranslationResult):
            _send(sink, Batch(batch))
            _send(sink, Done(item))
            return
        batch.append(item)
        if len(batch) == BATCH_DOCUMENTS:
            _send(sink, Batch(batch))
            batch = []


def _spooled(source: BinaryIO, spools: SpoolFolder, left: int) -> memoryview:
    """A large body, in a file of our own.

    It is read to its end whatever happens: nothing of it must ever be taken for a frame, for frames are unpickled.
    """
    spool: Spool | None = None
    failure: SpoolUnavailable | None = None
    while left:
        try:
            piece = source.read(min(left, WINDOW_BYTES))
        except (MemoryError, OSError):
            sys.exit(1)
        if not piece:
            sys.exit()  # the gateway gave the job up in the middle of its body
        left -= len(piece)
        try:
            if failure is None:
                spool = spool or spools.new()
                spool.write(piece)
        except SpoolUnavailable as unavailable:
            failure = unavailable
    if failure is not None:
        raise failure
    return spool.view() if spool is not None else memoryview(b"")


def _send(sink: BinaryIO, frame: Frame) -> None:
    sink.write(encode(frame))
    sink.flush()


if __name__ == "__main__":
    main()

"""The worker process: reads jobs from standard input, writes batches to standard output, ends with its parent."""

import os
import resource
import sys
import traceback
from typing import BinaryIO

from gateway.workers.frames import BATCH_DOCUMENTS, Batch, Done, Failure, Frame, Job, encode, read_frame
from translators.catalog import TranslatedDocument, TranslationResult, translate


def main() -> None:
    """Work until standard input ends."""
    memory_bytes_max = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    os.nice(5)  # the loop that answers partners goes first
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    # Whatever else might print must not get between the frames.
    os.dup2(2, 1)
    while True:
        job = read_frame(source)
        if not isinstance(job, Job):
            return
        try:
            _work(job, sink)
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001  # our own fault, whatever it is: the parent parks the message
            _send(sink, Failure(type(error).__name__, _places(error)))


def _work(job: Job, sink: BinaryIO) -> None:
    batch: list[TranslatedDocument] = []
    for item in translate(job.data, job.rules, content_type=job.content_type):
        if isinstance(item, TranslationResult):
            _send(sink, Batch(batch))
            _send(sink, Done(item))
            return
        batch.append(item)
        if len(batch) == BATCH_DOCUMENTS:
            _send(sink, Batch(batch))
            batch = []


def _send(sink: BinaryIO, frame: Frame) -> None:
    sink.write(encode(frame))
    sink.flush()


def _places(error: Exception) -> str:
    """Where it happened, without the exception's text, which may hold payload."""
    return "".join(traceback.format_tb(error.__traceback__)[-8:])


if __name__ == "__main__":
    main()

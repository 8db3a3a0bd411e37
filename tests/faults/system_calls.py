"""What strace saw, and whether each positive answer came after the flush of what it speaks of."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Quick calls only stand on one line; others are begun, and resumed later by the same thread.
TRACED = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg"
_LINE = re.compile(r"^(?P<thread>\d+)\s+(?P<call>.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(?P<rest>.*)$")
_CALL = re.compile(r"^(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?P<rest>.*)$", re.DOTALL)
_UNFINISHED = " <unfinished ...>"


@dataclass(frozen=True)
class Call:
    """One system call.

    Attributes:
        began: position in the trace at which it was entered.
        ended: position at which it returned.
        file: path or socket behind its descriptor.
    """

    name: str
    file: str
    rest: str
    began: int
    ended: int

    @property
    def is_flush(self) -> bool:
        return self.name in {"fsync", "fdatasync"} and self.rest.rstrip().endswith("= 0")

    @property
    def is_write_to_database(self) -> bool:
        return self.name == "pwrite64" and self.file.endswith((".db", ".db-wal"))


def read_trace(text: str) -> list[Call]:
    """The calls in the order in which they were entered."""
    return sorted(_calls(text), key=lambda call: call.began)


def _calls(text: str) -> Iterator[Call]:
    begun: dict[str, tuple[int, str]] = {}
    for position, line in enumerate(text.splitlines()):
        found = _LINE.match(line)
        if found is None:
            continue
        thread, call, began = found["thread"], found["call"], position
        if call.endswith(_UNFINISHED):
            begun[thread] = (position, call.removesuffix(_UNFINISHED))
            continue
        if resumed := _RESUMED.match(call):
            if thread not in begun:
                continue
            began, head = begun.pop(thread)
            call = head + resumed["rest"]
        if parsed := _CALL.match(call):
            yield Call(parsed["name"], parsed["file"], parsed["rest"], began, position)


def answered_before_flushed(calls: Sequence[Call], payload: str, answer: str) -> list[str]:
    """What is wrong with the order of things: for each of it a sentence, none when all is well.

    Args:
        calls: the trace.
        payload: text that stands in the kept message, as strace shows it.
        answer: text that stands in the answer alone.
    """
    kept = [call for call in calls if call.is_write_to_database and payload in call.rest]
    answers = [
        call
        for call in calls
        if call.name in {"write", "writev", "sendto", "sendmsg"} and answer in call.rest and "pipe" not in call.file
    ]
    if not kept:
        return [f"{payload} was never written to the database"]
    if not answers:
        return [f"{answer} was never answered"]
    wrong = []
    for sent in answers:
        before = [call for call in kept if call.ended < sent.began]
        if not before:
            wrong.append(f"{answer} was answered before its message was written")
            continue
        # The first write of the message, and a flush of the same file that began after all of it and returned in time.
        last = max(call.ended for call in before)
        flushed = [
            call
            for call in calls
            if call.is_flush and call.file == before[-1].file and call.began > last and call.ended < sent.began
        ]
        if not flushed:
            wrong.append(f"{answer} was answered before {before[-1].file} was flushed")
    return wrong

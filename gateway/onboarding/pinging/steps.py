"""What a ping tells of each step on the way to a partner: whether it worked, how long it took, what to do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import monotonic

from certs.certificates import Certificate, ProblemCode, problems


class Result(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One step, told.

    Attributes:
        name: a plain str.
        words: sentences for people, the most important one first.
        facts: the same for programs.
    """

    name: str
    result: Result
    words: tuple[str, ...]
    seconds: float = 0.0
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """For `--format json`."""
        return {
            "step": self.name,
            "result": self.result.value,
            "seconds": round(self.seconds, 3),
            "words": list(self.words),
            "facts": dict(self.facts),
        }


class Writing:
    """A step that is being told; it worked unless something says otherwise."""

    def __init__(self, name: str) -> None:
        # A member of an enumeration is a str, and yet no key that JSON can have.
        self._name = str(name)
        self._began = monotonic()
        self._result = Result.OK
        self._words: list[str] = []
        self.facts: dict[str, object] = {}

    def say(self, *words: str) -> None:
        """What is as it should be."""
        self._words += words

    def warn(self, *words: str) -> None:
        """What works and should be changed."""
        self._words += words
        if self._result is Result.OK:
            self._result = Result.WARNING

    def fail(self, *words: str) -> None:
        """What does not work; a failure stands before all else that was said."""
        self._words[:0] = words
        self._result = Result.FAILED

    def skip(self, *words: str) -> None:
        """Why there is nothing to look at."""
        self._words += words
        self._result = Result.SKIPPED

    @property
    def failed(self) -> bool:
        """Whether it did not work."""
        return self._result is Result.FAILED

    def told(self) -> Step:
        """The step as it stands."""
        return Step(self._name, self._result, tuple(self._words), monotonic() - self._began, self.facts)


class Report:
    """The steps of one ping, each handed on as soon as it is over."""

    def __init__(self, heard: Callable[[Step], None]) -> None:
        self._heard = heard
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Writing]:
        """Tell a step."""
        writing = Writing(name)
        yield writing
        step = writing.told()
        self.steps.append(step)
        self._heard(step)

    def skip(self, names: Iterable[str], why: str) -> None:
        """Steps that the one before made impossible."""
        for name in names:
            with self.step(name) as writing:
                writing.skip(why)

    @property
    def worked(self) -> bool:
        """Whether every step that was taken worked, and all of them were."""
        return all(step.result in (Result.OK, Result.WARNING) for step in self.steps)


def describe(writing: Writing, whose: str, certificate: Certificate, now: datetime) -> bool:
    """A certificate in words with what is wrong with it; whether it can be used."""
    writing.say(
        f"{whose}: {certificate.subject}, valid until {certificate.not_after:%Y-%m-%d}, "
        f"SHA-256 fingerprint {certificate.fingerprint}"
    )
    usable = True
    for problem in problems(certificate, now):
        if problem.code in (ProblemCode.NOT_FOR_SIGNING, ProblemCode.NOT_FOR_ENCRYPTION):
            continue
        if problem.fatal:
            usable = False
            writing.fail(f"{whose}: {problem.message}")
        else:
            writing.warn(f"{whose}: {problem.message}")
    return usable

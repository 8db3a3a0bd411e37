"""What a sample expects against what came out of it."""

from dataclasses import dataclass

from gateway.onboarding.samples.comparing import Difference, differences
from gateway.onboarding.samples.reading import DOCUMENTS, SENT, Sample
from gateway.onboarding.samples.rehearsal import Played

_NOTHING = frozenset({b"[]", b""})  # an empty list says as much as no file


@dataclass(frozen=True, slots=True)
class Judged:
    """A sample that was played.

    Attributes:
        sample: which.
        played: what came out.
        differences: between that and what was expected.
        unrecorded: files of what came out that the sample says nothing about; `--record` writes them.
        fault: why it could not be played at all, by our own fault.
    """

    sample: Sample
    played: Played
    differences: tuple[Difference, ...] = ()
    unrecorded: tuple[str, ...] = ()
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected, and nothing else."""
        return not (self.differences or self.unrecorded or self.fault)

    @property
    def is_refused(self) -> bool:
        """Whether nothing comes of what goes in: no document of theirs is accepted, or nothing of ours is written."""
        if self.fault:
            return False
        if self.sample.direction == "outbound":
            return not any(name in self.played.files for name in SENT)
        return self.played.files.get(DOCUMENTS, b"").strip() in _NOTHING


def judge(sample: Sample, played: Played) -> Judged:
    """Compare file by file; what is expected nowhere is not recorded yet."""
    found: list[Difference] = []
    unrecorded: list[str] = []
    for file in sorted({*sample.expected, *played.files}):
        expected, came = sample.expected.get(file), played.files.get(file)
        if came is None and expected is not None:
            if expected.strip() not in _NOTHING:
                found.append(Difference(file, "", _beginning(expected), None))
        elif expected is None and came is not None:
            if came.strip() not in _NOTHING or not sample.expected:
                unrecorded.append(file)
        elif expected is not None and came is not None:
            found += differences(file, expected, came)
    return Judged(sample, played, tuple(found), tuple(unrecorded))


def _beginning(data: bytes) -> str:
    return " ".join(data[:120].decode("utf-8", "replace").split())

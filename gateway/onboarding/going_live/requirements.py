"""What must be true before a partner goes live: each thing with what is missing and what brings it about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.onboarding.going_live.stages import StageEdit
from gateway.onboarding.samples.trials import MissingTrial
from partners.loader import LoadedProfile
from partners.problems import Problem

LINES_MAX = 20  # of reasons for one requirement


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must be true.

    Attributes:
        name: what it is, in words.
        missing: why it is not met, a line each; empty when it is.
        remedy: what to do about it.
        how: by which means it was met.
        is_empty: it keeps nobody from going live, and nothing was shown by it either.
    """

    name: str
    missing: tuple[str, ...] = ()
    remedy: str = ""
    how: str = ""
    is_empty: bool = False

    @property
    def is_met(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class PlayedLive:
    """The samples that have to pass live, and what their trials say.

    Attributes:
        required: their names.
        missing: those that have not passed with this very profile.
        how: by which transports those that passed travelled.
        to_add: what a sample could show and none does, in words.
        samples: how many samples there are, those that need not pass, too.
    """

    required: Sequence[str]
    missing: Sequence[MissingTrial]
    how: str
    to_add: Sequence[str]
    samples: int


def requirements(
    loaded: LoadedProfile,
    edit: StageEdit | Sequence[Problem],
    found: Sequence[Problem],
    failed: Mapping[str, str],
    untried: Sequence[str],
    live: PlayedLive,
) -> tuple[Requirement, ...]:
    """What must be true before a partner goes live, met or not.

    Args:
        loaded: the profile as it is.
        edit: the profile as it would be, or what would be wrong with it.
        found: what the check finds in it as it would be.
        failed: samples that do not pass on paper, by name, with the reason.
        untried: agreements without any required sample, in words.
        live: the required samples as they were played live.
    """
    return tuple(_each(loaded, edit, found, failed, untried, live))


def _each(
    loaded: LoadedProfile,
    edit: StageEdit | Sequence[Problem],
    found: Sequence[Problem],
    failed: Mapping[str, str],
    untried: Sequence[str],
    live: PlayedLive,
) -> Iterator[Requirement]:
    partner, status = loaded.id, loaded.profile.status
    yield Requirement(
        "they were in testing",
        () if status == "testing" else (f"{partner} is {status}",),
        f"`gateway partner status {partner} testing`, and let them send tests",
    )
    wrong = () if isinstance(edit, StageEdit) else edit
    errors = [problem for problem in found if problem.severity == "error"]
    yield Requirement(
        "the profile is sound as it will be",
        _lines([str(problem) for problem in (*wrong, *errors)]),
        f"`gateway partner check {partner}`",
    )
    yield Requirement(
        "every agreement was tried by a sample",
        _lines(untried),
        f"put one into samples/ and record it with `gateway partner test {partner} --record`; where nothing is to be "
        "tried, say so with `required_samples:`",
    )
    yield Requirement(
        "every sample comes out as expected",
        _lines([f"{name}: {why}" for name, why in sorted(failed.items())]),
        f"`gateway partner test {partner}`",
    )
    yield _live(partner, live)


def _live(partner: str, live: PlayedLive) -> Requirement:
    """Nothing is ticked that nobody has seen."""
    if not live.required:
        why = "none has to pass" if live.samples else "there are none"
        wanted = f" that shows: {', '.join(live.to_add)}" if live.to_add else ""
        add = "let one of them be required" if live.samples and not wanted else f"put one into samples/{wanted}"
        play = f"`gateway partner test {partner} --record`, then `gateway partner test {partner} --live`"
        return Requirement(f"no sample was played live: {why}", remedy=f"{add}; {play}", is_empty=True)
    return Requirement(
        "the required samples passed live with this very profile",
        _lines([f"{item.sample} {item.why}" for item in live.missing]),
        _played_again(partner, live.missing),
        live.how if not live.missing else "",
    )


def _played_again(partner: str, missing: Sequence[MissingTrial]) -> str:
    """What failed with the partner itself is mended by no trial among ourselves."""
    play = f"`gateway partner test {partner} --live`"
    if any(item.way == "partner" for item in missing):
        play = f"`gateway partner test {partner} --live --partner-endpoint` for what failed by way of partner"
        if any(item.way != "partner" for item in missing):
            play += f", `gateway partner test {partner} --live` for the others"
    return play


def _lines(lines: Sequence[str]) -> tuple[str, ...]:
    if len(lines) <= LINES_MAX:
        return tuple(lines)
    return (*lines[: LINES_MAX - 1], f"and {len(lines) - LINES_MAX + 1} more")

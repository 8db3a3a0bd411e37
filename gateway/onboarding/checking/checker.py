"""All partners looked at again and again: what did not change since the last time is not checked again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from gateway.agreements import OurIdentity
from gateway.onboarding.checking.folders import entries_of, folder_problems, way_out_problems
from gateway.onboarding.checking.profiles import check_profile
from gateway.onboarding.checking.surroundings import Surroundings, surroundings_problems
from gateway.onboarding.samples.reading import SAMPLES_FOLDER
from partners.claims import problems_between
from partners.directory import reserved_problem
from partners.loader import LoadedProfile, Look
from partners.problems import Problem
from partners.survey import Survey, survey

Advance = Callable[[int], None]  # gets how many partners are checked by now
Problems = tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was found in a partner's own files, and what it was found in."""

    look: Look
    entries: tuple[tuple[str, ...], ...]
    on: date
    identities: tuple[OurIdentity, ...]
    problems: Problems


class Checker:
    """What is wrong with the partners' files, as often as it is asked.

    Args:
        partners_dir: the folder that holds their folders.
        environment: whose overlays lie over the profiles.
        built_in: partners without a folder, whose ids and addresses nobody else may have.
        surroundings: of the gateway that they are for; None where that is not known.
    """

    def __init__(
        self,
        partners_dir: Path,
        environment: str | None = None,
        built_in: Sequence[LoadedProfile] = (),
        surroundings: Surroundings | None = None,
    ) -> None:
        self._partners_dir = partners_dir
        self._environment = environment
        self._surroundings = surroundings
        self._built_in = {loaded.id: loaded for loaded in built_in}
        self._survey: Survey | None = None
        self._checked: dict[str, _Checked] = {}

    def look(
        self,
        identities: Collection[OurIdentity],
        now: datetime,
        *,
        only: Collection[str] = (),
        advance: Advance = lambda _: None,
    ) -> list[Problem]:
        """What is wrong now, in the order of files and lines; `only` are the partners that are asked for, if not all.

        What is wrong between partners is judged by all of them; the others are read for it, and no more.
        """
        try:
            self._survey = found = survey(
                self._partners_dir, self._survey, environment=self._environment, without=self._built_in
            )
        except OSError as error:
            what = f"the folder of the partners cannot be read ({error.strerror})"
            return [Problem(str(self._partners_dir), 1, 1, "", what, "set `partners_dir` to a folder that exists")]
        by_id = {loaded.id: loaded for loaded in found.loaded()} | self._built_in
        between = problems_between(by_id.values())
        reserved = [name for name in found.names if name in self._built_in and (not only or name in only)]
        problems = [*found.omission_problems(), *(reserved_problem(self._partners_dir / name) for name in reserved)]
        checked: dict[str, _Checked] = {}
        wanted = [name for name in found.looks if not only or name in only]
        for number, name in enumerate(wanted, start=1):
            checked[name] = self._one(name, found.looks[name], tuple(identities), now)
            loaded = found.looks[name].outcome
            problems += (*checked[name].problems, *between.get(name, ()))
            if isinstance(loaded, LoadedProfile):
                problems += _as_of(loaded, tuple(way_out_problems(loaded, by_id)))
            advance(number)
        self._checked = checked
        # One template may be wrong for a thousand partners.
        told = dict.fromkeys(problems)
        return sorted(told, key=lambda problem: (problem.file, problem.line, problem.column, problem.what))

    def _one(self, name: str, look: Look, identities: tuple[OurIdentity, ...], now: datetime) -> _Checked:
        if not isinstance(look.outcome, LoadedProfile):
            return _Checked(look, (), now.date(), identities, look.outcome)
        folder = self._partners_dir / name
        entries = (entries_of(folder), entries_of(folder / SAMPLES_FOLDER))
        known = self._checked.get(name)
        seen = (entries, now.date(), identities)
        if known is not None and known.look is look and (known.entries, known.on, known.identities) == seen:
            return known
        loaded = look.outcome
        own = (
            *check_profile(loaded, identities=identities, now=now),
            *surroundings_problems(loaded, self._surroundings, now),
            *folder_problems(loaded, self._environment),
        )
        return _Checked(look, entries, now.date(), identities, _as_of(loaded, own))


def _as_of(loaded: LoadedProfile, problems: Problems) -> Problems:
    """A draft may be incomplete: nothing of it is exchanged, so all that is wrong with it can wait."""
    if loaded.profile.status != "draft":
        return problems
    return tuple(replace(problem, severity="warning") for problem in problems)


def check(
    partners_dir: Path,
    *,
    identities: Collection[OurIdentity],
    now: datetime,
    environment: str | None = None,
    only: Collection[str] = (),
    advance: Advance = lambda _: None,
) -> list[Problem]:
    """What is wrong with the partners' files, in the order of files and lines.

    Args:
        partners_dir: the folder that holds their folders.
        identities: ours.
        now: the moment.
        environment: whose overlays lie over the profiles.
        only: the partners that are asked for, all by default.
        advance: told how many are checked.
    """
    return Checker(partners_dir, environment).look(identities, now, only=only, advance=advance)


@dataclass(frozen=True, slots=True)
class Changed:
    """What two looks make of each other: problems that are new, and those that are gone."""

    new: tuple[Problem, ...]
    solved: tuple[Problem, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.solved)


def compare(before: Collection[Problem], after: Collection[Problem]) -> Changed:
    """What changed. A problem that only moved to another line is the same one."""
    old, now = _counted(before), _counted(after)
    return Changed(
        tuple(problem for key, problem in now.items() if key not in old),
        tuple(problem for key, problem in old.items() if key not in now),
    )


def _counted(problems: Collection[Problem]) -> Mapping[object, Problem]:
    """Each problem by what it says, and by its place among those that say the same."""
    seen: dict[object, int] = {}
    found: dict[object, Problem] = {}
    for problem in problems:
        said = (problem.file, problem.field, problem.what, problem.severity)
        seen[said] = seen.get(said, 0) + 1
        found[said, seen[said]] = problem
    return found

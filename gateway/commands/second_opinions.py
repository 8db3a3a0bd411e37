"""`gateway validate --second-opinion`: what pyx12 says of the same file, where the two disagree, and why."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.commands.output import print_table, say
from translators.source import Source

if TYPE_CHECKING:
    from gateway.second_opinion import Disagreement, Observation, SecondOpinion

Ask = Callable[[Source], "SecondOpinion"]
DISAGREEMENTS_SHOWN_MAX = 100
_WHERE_CHARACTERS_MAX = 48


@contextmanager
def second_opinions(called: argparse.Namespace) -> Iterator[Ask | None]:
    """Whom to ask about each file, None where the call wants no second opinion; maps are written once for all files."""
    if not called.second_opinion:
        yield None
        return
    from gateway.second_opinion import second_opinion, temporary_maps  # noqa: PLC0415  # only this call needs pyx12

    with temporary_maps() as maps:
        yield lambda source: second_opinion(source, maps)


def print_second_opinion(opinion: "SecondOpinion") -> None:
    """The second opinion on one file, for people."""
    shown = opinion.as_json()
    count = len(opinion.disagreements) + opinion.omitted
    say(
        f"  {shown['judge']} judged {opinion.segments:,} segments by the standard: "
        f"faults seen by both: {opinion.agreements:,}, by one alone: {count:,}"
    )
    for one in shown["could_not_judge"][:DISAGREEMENTS_SHOWN_MAX]:
        say(f"    byte {one['byte_offset']:,}, {one['bytes']:,} bytes: {one['reason']}", style="dim")
    left = len(shown["could_not_judge"]) - DISAGREEMENTS_SHOWN_MAX
    if left > 0:
        say(f"    and {left:,} more parts that it could not judge")
    if not opinion.disagreements:
        return
    # What nobody can explain comes first: one of the two is wrong there.
    rows = sorted(opinion.disagreements, key=lambda one: (one.explanation is not None, one.byte_offset))
    print_table(
        ("    WHERE", "WHO", "CODE", "VALUE", "WHAT IT SAYS, AND WHY THE OTHER DOES NOT"),
        [_row(one) for one in rows[:DISAGREEMENTS_SHOWN_MAX]],
        empty="",
    )
    if count > DISAGREEMENTS_SHOWN_MAX:
        say(f"    and {count - DISAGREEMENTS_SHOWN_MAX:,} more disagreements")


def _row(one: "Disagreement") -> tuple[str, str, str, str | None, str]:
    who, said = ("gateway", one.ours) if one.ours is not None else ("pyx12", one.theirs)
    observation: Observation | None = said
    if observation is None:  # one of the two always says something
        return (f"    {one.where}", who, "", None, "")
    why = one.explanation or "not explained: one of the two is wrong"
    where = f"    {one.where}"[:_WHERE_CHARACTERS_MAX]
    return where, who, observation.code, observation.value, f"{observation.message} [{why}]"

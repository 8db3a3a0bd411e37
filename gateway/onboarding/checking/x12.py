"""What can be known to be wrong with how X12 is exchanged with a partner: addresses for each direction, answers.

A part of `gateway partner check`.
"""

from collections.abc import Iterator

from gateway.agreements import receiving_addresses, sending_addresses
from partners.loader import LoadedProfile
from partners.problems import Location, Problem
from partners.profile import Agreement
from translators.x12.functional_acknowledgment import tables_of_answer
from translators.x12.grammar import set_types


def x12_problems(loaded: LoadedProfile) -> Iterator[Problem]:
    """What is wrong with the X12 of a profile that loads."""
    profile = loaded.profile
    for index, agreement in enumerate(profile.agreements):
        if agreement.syntax != "x12" or not profile.x12:
            continue
        where: Location = ("agreements", index)
        if agreement.direction == "outbound" and not receiving_addresses(profile):
            what = "nothing says where it goes: every X12 address of theirs has `use: inbound`"
            yield loaded.problem(where, what, "give one of them `use: both`, or add one with `use: outbound`")
        if agreement.direction == "inbound" and not sending_addresses(profile):
            what = "nobody can send it: every X12 address of theirs has `use: outbound`"
            yield loaded.problem(where, what, "give one of them `use: both`, or add one with `use: inbound`")
        yield from _validation_problems(loaded, agreement, where)
        yield from _answer_problems(loaded, agreement, where)
    yield from _separator_problems(loaded, profile.validation.model_fields_set, profile.tolerances, ("validation",))


def _validation_problems(loaded: LoadedProfile, agreement: Agreement, where: Location) -> Iterator[Problem]:
    if agreement.validation is not None:
        tolerances = (*loaded.profile.tolerances, *agreement.tolerances)
        named = agreement.validation.model_fields_set
        yield from _separator_problems(loaded, named, tolerances, (*where, "validation"))


def _separator_problems(
    loaded: LoadedProfile, named: set[str], tolerances: tuple[str, ...], where: Location
) -> Iterator[Problem]:
    if "trailing_separators" in named and "trailing-separators" in tolerances:
        what = "the tolerance `trailing-separators` speaks of the same"
        right = "remove the tolerance: this key says all of it"
        yield loaded.problem((*where, "trailing_separators"), what, right, warning=True)


def _answer_problems(loaded: LoadedProfile, agreement: Agreement, where: Location) -> Iterator[Problem]:
    """A 999 that no release of the agreement has."""
    own = agreement.acknowledgment
    if own is None or own.functional != "999" or not agreement.releases:
        return
    tables = [tables_of_answer(release) for release in agreement.releases]
    if not any(name is not None and "999" in set_types(name) for name in tables):
        what = f"{', '.join(agreement.releases)} has no 999: a 997 is written"
        yield loaded.problem((*where, "acknowledgment", "functional"), what, "write 997", warning=True)

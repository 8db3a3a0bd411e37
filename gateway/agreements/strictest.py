"""What holds where several partners come over one connection: the strictest of what they agreed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from partners import x12_terms
from partners.profile import Profile
from translators.guide import DuplicateAction, OnBadSet, Tolerance, Validation

_STRICTEST_FIRST: tuple[DuplicateAction, ...] = ("reject", "accept_with_error", "process")
_MODES_STRICTEST_FIRST: tuple[OnBadSet, ...] = (
    "reject_interchange",
    "reject_group",
    "reject_set",
    "accept_with_errors",
)
_CHARACTER_SETS_STRICTEST_FIRST: Final = ("basic", "extended", "any")
_SPACES_STRICTEST_FIRST: Final = ("reject", "keep", "trim")
# What is demanded and what is refused cannot both be; the standard's word goes before.
_SEPARATORS_STRICTEST_FIRST: Final = ("not_allowed", "mandatory", "optional")


@dataclass(frozen=True, slots=True)
class Common:
    """What holds for all that comes: of several partners the strictest, and the encoding of who brings it."""

    on_bad_set: OnBadSet
    validation: Validation
    tolerances: frozenset[Tolerance]
    duplicate_action: DuplicateAction
    masks_passwords: bool
    encoding: Literal["latin-1", "utf-8"]


def common_terms(bearer: Profile, speaking: Sequence[Profile]) -> Common:
    """What holds for all that `bearer` brings of those whose agreements hold; departures that all of them tolerate."""
    modes = {profile.processing.on_bad_set for profile in speaking}
    return Common(
        next(mode for mode in _MODES_STRICTEST_FIRST if mode in modes),
        _strictest_validation(validation_of(profile.validation) for profile in speaking),
        frozenset[Tolerance].intersection(*(frozenset(profile.tolerances) for profile in speaking)),
        strictest_action(profile.duplicates.action for profile in speaking),
        any(profile.processing.mask_passwords for profile in speaking),
        bearer.encoding,
    )


def validation_of(said: x12_terms.Validation) -> Validation:
    """What a profile says of validation, as the translators take it."""
    return Validation(said.character_set, said.spaces, said.trailing_separators)


def _strictest_validation(several: Iterable[Validation]) -> Validation:
    held = list(several)
    character_sets = {item.character_set for item in held}
    spaces = {item.spaces for item in held}
    separators = {item.trailing_separators for item in held}
    return Validation(
        next(one for one in _CHARACTER_SETS_STRICTEST_FIRST if one in character_sets),
        next(one for one in _SPACES_STRICTEST_FIRST if one in spaces),
        next(one for one in _SEPARATORS_STRICTEST_FIRST if one in separators),
    )


def strictest_action(actions: Iterable[DuplicateAction]) -> DuplicateAction:
    """What a repeated control number earns that each of several partners has an action for."""
    named = set(actions)
    return next(action for action in _STRICTEST_FIRST if action in named)

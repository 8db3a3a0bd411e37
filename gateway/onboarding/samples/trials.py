"""What the trials of a partner say: which samples have passed with the profile as it is now, and which have not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.onboarding.samples.reading import Sample


class Ran(Protocol):
    """A trial, as the store has it."""

    @property
    def sample(self) -> str:
        """The name of the sample."""

    @property
    def way(self) -> str:
        """``loopback`` or ``partner``."""

    @property
    def digest(self) -> str:
        """Of the profile that it ran with."""

    @property
    def passed(self) -> bool:
        """What it came to."""

    @property
    def detail(self) -> str:
        """The same in words."""


@dataclass(frozen=True, slots=True)
class MissingTrial:
    """A sample that has to pass and has not.

    Attributes:
        sample: its name.
        why: what is missing, in words that follow the name.
        way: on which it failed the last time; empty where it did not fail.
    """

    sample: str
    why: str
    way: str = ""


def required_names(samples: Sequence[Sample], required: Collection[str] | None) -> tuple[str, ...]:
    """The samples that have to pass: those that the profile names, else all that do not say otherwise themselves."""
    if required is not None:
        return tuple(sorted(set(required)))
    return tuple(sample.name for sample in samples if sample.required)


def missing_trials(
    samples: Sequence[Sample], trials: Sequence[Ran], digest: str, required: Collection[str] | None
) -> tuple[MissingTrial, ...]:
    """The required samples that have not passed with this profile.

    Args:
        samples: of the partner, as `read_samples` gives them.
        trials: the last of each sample and way, as `store.partners.trials.latest` gives them.
        digest: of the profile as it is now.
        required: `required_samples` of the profile; None where it names none.

    One way is enough; what failed the last time on the other way, with this very profile, has not passed.
    """
    known = {sample.name for sample in samples}
    missing = []
    for name in required_names(samples, required):
        ran = [trial for trial in trials if trial.sample == name]
        present = [trial for trial in ran if trial.digest == digest]
        failed = next((trial for trial in present if not trial.passed), None)
        if name not in known:
            missing.append(MissingTrial(name, "is required by the profile, but there is no such sample"))
        elif failed is not None:
            missing.append(_failed(name, failed))
        elif not present:
            why = "passed with an earlier profile only" if any(trial.passed for trial in ran) else "never ran"
            missing.append(MissingTrial(name, why))
    return tuple(missing)


def _failed(name: str, trial: Ran) -> MissingTrial:
    return MissingTrial(name, f"failed by way of {trial.way}: {trial.detail}".removesuffix(": "), trial.way)

"""All samples of one partner: played, judged, and which agreements none of them shows."""

import logging
import traceback
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.onboarding.samples.judging import Judged, judge
from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.rehearsal import Kind, Played, Rehearsal
from partners.loader import LoadedProfile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """An agreement, as people speak of it."""

    document: str
    direction: str
    syntax: str

    def __str__(self) -> str:
        return f"{self.direction} {self.document} in {self.syntax}"


async def try_sample(rehearsal: Rehearsal, partner: LoadedProfile, sample: Sample, beside: Sequence[Sample]) -> Judged:
    """Play and judge one sample; `beside` are all of the partner."""
    try:
        played = await rehearsal.play(partner, sample, beside)
    except Exception as error:
        log.exception("a sample could not be played", extra={"partner": partner.id, "sample": sample.name})
        fault = f"it could not be played, by our own fault ({type(error).__name__} in {_place(error)})"
        return Judged(sample, Played({}), fault=fault)
    return judge(sample, played)


def without_sample(partner: LoadedProfile, tried: Iterable[Judged]) -> tuple[Shown, ...]:
    """The agreements of a partner that no sample shows; none where that cannot be told.

    A sample that is to be refused shows what is refused, not that the agreement works.
    """
    tried = tuple(tried)
    if any(one.fault for one in tried):
        return ()
    shown: dict[str, Collection[Kind]] = {"inbound": set(), "outbound": set()}
    for one in (judged for judged in tried if not judged.is_refused):
        shown[one.sample.direction] = {*shown[one.sample.direction], *one.played.kinds}
    missing = (
        Shown(item.document, item.direction, item.syntax)
        for item in partner.profile.agreements
        if not {(item.document, item.syntax), (item.document, "")} & set(shown[item.direction])
    )
    return tuple(dict.fromkeys(missing))


def _place(error: BaseException) -> str:
    """Where it happened; never the error's own text, which may quote anything."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{Path(last.filename).name}:{last.lineno}"

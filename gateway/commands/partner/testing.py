"""`gateway partner test`: the samples of partners are played, and what comes out is what they say or is shown."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.commands.opening import open_settings
from gateway.commands.output import note, progress
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, did_you_mean, shown, verb
from gateway.commands.partner.tested import Told
from gateway.commands.profiles import folder_of, profile_of
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.reading import Sample, read_samples
from gateway.onboarding.samples.recording import record
from gateway.onboarding.samples.rehearsal import Rehearsal, rehearsal
from gateway.onboarding.samples.trying import try_sample, without_sample
from gateway.settings import Settings
from partners.directory import Directory, load_directory
from partners.loader import LoadedProfile
from partners.problems import Problem

_ALL = ""


def build(under: Verbs) -> None:
    """Add `test`."""
    parser = verb(
        under,
        "test",
        _run,
        does="play the samples of partners: what they send becomes what it should, and what we send is written so",
        example="gateway partner test                                 # every sample of every partner\n"
        "gateway partner test acme-supply --record            # keep what came out as what has to come out\n"
        "gateway partner test acme-supply --record ship-notice\n"
        "gateway partner test acme-supply --sample order",
    )
    parser.add_argument("partner", nargs="?", metavar="ID", help="id of the partner; all by default")
    parser.add_argument("--sample", action="append", metavar="NAME", default=[], help="only this one; may be repeated")
    parser.add_argument(
        "--record",
        nargs="?",
        const=_ALL,
        metavar="NAME",
        help="show what differs, then write what came out into the samples (or this one): it has to come out from now",
    )
    add_format(parser, "one object a line, one line a partner")
    add_config(parser)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A partner and the samples that were asked for.

    Attributes:
        every: all of the partner's samples, those not asked for, too.
        problems: of the folders of samples.
    """

    partner: LoadedProfile
    samples: tuple[Sample, ...]
    every: tuple[Sample, ...]
    problems: tuple[Problem, ...]


def _run(called: argparse.Namespace) -> int:
    if called.record is not None and called.partner is None:
        raise Unusable("--record changes the samples of one partner; name it: gateway partner test ID --record")
    settings = open_settings(called)
    directory, broken = load_directory(settings.partners_dir, environment=settings.environment)
    chosen = _chosen(called, settings, directory)
    told = Told(called.format, is_one=called.partner is not None)
    with rehearsal(settings, directory) as stage:
        asyncio.run(_play(called, stage, chosen, told))
    told.end()
    unread = broken if called.partner is None else ()
    if unread:
        note(f"{len(unread)} problems keep profiles from loading; see them with `gateway partner check`")
    return 0 if told.all_passed and not unread else 1


def _chosen(called: argparse.Namespace, settings: Settings, directory: Directory) -> list[Chosen]:
    if called.partner is not None:
        partners = [profile_of(settings, called.partner)]
    else:
        partners = sorted(directory, key=lambda loaded: loaded.id)
    chosen = []
    for partner in partners:
        samples, problems = read_samples(folder_of(settings, partner.id))
        names = [*called.sample, *([called.record] if called.record else [])]
        chosen.append(Chosen(partner, _named(called, samples, problems, names), samples, problems))
    if called.sample and not any(one.samples for one in chosen):
        raise Unusable(f"no partner has a sample {shown(called.sample[0])}")
    return chosen


def _named(
    called: argparse.Namespace, samples: Sequence[Sample], problems: Sequence[Problem], names: list[str]
) -> tuple[Sample, ...]:
    """The samples with these names, all where none is named."""
    known = {sample.name for sample in samples}
    unknown = [name for name in names if name not in known]
    if unknown and called.partner is not None:
        broken = next((str(problem) for problem in problems if f"/{unknown[0]}" in problem.file), None)
        hint = (
            f": {broken}" if broken else did_you_mean(unknown[0], known) or f"; there are {', '.join(known) or 'none'}"
        )
        raise Unusable(f"{called.partner} has no sample {shown(unknown[0])} that can be played{hint}")
    return tuple(sample for sample in samples if not names or sample.name in names)


async def _play(called: argparse.Namespace, stage: Rehearsal, chosen: Sequence[Chosen], told: Told) -> None:
    done = 0
    with progress("samples", sum(len(one.samples) for one in chosen)) as advance:
        for one in chosen:
            if called.sample and not one.samples:
                continue
            told.begin(one.partner.id, one.problems)
            tried: list[Judged] = []
            for sample in one.samples:
                judged = await try_sample(stage, one.partner, sample, one.every)
                tried.append(judged)
                told.judged(judged)
                if called.record is not None:
                    told.recorded(judged, _recorded(judged))
                done += 1
                advance(done)
            is_whole = len(one.samples) == len(one.every)
            told.finish(without_sample(one.partner, tried) if is_whole else ())


def _recorded(judged: Judged) -> tuple[str, ...]:
    if judged.passed or judged.fault:
        return ()
    try:
        return record(judged)
    except OSError as error:
        raise Unusable(f"{judged.sample.folder} cannot be written ({error.strerror}); record where it can be") from None

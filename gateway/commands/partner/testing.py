"""`gateway partner test`: the samples of partners are played, and what comes out is what they say or is shown."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.commands.opening import open_settings
from gateway.commands.output import note, progress
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, count, did_you_mean, shown, verb
from gateway.commands.partner.tested import Told
from gateway.commands.profiles import folder_of, profile_of
from gateway.commands.second_opinions import Ask, second_opinions
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.reading import Sample, read_samples
from gateway.onboarding.samples.recording import record
from gateway.onboarding.samples.rehearsal import Rehearsal, rehearsal
from gateway.onboarding.samples.trying import try_sample, without_sample
from gateway.settings import Settings
from partners.directory import Directory, load_directory
from partners.loader import LoadedProfile, Problems
from partners.problems import Problem
from translators.catalog import sniff

_ALL = ""
WAIT_S = 60


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
        "gateway partner test acme-supply --sample order\n"
        "gateway partner test acme-supply --live              # through AS2 and REST, between two gateways here\n"
        "gateway partner test acme-supply --live --partner-endpoint --wait 600\n"
        "gateway partner test acme-supply --trials            # what was played live, and what it came to",
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
    parser.add_argument(
        "--live",
        action="store_true",
        help="by AS2 and REST, as this profile says, between two throw-away gateways on this machine; what SFTP or a "
        "webhook carries for real is sent and fetched by REST there",
    )
    parser.add_argument(
        "--partner-endpoint",
        action="store_true",
        help="with --live: with the partner itself, who is in testing, by whatever transport the profile says, SFTP "
        "too: ours are really sent, theirs have to come",
    )
    parser.add_argument(
        "--wait",
        type=count,
        default=WAIT_S,
        metavar="SECONDS",
        help=f"with --partner-endpoint: how long receipts and messages of theirs may take (default {WAIT_S})",
    )
    parser.add_argument(
        "--second-opinion",
        action="store_true",
        help="have pyx12 judge X12 by the standard too: what they send, and what we write",
    )
    parser.add_argument("--trials", action="store_true", help="show what was played live, and what it came to")
    add_format(parser, "one object a line, one line a partner (with --trials: a trial)")
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
    _refuse_contradictions(called)
    settings = open_settings(called)
    if called.trials:
        from gateway.commands.partner.live_tests import show_trials  # noqa: PLC0415  # the whole gateway hangs on it

        return show_trials(called, settings, profile_of(settings, called.partner))
    directory, broken = _company(called, settings)
    chosen = _chosen(called, settings, directory)
    told = Told(called.format, is_one=called.partner is not None)
    if called.live:
        _play_live(called, settings, directory, chosen, told)
    else:
        with rehearsal(settings, directory) as stage, second_opinions(called) as ask:
            asyncio.run(_play(called, stage, chosen, told, ask))
    told.end()
    if broken:
        note(f"{len(broken)} problems keep profiles from loading; see them with `gateway partner check`")
    return 0 if told.all_passed and not broken else 1


def _company(called: argparse.Namespace, settings: Settings) -> tuple[Directory, Problems]:
    """The partners that are needed, and what is wrong with those that are asked for."""
    if called.partner is not None:
        asked = profile_of(settings, called.partner)
        if asked.profile.via is None and not asked.profile.speaks_for:
            return Directory([asked]), ()
    directory, problems = load_directory(settings.partners_dir, environment=settings.environment)
    return directory, problems if called.partner is None else ()


def _refuse_contradictions(called: argparse.Namespace) -> None:
    if called.record is not None and called.partner is None:
        raise Unusable("--record changes the samples of one partner; name it: gateway partner test ID --record")
    if called.trials and called.partner is None:
        raise Unusable("--trials shows those of one partner; name it: gateway partner test ID --trials")
    if called.live and called.second_opinion:
        raise Unusable("--second-opinion judges what comes out without transports; call it without --live")
    if called.live and called.record is not None:
        raise Unusable("--record keeps what comes out without transports; call it without --live")
    if called.partner_endpoint and not (called.live and called.partner is not None):
        raise Unusable("--partner-endpoint goes with --live and one partner: gateway partner test ID --live ...")


def _play_live(
    called: argparse.Namespace, settings: Settings, directory: Directory, chosen: Sequence[Chosen], told: Told
) -> None:
    from gateway.commands.partner.live_tests import Company, Live  # noqa: PLC0415  # the whole gateway hangs on it

    companies = [
        Company(one.partner, one.samples, one.every, one.problems) for one in chosen if one.samples or one.problems
    ]
    Live(called, settings, directory, told).run(companies)


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


async def _play(
    called: argparse.Namespace, stage: Rehearsal, chosen: Sequence[Chosen], told: Told, ask: Ask | None
) -> None:
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
                if ask is not None and (x12 := _x12_of(judged)):
                    told.second_opinion(ask(x12))
                if called.record is not None:
                    told.recorded(judged, _recorded(judged))
                done += 1
                advance(done)
            is_whole = len(one.samples) == len(one.every)
            told.finish(without_sample(one.partner, tried) if is_whole else ())


def _x12_of(judged: Judged) -> bytes:
    """The X12 of a sample: what they send, or what we write; empty where it is none."""
    sample = judged.sample
    content = sample.content if sample.direction == "inbound" else judged.played.files.get("sent.edi", b"")
    return content if sniff(content) == "x12" else b""


def _recorded(judged: Judged) -> tuple[str, ...]:
    if judged.passed or judged.fault:
        return ()
    try:
        return record(judged)
    except OSError as error:
        raise Unusable(f"{judged.sample.folder} cannot be written ({error.strerror}); record where it can be") from None

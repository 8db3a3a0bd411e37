"""`gateway partner test --live`: samples by AS2 and REST, or with the partner itself, each run kept as a trial."""

import argparse
import asyncio
import secrets
import signal
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from gateway.app import CannotStart, Gateway
from gateway.commands.output import note, print_json, print_table
from gateway.commands.parsing import Unusable
from gateway.commands.partner.tested import Told
from gateway.commands.serving import is_served
from gateway.commands.storing import actor, changing, now_ms, reading
from gateway.flow.outward.composing import Composing
from gateway.flow.outward.outbound import Outbound
from gateway.flow.outward.ways import message_id_host
from gateway.flow.views import instant
from gateway.model.ids import IdSource
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.live.houses import House
from gateway.onboarding.samples.live.loopback import PlayedLive, loopback
from gateway.onboarding.samples.live.loopback_profiles import NotPlayable
from gateway.onboarding.samples.live.partner_endpoint import PartnerEndpoint
from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.rehearsal import Played, rehearsal
from gateway.onboarding.samples.throwaway import throwaway_folder
from gateway.onboarding.samples.trying import try_sample
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.store.partners import states as partner_states
from gateway.store.partners import trials
from gateway.store.partners.trials import Trial, Way
from gateway.telemetry import Metrics
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.problems import Problem

ACTION = "partner.test"
TERMINATED = 128 + signal.SIGTERM


def _throwaway(settings: Settings) -> House:
    """A gateway whose store need not outlive the power."""
    return Gateway(settings, database_synchronous="OFF")


@dataclass(frozen=True, slots=True)
class Company:
    """One partner's part of a call.

    Attributes:
        partner: whose samples they are.
        samples: those to be played.
        every: all of the partner's.
        problems: of the folders of samples.
    """

    partner: LoadedProfile
    samples: Sequence[Sample]
    every: Sequence[Sample]
    problems: Sequence[Problem]


@dataclass(slots=True)
class Live:
    """Plays samples live, and keeps what they came to.

    Attributes:
        called: the call.
        settings: of the gateway.
        directory: the partners.
        told: tells of each sample.
    """

    called: argparse.Namespace
    settings: Settings
    directory: Directory
    told: Told

    def run(self, companies: Sequence[Company]) -> None:
        """Play everything, and leave nothing behind, whatever ends it."""
        with changing(self.settings, create=True) as database:
            database.start()
            _to_its_end(self._play(database, companies))

    async def _play(self, database: Database, companies: Sequence[Company]) -> None:
        for one in companies:
            self.told.begin(one.partner.id, one.problems)
            if one.samples:
                play = self._with_partner if self.called.partner_endpoint else self._on_loopback
                await play(database, one)
            self.told.finish(())

    async def _on_loopback(self, database: Database, one: Company) -> None:
        with throwaway_folder() as folder:
            try:
                async with loopback(
                    folder, one.partner, self.directory, self.settings, _throwaway, CannotStart
                ) as stage:
                    for text in stage.notes:
                        note(f"{one.partner.id}: {text}")
                    # What they order comes before what we answer.
                    for sample in sorted(one.samples, key=lambda item: (item.direction, item.name)):
                        await self._keep(database, one, "loopback", await stage.play(sample, one.every))
            except (NotPlayable, CannotStart) as cannot:
                for sample in one.samples:
                    played = PlayedLive(Judged(sample, Played({}), fault=str(cannot)))
                    await self._keep(database, one, "loopback", played)

    async def _with_partner(self, database: Database, one: Company) -> None:
        if one.partner.profile.status != "testing":
            raise Unusable(
                f"{one.partner.id} is {one.partner.profile.status}: only with `status: testing` are samples sent to "
                f"their endpoint; set it with gateway partner status {one.partner.id} testing"
            )
        known = await database.read(partial(partner_states.get, partner_id=one.partner.id))
        if known is None or known.digest != one.partner.digest or known.in_force_since_ms is None:
            raise Unusable(
                f"no running gateway has taken up this version of the profile of {one.partner.id}; start `gateway "
                f"serve`, or wait until it has ({self.settings.profiles_reload_s:g} s), then call again"
            )
        if is_served(self.settings) is False:
            note("no gateway runs here now: what is sent goes out once `gateway serve` does")
        endpoint = PartnerEndpoint(
            database,
            self._outbound(database),
            one.partner,
            self.directory,
            known.in_force_since_ms,
            self.called.wait,
            actor(),
            partial(_ask, self.called.wait),
        )
        with rehearsal(self.settings, self.directory) as stage:
            for sample in sorted(one.samples, key=lambda item: (item.direction != "outbound", item.name)):
                rehearsed = await try_sample(stage, one.partner, sample, one.every)
                await self._keep(database, one, "partner", await endpoint.play(rehearsed))

    def _outbound(self, database: Database) -> Outbound:
        settings, directory = self.settings, self.directory
        return Outbound(
            database,
            Composing(database, lambda: directory, settings.identities, settings.limits),
            IdSource(now_ms, secrets.randbits),
            host=message_id_host(settings),
            now_ms=now_ms,
            accepted=lambda: None,
            metrics=Metrics(),
        )

    async def _keep(self, database: Database, one: Company, way: Way, played: PlayedLive) -> None:
        """A trial is kept as soon as it is over; then it is told."""
        judged, at_ms, who = played.judged, now_ms(), actor()
        trial = Trial(
            IdSource(now_ms, secrets.randbits).next(),
            one.partner.id,
            judged.sample.name,
            way,
            one.partner.digest,
            judged.passed,
            played.detail,
            who.name,
            at_ms,
        )
        detail = {"sample": trial.sample, "way": way, "passed": trial.passed, "profile": trial.digest}
        act = audit.Act(at_ms, who.name, ACTION, one.partner.id, who.remote, detail)
        await database.write(partial(_record, trial=trial, act=act))
        self.told.judged(judged, played.outcome)


def show_trials(called: argparse.Namespace, settings: Settings, partner: LoadedProfile) -> int:
    """The trials of a partner, the newest first."""
    with reading(settings) as database:
        found = database.read_now(partial(trials.history, partner_id=partner.id))
    if called.format == "json":
        for one in found:
            print_json(
                {
                    "at": instant(one.at_ms),
                    "partner": one.partner_id,
                    "sample": one.sample,
                    "way": one.way,
                    "passed": one.passed,
                    "profile": one.digest,
                    "is_present_profile": one.digest == partner.digest,
                    "detail": one.detail,
                    "actor": one.actor,
                }
            )
        return 0
    rows = [
        (
            str(instant(one.at_ms))[:19],
            one.sample,
            one.way,
            "ok" if one.passed else "failed",
            "present" if one.digest == partner.digest else f"earlier {one.digest[:12]}",
            one.actor,
            one.detail,
        )
        for one in found
    ]
    empty = f"no sample of {partner.id} was played live yet; gateway partner test {partner.id} --live"
    print_table(("AT", "SAMPLE", "WAY", "RESULT", "PROFILE", "BY", "DETAIL"), rows, empty=empty)
    return 0


def _record(connection: Connection, trial: Trial, act: audit.Act) -> None:
    trials.record(connection, trial)
    audit.record(connection, act)


def _ask(wait_s: float, sample: Sample, types: tuple[str, ...]) -> None:
    what = " or ".join(types).replace("_", " ")
    note(f"ask them to send {sample.name} now ({what}, such as {sample.content_path}); waiting {wait_s:g} s")


def _to_its_end(play: Coroutine[Any, Any, None]) -> None:
    """Run it; when it is to end before (SIGTERM, control-C) everything that it opened is closed first."""
    terminated = asyncio.Event()

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # it runs

        def terminate() -> None:
            terminated.set()
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        await play

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        if terminated.is_set():
            raise SystemExit(TERMINATED) from None
        raise

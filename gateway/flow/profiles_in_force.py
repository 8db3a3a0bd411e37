"""The partners in force: profiles are read again when they change, and what a change means is kept, counted and told.

A broken file, or one that claims what another partner has, leaves the last good version in force: also over a restart,
since that version lies in the store. Every node looks at its own folder; the store sees to it that each change is told
once, whichever node saw it first.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from gateway.model.notices import Notice
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from gateway.store.partners.states import Known
from gateway.telemetry import Metrics
from partners.directory import Directory, load_directory
from partners.fields import SLUG
from partners.loader import PROFILE_FILE, LoadedProfile, Problems, unpack

StatusesChanged = Callable[[Collection[str]], Awaitable[None]]
Lines = tuple[str, ...]

log = logging.getLogger(__name__)


async def nobody_waits(_partner_ids: Collection[str]) -> None:
    """What changed statuses move in a process that keeps no line."""


@dataclass(frozen=True, slots=True)
class _News:
    """What one look brought.

    Attributes:
        fresh: profiles that are in force from now on.
        refused: what is wrong with newest profiles, by partner; no lines once nothing is.
        gone: partners whose folders are no more.
        is_told: false for what a gateway finds when it keeps its first list of partners.
    """

    fresh: tuple[LoadedProfile, ...] = ()
    refused: Mapping[str, Lines] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    is_told: bool = True

    def __bool__(self) -> bool:
        return bool(self.fresh or self.refused or self.gone)


class ProfilesInForce:
    """The partner directory of this process, kept current.

    Args:
        database: the store.
        settings: where the profiles lie.
        now_ms: the clock, milliseconds since 1970.
        metrics: counts profiles and their problems.
        built_in: partners without a folder.
        statuses_changed: called with the partners whose status is another than before, once the directory says so;
            with all of them at the start. Called again when it fails.
        announced: called when there is an event for the relay.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        now_ms: Callable[[], int],
        metrics: Metrics,
        built_in: Sequence[LoadedProfile] = (),
        statuses_changed: StatusesChanged = nobody_waits,
        announced: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now_ms = now_ms
        self._metrics = metrics
        self._built_in = tuple(built_in)
        self._statuses_changed = statuses_changed
        self._announced = announced
        self._has_looked = False
        self._refused: dict[str, Lines] = {}
        self._problems: frozenset[str] = frozenset()
        self._moved: set[str] = set()
        self._looked = Directory()
        self._elsewhere: frozenset[str] = frozenset()
        self.directory = self._looked

    async def refresh(self) -> None:
        """Read the profiles that changed; a broken one leaves its last good version in force.

        A profile is in force only once it is in the store, since messages name it by its digest.
        """
        before = self.directory
        if not self._has_looked:
            known = await self._database.read(partner_states.every)
            looked, problems = await self._first(known)
            news = self._first_news(looked, known)
        else:
            looked, problems = await self._look(self._looked)
            news = self._news(self._looked, looked)
        if news:
            record = partial(_record, news=news, directory=looked, now_ms=self._now_ms())
            if await self._database.write(record):
                self._announced()
        elsewhere = await self._suspended_elsewhere(looked)
        is_same = looked is self._looked and elsewhere == self._elsewhere
        after = before if is_same else looked.suspending(elsewhere)
        self._looked, self._elsewhere = looked, elsewhere
        moved = {one.id for one in after if _status(before, one.id) != one.profile.status}
        self._has_looked, self.directory, self._moved = True, after, self._moved | moved
        self._refused |= news.refused
        self._tell(news, problems)
        self._measure()
        if self._moved:
            await self._statuses_changed(tuple(sorted(self._moved)))
            self._moved.clear()

    async def _look(self, before: Directory, were_in_force: int = 0) -> tuple[Directory, Problems]:
        return await asyncio.to_thread(
            load_directory,
            self._settings.partners_dir,
            before,
            environment=self._settings.environment,
            built_in=self._built_in,
            were_in_force=were_in_force,
        )

    async def _suspended_elsewhere(self, looked: Directory) -> frozenset[str]:
        """Partners whom another node suspended since this one read its own folder.

        While a change is rolled out the folders differ. Who is suspended stays so on every node, also where the files
        still say otherwise, until a node takes a newer profile of theirs up: holding is undone, publishing is not.
        """
        found: set[str] = set()
        for partner_id, digest in (await self._database.read(partner_states.suspended)).items():
            loaded = looked.by_id(partner_id)
            if loaded is not None and loaded.profile.is_active and loaded.digest != digest:
                found.add(partner_id)
                if partner_id not in self._elsewhere:
                    log.warning("a partner is suspended by another node", extra={"partner": partner_id})
        return frozenset(found)

    async def _first(self, known: Mapping[str, Known]) -> tuple[Directory, Problems]:
        """The first look of a process: what is wrong on the disk is replaced by what was in force before."""
        built_in = {loaded.id for loaded in self._built_in}
        number = sum(item.digest is not None and name not in built_in for name, item in known.items())
        after, problems = await self._look(Directory(), number)
        wanted = [known[name] for name in (after.refused if after.was_read else known) if name in known]
        last_good = [one for one in [await self._last_good(item) for item in wanted] if one is not None]
        for loaded in last_good:
            log.warning(
                "a partner profile cannot be used, and its last good version stays in force",
                extra={"partner": loaded.id, "digest": loaded.digest[:12]},
            )
        return await self._look(after.after(last_good), number) if last_good else (after, problems)

    async def _last_good(self, known: Known) -> LoadedProfile | None:
        packed = await self._database.read(partial(profiles.get, digest=known.digest)) if known.digest else None
        if packed is None:
            return None
        loaded = await asyncio.to_thread(unpack, packed)
        if not isinstance(loaded, LoadedProfile):
            extra = {"partner": known.partner_id, "problem": str(loaded[0])}
            log.warning("the last good version of a partner profile is no longer understood", extra=extra)
            return None
        return replace(loaded, path=str(self._settings.partners_dir / loaded.id / PROFILE_FILE))

    def _first_news(self, after: Directory, known: Mapping[str, Known]) -> _News:
        """What is otherwise than when the last process of this store looked."""
        digests = {name: item.digest for name, item in known.items()}
        refused = self._lines(after)
        over = {name: () for name, item in known.items() if item.problems and name not in refused}
        changed = {name: lines for name, lines in refused.items() if name not in known or known[name].problems != lines}
        fresh = tuple(loaded for loaded in after if digests.get(loaded.id) != loaded.digest)
        gone = [name for name in known if after.by_id(name) is None and name not in refused] if after.was_read else ()
        return _News(fresh, {**over, **changed}, tuple(gone), is_told=bool(known))

    def _news(self, before: Directory, after: Directory) -> _News:
        if after is before:
            return _News()
        refused = self._lines(after)
        over: dict[str, Lines] = {name: () for name, lines in self._refused.items() if lines and name not in refused}
        changed = {name: lines for name, lines in refused.items() if self._refused.get(name) != lines}
        fresh = tuple(loaded for loaded in after if _digest(before, loaded.id) != loaded.digest)
        were = {loaded.id for loaded in before} | {name for name, lines in self._refused.items() if lines}
        gone = sorted(name for name in were if after.by_id(name) is None and name not in refused)
        return _News(fresh, over | changed, tuple(gone))

    def _lines(self, directory: Directory) -> dict[str, Lines]:
        """What is wrong with newest profiles, the same on every node wherever the folder lies."""
        folder = f"{self._settings.partners_dir}/"
        return {
            name: partner_states.kept_lines(name, [str(item).replace(folder, "") for item in problems])
            for name, problems in directory.refused.items()
            if SLUG.matches(name)
        }

    def _tell(self, news: _News, problems: Problems) -> None:
        texts = frozenset(str(problem) for problem in problems)
        for text in sorted(texts - self._problems):
            self._metrics.profile_problems.add()
            log.warning("a partner profile has a problem", extra={"problem": text})
        self._problems = texts
        for loaded in news.fresh:
            facts = {"partner": loaded.id, "digest": loaded.digest[:12], "status": loaded.profile.status}
            log.info("a partner profile is in force", extra=facts)
        for name in news.gone:
            log.info("a partner is gone with its folder", extra={"partner": name})

    def _measure(self) -> None:
        text = "Partners whose newest profile is refused; their last good version is in force, if there was one."
        self._metrics.gauge("gateway_partner_profiles_refused", text, len(self.directory.refused))
        statuses = Counter((loaded.profile.status,) for loaded in self.directory)
        numbers: dict[tuple[str, ...], float] = {key: float(number) for key, number in statuses.items()}
        self._metrics.family("gateway_partners", "Partners by the status of their profile.", ("status",), numbers)


def _digest(directory: Directory, partner_id: str) -> str | None:
    loaded = directory.by_id(partner_id)
    return loaded.digest if loaded is not None else None


def _status(directory: Directory, partner_id: str) -> str | None:
    loaded = directory.by_id(partner_id)
    return loaded.profile.status if loaded is not None else None


def _record(connection: Connection, news: _News, directory: Directory, now_ms: int) -> bool:
    """One unit: the profiles are in the store, and what no other node told yet is told; whether there was anything."""
    notices: list[Notice] = []
    for loaded in news.fresh:
        profiles.keep(connection, loaded.digest, loaded.id, loaded.pack(), now_ms)
        if partner_states.put_in_force(connection, loaded, now_ms):
            reason = f"the profile is in force; the partner is {loaded.profile.status}"
            notices.append(_notice("in_force", loaded.id, loaded, reason, now_ms))
    for name, lines in news.refused.items():
        loaded_now = directory.by_id(name)
        if partner_states.put_problems(connection, name, lines, now_ms) and lines:
            stays = f"version {loaded_now.digest[:12]} stays in force" if loaded_now is not None else "none is in force"
            reason = f"the newest profile is refused, and {stays}; see `gateway partner check {name}`"
            notices.append(_notice("rejected", name, loaded_now, reason, now_ms, lines))
    gone = [name for name in news.gone if partner_states.remove(connection, name)]
    notices += [_notice("removed", name, None, "the partner's folder is gone", now_ms) for name in gone]
    if not news.is_told:
        return False
    for notice in notices:
        outbox.announce(connection, notice, now_ms)
    return bool(notices)


def _notice(
    event: str, partner_id: str, in_force: LoadedProfile | None, reason: str, now_ms: int, problems: Lines = ()
) -> Notice:
    body: dict[str, object] = {
        "partner_id": partner_id,
        "profile": in_force.digest if in_force is not None else None,
        "status": in_force.profile.status if in_force is not None else None,
        "problems": list(problems),
        "reason": reason,
    }
    return Notice(
        key=f"partner_profile.{event}:{partner_id}:{now_ms}",
        document_type="partner_profile",
        event=event,
        partner_id=partner_id,
        subject=partner_id,
        body=body,
    )

"""Collect: folders of partners' servers are looked into when they are due, by one process at a time, until stopped.

A server that cannot be reached is left alone, with all its folders, until its next try: one connection by one process,
a minute later, then twice as long each time, at most an hour. After some tries in a row a person hears of it, and at
once where it shows another host key; once it can be reached its folders are looked into at once. A folder that cannot
be looked into waits for itself in the same way, and keeps none of its neighbours from being looked into.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from gateway.carriers.sftp_connection import CannotConnect, RemoteFailed, SftpDoor
from gateway.flow.collecting import schedule, troubles
from gateway.flow.collecting.look import Looked, look
from gateway.flow.collecting.named import Named, named_by
from gateway.flow.collecting.visits import Desk, Visit
from gateway.flow.rounds import Rounds
from gateway.model.refusals import Refused
from gateway.spool import SpoolUnavailable
from gateway.store import remote_files, remote_folders
from gateway.store.database import StoreUnavailable, Unit
from gateway.store.remote_folders import StoredFolder, StoredServer, Wanted
from partners.directory import Directory
from partners.sftp_server_terms import SftpServer

POLL_S = 1.0
RENEWALS_PER_LEASE = 4
# At the same time, by one process. Servers that did not answer have half of the places, whatever their number.
LOOKS_MAX = 16
TRIES_MAX = LOOKS_MAX // 2
LOOKS_PER_PARTNER_MAX = 2
# After a look that our own store or disk did not allow.
OWN_FAULT_PAUSE_MS = 60_000
FILES_KNOWN_MS = 90 * 86_400_000
PURGE_EVERY_S = 3_600.0
PURGE_PAUSE_S = 0.05
REACHED = "it can be reached again"

log = logging.getLogger(__name__)

_Key = tuple[str, str]


class Collecting:
    """Looks into folders of partners' servers, until stopped.

    Args:
        desk: what fetching stands on.
        door: leads to their servers.
        directory: the partners now.
        lease_s: how long a claim holds that nobody lengthens.
        chance: 0 <= chance < 1, spreads retries.
    """

    def __init__(
        self,
        desk: Desk,
        door: SftpDoor,
        directory: Callable[[], Directory],
        *,
        lease_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._desk = desk
        self._database = desk.database
        self._now_ms = desk.now_ms
        self._door = door
        self._directory = directory
        self._lease_ms = int(lease_s * 1_000)
        self._chance = chance
        self._rounds = Rounds(POLL_S, log, "folders of partners' servers cannot be read now")
        self._followed: Directory | None = None
        self._named: Mapping[_Key, Named] = {}
        self._looks: dict[_Key, asyncio.Task[None]] = {}
        self._tries: dict[str, asyncio.Task[None]] = {}
        self._is_ending = False
        self._purged_at_s: float | None = None

    @property
    def under_way(self) -> frozenset[str]:
        """Partners whose servers are looked at right now."""
        return frozenset({*self._tries, *(partner_id for partner_id, _ in self._looks)})

    def wake(self) -> None:
        """Something became due."""
        self._rounds.wake()

    async def run(self) -> None:
        """Look until cancelled; what is under way then is waited for by `drain`."""
        await self._rounds.run(self.take)

    async def take(self) -> float:
        """Take what is due and begin it; returns how long to wait for more unless woken."""
        await self._follow()
        if not self._named:
            return POLL_S
        now_ms = self._now_ms()
        folders, servers = await self._database.read(
            lambda connection: (
                remote_folders.due(connection, now_ms),
                remote_folders.due_servers(connection, now_ms),
            )
        )
        folders, servers = self._choose(folders), self._choose_servers(servers)
        if folders or servers:
            await self._claim(folders, servers, now_ms)
        return POLL_S

    async def drain(self, within_s: float = 0.0) -> None:
        """Begin no further file, wait a while for those under way, break off the others, give every claim back."""
        self._is_ending = True
        tasks = {*self._looks.values(), *self._tries.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        with suppress(StoreUnavailable):
            await self._database.write(partial(remote_folders.release_claims, owner=self._desk.owner))

    async def upkeep(self) -> None:
        """Say how long ago each folder was looked into, and forget files that nobody saw for long."""
        folders = await self._database.read(remote_folders.every)
        down = await self._database.read(remote_folders.servers)
        now_ms = self._now_ms()
        await self._bring_back(folders)
        ages: dict[tuple[str, ...], float] = {
            (folder.partner_id, folder.name): max(0, now_ms - folder.succeeded_at_ms) / 1_000
            for folder in folders
            if folder.succeeded_at_ms is not None
        }
        metrics = self._desk.metrics
        labels = ("partner", "folder")
        if folders or metrics.families.get("gateway_sftp_look_age_seconds"):
            text = "Seconds since a folder of a partner's server was last looked into without a failure."
            metrics.family("gateway_sftp_look_age_seconds", text, labels, ages)
            metrics.gauge("gateway_sftp_servers_down", "Partners' servers that cannot be reached.", len(down))
        now_s = asyncio.get_running_loop().time()
        if self._purged_at_s is not None and now_s - self._purged_at_s < PURGE_EVERY_S:
            return
        self._purged_at_s = now_s
        purge = partial(remote_files.purge, before_ms=now_ms - FILES_KNOWN_MS)
        count = 1
        while count:
            count = await self._database.write(purge, durable=False)
            await asyncio.sleep(PURGE_PAUSE_S)

    async def _follow(self) -> None:
        """Have the folders that the profiles name, once the profiles are others."""
        directory = self._directory()
        if directory is self._followed:
            return
        named = {(one.partner.id, one.terms.name): one for one in named_by(directory)}
        wanted, now_ms = self._wanted(named), self._now_ms()

        def unit(connection: Connection) -> None:
            gone = remote_folders.follow(connection, wanted)
            left = {partner_id for partner_id, _ in named}
            how = "the profile does not name it any more"
            for folder in gone:
                troubles.over(connection, troubles.folder_case(folder.partner_id, folder.name), now_ms, how)
                troubles.files_over(connection, folder.partner_id, folder.name, now_ms, how)
                if folder.partner_id not in left:
                    troubles.over(connection, troubles.server_case(folder.partner_id), now_ms, how)

        has_known = await self._database.read(remote_folders.any_known)
        if named or has_known:
            await self._database.write(unit)
        self._followed, self._named = directory, named

    async def _bring_back(self, folders: Iterable[StoredFolder]) -> None:
        """While a change is rolled out another node may not know of a folder yet, and has taken it out again."""
        known = {(folder.partner_id, folder.name) for folder in folders}
        missing = {key: one for key, one in self._named.items() if key not in known}
        if missing:
            wanted = self._wanted(missing)
            await self._database.write(lambda connection: remote_folders.follow(connection, wanted, removes=False))

    def _wanted(self, named: Mapping[_Key, Named]) -> list[Wanted]:
        now_ms = self._now_ms()
        return [
            Wanted(partner_id, name, one.digest, schedule.first_look(one.terms, now_ms))
            for (partner_id, name), one in named.items()
        ]

    def _choose(self, folders: Iterable[StoredFolder]) -> list[StoredFolder]:
        """Those that this process knows as they are, as far as there are places for them."""
        free = LOOKS_MAX - len(self._looks)
        busy = Counter(partner_id for partner_id, _ in self._looks)
        chosen: list[StoredFolder] = []
        for folder in folders:
            key = folder.partner_id, folder.name
            named = self._named.get(key)
            if named is None or named.digest != folder.terms or key in self._looks:
                continue
            if len(chosen) < free and busy[folder.partner_id] < LOOKS_PER_PARTNER_MAX:
                busy[folder.partner_id] += 1
                chosen.append(folder)
        return chosen

    def _choose_servers(self, servers: Iterable[StoredServer]) -> list[StoredServer]:
        known = {partner_id for partner_id, _ in self._named}
        may = [one for one in servers if one.partner_id in known and one.partner_id not in self._tries]
        return may[: max(0, TRIES_MAX - len(self._tries))]

    async def _claim(self, folders: list[StoredFolder], servers: list[StoredServer], now_ms: int) -> None:
        owner, until_ms = self._desk.owner, now_ms + self._lease_ms

        def unit(connection: Connection) -> tuple[list[StoredFolder], list[StoredServer]]:
            mine = [one for one in folders if remote_folders.claim(connection, one, owner, now_ms, until_ms)]
            tried = []
            for one in servers:
                # A try is not lengthened: it has all the time that it may take.
                longest_ms = self._lease_ms + 4_000 * self._server_of(one.partner_id).timeout_s
                if remote_folders.claim_server(connection, one, now_ms, now_ms + longest_ms):
                    tried.append(one)
            return mine, tried

        # A claim that a loss of power takes back is only made again.
        mine, tried = await self._database.write(unit, durable=False)
        for folder in mine:
            key = folder.partner_id, folder.name
            task = asyncio.create_task(self._look(folder, self._named[key]), name=f"look {'/'.join(key)}")
            self._looks[key] = task
            task.add_done_callback(partial(self._landed, partial(self._looks.pop, key, None)))
        for server in tried:
            task = asyncio.create_task(self._try(server), name=f"try {server.partner_id}")
            self._tries[server.partner_id] = task
            task.add_done_callback(partial(self._landed, partial(self._tries.pop, server.partner_id, None)))

    def _landed(self, leave: Callable[[], object], task: asyncio.Task[None]) -> None:  # a callback
        leave()
        self._rounds.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The claim runs out and it is looked into again; nothing is lost, but somebody should know.
            log.error("a look ended unexpectedly", exc_info=error)

    def _server_of(self, partner_id: str) -> SftpServer:
        return next(one.server for (named, _), one in self._named.items() if named == partner_id)

    async def _look(self, folder: StoredFolder, named: Named) -> None:
        """One look, from the claim to what came of it."""
        outcome: Looked | Exception
        try:
            async with self._renewing(folder), self._door.connected(named.partner) as remote:
                visit = Visit(self._desk, named.partner, named.terms, folder, remote, named.server.timeout_s)
                outcome = await look(visit, lambda: self._is_ending)
        except (CannotConnect, RemoteFailed, Refused, StoreUnavailable, SpoolUnavailable) as failed:
            outcome = failed
        except Exception as error:
            log.exception("a look failed by our own fault", extra=_facts(folder))
            outcome = error
        with suppress(StoreUnavailable):  # otherwise the claim runs out
            await self._settle(folder, named, outcome)

    async def _settle(self, folder: StoredFolder, named: Named, outcome: Looked | Exception) -> None:
        now_ms = self._now_ms()
        unit: Unit[None]
        match outcome:
            case Looked(failure=None):
                self._desk.metrics.sftp_looks.add("done")
                unit = partial(self._note_look, folder=folder, named=named, looked=outcome, now_ms=now_ms)
            case CannotConnect():
                self._desk.metrics.sftp_looks.add("unreachable")
                log.warning("a partner's server cannot be reached", extra=_facts(folder) | {"reason": outcome.words})
                unit = partial(self._note_unreachable, folder=folder, reason=outcome.words, now_ms=now_ms)
            case RemoteFailed() | Looked():
                failure = outcome.failure if isinstance(outcome, Looked) else outcome
                words = failure.words if failure is not None else ""
                self._desk.metrics.sftp_looks.add("failed")
                log.warning("a folder cannot be looked into", extra=_facts(folder) | {"reason": words})
                unit = partial(self._note_failure, folder=folder, reason=words, now_ms=now_ms)
            case Refused() | StoreUnavailable() | SpoolUnavailable():
                self._desk.metrics.sftp_looks.add("put_off")
                words = outcome.detail if isinstance(outcome, Refused) else str(outcome)
                log.warning("nothing can be fetched now", extra=_facts(folder) | {"cause": words})
                unit = self._putting_off(folder, f"nothing can be kept here now: {words}", now_ms)
            case _:
                self._desk.metrics.sftp_looks.add("put_off")
                words = f"our own fault ({type(outcome).__name__}); the log says where, and whether to report it"
                unit = self._putting_off(folder, words, now_ms)
        await self._database.write(unit)

    def _note_look(
        self, connection: Connection, folder: StoredFolder, named: Named, looked: Looked, now_ms: int
    ) -> None:
        key = f"{folder.partner_id}/{folder.name}"
        by_schedule = schedule.next_look(named.terms, key, now_ms)
        soonest = [at_ms for at_ms in (by_schedule, looked.again_at_ms) if at_ms is not None]
        next_at_ms = min(soonest, default=None)
        owner, reason = self._desk.owner, looked.held_up
        remote_folders.looked(
            connection, folder, owner, now_ms, next_at_ms=next_at_ms, counts=looked.counts, reason=reason
        )
        # Once its profile is another one it is a look that finds the server, and no try.
        troubles.over(connection, troubles.server_case(folder.partner_id), now_ms, REACHED)
        if folder.failures:
            case_id = troubles.folder_case(folder.partner_id, folder.name)
            troubles.over(connection, case_id, now_ms, "the folder was looked into again")

    def _note_failure(self, connection: Connection, folder: StoredFolder, reason: str, now_ms: int) -> None:
        failures = folder.failures + 1
        next_at_ms = schedule.retry_at(now_ms, failures, self._chance())
        owner = self._desk.owner
        remote_folders.failed(connection, folder, owner, now_ms, next_at_ms=next_at_ms, reason=reason)
        troubles.tell_folder(connection, folder, failures, reason, now_ms)
        troubles.over(connection, troubles.server_case(folder.partner_id), now_ms, REACHED)

    def _note_unreachable(self, connection: Connection, folder: StoredFolder, reason: str, now_ms: int) -> None:
        """The folder stays due: it is looked into as soon as its server can be reached."""
        owner, next_at_ms = self._desk.owner, folder.next_look_at_ms
        remote_folders.put_off(connection, folder, owner, next_at_ms=next_at_ms, reason=reason)
        if remote_folders.get_server(connection, folder.partner_id) is None:
            first = StoredServer(folder.partner_id, 1, now_ms, schedule.retry_at(now_ms, 1, self._chance()), reason)
            remote_folders.unreachable(connection, first)
            troubles.tell_server(connection, first, now_ms)

    def _putting_off(self, folder: StoredFolder, reason: str, now_ms: int) -> Unit[None]:
        next_at_ms = now_ms + OWN_FAULT_PAUSE_MS
        return partial(
            remote_folders.put_off, folder=folder, owner=self._desk.owner, next_at_ms=next_at_ms, reason=reason
        )

    async def _try(self, server: StoredServer) -> None:
        """One connection to a server that could not be reached."""
        partner = self._directory().by_id(server.partner_id)
        reason: str | None = None
        try:
            if partner is not None:
                async with self._door.connected(partner):
                    pass
        except RemoteFailed as failed:
            reason = failed.words
        except StoreUnavailable:  # our keys cannot be read
            return
        now_ms = self._now_ms()

        def unit(connection: Connection) -> None:
            if reason is None:
                remote_folders.reached(connection, server.partner_id)
                troubles.over(connection, troubles.server_case(server.partner_id), now_ms, REACHED)
                return
            failures = server.failures + 1
            next_try_at_ms = schedule.retry_at(now_ms, failures, self._chance())
            failed = replace(server, failures=failures, next_try_at_ms=next_try_at_ms, reason=reason)
            remote_folders.unreachable(connection, failed)
            troubles.tell_server(connection, failed, now_ms, before=server.reason)

        self._desk.metrics.sftp_looks.add("reached" if reason is None else "unreachable")
        facts = {"partner": server.partner_id, "failures": server.failures}
        if reason is None:
            log.info("a partner's server can be reached again", extra=facts)
        else:
            log.warning("a partner's server cannot be reached", extra=facts | {"reason": reason})
        with suppress(StoreUnavailable):  # otherwise it is tried again when the time of this try is over
            await self._database.write(unit)

    @asynccontextmanager
    async def _renewing(self, folder: StoredFolder) -> AsyncIterator[None]:
        """Keep the claim while a look lasts; one that is lost ends the look."""
        renewing = asyncio.create_task(self._renew(folder), name=f"renew {folder.partner_id}/{folder.name}")
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew(self, folder: StoredFolder) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 1_000 / RENEWALS_PER_LEASE)
            until_ms = self._now_ms() + self._lease_ms
            with suppress(StoreUnavailable):
                unit = partial(remote_folders.renew, folder=folder, owner=self._desk.owner, until_ms=until_ms)
                if not await self._database.write(unit, durable=False):
                    # Whoever has it now may fetch the same files; each is kept once all the same.
                    log.warning("another process looks into a folder as well", extra=_facts(folder))
                    return


def _facts(folder: StoredFolder) -> dict[str, object]:
    return {"partner": folder.partner_id, "folder": folder.name}

"""One look into a folder of theirs: list it, decide, remove there what is durable here, fetch what is at rest."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from gateway.carriers.sftp_connection import RemoteFailed, Trouble
from gateway.carriers.sftp_failures import BREAKS_CONNECTION
from gateway.flow.collecting import troubles
from gateway.flow.collecting.clearing import GONE, clear, forget
from gateway.flow.collecting.fetching import Fate, changes_of, fetch
from gateway.flow.collecting.schedule import FAILURES_UNTIL_TOLD, rest_ms
from gateway.flow.collecting.sights import Plan, Sight, choose, choose_folders, parent_and_pattern, plan_of
from gateway.flow.collecting.visits import Visit
from gateway.model.refusals import Reason, Refused
from gateway.store import remote_files
from gateway.store.remote_files import SeenFile
from gateway.store.remote_folders import Counts

# A look that takes longer begins no further file: others wait for its place, and it goes on after them.
LOOK_S_MAX = 600.0
# Nothing that was asked to go may have gone there: the rest is not asked any more in this look.
CLEARED_IN_VAIN_MAX = 10
ROWS_AT_ONCE = 200
ODD_TOLD_MAX = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """How a look ended that came to its end.

    Attributes:
        counts: what it left there.
        again_at_ms: when to look again, if that is earlier than the schedule has it.
        failure: a folder among several could not be listed.
        held_up: why files wait that nobody can fetch now, in words.
    """

    counts: Counts
    again_at_ms: int | None
    failure: RemoteFailed | None = None
    held_up: str = ""


@dataclass(frozen=True, slots=True)
class _Listing:
    sights: tuple[Sight, ...]
    odd: int
    failure: RemoteFailed | None


async def look(visit: Visit, is_ending: Callable[[], bool] = lambda: False) -> Looked:
    """Look into a folder, and fetch what is to be fetched.

    Args:
        visit: whose folder, over which connection.
        is_ending: whether the process ends: no further file is begun.

    Raises:
        RemoteFailed: it cannot be listed, or the connection is of no more use.
        Refused: nothing can be kept here now.
        StoreUnavailable, SpoolUnavailable: the same.
    """
    desk, terms = visit.desk, visit.terms
    listing = await _list(visit)
    of_folder = partial(remote_files.of_folder, partner_id=visit.partner.id, folder=visit.folder.name)
    known = await desk.database.read(of_folder)
    plan = plan_of(
        listing.sights,
        known,
        terms,
        desk.now_ms(),
        bytes_max=desk.bytes_max,
        is_whole=listing.failure is None,
    )
    await _note(visit, plan, known)
    crew = _Crew(visit, plan, known, is_ending)
    await crew.run()
    stuck = await desk.database.read(
        partial(remote_files.count_stuck, partner_id=visit.partner.id, folder=visit.folder.name)
    )
    again = [at_ms for at_ms in (plan.rested_at_ms, crew.rested_at_ms) if at_ms is not None]
    if crew.waiting and not crew.held_up:
        again.append(desk.now_ms())
    counts = Counts(crew.waiting, plan.growing + crew.grew, stuck + listing.odd, plan.empty)
    return Looked(counts, min(again, default=None), listing.failure, crew.held_up)


async def _list(visit: Visit) -> _Listing:
    """The files that are meant, in the folder or in all that its pattern means."""
    folder, remote = visit.terms.folder, visit.remote
    pattern = parent_and_pattern(folder)
    if pattern is None:
        folders = [folder.encode()]
    else:
        parent, last = pattern
        folders = choose_folders(parent, last, await remote.list(parent), visit.terms)
    sights: list[Sight] = []
    odd: list[str] = []
    failure: RemoteFailed | None = None
    for one in folders:
        try:
            chosen = choose(one, await remote.list(one), visit.terms)
        except RemoteFailed as failed:
            if pattern is None or failed.trouble in BREAKS_CONNECTION:
                raise
            # One of several that went meanwhile is none any more; one that we may not see keeps nobody from the others.
            failure = failed if failed.trouble is not Trouble.MISSING else failure
            continue
        sights += chosen.sights
        odd += chosen.odd
    if odd:
        facts = {"partner": visit.partner.id, "folder": visit.folder.name, "count": len(odd)}
        log.warning(
            "files were left where they are for their names or sizes", extra=facts | {"files": odd[:ODD_TOLD_MAX]}
        )
    return _Listing(tuple(sights), len(odd), failure)


async def _note(visit: Visit, plan: Plan, known: Mapping[bytes, SeenFile]) -> None:
    """Keep what was seen, some rows at a time, so that partners' messages go between."""
    partner_id, folder, now_ms = visit.partner.id, visit.folder.name, visit.desk.now_ms()

    def put(connection: Connection, files: list[SeenFile]) -> None:
        for file in files:
            before = known.get(file.path)
            remote_files.put(connection, partner_id, folder, file)
            if file.reason:
                troubles.tell_file(connection, partner_id, folder, file, now_ms, at_once=True)
            elif before is not None and before.reason:
                case_id = troubles.file_case(partner_id, folder, file.path)
                troubles.over(connection, case_id, now_ms, "the file is another one now")

    notes = iter([*plan.notes, *plan.too_large])
    while some := list(islice(notes, ROWS_AT_ONCE)):
        await visit.desk.database.write(partial(put, files=some), durable=False)
    paths = iter(plan.forget)
    while gone := tuple(known[path] for path in islice(paths, ROWS_AT_ONCE)):
        unit = partial(forget, partner_id=partner_id, folder=folder, files=gone, now_ms=now_ms, how=GONE)
        await visit.desk.database.write(unit, durable=False)


class _Order:
    """Who comes first: files are read side by side, and become durable one behind the other."""

    def __init__(self) -> None:
        self._next = 0
        self._over: set[int] = set()
        self._waiting: dict[int, asyncio.Event] = {}

    @asynccontextmanager
    async def turn(self, number: int) -> AsyncIterator[None]:
        """Wait for all before; those behind wait until this is over."""
        if self._next < number:
            self._waiting[number] = asyncio.Event()
            await self._waiting[number].wait()
        try:
            yield
        finally:
            self.end(number)

    def end(self, number: int) -> None:
        """It does not come any more, or it is over."""
        if number >= self._next:
            self._over.add(number)
        while self._next in self._over:
            self._over.discard(self._next)
            self._next += 1
        if (waiting := self._waiting.pop(self._next, None)) is not None:
            waiting.set()


class _Crew:
    """Several at once go through what a plan has to do; the first failure that is not of a single file ends it.

    Attributes:
        waiting: files at rest that nobody fetched in this look.
        grew: files that were not at rest after all.
        rested_at_ms: when the first of those may be.
        held_up: see `Looked`.
    """

    def __init__(
        self, visit: Visit, plan: Plan, known: Mapping[bytes, SeenFile], is_ending: Callable[[], bool]
    ) -> None:
        self._visit = visit
        self._known = known
        self._is_ending = is_ending
        self._order = _Order()
        self._clearing: Iterator[tuple[Sight, SeenFile]] = iter(sorted(plan.clear, key=lambda one: one[1].attempts))
        self._fetching: Iterator[tuple[int, Sight]] = iter(enumerate(plan.fetch[: visit.terms.files_per_look_max]))
        self._cleared_in_vain = 0
        self._failure: Exception | None = None
        self._until_s = asyncio.get_running_loop().time() + LOOK_S_MAX
        self._has_work = bool(plan.clear or plan.fetch)
        self.waiting = len(plan.fetch)
        self.grew = 0
        self.rested_at_ms: int | None = None
        self.held_up = ""

    async def run(self) -> None:
        """Until everything is done, or nothing more can be.

        Raises:
            RemoteFailed, Refused, StoreUnavailable, SpoolUnavailable: see `look`.
        """
        if not self._has_work:
            return
        workers = [asyncio.create_task(self._work()) for _ in range(self._visit.terms.files_at_once)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        if self._failure is not None:
            raise self._failure

    @property
    def _may_begin(self) -> bool:
        is_late = asyncio.get_running_loop().time() > self._until_s
        return self._failure is None and not self.held_up and not is_late and not self._is_ending()

    async def _work(self) -> None:
        try:
            while self._may_begin and self._cleared_in_vain < CLEARED_IN_VAIN_MAX:
                if (done := next(self._clearing, None)) is None:
                    break
                self._cleared_in_vain += not await clear(self._visit, *done)
            while self._may_begin:
                if (one := next(self._fetching, None)) is None:
                    break
                await self._fetch(*one)
        except Refused as refused:
            if refused.reason is Reason.HOLDS_TOO_MUCH:
                self.held_up = refused.detail
            else:
                self._failure = self._failure or refused
        except Exception as error:  # noqa: BLE001  # raised by `run`, once the others have ended what they do
            self._failure = self._failure or error

    async def _fetch(self, number: int, sight: Sight) -> None:
        seen = self._known.get(sight.path)
        try:
            fate = await fetch(self._visit, sight, seen, self._order.turn(number))
        finally:
            self._order.end(number)
        self.waiting -= 1
        if fate is not Fate.GREW:
            return
        self.grew += 1
        changes, stable_s = changes_of(sight, seen), self._visit.terms.stable_s
        if stable_s and changes < FAILURES_UNTIL_TOLD:
            rested_at_ms = self._visit.desk.now_ms() + rest_ms(stable_s, changes)
            self.rested_at_ms = min(rested_at_ms, self.rested_at_ms or rested_at_ms)

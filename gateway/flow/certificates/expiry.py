"""The watch over certificates: who looks after them learns in time that one ends, by log, metric, case and event.

Warnings come 30, 14, 7 and 1 days ahead and when it has ended, each once over all nodes and restarts, unless a
successor is there. The case goes by itself once one is; what is queued meanwhile is held by its carrier, not sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from certs.lives import Life, day
from gateway.flow.certificates.inventory import Entry, Inventory, take_inventory
from gateway.model.instants import moment, rfc3339
from gateway.model.notices import Notice
from gateway.store.database import Database, StoreUnavailable
from gateway.store.events import outbox
from gateway.store.keys import certificate_uses, certificate_warnings
from gateway.store.keys.certificate_uses import LastUses
from gateway.store.keys.certificate_warnings import Given
from gateway.store.oversight import cases
from gateway.store.oversight.cases import CaseKind, CaseState
from gateway.store.partners import certificates as partner_certificates
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile

DAYS_AHEAD = (0, 1, 7, 14, 30)
URGENT_DAYS = 7
LOOK_EVERY_MS = 60_000
FLUSH_EVERY_MS = 30_000
_CASE = CaseKind.CERTIFICATE_ENDS

log = logging.getLogger(__name__)


def warning_due(ends: datetime, now: datetime) -> int | None:
    """The warning that a certificate with this end deserves now: so many days ahead, 0 once it has ended."""
    return next((days for days in DAYS_AHEAD if ends - now <= timedelta(days=days)), None)


def due_warnings(entries: Iterable[Entry], now: datetime) -> dict[str, tuple[Entry, int]]:
    """By case id: what has to be warned of now, and how urgently. One certificate in two places is one case."""
    due: dict[str, tuple[Entry, int]] = {}
    for entry in entries:
        days = warning_due(entry.ends, now)
        if days is None or not entry.in_use or entry.succeeded:
            continue
        case_id = f"{_CASE.value}:{_subject(entry)}"
        if case_id not in due or days < due[case_id][1]:
            due[case_id] = (entry, days)
    return due


def _subject(entry: Entry) -> str:
    return f"{entry.owner_key}:{entry.certificate.fingerprint[:16]}"


class CertificateWatch:
    """Looks at all certificates every minute, and at once when keys or profiles changed.

    Args:
        database: the store.
        lives: our pairs as they are now.
        profiles: the partners as they are now.
        uses: what this process noted.
        now_ms: the clock, milliseconds since 1970.
        metrics: days left and last use of each certificate.
        announced: called when there is an event for the relay.
    """

    def __init__(
        self,
        database: Database,
        *,
        lives: Callable[[], list[Life]],
        profiles: Callable[[], Iterable[LoadedProfile]],
        uses: LastUses,
        now_ms: Callable[[], int],
        metrics: Metrics,
        announced: Callable[[], None],
    ) -> None:
        self._database = database
        self._lives = lives
        self._profiles = profiles
        self._uses = uses
        self._now_ms = now_ms
        self._metrics = metrics
        self._announced = announced
        self._seen: object = None
        self._looked_at_ms = 0
        self._flushed_at_ms = 0
        self._problems: tuple[str, ...] = ()

    async def round(self) -> None:
        """What housekeeping calls every few seconds."""
        now_ms = self._now_ms()
        if now_ms - self._flushed_at_ms >= FLUSH_EVERY_MS:
            self._flushed_at_ms = now_ms
            await self.flush()
        seen = (self._lives(), self._profiles())
        if seen != self._seen or now_ms - self._looked_at_ms >= LOOK_EVERY_MS:
            await self.look()
            self._seen, self._looked_at_ms = seen, now_ms

    async def flush(self) -> None:
        """Write down what was used since the last time."""
        taken = self._uses.take()
        if not taken:
            return
        try:
            # Lost with the power, a "last used" is a few seconds old.
            await self._database.write(partial(certificate_uses.keep, uses=taken), durable=False)
        except StoreUnavailable:
            self._uses.put_back(taken)
            raise

    async def look(self) -> None:
        """Warn of what ends, and close the cases of what ends no more."""
        now_ms = self._now_ms()
        now = moment(now_ms)
        exchanged = await self._database.read(partner_certificates.in_force)
        inventory = await asyncio.to_thread(take_inventory, self._lives(), tuple(self._profiles()), exchanged, now)
        uses = await self._database.read(certificate_uses.every)
        self._measure(inventory, uses, now)
        self._tell_problems(inventory.problems)
        due = due_warnings(inventory.entries, now)
        given, open_cases = await self._database.read(_known)
        fresh = {case_id: found for case_id, found in due.items() if _warning(*found) not in given}
        over = open_cases - set(due)
        if not fresh and not over:
            return
        told = await self._database.write(partial(_tell, fresh=fresh, over=over, now_ms=now_ms))
        for entry, days in told:
            log.warning(
                "a certificate has ended" if days == 0 else "a certificate ends soon",
                extra={
                    "owner": entry.owner_key,
                    "fingerprint": entry.certificate.fingerprint,
                    "ends_at": entry.ends.isoformat(),
                    "days_left": entry.days_left(now),
                    "what_to_do": remedy(entry),
                },
            )
        if told:
            self._announced()

    def _measure(self, inventory: Inventory, uses: Mapping[certificate_uses.Key, int], now: datetime) -> None:
        labels = ("owner_kind", "owner", "fingerprint", "uses")
        left: dict[tuple[str, ...], float] = {}
        for entry in inventory.entries:
            if entry.in_use or (entry.cut_over is not None and not entry.is_retired):
                key = (entry.owner_kind, entry.owner, entry.certificate.fingerprint, "+".join(entry.purposes))
                left[key] = round((entry.ends - now) / timedelta(days=1), 3)
        self._metrics.family(
            "gateway_certificate_days_left", "Days until a certificate that is in use ends.", labels, left
        )
        self._metrics.family(
            "gateway_certificate_last_used_timestamp_seconds",
            "When a certificate, or the key that belongs to it, was last used.",
            ("owner", "fingerprint", "use"),
            {key: at_ms / 1_000 for key, at_ms in uses.items()},
        )

    def _tell_problems(self, problems: tuple[str, ...]) -> None:
        for problem in sorted(set(problems) - set(self._problems)):
            log.warning("a certificate cannot be read", extra={"problem": problem})
        self._problems = problems


def _known(connection: Connection) -> tuple[set[Given], set[str]]:
    return certificate_warnings.given(connection), cases.open_of_kind(connection, _CASE)


def _warning(entry: Entry, days: int) -> Given:
    return entry.owner_key, entry.certificate.fingerprint, days


def _tell(
    connection: Connection, fresh: Mapping[str, tuple[Entry, int]], over: Iterable[str], now_ms: int
) -> list[tuple[Entry, int]]:
    """One unit: what another node did meanwhile is not done again."""
    told = []
    for entry, days in fresh.values():
        if not certificate_warnings.add(connection, _warning(entry, days), now_ms):
            continue
        cases.raise_case(
            connection,
            _CASE,
            CaseState.STOPPED if days <= URGENT_DAYS else CaseState.OPEN,
            now_ms,
            partner_id=entry.owner,
            subject=_subject(entry),
            reason=reason(entry, days),
            detail=f"SHA-256 {entry.certificate.fingerprint}, serial number {entry.certificate.serial_number:x}",
        )
        outbox.announce(connection, _notice(entry, days), now_ms)
        told.append((entry, days))
    for case_id in sorted(over):
        owner, _, fingerprint = case_id.removeprefix(f"{_CASE.value}:").rpartition(":")
        certificate_warnings.forget(connection, owner, fingerprint)
        cases.resolve(connection, now_ms, "a successor is there, or it is of no more use", case_id=case_id)
    return told


def reason(entry: Entry, days: int) -> str:
    """What is wrong, since when or until when, what follows from it and what to do, in words."""
    whose = f"our identity {entry.owner}" if entry.owner_kind == "identity" else f"partner {entry.owner}"
    purposes = " and ".join(entry.purposes) or "nothing"
    ends = f"ended on {day(entry.ends)}" if days == 0 else f"ends on {day(entry.ends)}, within {days} days"
    subject = entry.certificate.subject
    return f"the certificate of {whose} for {purposes} ({subject}) {ends}; {_consequence(entry)}; {remedy(entry)}"


def _consequence(entry: Entry) -> str:
    if entry.owner_kind == "identity":
        return "from then on what we would sign with it is held, and partners may refuse to encrypt to it"
    if "encryption" in entry.purposes:
        return "from then on deliveries to them are held, and what they sign with it is refused"
    if "signing" in entry.purposes:
        return "from then on what they sign with it is refused"
    if "client" in entry.purposes:
        return "from then on calls with it are refused"
    return "from then on their server cannot be trusted, and deliveries to them are held"


def remedy(entry: Entry) -> str:
    """What a person does about it."""
    if entry.owner_kind == "identity":
        return f"make a successor with `gateway certs roll {entry.owner} --new --on DATE` and send it to the partners"
    if entry.source == "exchanged":
        return "ask them for a new one, by certificate exchange or for their profile"
    return f"ask them for a new one and put it into their profile beside this one ({entry.source})"


def _notice(entry: Entry, days: int) -> Notice:
    certificate = entry.certificate
    return Notice(
        key=f"certificate:{entry.owner_key}:{certificate.fingerprint}:{days}",
        document_type="certificate",
        event="expired" if days == 0 else "expiring",
        partner_id=entry.owner,
        subject=certificate.fingerprint,
        body={
            "owner_kind": entry.owner_kind,
            "owner": entry.owner,
            "uses": list(entry.purposes),
            "subject": certificate.subject,
            "serial_number": f"{certificate.serial_number:x}",
            "fingerprint_sha256": certificate.fingerprint,
            "ends_at": rfc3339(round(entry.ends.timestamp() * 1_000)),
            "days_ahead": days,
            "reason": reason(entry, days),
        },
    )

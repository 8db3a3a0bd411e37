"""The gateway as one thing: the only file where every part meets."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import Connection

from certs.keyring import KeyRingError
from gateway.as2_agreements import PartnerCertificates
from gateway.broker import RabbitBroker
from gateway.carriers.as2 import As2Carrier
from gateway.carriers.inbox import INBOX_CARRIER
from gateway.carriers.mailbox import MAILBOX_CARRIER
from gateway.carriers.sftp import SftpCarrier
from gateway.carriers.sftp_connection import SftpDoor
from gateway.edge import Edge, HttpServer, MutualTls, new_bodies, operator_port, partner_port, tls_context
from gateway.edge.sftp.server import MailboxServer
from gateway.edge.throttling import Sharing, Throttle
from gateway.flow.acknowledging import WaysOut
from gateway.flow.apart import SettingApart
from gateway.flow.certificates.exchange import Exchange
from gateway.flow.certificates.exchanged import ExchangedCertificates
from gateway.flow.certificates.expiry import CertificateWatch
from gateway.flow.certificates.keys import Keys
from gateway.flow.collecting.collect import Collecting
from gateway.flow.collecting.visits import Desk
from gateway.flow.credential_upkeep import CredentialUpkeep
from gateway.flow.decisions import Decisions
from gateway.flow.erp import ErpDesk, broker_of, look_for_delivery_limit
from gateway.flow.held_room import HeldRoom
from gateway.flow.holding import Holding
from gateway.flow.housekeeping import Housekeeping
from gateway.flow.outward.composing import Composing
from gateway.flow.outward.outbound import Outbound
from gateway.flow.outward.renditions import Renditions
from gateway.flow.outward.send import Sending
from gateway.flow.outward.ways import AS2, SANDBOX, SFTP, message_id_host
from gateway.flow.process import Processing
from gateway.flow.receive import Reception
from gateway.flow.relay import Relay
from gateway.flow.ssh_keys import SshKeys
from gateway.flow.terms import TermsOfProfiles
from gateway.flow.validating import Validating
from gateway.flow.webhooks.room import WebhookRoom
from gateway.flow.webhooks.wanting import wants_events
from gateway.model.delivery import INBOX, MAILBOX
from gateway.model.ids import IdSource
from gateway.model.instants import moment
from gateway.model.webhook import WEBHOOK
from gateway.sandbox.carrier import SandboxCarrier
from gateway.sandbox.partner import built_in_partners
from gateway.sandbox.replies import SandboxReplies
from gateway.settings import Settings
from gateway.spool import SpoolFolder
from gateway.starting import (
    CannotStart,
    listen,
    locked_data_dir,
    open_mailboxes,
    supervise,
    tell_of_unmet_credentials,
)
from gateway.store import messages, remote_folders
from gateway.store.credentials.sealing import Sealing
from gateway.store.credentials.uses import CredentialUses
from gateway.store.database import Database, StoreUnavailable
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.events import outbox
from gateway.store.keys.certificate_uses import LastUses
from gateway.store.schema import migrate
from gateway.telemetry import Metrics, configure_logging
from gateway.workers import WorkerPool
from partners.directory import Directory

# A thread that comes back from the disk or from OpenSSL waits this long for Python's lock while another one computes.
# With Python's own 5 ms the writer, which comes back after every statement, would be the slowest part of the line.
SWITCH_INTERVAL_S = 0.001

# Mailboxes in a process of their own move bulk: whatever else runs on the machine answers somebody who waits.
BULK_NICENESS = 10

__all__ = ["CannotStart", "Gateway", "now_ms", "serve"]

log = logging.getLogger(__name__)


def now_ms() -> int:
    """The clock of the gateway: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Gateway:
    """Everything that one process runs.

    Args:
        settings: frozen.
        database_synchronous: SQLite's pragma; anything but FULL is for the test that shows why.
    """

    def __init__(self, settings: Settings, *, database_synchronous: str = "FULL") -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = locked_data_dir(settings)
        self.database = Database(
            settings.resolved_database_url(),
            queued_max=settings.limits.writes_queued_max,
            synchronous=database_synchronous,
        )
        self.wants_events = wants_events(self.directory)
        erp = ErpDesk(self.database, lambda: self.outbound, now_ms=now_ms, wants_events=self.wants_events)
        self.broker = broker_of(settings, erp, self.metrics)
        self._furnish_upkeep(settings)
        self._furnish_way_out(settings)
        self._furnish_line(settings)
        self.sharing = Sharing(self.database, self.owner, now_ms=now_ms, metrics=self.metrics)
        edge = self._edge(settings)
        self._partner_port: HttpServer = partner_port(edge, self._bodies)
        self._operator_port: HttpServer = operator_port(edge, self._bodies)
        self._mailboxes = MailboxServer(edge, self.ssh_keys)
        self._mutual_tls: MutualTls | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._line: list[asyncio.Task[None]] = []
        self._checks: list[asyncio.Task[None]] = []

    def _furnish_upkeep(self, settings: Settings) -> None:
        """Keys, credentials and profiles, and whoever looks after them."""
        self.keys = Keys(self.database, settings, now_ms=now_ms, metrics=self.metrics)
        self.sealing = Sealing(self.database, settings.passphrase, now_ms=now_ms)
        self.exchanged = ExchangedCertificates(self.database)
        self.uses = LastUses()
        self.credential_uses = CredentialUses()
        self.credentials = CredentialUpkeep(self.database, self.credential_uses, now_ms=now_ms)
        self.certificates = CertificateWatch(
            self.database,
            lives=self.keys.lives,
            profiles=self.directory,
            uses=self.uses,
            now_ms=now_ms,
            metrics=self.metrics,
            announced=self._wake,
        )
        self._bodies = new_bodies(settings, now_ms)
        self.holding = Holding(
            self.database, self.directory, now_ms=now_ms, metrics=self.metrics, resumed=self._wake_resumed
        )
        self.housekeeping = Housekeeping(
            self.database,
            settings,
            now_ms=now_ms,
            metrics=self.metrics,
            also=(
                self.keys.refresh,
                self.exchanged.refresh,
                self.certificates.round,
                self.credentials.round,
                self._follow_client_certificates,
                self._remove_old_parts,
                self.holding.round,
                self._bring_in_webhooks,
                self._follow_mailboxes,
                self._look_after_collecting,
            ),
            built_in=built_in_partners(sandbox=settings.sandbox),
            announced=self._wake,
            statuses_changed=self.holding.statuses_changed,
        )

    def _furnish_way_out(self, settings: Settings) -> None:
        """The carriers, and who hands them what is due."""
        self.spools = SpoolFolder(settings.spool_dir, settings.limits.disk_free_bytes_min)
        self._as2 = As2Carrier(
            settings,
            self.keys.ring,
            lambda: moment(now_ms()),
            certificates=PartnerCertificates(self.exchanged.of),
            uses=self.uses,
        )
        self.webhooks = WebhookRoom(
            self.database,
            self.directory,
            settings.limits,
            self.sealing,
            owner=self.owner,
            now_ms=now_ms,
            metrics=self.metrics,
            wake_sending=self._wake_sending,
        )
        self.ssh_keys = SshKeys(self.database, self.sealing, now_ms)
        self.sftp_door = SftpDoor(settings.limits, self.ssh_keys.client_key)
        carriers = {AS2: self._as2.carrier, INBOX: INBOX_CARRIER, MAILBOX: MAILBOX_CARRIER}
        carriers[WEBHOOK] = self.webhooks.caller.carrier
        carriers[SFTP] = SftpCarrier(self.sftp_door).carrier
        if settings.sandbox:
            played = SandboxCarrier(self.database, now_ms=now_ms, metrics=self.metrics, kept=self._wake_sandbox)
            carriers[SANDBOX] = played.carrier
        self.sending = Sending(
            self.database,
            carriers,
            self.directory,
            owner=self.owner,
            now_ms=now_ms,
            metrics=self.metrics,
            limits=settings.limits,
            scratch=self.spools.scratch(settings.limits.spool_from_bytes),
            keyring=self.keys.ring,
            wants_events=self.wants_events,
        )

    def _furnish_line(self, settings: Settings) -> None:
        """From what comes in to what is published, and from what is wanted to what is due."""
        self.relay = Relay(
            self.database,
            self.broker,
            owner=self.owner,
            now_ms=now_ms,
            metrics=self.metrics,
            in_flight_max=settings.limits.events_in_flight_max,
            lease_s=settings.limits.claim_lease_s,
        )
        self.decisions = Decisions()
        self._pool = WorkerPool(
            processes_max=settings.limits.worker_processes,
            memory_bytes_max=settings.limits.worker_memory_bytes_max,
            timeout_s=settings.limits.worker_timeout_s,
            spool_dir=settings.spool_dir,
        )
        ways_out = WaysOut(self.directory, settings.identities, host=message_id_host(settings))
        ids = IdSource(now_ms, secrets.randbits)
        self.reception = Reception(
            self.database,
            ids,
            now_ms,
            arrived=self._wake_processing,
            disk_is_low=lambda: self.housekeeping.disk_is_low,
            held_room=HeldRoom(self.database, settings.limits.held_bytes_per_partner_max, now_ms),
            wants_events=self.wants_events,
        )
        self.collecting = self._collecting(settings)
        self._terms = TermsOfProfiles(self.database, settings.identities, self.directory, ways_out.of)
        self.processing = Processing(
            self.database,
            self._pool,
            self._terms.of,
            owner=self.owner,
            source=f"/gateway/{settings.identities[0].name}" if settings.identities else "/gateway",
            now_ms=now_ms,
            limits=settings.limits,
            metrics=self.metrics,
            decided=self._decided,
            exchange=Exchange(settings.identities, self._certificates_exchanged),
            holding=self.holding,
            apart=SettingApart(
                self.database,
                self.reception,
                self.directory,
                owner=self.owner,
                now_ms=now_ms,
                scratch=self.spools.scratch(settings.limits.spool_from_bytes),
            ),
            wants_events=self.wants_events,
            told=self.decisions.note,
        )
        self.sandbox = SandboxReplies(
            self.database,
            self.reception,
            self.directory,
            owner=self.owner,
            now_ms=now_ms,
            metrics=self.metrics,
        )
        # Deliveries and received messages share their ids.
        self.outbound = Outbound(
            self.database,
            Composing(self.database, self.directory, settings.identities, settings.limits, self._pool),
            ids,
            host=message_id_host(settings),
            now_ms=now_ms,
            accepted=self.sending.wake,
            metrics=self.metrics,
            disk_is_low=lambda: self.housekeeping.disk_is_low,
            wants_events=self.wants_events,
        )

    def _collecting(self, settings: Settings) -> Collecting:
        """Who fetches from partners' servers."""
        desk = Desk(
            database=self.database,
            reception=self.reception,
            partner=lambda partner_id: self.directory().by_id(partner_id),
            scratch=self.spools.scratch(settings.limits.spool_from_bytes),
            metrics=self.metrics,
            now_ms=now_ms,
            owner=self.owner,
            bytes_max=settings.limits.body_bytes_max,
            rate_bytes_per_s_min=settings.limits.body_rate_bytes_per_s_min,
        )
        return Collecting(desk, self.sftp_door, self.directory, lease_s=settings.limits.claim_lease_s)

    def _edge(self, settings: Settings) -> Edge:
        """What both ports stand on."""
        return Edge(
            settings=settings,
            database=self.database,
            reception=self.reception,
            metrics=self.metrics,
            now_ms=now_ms,
            directory=self.directory,
            keyring=self.keys.ring,
            not_ready=self._not_ready,
            wake=self._wake,
            uses=self.uses,
            exchanged=self.exchanged.of,
            outbound=self.outbound,
            wants_events=self.wants_events,
            sealing=self.sealing,
            webhooks=self.webhooks.caller,
            credential_uses=self.credential_uses,
            decisions=self.decisions,
            validating=Validating(self.database, self._pool, self._terms.of, settings.limits),
            renditions=Renditions(self._pool),
            throttle=Throttle(now_ms, self.metrics, self.sharing),
        )

    @property
    def edge_port(self) -> int:
        """The port that partners reach, once started."""
        return self._partner_port.address[1]

    @property
    def edge_mtls_port(self) -> int | None:
        """The port that asks partners for certificates, once started; None where there is none."""
        return self._partner_port.addresses[1][1] if self._mutual_tls is not None else None

    @property
    def sftp_port(self) -> int | None:
        """The port of mailboxes, once started; None where no profile has one."""
        address = self._mailboxes.address
        return address[1] if address is not None else None

    @property
    def operator_port(self) -> int:
        """The port that operators reach, once started."""
        return self._operator_port.address[1]

    def directory(self) -> Directory:
        """The partners as they are now."""
        return self.housekeeping.directory

    async def start(self) -> None:
        """Bring the store up to date, read the partners, then open the doors.

        Raises:
            CannotStart: a port is taken, or the store is not usable.
        """
        try:
            await asyncio.to_thread(migrate, self.database)
            self.database.start()
            if self.database.is_sqlite:
                # The only process of this data_dir: whatever is claimed, a process that is gone claimed it.
                await self.database.write(_release_all)
            await self.keys.start()
            await self.sealing.start()
            await self.exchanged.refresh()
            await self.housekeeping.load_profiles()
            await self.webhooks.subscriptions.refresh()
            self.housekeeping.look_at_disk()
            await self.housekeeping.measure()
            if self._takes_in:
                await self.sharing.start()
        except StoreUnavailable as unavailable:
            raise CannotStart(f"the database cannot be used: {unavailable}") from unavailable
        except KeyRingError as error:
            raise CannotStart(str(error)) from error
        await self.broker.start()
        settings = self.settings
        tell_of_unmet_credentials(self.directory(), settings)
        self._tasks.append(asyncio.create_task(self.housekeeping.run(), name="housekeeping"))
        if isinstance(self.broker, RabbitBroker):
            self._checks.append(asyncio.create_task(look_for_delivery_limit(self.broker), name="delivery limit"))
        if "worker" in settings.roles:
            if not settings.processing_paused:
                self._run("processing", self.processing.run)
            self._run("relay", self.relay.run)
            self._run("sending", self.sending.run)
            self._run("webhooks", self.webhooks.telling.run)
            self._run("outbound", self.outbound.run)
            self._run("collecting", self.collecting.run)
            if settings.sandbox:
                self._run("sandbox", self.sandbox.run)
        await self._open_doors()

    async def _open_doors(self) -> None:
        settings = self.settings
        if self._takes_in:
            self._run("sharing of limits", self.sharing.run)
        if "sftp" in settings.roles:
            await open_mailboxes(self._mailboxes, settings)
        if "edge" in settings.roles:
            tls = tls_context(settings.edge_tls_certificate, settings.edge_tls_key)
            await listen(self._partner_port, "edge", settings.edge_host, settings.edge_port, tls)
            asking = tls_context(settings.edge_tls_certificate, settings.edge_tls_key)
            if settings.edge_mtls_port is not None and asking is not None:
                self._mutual_tls = MutualTls(asking)
                await self._follow_client_certificates()
                await listen(self._partner_port, "edge_mtls", settings.edge_host, settings.edge_mtls_port, asking)
        tls = tls_context(settings.operator_tls_certificate, settings.operator_tls_key)
        await listen(self._operator_port, "operator", settings.operator_host, settings.operator_port, tls)

    async def stop(self) -> None:
        """Stop accepting, finish what is under way, give back what is claimed, close; bounded in time."""
        timeout_s = self.settings.limits.shutdown_timeout_s
        ports = (self._partner_port, self._operator_port, self._mailboxes)
        await asyncio.gather(*[port.stop(timeout_s) for port in ports])
        tasks = (*self._tasks, *self._line, *self._checks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.database.is_started:  # otherwise the start was refused: nothing is claimed, and nobody would write
            await self._drain(timeout_s)
        await self._as2.close()
        await self.sftp_door.close()
        await self.webhooks.caller.close()
        await self._pool.close()
        await self.broker.close()
        await asyncio.to_thread(self.database.close)
        if self._lock is not None:
            self._lock.close()

    async def _drain(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                # An attempt may last as long as their server likes: half of the time, then it is broken off.
                sending = asyncio.create_task(self.sending.drain(timeout_s / 2), name="drain sending")
                collecting = asyncio.create_task(self.collecting.drain(timeout_s / 2), name="drain collecting")
                await self.processing.drain()
                await self.relay.drain()
                await asyncio.gather(sending, collecting)
                with suppress(StoreUnavailable):
                    await self.certificates.flush()
                if self._takes_in:
                    await self.sharing.close()
                    await self.credentials.flush()

    async def _follow_client_certificates(self) -> None:
        if self._mutual_tls is not None:
            self._mutual_tls.follow(self.directory())

    async def _look_after_collecting(self) -> None:
        if "worker" in self.settings.roles:
            await self.collecting.upkeep()

    @property
    def _takes_in(self) -> bool:
        """Whether partners reach this process."""
        return bool({"edge", "sftp"} & set(self.settings.roles))

    async def _follow_mailboxes(self) -> None:
        if "sftp" in self.settings.roles:
            await self._mailboxes.follow()

    async def _remove_old_parts(self) -> None:
        if removed := await asyncio.to_thread(self._bodies.parts.expire):
            log.info("parts of broken transfers that nobody went on with were removed", extra={"parts": removed})

    async def _certificates_exchanged(self) -> None:
        await self.exchanged.refresh()
        self._decided()

    def _run(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._line.append(asyncio.create_task(supervise(name, run), name=name))

    def _decided(self) -> None:
        self.relay.wake()
        self.sending.wake()
        self.webhooks.telling.wake()

    def _wake(self) -> None:
        self.processing.wake()
        self.relay.wake()
        self.outbound.wake()
        self.sending.wake()
        self.webhooks.telling.wake()

    def _wake_sending(self) -> None:
        self.sending.wake()

    async def _bring_in_webhooks(self) -> None:
        await self.webhooks.subscriptions.refresh()

    def _wake_processing(self) -> None:
        self.processing.wake()

    def _wake_resumed(self) -> None:
        self.processing.wake()
        self.outbound.wake()

    def _wake_sandbox(self) -> None:
        self.sandbox.wake()

    def _not_ready(self) -> list[str]:
        reasons = []
        if self.housekeeping.disk_is_low:
            reasons.append("the disk is low; free space where data_dir lies")
        if "worker" in self.settings.roles and self.broker.last_error is not None:
            reasons.append(f"broker: {self.broker.last_error}")
        reasons += self._mailboxes.not_ready
        reasons += [f"{task.get_name()} has stopped" for task in (*self._tasks, *self._line) if task.done()]
        return reasons


async def serve(settings: Settings) -> int:
    """Run a gateway until SIGTERM or SIGINT; returns the exit code."""
    configure_logging(settings.log_level, settings.log_format)
    logging.captureWarnings(capture=True)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if settings.roles == ("sftp",):
        os.nice(BULK_NICENESS)
    gateway = Gateway(settings)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await gateway.start()
        log.info(
            "the gateway is up",
            extra={
                "edge": f"{settings.edge_host}:{gateway.edge_port}" if "edge" in settings.roles else None,
                "edge_mtls": f"{settings.edge_host}:{gateway.edge_mtls_port}" if gateway.edge_mtls_port else None,
                "sftp": f"{settings.sftp_host}:{gateway.sftp_port}" if gateway.sftp_port else None,
                "operator": f"{settings.operator_host}:{gateway.operator_port}",
                "partners": len(gateway.directory()),
                "database": "sqlite" if gateway.database.is_sqlite else "postgresql",
                "broker": "rabbitmq" if settings.broker_url is not None else "embedded event log",
            },
        )
        await ended.wait()
        log.info("the gateway is stopping")
    finally:
        await gateway.stop()
    return 0


def _release_all(connection: Connection) -> None:
    messages.release_claims(connection, None, now_ms())
    outbox.release_claims(connection, None, now_ms())
    delivery_claims.release_claims(connection, None, now_ms())
    remote_folders.release_claims(connection, None)

"""Outbound over a real store: partners of several kinds, and orders for them."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from certs.certificates import KeyPair
from gateway.flow.operations import Actor
from gateway.flow.outward.composing import Composing
from gateway.flow.outward.outbound import Answer, Outbound, SourceKey
from gateway.model.ids import IdSource
from gateway.model.partner_events import WantsEvents, nobody
from gateway.settings import IdentitySettings, Limits
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import dispatches
from gateway.store.oversight import cases, timeline
from gateway.store.partners import control_numbers
from gateway.telemetry import Metrics
from gateway.workers import WorkerPool
from partners.directory import Directory
from partners.loader import LoadedProfile, parse_profile
from tests.flow.line import now_ms
from tests.migrated import migrate
from tests.site import key_pair

HOST = "b2b.bigcorp.example"
OPERATOR = Actor("operator:mallory", "127.0.0.1")
IDENTITIES = (
    IdentitySettings.model_validate(
        {"name": "bigcorp", "as2_id": "BIGCORP-AS2", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGGS"}}
    ),
    IdentitySettings.model_validate(
        {"name": "plant", "as2_id": "PLANT-AS2", "x12": {"qualifier": "01", "id": "PLANT1", "group_id": "PLANT"}}
    ),
    IdentitySettings.model_validate({"name": "shop", "x12": {"qualifier": "12", "id": "SHOP", "group_id": "SHOP"}}),
)
AS2 = "as2: {{id: {0}, our_identity: bigcorp, certificate: their.pem, url: 'https://{1}.example/as2'}}\n"
PROFILES = {
    "acme": AS2.format("ACME", "acme")
    + """
x12: {qualifier: ZZ, id: ACME, group_id: ACMEGS}
control_numbers: {interchange: {min: 500, max: 9000}, transaction_set: {min: 7000, max: 9000}}
agreements:
  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}
  - {document: purchase_order_change, direction: outbound, syntax: x12, releases: [004010]}
  - {document: purchase_order_acknowledgment, direction: outbound, syntax: x12, releases: [004010]}
  - {document: invoice, direction: outbound, syntax: x12, releases: [005010], our_identity: plant}
  - {document: ship_notice, direction: outbound, syntax: json}
  - {document: receipt, direction: outbound, syntax: xml}
""",
    "carried": "x12: {qualifier: '01', id: CARRIED}\nvia: van\nagreements:\n"
    "  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010], our_identity: shop}\n",
    "van": AS2.format("VAN", "van") + "speaks_for: [{qualifier: '01', id: CARRIED}]\n",
    "idle": AS2.format("IDLE", "idle")
    + "status: suspended\n"
    + """
x12: {qualifier: ZZ, id: IDLE, group_id: IDLE}
agreements: [{document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}]
""",
    "unreachable": "x12: {qualifier: ZZ, id: UNREACHABLE}\n"
    f"sftp_server: {{host: sftp.example, user: us, key: us, host_keys: 'SHA256:{'A' * 43}', "
    "fetch: [{name: all, folder: /out}]}\n"
    "agreements: [{document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}]\n",
    "stray": "x12: {qualifier: ZZ, id: STRAY}\nvia: sketch\n",
    "sketch": "status: draft\n" + AS2.format("SKETCH", "sketch"),
}


NOTICE = {
    "document_type": "ship_notice",
    "schema_version": "1.0",
    "number": "SN-1",
    "issued_on": "2026-03-01",
    "purchase_order_number": "PO-1",
    "lines": [{"line_id": "1", "purchase_order_number": "PO-1", "quantity": "5", "unit": "EA"}],
}


def profile(partner_id: str, text: str, keys: KeyPair) -> LoadedProfile:
    head = f"id: {partner_id}\nname: {partner_id.capitalize()}\n"
    loaded = parse_profile({"profile.yaml": (head + text).encode(), "their.pem": keys.certificate.pem()})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def order(number: str = "PO-1", *, lines: int = 1, **more: Any) -> bytes:
    document = {
        "document_type": "purchase_order",
        "schema_version": "1.0",
        "number": number,
        "purpose": "original",
        "order_type": "stand_alone_order",
        "issued_on": "2026-03-01",
        "parties": [{"role": "ship_to", "name": "Main plant", "identifiers": [{"qualifier": "92", "id": "P1"}]}],
        "lines": [
            {
                "line_id": str(line),
                "quantity": "10",
                "unit": "EA",
                "unit_price": "12.5",
                "product_ids": [{"qualifier": "BP", "id": f"AX-{line}"}],
            }
            for line in range(1, lines + 1)
        ],
    }
    return json.dumps(document | more).encode()


def key(number: int = 1) -> SourceKey:
    return SourceKey("/erp/sap", f"message-{number}")


@dataclass
class Desk:
    """An Outbound with a look at what it kept."""

    database: Database
    outbound: Outbound
    metrics: Metrics
    profiles: dict[str, LoadedProfile]
    woken: list[int] = field(default_factory=list)

    def change(self, partner: str, status: str) -> LoadedProfile:
        """Give a partner another status; returns the profile that they have from now on."""
        loaded = self.profiles[partner]
        changed = replace(loaded, profile=loaded.profile.model_copy(update={"status": status}))
        self.profiles[partner] = changed
        return changed

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What was resumed, or is tried again, is translated meanwhile."""
        task = asyncio.create_task(self.outbound.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def send(self, body: bytes, partner: str = "acme", **more: Any) -> Answer:
        return await self.outbound.accept_document(partner, body, **more)

    async def delivery(self, delivery_id: str) -> deliveries.StoredDelivery | None:
        return await self.database.read(partial(deliveries.get, delivery_id=delivery_id))

    async def payload(self, delivery_id: str) -> bytes:
        body = await self.database.read(partial(deliveries.body, delivery_id=delivery_id, part="payload"))
        assert body is not None
        return body

    async def dispatch(self, dispatch_id: str) -> dispatches.StoredDispatch:
        found = await self.database.read(partial(dispatches.get, dispatch_id=dispatch_id))
        assert found is not None
        return found

    async def cases(self) -> list[cases.Case]:
        return await self.database.read(cases.find)

    async def steps(self, dispatch_id: str) -> list[str]:
        found = await self.database.read(partial(timeline.of_message, message_id=dispatch_id))
        return [step.step for step in found]

    async def last_numbers(self) -> dict[str, int]:
        return {one.scope: one.last for one in await self.database.read(control_numbers.given_out)}


@asynccontextmanager
async def desk_over(url: str, *, wants_events: WantsEvents = nobody, **limits: Any) -> AsyncIterator[Desk]:
    database = Database(url)
    migrate(database)
    database.start()
    keys = key_pair("acme-supply")
    profiles = {name: profile(name, text, keys) for name, text in PROFILES.items()}
    held = Limits(**limits)
    pool = WorkerPool(processes_max=1, memory_bytes_max=held.worker_memory_bytes_max, timeout_s=60)
    metrics, woken = Metrics(), list[int]()
    composing = Composing(database, lambda: Directory(profiles.values()), IDENTITIES, held, pool)
    outbound = Outbound(
        database,
        composing,
        IdSource(now_ms, secrets.randbits),
        host=HOST,
        now_ms=now_ms,
        accepted=lambda: woken.append(1),
        metrics=metrics,
        wants_events=wants_events,
    )
    try:
        yield Desk(database, outbound, metrics, profiles, woken)
    finally:
        await pool.close()
        database.close()

"""A site with messages in every state, brought there by the same units of work that the running gateway uses."""

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gateway.agreements import acknowledgment_rules, reading_rules
from gateway.flow.decide import Decision, decide, park
from gateway.flow.terms import PartnerTerms, Terms
from gateway.model.ids import IdSource
from gateway.settings import IdentitySettings, Settings, load_settings
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.events import event_log, outbox
from gateway.store.messages import NewMessage
from gateway.store.partners import profiles
from partners.loader import LoadedProfile, load_profile
from tests.migrated import migrate
from tests.site import Site, acknowledgment_855, ship_notice_json
from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.guide import RepetitionRules

NOW_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z
OWNER = "test"
DUPLICATES_DAYS = 3_650


@dataclass
class Stocked:
    """A site and what lies in its store.

    Attributes:
        published: an 855 whose event is in the embedded log.
        rejected: an 855 that was refused with a 997.
        parked: a message with a case.
    """

    site: Site
    settings: Settings
    published: str = ""
    rejected: str = ""
    parked: str = ""
    _now_ms: int = NOW_MS
    _follows_clock: bool = False
    _ids: IdSource = field(init=False)

    def __post_init__(self) -> None:
        self._ids = IdSource(self._tick, secrets.randbits)

    def _tick(self) -> int:
        self._now_ms += 40
        if self._follows_clock:
            self._now_ms = max(self._now_ms, time.time_ns() // 1_000_000)
        return self._now_ms

    def catch_up(self) -> None:
        """From here on by the clock of the machine, as commands go."""
        self._follows_clock = True

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(self.settings.resolved_database_url(), synchronous="OFF")
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def sqlite(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.site.data_dir / "gateway.db", isolation_level=None)) as connection:
            yield connection

    def profile(self, partner: str) -> LoadedProfile:
        loaded = load_profile(self.site.partners_dir / partner)
        assert isinstance(loaded, LoadedProfile), loaded
        return loaded

    def receive(self, payload: bytes, transport_id: str, *, partner: str = "acme-supply", channel: str = "as2") -> str:
        """Keep a message as an edge does; returns its id."""
        loaded, digest = self.profile(partner), sha256(payload).hexdigest()
        new = NewMessage(
            id=self._ids.next(),
            partner_id=partner,
            profile_digest=loaded.digest,
            identity="bigcorp",
            channel=channel,
            transport_id=transport_id,
            remote="192.0.2.7",
            received_at_ms=self._tick(),
            sha256=digest,
            payload=payload,
            payload_sha256=digest,
            wire=(b"wire of " + payload[:20],),
            answer=b"receipt",
            content_type="application/edi-x12",
            filename="order response.edi",
            security='{"signed": true, "encrypted": true, "cipher": "aes256-cbc"}',
        )
        with self.database() as database:
            database.write_now(
                lambda connection: profiles.keep(connection, loaded.digest, partner, loaded.pack(), self._tick())
            )
            return database.write_now(lambda connection: messages.accept(connection, new)).message_id

    def process(self) -> None:
        """Translate and decide everything that is due."""
        with self.database() as database:
            for message in self._claim(database):
                loaded = self.profile(message.partner_id)
                identities = self.settings.identities
                own = PartnerTerms(
                    message.partner_id,
                    RepetitionRules(window_days=DUPLICATES_DAYS),
                    acknowledgment_rules(loaded.profile, identities),
                    loaded.profile.control_numbers,
                )
                terms = Terms(reading_rules(loaded, identities, ()), own)
                payload = database.read_now(
                    lambda connection, key=message.id: messages.body(connection, key, "payload")
                )
                assert payload is not None
                found = list(translate(payload, terms.reading))
                result = found.pop()
                assert isinstance(result, TranslationResult)
                batch = [item for item in found if isinstance(item, TranslatedDocument)]
                decision = Decision(message, "/gateway/bigcorp", batch, result, terms, self._tick())
                database.write_now(lambda connection, made=decision: decide(connection, OWNER, made))

    def park(self) -> None:
        """Fail to process everything that is due, by our own fault."""
        with self.database() as database:
            for message in self._claim(database):
                database.write_now(
                    lambda connection, parked=message: park(
                        connection,
                        OWNER,
                        parked,
                        attempts=8,
                        reason="translation failed with RuntimeError",
                        detail="",
                        now_ms=self._tick(),
                        retry_at_ms=None,
                    )
                )

    def publish(self) -> None:
        """Publish everything that is due into the embedded log."""
        with self.database() as database:
            while events := database.write_now(
                lambda connection: outbox.claim(connection, OWNER, self._tick(), lease_ms=60_000, limit=10)
            ):
                for event in events:
                    database.write_now(
                        lambda connection, sent=event: event_log.append(connection, sent.id, self._tick())
                    )
                    database.write_now(lambda connection, sent=event: outbox.confirm(connection, sent, self._tick()))

    def _claim(self, database: Database) -> list[messages.StoredMessage]:
        return database.write_now(
            lambda connection: messages.claim(connection, OWNER, self._tick(), lease_ms=60_000, limit=100)
        )


def stock(root: Path) -> Stocked:
    """A site with a published, a rejected and a parked message, and one more event from the other supplier."""
    site = Site(root)
    stocked = Stocked(site, load_settings(site.config, {}).settings)
    assert isinstance(stocked.settings.identities[0], IdentitySettings)
    with stocked.database() as database:
        migrate(database)
    stocked.published = stocked.receive(acknowledgment_855(1), "<1@acme>")
    stocked.rejected = stocked.receive(acknowledgment_855(2).replace(b"BAK*00*AC*", b"BAK*00**"), "<2@acme>")
    stocked.receive(ship_notice_json(3), "notice-3", partner="northwind-parts", channel="rest")
    stocked.process()
    stocked.publish()
    stocked.parked = stocked.receive(acknowledgment_855(4), "<4@acme>")
    stocked.park()
    stocked.catch_up()
    return stocked

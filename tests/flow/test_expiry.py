"""Certificates to their end: who has to know learns it once a warning, and it is over once a successor is there."""

import logging
from datetime import timedelta

import jsonschema
import orjson
import pytest

from certs.lives import Life
from gateway.flow import operations
from gateway.flow.certificates.expiry import CertificateWatch, warning_due
from gateway.flow.certificates.inventory import take_inventory
from gateway.flow.operations import Actor
from gateway.model.instants import moment
from gateway.model.notices import NOTICES
from gateway.store.database import Database
from gateway.store.events import outbox
from gateway.store.keys import certificate_uses
from gateway.store.keys.certificate_uses import LastUses, Use
from gateway.store.oversight import audit, cases
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile, parse_profile
from tests.certs.pairs import NOW, curve_pair, pair
from tests.migrated import migrate

DAY = timedelta(days=1)
THEIRS = "id: acme\nname: ACME\n{status}as2:\n  id: ACME\n  certificates: [{files}]\n"


def profile(*files, status="", **more):
    """ACME with certificates: (number, days valid, further keys of the profile)."""
    named = {f"{number}.pem": pair(number, days=days).certificate.pem() for number, days, _ in files}
    items = ", ".join(f"{{file: {number}.pem{keys}}}" for number, _, keys in files)
    text = THEIRS.format(status=status, files=items)
    loaded = parse_profile({"profile.yaml": text.encode(), **named})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def life(number, *, days=730, of=pair, **more):
    return Life("plant", of(number, days=days).certificate, (), NOW + number * DAY, **more)


class Watched:
    """One node's watch over what the test puts there, at a time of the test's."""

    def __init__(self, database, lives=(), profiles=()):
        self.database, self.metrics, self.uses = database, Metrics(), LastUses()
        self.lives, self.profiles, self.now = list(lives), list(profiles), NOW
        self.announced = []
        self.watch = CertificateWatch(
            database,
            lives=lambda: self.lives,
            profiles=lambda: self.profiles,
            uses=self.uses,
            now_ms=lambda: round(self.now.timestamp() * 1_000),
            metrics=self.metrics,
            announced=lambda: self.announced.append(1),
        )

    async def look(self, days):
        self.now = NOW + timedelta(days=days)
        await self.watch.look()

    async def cases(self, state=None):
        return await self.database.read(lambda connection: cases.find(connection, state=state))

    async def notices(self):
        now_ms = round(self.now.timestamp() * 1_000)
        events = await self.database.write(
            lambda connection: outbox.claim(connection, "test", now_ms, lease_ms=1, limit=100)
        )
        for event in events:
            await self.database.write(lambda connection, event=event: outbox.confirm(connection, event, now_ms))
        return [(event.routing_key, orjson.loads(event.body)["days_ahead"], event) for event in events]


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path / 'gateway.db'}", synchronous="OFF")
    migrate(made)
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("days_left", "warning"),
    [(31, None), (30.1, None), (30, 30), (14.5, 30), (14, 14), (7, 7), (6, 7), (1, 1), (0.5, 1), (0, 0), (-400, 0)],
)
def test_the_warnings_come_when_they_should(days_left, warning):
    assert warning_due(NOW + timedelta(days=days_left), NOW) == warning


async def test_each_warning_comes_once_and_grows_more_urgent(database, caplog):
    caplog.set_level(logging.WARNING)
    watched = Watched(database, profiles=[profile((1, 99, ""))])  # ends on day 100
    await watched.look(60)
    assert await watched.cases() == []
    seen = []
    for days in (70, 71, 86, 93, 94, 99, 100.5, 130):
        await watched.look(days)
        await watched.look(days)
        seen += [(key, ahead) for key, ahead, _ in await watched.notices()]
        (case,) = await watched.cases()
        seen.append(case.state)
    expiring = "certificate.expiring.acme"
    assert seen == [
        (expiring, 30),
        "open",
        "open",
        (expiring, 14),
        "open",
        (expiring, 7),
        "stopped",
        "stopped",
        (expiring, 1),
        "stopped",
        ("certificate.expired.acme", 0),
        "stopped",
        "stopped",
    ]
    assert len(watched.announced) == 5
    said = [record.message for record in caplog.records]
    assert said == ["a certificate ends soon"] * 4 + ["a certificate has ended"]
    assert case.id == f"certificate_ends:partner:acme:{pair(1, days=99).certificate.fingerprint[:16]}"
    for word in ("partner acme", "signing and encryption", "CN=us 1", "ended on", "held", "profile: 1.pem"):
        assert word in case.reason


async def test_two_nodes_and_a_restart_say_it_once(database_url):
    stores = [Database(database_url), Database(database_url)]
    try:
        migrate(stores[0])
        for store in stores:
            store.start()
        nodes = [Watched(store, profiles=[profile((1, 99, ""))]) for store in stores]
        for node in (*nodes, Watched(stores[0], profiles=nodes[0].profiles)):
            await node.look(75)
        assert len(await nodes[0].notices()) == 1
        assert len(await nodes[1].cases()) == 1
        assert [len(node.announced) for node in nodes] == [1, 0]
    finally:
        for store in stores:
            store.close()


async def test_the_case_goes_by_itself_once_a_successor_is_there(database):
    watched = Watched(database, profiles=[profile((1, 99, ""))])
    await watched.look(75)
    watched.profiles = [profile((1, 99, ""), (2, 500, ", valid_from: 2026-05-20"))]
    await watched.look(76)
    (case,) = await watched.cases("resolved")
    assert "a successor is there" in case.resolution
    await watched.look(98)
    assert len(await watched.notices()) == 1
    watched.profiles = [profile((1, 99, ""))]  # and it comes back when the successor goes
    await watched.look(98.5)
    (case,) = await watched.cases()
    assert case.state == "stopped"


async def test_a_notice_is_what_its_schema_says(database):
    watched = Watched(database, lives=[life(1, days=99, signs_from=NOW)])
    await watched.look(95)
    ((key, _, event),) = await watched.notices()
    assert key == "certificate.expiring.plant"
    body = orjson.loads(event.body)
    jsonschema.validate(body, dict(NOTICES["certificate"]), format_checker=jsonschema.FormatChecker())
    assert (body["owner_kind"], body["uses"]) == ("identity", ["signing", "encryption"])
    assert "gateway certs roll plant --new" in body["reason"]


# what is there, and how many warnings it earns on day 95
QUIET = [
    ([life(1, days=99), life(2, days=900, signs_from=NOW + 96 * DAY)], []),
    ([life(1, days=99, retired_at=NOW)], []),
    ([life(1, days=99), life(2, days=900, signs_from=NOW)], []),
    ([], [profile((1, 99, ""), (2, 900, ""))]),
    ([], [profile((1, 99, ""), status="status: suspended\n")]),
    ([], [profile((1, 900, ""))]),
]
LOUD = [
    ([life(1, days=99), life(2, days=900)], []),  # nobody said that the other one signs
    ([life(1, days=99), life(2, days=900, of=curve_pair, signs_from=NOW)], []),  # it cannot decrypt
    ([], [profile((1, 99, ""), (2, 900, ", use: signing"))]),
    ([], [profile((1, 99, ""), (2, 900, ", valid_from: 2027-01-01"))]),  # a gap
    ([], [profile((1, 900, ", not_after: 2026-06-08"))]),  # the window of the profile ends
]


@pytest.mark.parametrize(("lives", "profiles"), QUIET)
async def test_no_warning_where_all_is_well(database, lives, profiles):
    watched = Watched(database, lives, profiles)
    await watched.look(95)
    assert await watched.cases() == []


@pytest.mark.parametrize(("lives", "profiles"), LOUD)
async def test_a_warning_where_nothing_takes_over(database, lives, profiles):
    watched = Watched(database, lives, profiles)
    await watched.look(95)
    assert len(await watched.cases()) == 1


async def test_a_person_closes_a_case_and_no_other_with_it(database):
    watched = Watched(database, lives=[life(1, days=99, signs_from=NOW)], profiles=[profile((1, 99, ""))])
    await watched.look(75)
    first, second = await watched.cases()
    who = Actor("operator:test")
    await database.write(lambda connection: operations.give_up(connection, first.id, who, 1, why="known"))
    assert [case.id for case in await watched.cases()] == [second.id]
    with pytest.raises(operations.NotPossible):
        await database.write(lambda connection: operations.retry_case(connection, second.id, who, 1))
    await watched.look(76)
    assert len(await watched.cases()) == 1, "what a person closed stays closed until the next warning"
    await watched.look(93)
    assert len(await watched.cases()) == 2
    assert [act.action for act in await database.read(audit.find)] == ["exception.resolve"]


async def test_metrics_tell_days_left_and_last_use(database):
    watched = Watched(database, lives=[life(1, days=99, signs_from=NOW)], profiles=[profile((2, 500, ""))])
    watched.uses.ours("plant", pair(1, days=99).certificate.fingerprint, Use.SIGNING, 1_500)
    await watched.watch.round()
    await watched.look(50)
    lines = watched.metrics.expose().splitlines()
    (ours,) = (line for line in lines if line.startswith("gateway_certificate_days_left{") and "plant" in line)
    assert 'owner_kind="identity"' in ours
    assert 'uses="signing+encryption"' in ours
    assert ours.endswith(" 50")
    (used,) = (line for line in lines if line.startswith("gateway_certificate_last_used_timestamp_seconds{"))
    assert 'owner="identity:plant"' in used
    assert used.endswith(" 1.5")
    watched.lives = []
    await watched.look(51)
    assert not any("days_left{" in line and "plant" in line for line in watched.metrics.expose().splitlines())


async def test_uses_are_written_down_now_and_then(database):
    watched = Watched(database)
    watched.uses.theirs("acme", "f", Use.ENCRYPTION, 5)
    await watched.watch.round()
    assert await database.read(certificate_uses.every) == {("partner:acme", "f", "encryption"): 5}
    watched.uses.theirs("acme", "f", Use.ENCRYPTION, 9)
    await watched.watch.round()
    assert (await database.read(certificate_uses.every))["partner:acme", "f", "encryption"] == 5
    watched.now += timedelta(minutes=1)
    await watched.watch.round()
    assert (await database.read(certificate_uses.every))["partner:acme", "f", "encryption"] == 9


def test_an_unreadable_file_is_said_and_stops_nothing():
    broken = parse_profile({"profile.yaml": THEIRS.format(status="", files="x.pem").encode(), "x.pem": b"nothing"})
    found = take_inventory([life(1)], [broken], [], moment(0))
    assert [entry.owner for entry in found.entries] == ["plant"]
    assert "acme: x.pem" in found.problems[0]

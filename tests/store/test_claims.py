"""Who works on which message: leases between processes, and messages that are suspected of killing theirs."""

import pytest

from gateway.model.message import MessageEvent
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.messages import NewMessage
from tests.migrated import migrate

LEASE_MS = 10_000


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_database_url")
    database = Database(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def accept(database):
    def accept(partner_id, *numbers):
        for number in numbers:
            message_id = f"{number:026d}"
            new = NewMessage(
                id=message_id,
                partner_id=partner_id,
                profile_digest="d",
                identity="",
                channel="rest",
                transport_id=message_id,
                remote="",
                received_at_ms=number,
                sha256="s",
                payload=b"x",
                payload_sha256="s",
                wire=(),
                answer=None,
                content_type="",
                filename="",
                security="{}",
            )
            database.write_now(lambda connection, new=new: messages.accept(connection, new))

    return accept


@pytest.fixture
def claim(database):
    def claim(owner, now_ms=1_000, limit=10, busy=()):
        claimed = database.write_now(
            lambda connection: messages.claim(
                connection, owner, now_ms, lease_ms=LEASE_MS, limit=limit, busy_partners=busy
            )
        )
        return [int(message.id) for message in claimed]

    return claim


def test_a_partner_that_another_process_works_for_does_not_hide_the_others(accept, claim):
    accept("acme", 1, 2, 3, 4)
    accept("northwind", 5)
    assert claim("one", limit=2) == [1, 2]
    assert claim("two", limit=2) == [5], "the oldest waiting messages all belong to a partner that is taken"


def test_a_partner_given_back_goes_to_whoever_asks_next(database, accept, claim):
    accept("acme", 1, 2)
    assert claim("one", limit=1) == [1]
    assert claim("two") == []
    database.write_now(lambda connection: messages.release_partner(connection, "one", "acme"))
    assert claim("two") == [2]


def test_a_lease_that_ran_out_is_taken_over_and_the_first_owner_can_decide_nothing(database, accept, claim):
    accept("acme", 1)
    claim("one")
    assert claim("two", now_ms=1_000 + LEASE_MS + 1) == [1]
    with pytest.raises(messages.ClaimLost):
        database.write_now(lambda connection: messages.finish(connection, "one", f"{1:026d}", MessageEvent.ACCEPT))


def test_a_renewed_lease_is_kept_and_a_lost_one_is_not_won_back(database, accept, claim):
    accept("acme", 1, 2)
    claim("one", limit=1)
    later = 1_000 + LEASE_MS - 1

    def renew(connection):
        messages.renew(connection, "one", [f"{1:026d}"], later, later + LEASE_MS)

    database.write_now(renew)
    assert claim("two", now_ms=1_000 + LEASE_MS + 1) == []
    assert claim("two", now_ms=later + LEASE_MS + 1) == [1, 2]
    database.write_now(renew)
    assert claim("one", now_ms=later + LEASE_MS + 2) == []


def test_a_message_that_saw_its_process_die_twice_is_claimed_alone(database, accept, claim):
    accept("acme", 1, 2, 3)
    accept("northwind", 4)
    for owner in ("one", "two"):  # both die with everything in their hands
        assert claim(owner) == [1, 2, 3, 4]
        database.write_now(lambda connection: messages.release_claims(connection, None, 1_000))
    for expected in ([1], [2]):
        assert claim("three") == expected
        database.write_now(
            lambda connection, number=expected[0]: messages.finish(
                connection, "three", f"{number:026d}", MessageEvent.ACCEPT
            )
        )


def test_an_orderly_end_gives_the_attempt_back(database, accept, claim):
    accept("acme", 1)
    for _ in range(5):
        claim("one")
        assert database.write_now(lambda connection: messages.release_claims(connection, "one", 1_000)) == 1
    message = database.read_now(lambda connection: messages.get(connection, f"{1:026d}"))
    assert (message.attempts, message.state) == (0, "received")

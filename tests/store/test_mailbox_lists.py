"""Mailboxes in the store: what lies in which folder, in which order; a page costs the same whatever lies there."""

from functools import partial

import pytest
from sqlalchemy import text

from gateway.model.delivery import DeliveryEvent, DeliveryState
from gateway.store import deliveries, mailbox_files, refused_files
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries import mailbox
from gateway.store.refused_files import FILE, REPORT
from tests.store.test_deliveries import Post, new_delivery

S, E = DeliveryState, DeliveryEvent
ACME = "mailbox/acme"


@pytest.fixture
def post(stock):
    return Post(stock)


def put(post, number, owner="acme", **fields):
    return post.enqueue(number, channel="mailbox", destination=f"mailbox/{owner}", **fields)


def waiting(post, destination=ACME, *, acknowledgments=False, **fields):
    listed = partial(mailbox.waiting, acknowledgments=acknowledgments, **fields)
    return [item.id for item in post.see(listed, destination)]


def fetched(post, **fields):
    return [
        item.id
        for item in post.see(
            partial(mailbox.fetched, since_ms=0) if not fields else partial(mailbox.fetched, **fields), ACME
        )
    ]


def test_each_folder_holds_its_own_and_nobody_elses(post):
    document, acknowledgment, carried, taken, withdrawn = (
        put(post, 1),
        put(post, 2, kind="acknowledgment"),
        put(post, 3, partner="small", lane="small/3"),
        put(post, 4),
        put(post, 5),
    )
    put(post, 6, owner="globex", partner="globex")
    post.enqueue(7)  # over AS2
    post.enqueue(8, channel="inbox")
    post.do(deliveries.apply, taken, E.CONFIRM, 10)
    post.do(deliveries.cancel, withdrawn, 10, "operator:me", "by mail")
    assert waiting(post) == [document, carried]
    assert waiting(post, acknowledgments=True) == [acknowledgment]
    assert fetched(post) == [taken]
    assert post.see(mailbox.get, ACME, withdrawn).state == S.CANCELLED
    assert post.see(mailbox.get, "mailbox/globex", document) is None
    assert post.see(mailbox.get, ACME, "nothing") is None
    assert post.see(partial(mailbox.count_waiting, acknowledgments=False), ACME) == (2, 14)
    assert post.see(partial(mailbox.count_fetched, since_ms=11), ACME) == 0


def test_pages_go_on_where_the_one_before_ended(post):
    names = [put(post, number) for number in range(1, 6)]
    assert waiting(post, limit=2) == names[:2]
    assert waiting(post, limit=2, after=names[1]) == names[2:4]
    for name in names:
        post.do(deliveries.apply, name, E.CONFIRM, 20)
    first = post.see(partial(mailbox.fetched, since_ms=20, limit=3), ACME)
    assert [item.id for item in first] == names[:1:-1]
    assert fetched(post, since_ms=20, after=first[-1]) == names[1::-1]
    assert fetched(post, since_ms=21) == []
    assert fetched(post, since_ms=0, kept_since_ms=4) == [names[4], names[3]]


def test_what_nobody_fetches_is_asked_after_and_an_acknowledgment_is_withdrawn(post):
    document, acknowledgment = put(post, 1), put(post, 2, kind="acknowledgment")
    for claimed in post.claim():
        post.settle(claimed, E.AWAIT, due_at_ms=1_000)
    taken = post.do(delivery_claims.take_back_overdue, 1_000, lambda _: 24)
    assert {delivery.id: state for delivery, state in taken} == {
        document: S.GIVEN_UP,
        acknowledgment: S.CANCELLED,
    }
    assert [(case.message_id, case.reason) for case in post.cases().values()] == [
        (document, delivery_claims.UNCONFIRMED["mailbox"])
    ]
    assert waiting(post) == [document]
    post.do(deliveries.apply, document, E.CONFIRM, 2_000)
    assert post.cases() == {}


def test_what_lies_there_takes_no_share(post):
    names = [put(post, number) for number in range(1, 6)]
    assert post.claimed_ids(most=1) == names


# --- errors/ ---------------------------------------------------------------------------------------------------------


def drop(post, number, name=b"a.edi", refused_at_ms=None, partner="acme"):
    key = f"{number:026d}"
    post.do(mailbox_files.note, partner, name, key, bytes_count=7, received_at_ms=number)
    if refused_at_ms is not None:
        post.do(refused_files.mark, key, refused_at_ms)
    return key


def refused(post, **fields):
    return [(file.name, file.message_id) for file in post.see(partial(refused_files.shown, **fields), "acme", 0)]


def test_what_was_refused_is_shown_once_a_name_the_newest_first(post):
    drop(post, 1)
    old, new = drop(post, 2, refused_at_ms=10), drop(post, 3, refused_at_ms=11)
    other = drop(post, 4, b"b\xff.edi", refused_at_ms=12)
    drop(post, 5, b"c", refused_at_ms=13, partner="globex")
    assert refused(post) == [(b"b\xff.edi", other), (b"a.edi", new)]
    first = post.see(partial(refused_files.shown, limit=1), "acme", 0)
    assert refused(post, after=first[-1]) == [(b"a.edi", new)]
    assert post.see(refused_files.shown, "acme", 13) == []
    assert post.see(refused_files.find, "acme", b"a.edi", 0).message_id == new
    assert post.see(refused_files.get, "acme", old, 0).name == b"a.edi"
    assert post.see(refused_files.get, "globex", old, 0) is None
    assert post.see(refused_files.named, "acme", [b"a.edi", b"b"], 0) == {b"a.edi"}


def test_each_half_can_be_removed_and_comes_back_only_with_another_refusal(post):
    key = drop(post, 1, refused_at_ms=10)
    post.do(refused_files.remove, "acme", b"a.edi", FILE)
    file = post.see(refused_files.find, "acme", b"a.edi", 0)
    assert (file.shows_file, file.shows_report) == (False, True)
    assert post.see(refused_files.named, "acme", [b"a.edi"], 0) == frozenset()
    post.do(refused_files.remove, "acme", b"a.edi", REPORT)
    assert refused(post) == []
    # The same file once more is recognised, and earns the same.
    drop(post, 1)
    assert refused(post) == [(b"a.edi", key)]
    # Processed again, it was accepted.
    post.do(refused_files.mark, key, None)
    assert refused(post) == []


# --- how they are found ----------------------------------------------------------------------------------------------

LISTS = {
    "delivery_mailbox_outbox": partial(mailbox.waiting, destination=ACME, acknowledgments=False),
    "delivery_mailbox_acknowledgments": partial(mailbox.waiting, destination=ACME, acknowledgments=True),
    "delivery_mailbox_archive": partial(mailbox.fetched, destination=ACME, since_ms=5, kept_since_ms=3),
    "mailbox_file_refused": partial(refused_files.shown, partner_id="acme", since_ms=5),
}


def test_every_list_has_its_index(post, store):
    def unit(connection):
        for number in range(1, 600):
            partner = "acme" if number % 5 == 0 else f"other-{number % 20}"
            kind = "acknowledgment" if number % 3 else "document"
            new = new_delivery(number, partner=partner, channel="mailbox", kind=kind, destination=f"mailbox/{partner}")
            deliveries.enqueue(connection, new)
            mailbox_files.note(connection, partner, b"%d" % number, new.id, bytes_count=1, received_at_ms=number)
            if number % 4 == 0:
                deliveries.apply(connection, new.id, E.CONFIRM, number)
                refused_files.mark(connection, new.id, number)

    post.do(unit)
    is_sqlite = store.is_sqlite
    if not is_sqlite:
        # Of so few rows PostgreSQL reads any index as well: it is to show that it could go by the right one.
        for statement in (
            "ALTER TABLE delivery DROP CONSTRAINT delivery_pkey CASCADE",
            "DROP INDEX delivery_by_partner, delivery_by_state, delivery_by_purge",
            "DROP INDEX delivery_by_destination, delivery_open_by_destination",
        ):
            store.write_now(lambda connection, say=statement: connection.execute(text(say)))
    for statement in ["ANALYZE"] if is_sqlite else ["ANALYZE delivery", "ANALYZE mailbox_file"]:
        store.write_now(lambda connection, say=statement: connection.execute(text(say)))
    plans = []

    class Watched:
        """A connection that asks for the plan of each question, too."""

        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            compiled = statement.compile(self._connection.engine, compile_kwargs={"literal_binds": True})
            if not is_sqlite:
                for what in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                    self._connection.execute(text(f"SET LOCAL enable_{what} = off"))
            explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows = self._connection.execute(text(f"{explain} {compiled}".replace(":", r"\:")))
            plans.append(" ".join(str(row[-1]) for row in rows))
            return self._connection.execute(statement)

    for index, find in LISTS.items():
        plans.clear()
        found = store.read_now(lambda connection, find=find: find(Watched(connection), limit=20))
        assert found
        (plan,) = plans
        assert f"{index} " in plan + " ", plan
        # In the order of the index: nothing is sorted, nothing read from its beginning.
        assert not any(word in plan for word in ("SCAN delivery", "SCAN mailbox", "TEMP B-TREE FOR ORDER", "Sort")), (
            plan
        )

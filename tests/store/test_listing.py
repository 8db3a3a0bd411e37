"""Pages of submissions in both databases: complete, each once, and never more rows looked at than a page may."""

from functools import partial

import pytest
from sqlalchemy import Connection, text

from gateway.model.ids import ulid
from gateway.store import messages
from gateway.store.messages import documents, listing
from gateway.store.messages.documents import StagedDocument, StoredDocument
from gateway.store.messages.listing import VISITS_MAX, Wanted, page
from tests.store.stock import message_id, new_message

ME = ("acme",)
INDEXES = {
    "none": (Wanted("acme", ME), "message_by_partner"),
    "purchase order": (Wanted("acme", ME, purchase_order_number="PO-7"), "document_by_order"),
    "number": (Wanted("acme", ME, number="7"), "document_by_number"),
    "type": (Wanted("acme", ME, document_type="invoice"), "document_by_type"),
}


def document(number, ordinal=0, *, partner="acme", kind="invoice", order="PO", own="", status="accepted"):
    key = f"{message_id(number)}-{ordinal}"
    fields = {"message_id": message_id(number), "partner_id": partner, "revision": 1, "ordinal": ordinal}
    texts = {"location": "{}", "findings": "[]", "findings_omitted": 0, "schema_version": "1.0", "body": b"{}"}
    stored = StoredDocument(
        id=key,
        document_type=kind,
        number=own or str(number),
        purchase_order_number=order,
        status=status,
        created_at_ms=number,
        **fields,
        **texts,
    )
    return StagedDocument(stored, None)


def keep(store, *numbers, partner="acme", **fields):
    def unit(connection):
        for number in numbers:
            messages.accept(connection, new_message(number, partner=partner, **fields))

    store.write_now(unit)


def stage(store, *batch):
    store.write_now(partial(documents.stage, batch=batch, now_ms=1))


def walk(store, wanted, limit=2):
    """The ids of every page, and the most rows that any of them took."""
    pages, position, visits = [], None, 0
    while True:
        found = store.read_now(partial(page, wanted=wanted, position=position, limit=limit))
        pages.append([int(message.id) for message in found.messages])
        visits = max(visits, found.visits)
        position = found.position
        if position is None:
            return pages, visits


def numbers(store, wanted, limit=2):
    return [number for one in walk(store, wanted, limit)[0] for number in one]


@pytest.mark.parametrize("collation", ["C", "en-x-icu"])
def test_a_list_begins_with_the_newest_in_any_collation(store, collation):
    if store.is_sqlite:
        return  # it has none
    newest = ulid(2**48 - 1, 2**80 - 1)
    compared = text(f"""SELECT :behind COLLATE "{collation}" > :newest""")
    for behind in (listing._HIGHEST, f"{newest}-0", f"{newest}-9-r2"):
        asked = compared.bindparams(behind=behind, newest=newest)
        assert store.read_now(partial(Connection.scalar, statement=asked))


def test_pages_are_complete_and_each_submission_is_on_one_of_them(store):
    keep(store, *range(1, 8))
    keep(store, 20, partner="globex")
    assert walk(store, Wanted("acme"), 3)[0] == [[7, 6, 5], [4, 3, 2], [1]]
    assert walk(store, Wanted("acme"), 7)[0] == [[7, 6, 5, 4, 3, 2, 1]]
    assert walk(store, Wanted("nobody"))[0] == [[]]


def test_new_ones_do_not_shift_the_pages(store):
    keep(store, 1, 2, 3, 4)
    first = store.read_now(partial(page, wanted=Wanted("acme"), position=None, limit=2))
    keep(store, 5, 6)
    second = store.read_now(partial(page, wanted=Wanted("acme"), position=first.position, limit=2))
    assert [int(message.id) for message in second.messages] == [2, 1]


def test_filters_of_the_submission_itself(store):
    keep(store, 1, 3, 5, 6, channel="as2")
    keep(store, 2, 4, 7)
    store.write_now(lambda c: c.execute(text(f"UPDATE message SET state = 'rejected' WHERE id > '{message_id(4)}'")))
    assert numbers(store, Wanted("acme", channel="as2")) == [6, 5, 3, 1]
    assert numbers(store, Wanted("acme", channel="as2", states=frozenset({"rejected"}))) == [6, 5]
    assert numbers(store, Wanted("acme", states=frozenset({"received", "held"}))) == [4, 3, 2, 1]
    since, until = message_id(3), message_id(6)
    assert numbers(store, Wanted("acme", since=since, until=until)) == [5, 4, 3]
    assert numbers(store, Wanted("acme", channel="rest", since=since, until=until)) == [4]


def test_filters_of_what_they_hold(store):
    keep(store, *range(1, 7))
    stage(store, document(1, order="PO-1"), document(2, kind="ship_notice"), document(3, own="N"), document(4))
    stage(store, document(5, order="PO-1"), document(5, 1, order="PO-1", own="N"), document(6, own="N"))
    assert numbers(store, Wanted("acme", ME, purchase_order_number="PO-1")) == [5, 1]
    assert numbers(store, Wanted("acme", ME, number="N")) == [6, 5, 3]
    assert numbers(store, Wanted("acme", ME, document_type="invoice")) == [6, 5, 4, 3, 1]
    # All of it in one document.
    assert numbers(store, Wanted("acme", ME, purchase_order_number="PO-1", number="N")) == [5]
    assert numbers(store, Wanted("acme", ME, number="2", document_type="invoice")) == []
    assert numbers(store, Wanted("acme", ME, number="N", channel="as2")) == []
    assert numbers(store, Wanted("acme", ME, number="N", since=message_id(4))) == [6, 5]
    assert numbers(store, Wanted("acme", ME, number="N", until=message_id(6))) == [5, 3]
    assert numbers(store, Wanted("acme", ME, number="\0")) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_submission_of_many_documents_is_listed_once_and_costs_little(store, limit):
    keep(store, 1, 2, 3)
    for number in (1, 2, 3):
        stage(store, *(document(number, ordinal, own=str(ordinal % 7)) for ordinal in range(300)))
    for wanted in (Wanted("acme", ME, document_type="invoice"), Wanted("acme", ME, purchase_order_number="PO")):
        pages, visits = walk(store, wanted, limit)
        assert [number for one in pages for number in one] == [3, 2, 1]
        assert visits <= 6
    assert numbers(store, Wanted("acme", ME, number="3", document_type="invoice"), limit) == [3, 2, 1]


def test_a_connection_finds_its_submissions_by_what_they_hold_and_nobody_elses(store):
    keep(store, 1, 3, 5, partner="van")
    keep(store, 2, 4, partner="acme")
    stage(store, document(1, partner="acme"), document(1, 1, partner="globex", own="G"), document(2), document(4))
    stage(store, document(3, partner="globex", own="G"), document(5, partner="van"), document(5, 1, partner="acme"))
    whose = ("van", "acme", "globex")
    assert numbers(store, Wanted("van", whose, document_type="invoice")) == [5, 3, 1]
    assert numbers(store, Wanted("van", whose, number="G")) == [3, 1]
    # What a connection brought for them is not theirs to list: others are in it.
    assert numbers(store, Wanted("acme", ME, document_type="invoice")) == [4, 2]


def test_a_filter_that_fits_nothing_looks_at_no_more_than_a_page_may(store, monkeypatch):
    monkeypatch.setattr(listing, "VISITS_MAX", 50)
    keep(store, *range(1, 201))
    stage(store, *(document(number, kind="ship_notice", order="PO") for number in range(1, 201)))
    for wanted in (
        Wanted("acme", channel="as2"),
        Wanted("acme", ME, purchase_order_number="PO", document_type="invoice"),
        Wanted("acme", ME, document_type="ship_notice", channel="as2"),
    ):
        pages, visits = walk(store, wanted, 10)
        assert (set(map(len, pages)), visits) == ({0}, 50)
        assert len(pages) >= 4
    keep(store, 3_000, channel="as2")
    pages, visits = walk(store, Wanted("acme", channel="as2"), 10)
    assert [number for one in pages for number in one] == [3_000]
    assert visits <= 50 < VISITS_MAX


@pytest.mark.parametrize("name", list(INDEXES))
def test_every_filter_has_its_index(store, name):
    wanted, index = INDEXES[name]
    keep(store, *range(1, 400))
    stage(store, *(document(number, order="PO-7", own="7") for number in range(1, 400)))
    analyze = "ANALYZE" if store.is_sqlite else "ANALYZE message, document"
    store.write_now(lambda connection: connection.execute(text(analyze)))
    plans = []

    class Watched:
        """A connection that asks for the plan of each question, too."""

        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            compiled = statement.compile(self._connection.engine, compile_kwargs={"literal_binds": True})
            explain = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
            if not store.is_sqlite:
                self._connection.execute(text("SET enable_seqscan = off"))
            rows = self._connection.execute(text(f"{explain} {compiled}".replace(":", r"\:")))
            plans.append(" ".join(str(row[-1]) for row in rows))
            return self._connection.execute(statement)

    found = store.read_now(lambda connection: page(Watched(connection), wanted, None, 3))
    assert len(found.messages) == 3
    assert index in plans[0]
    for plan in plans:
        # In the order of the index: nothing is sorted, nothing read from its beginning.
        assert not any(word in plan for word in ("SCAN", "Seq Scan", "TEMP B-TREE", "Sort"))
    assert found.visits <= 8


def test_a_number_that_comes_again_is_seen_from_both_sides(store):
    keep(store, *range(1, 6))
    stage(store, document(1, own="N"), document(2, own="N"), document(2, 1, own="N"), document(3, own="N", order="O"))
    stage(store, document(4, own="N", kind="ship_notice"), document(5, own="N", status="rejected"))

    def same(number, ordinal=0):
        found = store.read_now(partial(documents.get, document_id=f"{message_id(number)}-{ordinal}"))
        return [one[25:] for one in store.read_now(partial(listing.same_number, document=found))]

    assert same(1) == ["3-0", "2-1", "2-0"]
    assert same(2) == ["3-0", "1-0"]
    assert same(4) == same(5) == []

"""An installation that exchanged orders before there was a table of them finds them there after its migration."""

from functools import partial

import pytest
from alembic import command
from sqlalchemy import text

from gateway.model.order import OrderEvent
from gateway.store import orders
from gateway.store.database import Database
from gateway.store.orders import Belonging
from gateway.store.schema import _configuration, migrate

DISPATCH = (
    "INSERT INTO dispatch VALUES (:id, NULL, NULL, 'acme', :kind, 'erp', :at, 'sha', 1, '', '', '', '', '', NULL, "
    ":type, :number, :order, 1, '', :state, '', '[]', 0)"
)
DELIVERY = (
    "INSERT INTO delivery VALUES (:id, 'acme', NULL, 'p', '', 'as2', 'document', :id, 1, :id, 1, '', '', '', 1, 's', "
    "1, :state, 1, NULL, NULL, '', NULL, NULL, '', NULL, NULL, '[]', 'purchase_order', '', NULL)"
)
DOCUMENT = (
    "INSERT INTO document VALUES (:id, 'M', 'acme', 1, 0, :type, 'N', :order, :status, '{}', '[]', 0, '1.0', NULL, 1)"
)


@pytest.fixture
def before(request, store_url):
    """A database of the release before, unlike elsewhere."""
    url = request.getfixturevalue("database_url") if store_url.startswith("postgresql") else store_url
    database = Database(url)
    config = _configuration()

    def fill(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")

        def sent(number, order, state="accepted", type_="purchase_order", kind="document"):
            values = {"id": f"{number:026d}", "at": number, "number": order, "order": order}
            connection.execute(text(DISPATCH), values | {"state": state, "type": type_, "kind": kind})

        def delivered(number, state):
            connection.execute(text(DELIVERY), {"id": f"{number:026d}", "state": state})

        def answered(number, order, type_, status="accepted"):
            values = {"id": f"{number:026d}-0", "order": order, "type": type_, "status": status}
            connection.execute(text(DOCUMENT), values)

        sent(1, "ON-ITS-WAY")
        delivered(1, "sending")
        sent(2, "TWICE")
        sent(3, "TWICE")
        delivered(3, "delivered")
        sent(4, "REFUSED", state="refused")
        sent(5, "ACKNOWLEDGED")
        answered(6, "ACKNOWLEDGED", "purchase_order_acknowledgment")
        answered(7, "ACKNOWLEDGED", "ship_notice", status="rejected")
        sent(8, "INVOICED")
        answered(9, "INVOICED", "ship_notice")
        answered(10, "INVOICED", "invoice")
        sent(11, "ON-ITS-WAY", type_="purchase_order_change")
        sent(12, "A-FILE", kind="file")

    database.write_now(fill)
    migrate(database)
    yield database
    database.close()


def test_orders_that_were_sent_before_are_there(before):
    found = before.read_now(partial(orders.find, partner_id="acme", is_open=None))
    assert {order.number: (order.state, order.is_open) for order in found} == {
        "ON-ITS-WAY": ("transmitted", True),
        "TWICE": ("received", True),
        "ACKNOWLEDGED": ("acknowledged", True),
        "INVOICED": ("invoiced", False),
    }
    by_number = {order.number: order for order in found}
    twice = by_number["TWICE"]
    assert (twice.dispatch_id, twice.first_seen_at_ms, twice.changed_at_ms) == (f"{3:026d}", 2, 3)
    history = before.read_now(partial(orders.documents_of, order=by_number["ACKNOWLEDGED"], limit=10))
    assert history == [f"{5:026d}", f"{6:026d}-0", f"{7:026d}-0"]
    changes = before.read_now(partial(orders.changes_of, order=by_number["ON-ITS-WAY"], limit=10))
    assert changes == [f"{11:026d}"]


def test_they_go_on_from_there(before):
    before.write_now(partial(orders.note_delivered, dispatch_id=f"{1:026d}", now_ms=20))
    item = Belonging("X", "ACKNOWLEDGED", "acme", OrderEvent.SHIP, 1)
    before.write_now(partial(orders.note, item=item, now_ms=21, tells=False))
    states = {order.number: order.state for order in before.read_now(partial(orders.find, partner_id="acme"))}
    assert states == {"ON-ITS-WAY": "received", "TWICE": "received", "ACKNOWLEDGED": "shipped"}

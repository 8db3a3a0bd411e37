"""Files: acknowledgments go back the way they are looked for, and deliveries by whose mailbox or server it is."""

from types import SimpleNamespace

import pytest

from gateway.carriers.mailbox import MAILBOX_CARRIER
from gateway.carriers.parcels import Awaited, Consignment, Held
from gateway.flow.acknowledging import WaysOut
from gateway.flow.operations import Actor
from gateway.flow.outward.resending import resending
from gateway.flow.outward.routes import Route, Routes
from gateway.model.delivery import DeliveryEvent, DeliveryKind
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.schema import migrate
from partners.directory import Directory
from tests.edge.sftp.laying import new_delivery
from tests.flow.dispatching import IDENTITIES, profile
from tests.flow.test_ways import AS2, KEY, MAILBOX, SERVER, VAN, X12
from tests.site import key_pair

SPEAKS = "speaks_for: [{qualifier: ZZ, id: SMALL}]\n"
TO_THEM = "agreements: [{document: invoice, direction: outbound, syntax: json}]\n"


def directory_of(**texts: str) -> Directory:
    keys = key_pair("their")
    return Directory([profile(name, said, keys) for name, said in texts.items()])


def way_back(channel: str, **texts: str) -> tuple[str, str] | None:
    """Channel and destination of what a message of `them` earned."""
    directory = directory_of(**texts)
    found = WaysOut(lambda: directory, IDENTITIES, host="us.example").of(
        SimpleNamespace(channel=channel, identity="bigcorp"), "them"
    )
    return (found.channel, found.destination) if found is not None else None


@pytest.mark.parametrize(
    ("channel", "them", "back"),
    [
        ("sftp", MAILBOX, ("mailbox", "mailbox/them")),
        ("sftp", MAILBOX + AS2, ("mailbox", "mailbox/them")),
        ("as2", MAILBOX + AS2, ("as2", "")),
        ("sftp", MAILBOX + AS2 + "delivery: {way: as2}\n", ("as2", "")),
        ("sftp", MAILBOX + SERVER, ("sftp", "sftp/them")),
        ("sftp", SERVER, ("sftp", "sftp/them")),
        ("rest", KEY + MAILBOX, None),
        ("rest", KEY + MAILBOX + TO_THEM, ("inbox", "")),
        ("sftp", KEY + MAILBOX, ("mailbox", "mailbox/them")),
    ],
)
def test_an_acknowledgment_goes_back_by_files_where_a_file_earned_it(channel, them, back):
    assert way_back(channel, them=them) == back


@pytest.mark.parametrize(
    ("van", "back"),
    [
        (MAILBOX.replace("user: them", "user: van"), ("mailbox", "mailbox/van")),
        (SERVER, ("sftp", "sftp/van")),
        (VAN.replace(SPEAKS, ""), ("as2", "")),
        (MAILBOX + "status: draft\n", None),
    ],
    ids=["mailbox", "server", "as2", "draft"],
)
def test_of_those_who_come_by_a_connection_it_goes_to_the_connection(van, back):
    channel = "as2" if back == ("as2", "") else "sftp"
    assert way_back(channel, them=X12 + "via: van\n", van=van + SPEAKS) == back


def delivery(channel: str = "mailbox", destination: str = "mailbox/van", kind: str = "document") -> SimpleNamespace:
    return SimpleNamespace(partner_id="them", channel=channel, destination=destination, kind=kind)


def routes_of(**texts: str) -> Routes:
    directory = directory_of(**texts)
    return Routes({"mailbox": MAILBOX_CARRIER, "sftp": MAILBOX_CARRIER}, lambda: directory)


def test_a_delivery_goes_by_whose_mailbox_it_lies_in():
    them, van = X12 + "via: van\n", MAILBOX + SPEAKS + "delivery: {concurrent_max: 7}\n"
    routes = routes_of(them=them, van=van)
    route = routes.route_of(delivery())
    assert isinstance(route, Route)
    assert (route.partner.id, route.bearer.id) == ("them", "van")
    # Whoever it is for: a server is called as often as its owner wants.
    assert (routes.share_of("them", "sftp/van").name, routes.share_of("them", "sftp/van").most) == ("sftp/van", 7)
    suspended = routes_of(them=them, van=van + "status: suspended\n").route_of(delivery())
    assert isinstance(suspended, Held)
    assert "van is suspended" in suspended.reason
    gone = routes_of(them=them).route_of(delivery(destination="mailbox/old"))
    assert isinstance(gone, Held)
    assert "old, which has no profile any more" in gone.reason


@pytest.mark.parametrize(
    ("kind", "more", "hours"),
    [
        (DeliveryKind.DOCUMENT, "", 72),
        (DeliveryKind.FILE, "delivery: {confirm_within_hours: 5}\n", 5),
        (DeliveryKind.ACKNOWLEDGMENT, "", 30 * 24),
    ],
)
async def test_what_lies_in_a_mailbox_waits_so_long(kind, more, hours):
    them = directory_of(them=MAILBOX + more).by_id("them")
    consignment = Consignment("1", kind, them, them, "us", "<1@us>", "application/edi-x12", "", "", b"x")
    parcel = await MAILBOX_CARRIER.pack(consignment)
    assert (parcel.body, parcel.receipt_within_s) == (b"", hours * 3_600)
    assert await MAILBOX_CARRIER.carry(consignment, parcel) == Awaited()


@pytest.mark.parametrize(
    ("kind", "first", "again"),
    [
        ("acknowledgment", ("mailbox", "mailbox/them"), ("mailbox", "mailbox/them")),
        ("acknowledgment", ("as2", ""), ("as2", "")),
        ("document", ("mailbox", "mailbox/them"), ("as2", "")),
    ],
)
def test_an_acknowledgment_that_is_sent_again_goes_by_files_again(tmp_path, kind, first, again):
    directory = directory_of(them=MAILBOX + AS2)
    new = new_delivery(owner="them", kind=kind, channel=first[0], destination=first[1])

    def unit(connection):
        deliveries.enqueue(connection, new)
        deliveries.apply(connection, new.id, DeliveryEvent.CONFIRM, 5)
        again_id = resending(directory, "again", "us.example")(connection, new.id, Actor("operator:me"), 6)
        found = deliveries.get(connection, again_id)
        return found.channel, found.destination

    database = Database(f"sqlite:///{tmp_path}/store.db")
    try:
        migrate(database)
        assert database.write_now(unit) == again
    finally:
        database.close()

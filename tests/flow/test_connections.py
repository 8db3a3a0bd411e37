"""A VAN brings what several partners sent: each interchange stands under the partner whose address it names."""

from contextlib import asynccontextmanager
from functools import partial

import pytest

from gateway.carriers.parcels import Carrier
from gateway.flow.outward.routes import Routes
from gateway.store import audit, control_numbers, deliveries, documents, messages
from tests.flow.line import line_over
from tests.site import Site, acknowledgment_855

VAN = "trade-van"


def profile(partner, address, **more):
    inbound = {"direction": "inbound", "syntax": "x12", "releases": ["004010"]}
    return {
        "id": partner,
        "name": partner,
        "via": VAN,
        "x12": {"qualifier": "ZZ", "id": address},
        "agreements": [{"document": "purchase_order_acknowledgment", **inbound}],
    } | more


@pytest.fixture
def house(tmp_path):
    """A line whose VAN carries small-parts and big-bolts, and lists a third address that nobody has."""

    @asynccontextmanager
    async def house(van=None, **small):
        site = Site(tmp_path)
        listed = [{"qualifier": "ZZ", "id": name} for name in ("SMALLPARTS", "BIGBOLTS", "GHOST")]
        connection = {
            "id": VAN,
            "name": "Trade VAN",
            "as2": {"id": "VAN-AS2", "certificate": "van.pem"},
            "speaks_for": listed,
        }
        site._write_profile(VAN, connection | (van or {}), {"van.pem": site.acme.certificate.pem()})
        site._write_profile("small-parts", profile("small-parts", "SMALLPARTS", **small), {})
        site._write_profile("big-bolts", profile("big-bolts", "BIGBOLTS"), {})
        async with line_over(site) as line:
            line.run()
            yield line

    return house


def sent_by(address, number):
    return acknowledgment_855(number).replace(b"ACMESUPPLY     ", address.ljust(15).encode())


async def outcome(line, payload, partner=VAN):
    return await line.decided((await line.keep(payload, partner=partner)).message_id)


async def test_each_interchange_stands_under_the_partner_who_speaks(house):
    async with house() as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        assert (view["partner"], view["status"]) == (VAN, "published")
        assert [document["partner"] for document in view["documents"]] == ["small-parts", "big-bolts"]
        assert [one["partner"] for one in view["acknowledgments"]] == ["small-parts", "big-bolts"]
        assert sorted((event.partner, event.lane) for event in line.collector.events) == [
            ("big-bolts", "big-bolts/PO-2"),
            ("small-parts", "small-parts/PO-1"),
        ]
        assert not await line.database.read(audit.find)


async def test_the_message_is_found_under_either(house):
    async with house() as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1))
        for partner in (VAN, "small-parts"):
            (found,) = await line.database.read(partial(messages.find, partner_id=partner, also_brought=True))
            assert (found.id, found.partner_id) == (view["id"], VAN)
        assert not await line.database.read(partial(messages.find, partner_id="big-bolts", also_brought=True))
        # Not for the partner itself: the others of the VAN stand in it, too.
        assert not await line.database.read(partial(messages.find, partner_id="small-parts"))


async def test_acknowledgments_are_those_of_the_partners_own_profile(house):
    own = {"acknowledgment": {"ta1": "always"}, "control_numbers": {"interchange": {"min": 5_000, "max": 6_000}}}
    async with house(**own) as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        small, big = view["acknowledgments"]
        assert (small["kinds"], small["control_number"]) == (["TA1", "997"], 5_000)
        assert (big["kinds"], big["control_number"]) == (["997"], 1)
        assert "*ZZ*BIGCORP        *ZZ*SMALLPARTS     *" in small["x12"]
        scopes = {given.scope for given in await line.database.read(control_numbers.given_out)}
        assert {"ISA|ZZ/BIGCORP|ZZ/SMALLPARTS|P", "ISA|ZZ/BIGCORP|ZZ/BIGBOLTS|P"} <= scopes


async def test_acknowledgments_go_back_over_the_connection(house):
    reachable = {"as2": {"id": "VAN-AS2", "certificate": "van.pem", "url": "https://van.example/as2"}}
    async with house(van=reachable) as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("UNLISTED", 2))
        found = await line.database.read(partial(deliveries.of_message, message_id=view["id"]))
        routes = Routes({"as2": Carrier(None, None)}, lambda: line.housekeeping.directory)
        ways = [(one.partner_id, routes.route_of(one).bearer.id, one.document_type) for one in found]
        assert ways == [("small-parts", VAN, "997"), (VAN, VAN, "TA1")]


async def test_what_came_by_the_van_is_a_repetition_when_it_comes_directly(house):
    direct = {"api_keys": [{"label": "main", "sha256": "0" * 64}]}
    async with house(**direct) as line:
        assert (await outcome(line, sent_by("SMALLPARTS", 1)))["status"] == "published"
        again = await outcome(line, sent_by("SMALLPARTS", 1), partner="small-parts")
        assert (again["status"], "used before" in again["reason"]) == ("rejected", True)
        other = await outcome(line, sent_by("BIGBOLTS", 1))  # the same number of somebody else
        assert other["status"] == "published"


async def test_each_partners_duplicates_are_judged_by_its_own_profile(house):
    async with house(duplicates={"action": "process"}) as line:
        first = sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2)
        await outcome(line, first)
        view = await outcome(line, first)
        assert [document["status"] for document in view["documents"]] == ["accepted", "rejected"]


@pytest.mark.parametrize(
    ("address", "partner"),
    [
        ("UNLISTED", VAN),  # nobody's
        ("GHOST", VAN),  # listed, but no partner has it
        ("ACMESUPPLY", VAN),  # a partner's, whom this VAN does not carry
        ("BIGBOLTS", "small-parts"),  # one carried partner's credentials, another's address
        ("SMALLPARTS", "acme-supply"),  # a direct partner's credentials, another's address
    ],
)
async def test_an_address_that_is_not_theirs_is_refused_by_the_book(house, address, partner):
    async with house(api_keys=[{"label": "main", "sha256": "0" * 64}]) as line:
        view = await outcome(line, sent_by(address, 1), partner=partner)
        assert view["status"] == "rejected"
        (answer,) = view["acknowledgments"]
        assert (answer["partner"], answer["kinds"]) == (partner, ["TA1"])
        assert "TA1*000000001*260301*0930*R*006~" in answer["x12"].replace("\n", "")
        assert not line.collector.events
        (act,) = await line.database.read(audit.find)
        assert (act.actor, act.action) == (f"partner:{partner}", "refused.foreign-interchange-sender")
        assert (act.subject, act.detail["senders"]) == (f"ZZ/{address}", [f"ZZ/{address}"])
        assert act.detail["message_id"] == view["id"]
        assert {document["partner"] for document in view["documents"]} <= {partner}
        assert any(step["step"] == "foreign-sender" for step in view["timeline"])


async def test_the_others_of_the_same_file_are_taken(house):
    async with house() as line:
        view = await outcome(line, sent_by("UNLISTED", 1) + sent_by("SMALLPARTS", 2))
        assert view["status"] == "published"
        assert [event.partner for event in line.collector.events] == ["small-parts"]
        (act,) = await line.database.read(audit.find)
        assert act.detail["interchanges"] == 1


async def test_no_agreement_of_another_covers_a_document(house):
    agreements = [{"document": "ship_notice", "direction": "inbound", "syntax": "x12"}]
    everything = {
        "agreements": [{"document": "purchase_order_acknowledgment", "direction": "inbound", "syntax": "x12"}],
        "x12": {"qualifier": "ZZ", "id": "THEVAN"},
    }
    async with house(van=everything, agreements=agreements) as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2) + sent_by("THEVAN", 3))
        statuses = [(document["partner"], document["status"]) for document in view["documents"]]
        assert statuses == [("small-parts", "rejected"), ("big-bolts", "accepted"), (VAN, "accepted")]
        refused, *_ = await line.database.read(partial(documents.of_message, message_id=view["id"]))
        assert "not agreed" in refused.findings


async def test_a_draft_is_not_spoken_for(house):
    async with house(status="draft") as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1))
        assert view["status"] == "rejected"
        assert "*R*006" in view["acknowledgments"][0]["x12"]

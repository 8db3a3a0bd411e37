"""A VAN brings what several partners sent: each interchange stands under the partner whose address it names."""

from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.parcels import Carrier
from gateway.flow import operations
from gateway.flow.apart import interchanges_of, without
from gateway.flow.operations import Actor
from gateway.flow.outward.routes import Routes
from gateway.store import deliveries, messages
from gateway.store.messages import documents
from gateway.store.oversight import audit, cases
from gateway.store.partners import control_numbers
from tests.flow.line import line_over, now_ms
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


# --- suspended partners: what a VAN brings for them is set apart ------------------------------------------------------


async def children(line, partner="small-parts"):
    """What was set apart for a partner, oldest first."""
    found = await line.database.read(partial(messages.find, partner_id=partner, limit=200))
    return [message for message in reversed(found) if message.apart_from is not None]


async def resumed(line, partner="small-parts", status="live"):
    await line.change(partner, status=status)
    await line.holding.statuses_changed([partner])


def received(line):
    return [(event.partner, event.lane) for event in line.collector.events if event.document_id is not None]


async def test_what_is_a_suspended_partners_waits_and_the_others_of_the_same_message_go_on(house):
    payload = sent_by("BIGBOLTS", 1) + sent_by("SMALLPARTS", 2) + sent_by("BIGBOLTS", 3)
    async with house(status="suspended") as line:
        view = await outcome(line, payload)
        assert (view["status"], view["reason"], view["report"]["findings"]) == ("published", None, [])
        assert [(one["partner"], one["status"]) for one in view["documents"]] == [("big-bolts", "accepted")] * 2
        assert [one["partner"] for one in view["acknowledgments"]] == ["big-bolts"] * 2
        assert received(line) == [("big-bolts", "big-bolts/PO-1"), ("big-bolts", "big-bolts/PO-3")]
        # Places are those of what the VAN sent.
        starts = [document["location"]["start"] for document in view["documents"]]
        assert [payload[start : start + 3] for start in starts] == [b"ST*"] * 2
        (child,) = await children(line)
        (step,) = [step for step in view["timeline"] if step["step"] == "set-apart"]
        assert (step["partner"], step["as"], step["interchanges"]) == ("small-parts", child.id, 1)
        assert (child.state, child.apart_from, child.received_at_ms) == ("held", view["id"], step_at(view))
        assert '"brought_by":"trade-van"' in child.security
        body = partial(messages.body, message_id=child.id, part="payload")
        assert await line.database.read(body) == sent_by("SMALLPARTS", 2)
        assert not await line.database.read(audit.find)
        await resumed(line)
        back = await line.decided(child.id)
        assert (back["status"], [one["partner"] for one in back["acknowledgments"]]) == ("published", ["small-parts"])
        assert received(line)[-1] == ("small-parts", "small-parts/PO-2")


def step_at(view):
    (at,) = [step["at"] for step in view["timeline"] if step["step"] == "received"]
    return round(datetime.fromisoformat(at).timestamp() * 1_000)


@pytest.mark.parametrize("around", [b"", b"\r\n\r\n"])
async def test_a_message_that_is_theirs_alone_is_set_apart_whole(house, around):
    async with house(status="suspended") as line:
        view = await outcome(line, around + sent_by("SMALLPARTS", 1) + sent_by("SMALLPARTS", 2) + around)
        assert (view["status"], view["documents"], view["acknowledgments"]) == ("published", [], [])
        (child,) = await children(line)
        await resumed(line)
        assert len((await line.decided(child.id))["documents"]) == 2
        assert [lane for _, lane in received(line)] == ["small-parts/PO-1", "small-parts/PO-2"]


async def test_acknowledgments_of_what_waited_go_back_over_the_connection(house):
    reachable = {"as2": {"id": "VAN-AS2", "certificate": "van.pem", "url": "https://van.example/as2"}}
    async with house(van=reachable, status="suspended") as line:
        await outcome(line, sent_by("SMALLPARTS", 1))
        await resumed(line)
        (child,) = await children(line)
        await line.decided(child.id)
        (sent,) = await line.database.read(partial(deliveries.of_message, message_id=child.id))
        routes = Routes({"as2": Carrier(None, None)}, lambda: line.housekeeping.directory)
        assert (sent.partner_id, routes.route_of(sent).bearer.id) == ("small-parts", VAN)


async def test_a_test_of_who_comes_back_into_testing_goes_the_tests_way(house):
    async with house(status="suspended") as line:
        await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        await resumed(line, status="testing")
        (child,) = await children(line)
        await line.decided(child.id)
        keys = {event.partner: event.routing_key.split(".")[0] for event in line.collector.events if event.document_id}
        assert keys == {"big-bolts": "purchase_order_acknowledgment", "small-parts": "test"}


async def test_a_large_message_is_set_apart_by_its_pieces(house):
    async with house(status="suspended") as line:
        many = [sent_by("SMALLPARTS" if number % 3 else "BIGBOLTS", number) for number in range(1, 301)]
        view = await outcome(line, b"".join(many))
        assert len(b"".join(many)) > line.settings.limits.inline_body_bytes_max
        assert (view["status"], len(view["documents"])) == ("published", 100)
        (child,) = await children(line)
        assert child.payload_bytes == sum(len(one) for number, one in enumerate(many, start=1) if number % 3)
        await resumed(line)
        assert len((await line.decided(child.id))["documents"]) == 200


async def test_what_comes_while_what_waited_is_not_decided_stays_behind_it(house):
    async with house(status="suspended") as line:
        await outcome(line, sent_by("SMALLPARTS", 1))
        await line.change("small-parts", status="live")  # nobody has resumed them yet
        view = await outcome(line, sent_by("SMALLPARTS", 2) + sent_by("BIGBOLTS", 3))
        assert [document["partner"] for document in view["documents"]] == ["big-bolts"]
        first, second = await children(line)
        for child in (first, second):
            await line.decided(child.id)  # the second is received, and finds the first held
        assert [lane for partner, lane in received(line) if partner == "small-parts"] == [
            "small-parts/PO-1",
            "small-parts/PO-2",
        ]
        assert (await outcome(line, sent_by("SMALLPARTS", 4)))["documents"]


async def test_each_suspended_partner_has_a_message_and_a_case_of_its_own(house):
    async with house(status="suspended") as line:
        await line.change("big-bolts", status="suspended")
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        assert (view["status"], view["documents"]) == ("published", [])
        assert [len(await children(line, partner)) for partner in ("small-parts", "big-bolts")] == [1, 1]
        found = await line.database.read(cases.find)
        assert {case.id for case in found} == {"partner_suspended:small-parts", "partner_suspended:big-bolts"}


async def test_a_suspended_connection_holds_what_it_brings(house):
    async with house() as line:
        await line.change(VAN, status="suspended")
        kept = await line.keep(sent_by("SMALLPARTS", 1), partner=VAN)
        assert (await line.view(kept.message_id))["status"] == "held"
        await resumed(line, VAN)
        assert (await line.decided(kept.message_id))["status"] == "published"


async def test_what_was_set_apart_stays_so_when_the_rest_is_processed_again(house):
    async with house(status="suspended") as line:
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        await resumed(line)
        (child,) = await children(line)
        await line.decided(child.id)
        act = partial(operations.reprocess, message_id=view["id"], actor=Actor("operator:anna"), now_ms=now_ms())
        await line.database.write(act)
        line.processing.wake()
        again = await line.decided(view["id"], "published")
        assert (again["revision"], {one["partner"] for one in again["documents"]}) == (2, {"big-bolts"})
        assert len(await children(line)) == 1


async def test_nothing_is_set_apart_by_who_has_lost_the_message(house, monkeypatch):
    """The message that is made and the note that shortens the other are one commit."""
    async with house(status="suspended") as line:
        shorten, lost = messages.shorten, []

        def lose_once(connection, owner, *arguments):
            if not lost:
                lost.append(owner)
                raise messages.ClaimLost("another process has it")
            shorten(connection, owner, *arguments)

        monkeypatch.setattr(messages, "shorten", lose_once)
        view = await outcome(line, sent_by("SMALLPARTS", 1) + sent_by("BIGBOLTS", 2))
        assert lost
        assert view["status"] == "published"
        assert len(await children(line)) == 1


ISA = sent_by("SMALLPARTS", 1).split(b"~")[0]


def test_where_interchanges_begin_and_end():
    first, second = sent_by("SMALLPARTS", 1), sent_by("BIGBOLTS", 2)
    quoted = first.replace(b"SO-1", ISA[:103])  # an ISA inside a text is none
    for parts in ([first], [first, second], [quoted, second], [first, first, second]):
        found = list(interchanges_of(b"".join(parts)))
        assert [stop - start for _, start, stop in found] == [len(part) for part in parts]
    lines = first.replace(b"~\n", b"\n")  # the line's end ends the segment
    assert [(start, stop) for _, start, stop in interchanges_of(lines + lines)] == [
        (0, len(lines)),
        (len(lines), 2 * len(lines)),
    ]
    (alone,) = interchanges_of(b"\r\n " + first)
    assert alone[1:] == (0, len(first) + 3)
    (behind,) = interchanges_of(b"HTTP/1.1 200 OK\r\n" + first)
    assert behind[1] == 17
    assert list(interchanges_of(b"")) == list(interchanges_of(b"{}")) == []


@given(st.binary(max_size=400), st.lists(st.sampled_from([b"A", b"B", b"\n", b"ISA*", ISA, b"~"]), max_size=8))
def test_any_bytes_have_interchanges_one_behind_the_other(junk, parts):
    content = junk + b"".join({b"A": sent_by("SMALLPARTS", 1), b"B": sent_by("BIGBOLTS", 2)}.get(p, p) for p in parts)
    end = 0
    for _, start, stop in interchanges_of(content):
        assert end <= start < stop <= len(content)
        end = stop


def test_what_is_set_apart_is_blank_whichever_pieces_it_is_read_in():
    content, ranges = bytes(range(65, 91)), [(2, 5), (10, 20)]
    expected = b"AB\n\n\nFGHIJ" + b"\n" * 10 + b"UVWXYZ"
    for size in range(1, 27):
        pieces = [without(content[at : at + size], at, ranges) for at in range(0, 26, size)]
        assert b"".join(pieces) == expected

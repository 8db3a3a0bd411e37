"""What a profile says of bad sets, repetitions and acknowledgments, from kept message to outcome."""

import asyncio
import re
from contextlib import asynccontextmanager
from functools import partial

import pytest

from gateway.flow.operations import Actor, reprocess
from gateway.store import messages
from gateway.store.partners import control_numbers
from tests.flow.line import DECIDED, line_over, now_ms
from tests.flow.test_process import many_855
from tests.site import Site, acknowledgment_855

ACTOR = Actor("operator:test")


@pytest.fixture
def line_with(tmp_path, store_url):
    """A line whose acme-supply has this in its profile."""

    @asynccontextmanager
    async def line_with(**profile):
        async with line_over(Site(tmp_path, acme_profile=profile), store_url) as line:
            line.run()
            yield line

    return line_with


async def outcome(line, payload):
    """The view of a message once it is decided; asked for once, for it may hold thousands of documents."""
    message_id = (await line.keep(payload)).message_id
    async with asyncio.timeout(60):
        while (await line.database.read(partial(messages.get, message_id=message_id))).state not in DECIDED:
            await asyncio.sleep(0.01)
    return await line.view(message_id)


def said(view):
    """Every segment of an acknowledgment that says something: TA1, AK5, AK9."""
    texts = [text for one in view["acknowledgments"] for text in one["x12"].split("~")]
    return [text for text in texts if text[:3] in {"TA1", "AK5", "AK9"}]


def two_groups(control, *, bad):
    """An interchange of two groups with two 855 each; in the first the second set lacks BAK02, if `bad`."""
    group = re.compile(rb"GS.*GE[^~]*~\n", re.DOTALL)
    first = group.search(many_855(2, control=control, bad=frozenset({2} if bad else ()))).group()
    second = first.replace(b"GE*2*%d" % control, b"GE*2*%d" % (control + 500))
    second = second.replace(b"*0930*%d*X" % control, b"*0930*%d*X" % (control + 500)).replace(
        b"BAK*00**", b"BAK*00*AC*"
    )
    whole = acknowledgment_855(control)
    return group.sub(lambda _: first + second, whole).replace(b"IEA*1", b"IEA*2")


@pytest.mark.parametrize(
    ("mode", "statuses", "answer"),
    [
        (
            "reject_set",
            ["accepted", "rejected", "accepted", "accepted"],
            ["AK5*A", "AK5*R*5", "AK9*P*2*2*1", "AK5*A", "AK5*A", "AK9*A*2*2*2"],
        ),
        (
            "reject_group",
            ["rejected", "rejected", "accepted", "accepted"],
            ["AK5*R", "AK5*R*5", "AK9*R*2*2*0", "AK5*A", "AK5*A", "AK9*A*2*2*2"],
        ),
        (
            "reject_interchange",
            ["rejected"] * 4,
            ["AK5*R", "AK5*R*5", "AK9*R*2*2*0", "AK5*R", "AK5*R", "AK9*R*2*2*0"],
        ),
    ],
)
async def test_a_bad_set_takes_with_it_what_the_profile_says(line_with, mode, statuses, answer):
    async with line_with(processing={"on_bad_set": mode}) as line:
        view = await outcome(line, two_groups(1, bad=True))
        assert [document["status"] for document in view["documents"]] == statuses
        assert said(view) == answer
        published = statuses.count("accepted")
        assert view["status"] == ("published" if published else "rejected")
        assert len(line.collector.events) == published
        if not published:
            assert "BAK02" in view["reason"]
        fine = await outcome(line, two_groups(2, bad=False))
        assert [document["status"] for document in fine["documents"]] == ["accepted"] * 4


async def test_an_agreement_may_differ_from_its_partner(line_with):
    inbound = {"direction": "inbound", "syntax": "x12", "releases": ["004010"]}
    agreements = [
        {"document": "purchase_order_acknowledgment", **inbound},
        {"document": "ship_notice", "on_bad_set": "accept_with_errors", **inbound},
    ]
    async with line_with(processing={"on_bad_set": "reject_interchange"}, agreements=agreements) as line:
        view = await outcome(line, many_855(3, bad=frozenset({3})))
        assert {document["status"] for document in view["documents"]} == {"rejected"}


async def test_a_set_with_errors_is_published_with_them_as_long_as_it_is_understood(line_with):
    async with line_with(processing={"on_bad_set": "accept_with_errors"}) as line:
        # An unlisted code says less, yet the acknowledgment is understood.
        view = await outcome(line, acknowledgment_855(1).replace(b"ACK*IA*10*EA*068*", b"ACK*IA*10*EA*Q*"))
        (document,) = view["documents"]
        assert (document["status"], view["status"]) == ("accepted_with_errors", "published")
        assert document["findings"][0]["segment"] == "ACK"
        assert said(view) == ["AK5*E*5", "AK9*E*1*1*1"]
        # Without its order number, or with an SE that counts other segments, it is not.
        for number, (old, new) in enumerate([(b"*PO-2*", b"**"), (b"SE*6", b"SE*7")], start=2):
            data = acknowledgment_855(number).replace(b"*PO-%d*" % number, b"*PO-2*").replace(old, new)
            view = await outcome(line, data)
            assert (view["documents"][0]["status"], view["status"]) == ("rejected", "rejected")
        assert len(line.collector.events) == 1


async def test_one_bad_set_never_blocks_the_other_1999(tmp_path):
    async with line_over(Site(tmp_path)) as line:
        line.run()
        view = await outcome(line, many_855(2_000, bad=frozenset({1_000})))
        assert view["status"] == "published"
        assert [document["status"] for document in view["documents"]].count("rejected") == 1
        assert len(line.collector.events) == 1_999
        assert said(view)[-1] == "AK9*P*2000*2000*1999"


async def test_of_a_large_interchange_nothing_is_published_where_one_bad_set_rejects_it_all(tmp_path):
    async with line_over(Site(tmp_path, acme_profile={"processing": {"on_bad_set": "reject_interchange"}})) as line:
        line.run()
        view = await outcome(line, many_855(700, bad=frozenset({700})))
        assert (view["status"], line.collector.events) == ("rejected", [])
        assert {document["status"] for document in view["documents"]} == {"rejected"}
        assert {document["event"]["state"] for document in view["documents"] if document["event"]} == {"dropped"}
        assert "BAK02" in view["reason"]


# --- repetitions -----------------------------------------------------------------------------------------------------


async def test_a_repeated_group_number_is_nobodys_business_unless_the_profile_says_so(line_with):
    again = acknowledgment_855(2).replace(b"*0930*2*X", b"*0930*1*X").replace(b"GE*1*2", b"GE*1*1")
    async with line_with() as line:
        await outcome(line, acknowledgment_855(1))
        assert (await outcome(line, again))["status"] == "published"


async def test_a_repeated_group_number_is_rejected_where_the_profile_says_so(line_with):
    again = acknowledgment_855(2).replace(b"*0930*2*X", b"*0930*1*X").replace(b"GE*1*2", b"GE*1*1")
    async with line_with(duplicates={"group": "reject"}) as line:
        await outcome(line, acknowledgment_855(1))
        view = await outcome(line, again)
        assert (view["status"], said(view)) == ("rejected", ["AK5*R", "AK9*R*1*1*0*6"])
        assert "group control number 1 was used before" in view["reason"]
        assert len(line.collector.events) == 1


@pytest.mark.parametrize("action", ["reject", "accept_with_error"])
async def test_a_repeated_set_number_by_its_action(line_with, action):
    async with line_with(duplicates={"transaction_set": action}) as line:
        assert said(await outcome(line, many_855(60, control=1)))[-1] == "AK9*A*60*60*60"
        # Sets 59 and 60 were seen, 61 and 62 were not; the last stands twice, in two groups of one message.
        second = many_855(62, control=2)
        second = re.sub(rb"ST\*855\*0001.*(?=ST\*855\*0059)", b"", second, flags=re.DOTALL).replace(b"GE*62", b"GE*4")
        group = re.search(rb"GS.*GE[^~]*~\n", second, re.DOTALL).group()
        last = re.sub(rb"ST\*855\*0059.*(?=ST\*855\*0062)", b"", group, flags=re.DOTALL).replace(b"GE*4*2", b"GE*1*3")
        last = last.replace(b"*0930*2*X", b"*0930*3*X").replace(b"PO-2-62", b"PO-2-63")
        view = await outcome(line, second.replace(b"IEA*1", last + b"IEA*2"))
        if action == "reject":
            answer = ["AK5*R*23", "AK5*R*23", "AK5*A", "AK5*A", "AK9*P*4*4*2", "AK5*R*23", "AK9*R*1*1*0"]
        else:
            answer = ["AK5*E*23", "AK5*E*23", "AK5*A", "AK5*A", "AK9*E*4*4*4", "AK5*E*23", "AK9*E*1*1*1"]
        assert said(view) == answer
        statuses = [document["status"] for document in view["documents"]]
        assert statuses.count("rejected") == (3 if action == "reject" else 0)
        assert len(line.collector.events) == 60 + (2 if action == "reject" else 5)


async def test_two_interchanges_of_one_message_with_the_same_number(line_with):
    async with line_with() as line:
        view = await outcome(line, acknowledgment_855(1) + acknowledgment_855(1))
        assert [document["status"] for document in view["documents"]] == ["accepted", "rejected"]
        assert said(view) == ["AK5*A", "AK9*A*1*1*1", "TA1*000000001*260301*0930*R*025"]


async def test_a_message_that_is_processed_again_is_not_its_own_repetition(line_with):
    terms = {"action": "reject", "group": "reject", "transaction_set": "reject", "out_of_sequence": "reject"}
    async with line_with(duplicates=terms) as line:
        kept = await line.keep(acknowledgment_855(1))
        await line.decided(kept.message_id)
        again = acknowledgment_855(2).replace(b"0001~", b"0002~")
        assert (await outcome(line, again))["status"] == "published"
        await line.database.write(lambda connection: reprocess(connection, kept.message_id, ACTOR, now_ms()))
        line.processing.wake()
        view = await line.decided(kept.message_id)
        assert (view["status"], view["revision"]) == ("published", 2)
        assert view["documents"][-1]["status"] == "accepted"


@pytest.mark.parametrize(
    ("action", "numbers", "verdicts"),
    [
        ("process", [5, 9, 6], "AAA"),
        ("reject", [5, 6, 8, 7, 8, 5], "AARAAR"),
        ("accept_with_error", [5, 6, 8, 7, 9], "AAEEA"),
        ("accept_with_error", [5_000, 1, 2], "AEA"),  # they began to count anew
        ("reject", [999_999_999, 1], "AA"),
    ],
)
async def test_numbers_out_of_sequence(line_with, action, numbers, verdicts):
    async with line_with(duplicates={"out_of_sequence": action}, acknowledgment={"ta1": "always"}) as line:
        found = [said(await outcome(line, acknowledgment_855(number)))[0] for number in numbers]
        assert "".join(text.split("*")[4] for text in found) == verdicts
        notes = {text.split("*")[5] for text in found if text.split("*")[4] != "A"}
        assert notes <= {"018", "025"}


async def test_what_came_too_early_is_welcome_in_its_turn(line_with):
    async with line_with(duplicates={"out_of_sequence": "reject"}) as line:
        await outcome(line, acknowledgment_855(1))
        early = await outcome(line, acknowledgment_855(3))
        assert "not the one after the last" in early["reason"]
        for number in (2, 3):
            assert (await outcome(line, acknowledgment_855(number)))["status"] == "published"


# --- acknowledgments -------------------------------------------------------------------------------------------------


async def test_acknowledgments_as_the_profile_wants_them(line_with):
    wanted = {"ta1": "always", "accepted_sets": False, "envelope": "per_group", "expected_within_hours": 24}
    ranges = {
        "interchange": {"min": 5_000, "max": 5_999},
        "group": {"min": 1, "max": 99_999},
        "transaction_set": {"min": 7, "max": 9_999},
    }
    async with line_with(acknowledgment=wanted, control_numbers=ranges) as line:
        view = await outcome(line, two_groups(1, bad=True))
        assert [one["kinds"] for one in view["acknowledgments"]] == [["TA1", "997"], ["997"]]
        assert [one["control_number"] for one in view["acknowledgments"]] == [5_000, 5_001]
        assert said(view) == ["TA1*000000001*260301*0930*A*000", "AK5*R*5", "AK9*P*2*2*1", "AK9*A*2*2*2"]
        first, second = (one["x12"] for one in view["acknowledgments"])
        assert "*1*X*004010~ST*997*0007~" in first
        assert "*2*X*004010~ST*997*0008~" in second


async def test_behind_the_last_number_of_the_range_comes_its_first(line_with):
    async with line_with(control_numbers={"interchange": {"min": 100, "max": 1_099}}) as line:
        scope = "ISA|ZZ/BIGCORP|ZZ/ACMESUPPLY|P"
        await line.database.write(
            lambda connection: control_numbers.allocate(connection, scope, least=1_098, most=1_099)
        )
        given = [
            (await outcome(line, acknowledgment_855(number)))["acknowledgments"][0]["control_number"]
            for number in (1, 2, 3)
        ]
        assert given == [1_099, 100, 101]


async def test_acknowledgments_are_laid_out_as_they_write_or_as_the_profile_says(line_with):
    sent = acknowledgment_855(1).replace(b"*", b"|").replace(b"~", b"!")
    async with line_with() as line:
        (one,) = (await outcome(line, sent))["acknowledgments"]
        assert "!AK9|A|1|1|1!SE|" in one["x12"]
    layout = {"separators": {"element": "+", "terminator": "'"}, "line_end": "crlf"}
    async with line_with(framing=layout) as line:
        (one,) = (await outcome(line, sent.replace(b"000000001", b"000000002")))["acknowledgments"]
        assert "'\r\nAK9+A+1+1+1'\r\nSE+" in one["x12"]


async def test_passwords_of_the_envelope_are_shown_nowhere(line_with):
    data = acknowledgment_855(1).replace(b"ISA*00*          *00*          *", b"ISA*03*OURUSER*01*S3CRETpassword*")
    async with line_with() as line:
        view = await outcome(line, data)
        assert view["status"] == "rejected"
        assert "S3CRET" not in repr(view)
        assert "OURUSER" not in repr(view)

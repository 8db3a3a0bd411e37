"""Each key of a profile that speaks of X12 changes what it says it changes: profile and input, then what comes out.

Played as the line plays it: reading, judgement, decision and acknowledgment, or writing under control numbers.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.flow.outward.composing import addresses
from gateway.flow.outward.ways import NoWay, Recipient
from gateway.onboarding.samples.reading import ACKNOWLEDGMENT, DOCUMENTS, FINDINGS, Sample
from gateway.onboarding.samples.rehearsal import CLOCK_MS, Rehearsal
from gateway.settings import IdentitySettings, Limits, X12Address
from gateway.store.database import Database
from gateway.store.partners import control_numbers
from partners.directory import Directory
from tests.migrated import migrate
from tests.partners.profiles import loaded
from translators.guide import Identity

DAY_MS = 86_400_000
OURS = (
    IdentitySettings(
        name="bigcorp", as2_id="BIGCORP-AS2", x12=X12Address(qualifier="ZZ", id="BIGCORP", group_id="BIGCORP")
    ),
    IdentitySettings(name="plant", x12=X12Address(qualifier="01", id="123456789", group_id="PLANT")),
)
# {more} is more of the profile, {taken} of the agreement on the orders that they send, {given} of that on ours.
PROFILE = """\
id: acme-supply
name: ACME Supply Inc.
as2: {{id: ACME-AS2, certificate: acme.pem, url: "https://as2.acme.example/as2", our_identity: bigcorp}}
x12: {x12}
{more}
agreements:
  - {{document: purchase_order, direction: inbound, syntax: x12{taken}}}
  - {{document: invoice, direction: inbound, syntax: x12}}
  - {{document: purchase_order, direction: outbound, syntax: x12, releases: [{release}]{given}}}
"""
X12 = "{qualifier: ZZ, id: ACMESUPPLY, group_id: ACMESUPPLY}"
ORDER = "BEG*00*SA*{number}**20260105~{extra}PO1*1*5*EA*9.95**VP*A-1~CTT*1~"
INVOICE = "BIG*20260105*INV-1**4500012345~IT1*1*5*EA*9.95~TDS*{total}~CTT*1~"
CANONICAL = {
    "document_type": "purchase_order",
    "schema_version": "1.0",
    "number": "4500012345",
    "purpose": "original",
    "order_type_code": "SA",
    "issued_on": "2026-01-05",
    "lines": [
        {
            "line_id": "1",
            "quantity": "5",
            "unit": "EA",
            "unit_price": "9.95",
            "product_ids": [{"qualifier": "VP", "id": "A-1"}],
            "descriptions": [{"text": "BOLT ~ 3"}],
        }
    ],
}


# --- what they send --------------------------------------------------------------------------------------------------


def one_set(kind: str, body: str, number: int = 1) -> str:
    count = len(re.findall("~", body)) + 2
    return f"ST*{kind}*{number:04d}~{body}SE*{count}*{number:04d}~"


def group(kind: str, *sets: str, number: int = 1, release: str = "004010") -> str:
    head = f"GS*{kind}*ACMESUPPLY*BIGCORP*20260105*0930*{number}*X*{release}~"
    return f"{head}{''.join(sets)}GE*{len(sets)}*{number}~"


def orders(extra: str = "", *, count: int = 1, number: int = 1, release: str = "004010") -> str:
    held = [one_set("850", ORDER.format(number=f"45000{at}", extra=extra), at) for at in range(1, count + 1)]
    return group("PO", *held, number=number, release=release)


def invoices(total: str = "4975", *, number: int = 1) -> str:
    return group("IN", one_set("810", INVOICE.format(total=total)), number=number)


def interchange(
    *groups: str, number: int = 1, isa14: str = "0", sender: str = "ACMESUPPLY", version: str = "00401"
) -> str:
    head = (
        f"ISA*00*          *00*          *ZZ*{sender:15}*ZZ*BIGCORP        *260105*0930*U*{version}*{number:09d}*"
        f"{isa14}*P*>~"
    )
    return f"{head}{''.join(groups)}IEA*{len(groups)}*{number:09d}~"


BAD = one_set("850", "BEG*00*SA*4500002**20260105~", 2)  # without PO1
MIXED = interchange(group("PO", one_set("850", ORDER.format(number="4500001", extra="")), BAD), invoices(number=2))


# --- the stage -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    held = Database(f"sqlite:///{tmp_path_factory.mktemp('terms') / 'store.db'}", synchronous="OFF")
    migrate(held)
    yield held
    held.close()


@dataclass(frozen=True)
class Outcome:
    """What came out: for what they send documents and answers, for what we send the X12, and what was found."""

    documents: tuple[dict, ...]
    said: str
    sent: str
    findings: tuple[dict, ...]

    @property
    def codes(self) -> set[tuple[str, str]]:
        """Where something was found, and as which error."""
        return {
            (f"{one.get('segment')}{one.get('element', 0):02d}", one["code"])
            for one in self.findings
            if one["severity"] == "error" and one.get("segment")
        }


def profile_of(more: str = "", *, taken: str = "", given: str = "", x12: str = X12, release: str = "004010"):
    text = PROFILE.format(
        more=more, taken=taken and f", {taken}", given=given and f", {given}", x12=x12, release=f'"{release}"'
    )
    return loaded(text)


def play(database: Database, partner, content: bytes, name: str, directory: Directory | None = None) -> Outcome:
    direction = "inbound" if name.startswith("received") else "outbound"
    sample = Sample("sample", "", "", direction, Path(), content, name, {}, required=False)
    stage = Rehearsal(database, OURS, Limits(), directory or Directory([partner]))
    files = asyncio.run(stage.play(partner, sample)).files
    answers = files.get(ACKNOWLEDGMENT, b"").decode("latin-1")
    return Outcome(
        tuple(json.loads(files.get(DOCUMENTS, b"[]"))),
        answers,
        files.get("sent.edi", b"").decode("latin-1"),
        tuple(json.loads(files.get(FINDINGS, b"[]"))),
    )


def receive(database: Database, sent: str, more: str = "", **profile: str) -> Outcome:
    """What comes of what they send."""
    return play(database, profile_of(more, **profile), sent.encode("latin-1"), "received.edi")


def send(database: Database, more: str = "", **profile: str) -> Outcome:
    """What comes of an order of ours."""
    return play(database, profile_of(more, **profile), json.dumps(CANONICAL).encode(), "document.json")


def verdicts(outcome: Outcome) -> str:
    """How many documents there are, and what the answer says: TA1, AK5, AK9 and the envelopes it stands in."""
    texts = re.split("[~\n]+", outcome.said)
    told = [re.sub(r"\*\d{9}\*\d{6}\*\d{4}", "", text) for text in texts if text[:3] in {"TA1", "AK5", "AK9"}]
    return " ".join([str(len(outcome.documents)), *told])


# --- what they send: the profile, the agreement on their orders, what they send, what comes of it --------------------

TWICE = interchange(orders()) + interchange(orders())
GAP = interchange(orders()) + interchange(orders(), number=3)
SAME_GROUP = interchange(orders()) + interchange(orders(), number=2)
REPEATED_INSIDE = interchange(orders(), orders())
FINE = "1 AK5*A AK9*A*1*1*1"
REFUSED = "0 AK5*R*5 AK9*R*1*1*0"
NOTED = "1 AK5*E*5 AK9*E*1*1*1"

INBOUND = {
    # validation: repetitions, with window and action
    "isa13-default": ("", "", TWICE, f"{FINE} TA1*R*025"),
    "isa13-accept": ("duplicates: {action: accept_with_error}", "",
        TWICE, "2 AK5*A AK9*A*1*1*1 TA1*E*025 AK5*A AK9*A*1*1*1"),
    "isa13-process": ("duplicates: {action: process}", "", TWICE, "2 AK5*A AK9*A*1*1*1 AK5*A AK9*A*1*1*1"),
    "gs06-default": ("", "", SAME_GROUP, "2 AK5*A AK9*A*1*1*1 AK5*A AK9*A*1*1*1"),
    "gs06-reject": ("duplicates: {group: reject}", "", SAME_GROUP, f"{FINE} AK5*R AK9*R*1*1*0*6"),
    "gs06-accept": ("duplicates: {group: accept_with_error}", "", SAME_GROUP, f"2{FINE[1:]} AK5*A AK9*E*1*1*1*6"),
    "gs06-inside-default": ("", "", REPEATED_INSIDE, f"{FINE} AK5*R AK9*R*1*1*0*6"),
    "gs06-inside-process": ("duplicates: {action: process}", "", REPEATED_INSIDE, f"2{FINE[1:]} AK5*A AK9*A*1*1*1"),
    "st02-default": ("", "", SAME_GROUP, "2 AK5*A AK9*A*1*1*1 AK5*A AK9*A*1*1*1"),
    "st02-reject": ("duplicates: {transaction_set: reject}", "", SAME_GROUP, f"{FINE} AK5*R*23 AK9*R*1*1*0"),
    "st02-accept": ("duplicates: {transaction_set: accept_with_error}", "",
        SAME_GROUP, f"2{FINE[1:]} AK5*E*23 AK9*E*1*1*1"),
    "sequence-default": ("", "", GAP, "2 AK5*A AK9*A*1*1*1 AK5*A AK9*A*1*1*1"),
    "sequence-reject": ("duplicates: {out_of_sequence: reject}", "", GAP, f"{FINE} TA1*R*018"),
    "sequence-accept": ("duplicates: {out_of_sequence: accept_with_error}", "",
        GAP, f"2{FINE[1:]} TA1*E*018 AK5*A AK9*A*1*1*1"),
    # validation: characters, types, blanks, separators at the end, segments, padding
    "characters-default": ("", "", interchange(orders("REF*ZZ*größe #1~")), FINE),
    "characters-extended": ("validation: {character_set: extended}", "", interchange(orders("REF*ZZ*größe~")), REFUSED),
    "characters-basic": ("validation: {character_set: basic}", "", interchange(orders("REF*ZZ*A #1~")), REFUSED),
    "characters-basic-same": ("validation: {character_set: basic}", "", interchange(orders("REF*ZZ*A 1~")), FINE),
    "characters-agreement-same": ("validation: {character_set: basic}", "validation: {character_set: any}",
        interchange(orders("REF*ZZ*a~")), FINE),
    "types-default": ("", "", interchange(orders("DTM*002*SOON~")), REFUSED),
    "types-tolerated": ("tolerances: [element-types]", "", interchange(orders("DTM*002*SOON~")), NOTED),
    "types-agreement": ("", "tolerances: [element-types]", interchange(orders("DTM*002*SOON~")), NOTED),
    "separators-default": ("", "", interchange(orders("REF*ZZ*1**~")), REFUSED),
    "separators-tolerated": ("tolerances: [trailing-separators]", "", interchange(orders("REF*ZZ*1**~")), NOTED),
    "separators-optional": ("validation: {trailing_separators: optional}", "",
        interchange(orders("REF*ZZ*1**~")), FINE),
    "separators-mandatory": ("validation: {trailing_separators: mandatory}", "", interchange(orders()), REFUSED),
    "separators-agreement": ("", "validation: {trailing_separators: optional}",
        interchange(orders("REF*ZZ*1**~")), FINE),
    "unknown-default": ("", "", interchange(orders("ZZ9*1~")), REFUSED),
    "unknown-tolerated": ("tolerances: [unknown-segments]", "", interchange(orders("ZZ9*1~")), NOTED),
    "order-default": ("", "", interchange(orders("N1*ST*A~CUR*BY*USD~")), REFUSED),
    "order-tolerated": ("tolerances: [segment-order]", "", interchange(orders("N1*ST*A~CUR*BY*USD~")), NOTED),
    "spaces-default": ("", "", interchange(orders("REF*ZZ* 1~")), FINE),
    "spaces-reject": ("validation: {spaces: reject}", "", interchange(orders("REF*ZZ* 1~")), REFUSED),
    "spaces-default-number": ("", "", interchange(orders("PWK***FX* 2~")), REFUSED),
    "spaces-trim-number": ("validation: {spaces: trim}", "", interchange(orders("PWK*AS*FX* 2~")), FINE),
    "padding-default": ("", "", interchange(orders()).replace("ACMESUPPLY     ", "ACMESUPPLY "), "0 TA1*R*006"),
    "padding-tolerated": ("tolerances: [isa-padding]", "",
        interchange(orders()).replace("ACMESUPPLY     ", "ACMESUPPLY "), FINE),
    # framing: who may send
    "address-default": ("", "", interchange(orders(), sender="OTHER"), "0 TA1*R*006"),
    # acknowledgment
    "ta1-default": ("", "", interchange(orders()), FINE),
    "ta1-asked": ("", "", interchange(orders(), isa14="1"), f"1 TA1*A*000{FINE[1:]}"),
    "ta1-never": ("acknowledgment: {ta1: never}", "", interchange(orders(), isa14="1"), FINE),
    "ta1-always": ("acknowledgment: {ta1: always}", "", interchange(orders()), f"1 TA1*A*000{FINE[1:]}"),
    "ta1-on-error": ("acknowledgment: {ta1: on_error}", "", interchange(orders(), isa14="1"), FINE),
    "ta1-on-error-same": ("acknowledgment: {ta1: on_error}", "", interchange(orders(), sender="OTHER"), "0 TA1*R*006"),
    "none": ("acknowledgment: {functional: none}", "", interchange(orders()), "1"),
    "none-with-ta1": ("acknowledgment: {functional: none}", "", interchange(orders(), isa14="1"), "1 TA1*A*000"),
    "none-agreement": ("", "acknowledgment: {functional: none}",
        interchange(orders(), invoices(number=2)), f"2{FINE[1:]}"),
    "997-agreement": ("acknowledgment: {functional: none}", 'acknowledgment: {functional: "997"}',
        interchange(orders(), invoices(number=2)), f"2{FINE[1:]}"),
    "accepted-sets-default": ("", "", interchange(orders(count=2)), "2 AK5*A AK5*A AK9*A*2*2*2"),
    "accepted-sets-false": ("acknowledgment: {accepted_sets: false}", "",
        interchange(orders(count=2)), "2 AK9*A*2*2*2"),
    "accepted-sets-agreement": ("", "acknowledgment: {accepted_sets: false}",
        interchange(orders(), invoices(number=2)), "2 AK9*A*1*1*1 AK5*A AK9*A*1*1*1"),
    # processing
    "bad-set-default": ("", "", MIXED, "2 AK5*A AK5*R*5 AK9*P*2*2*1 AK5*A AK9*A*1*1*1"),
    "bad-set-group": ("processing: {on_bad_set: reject_group}", "",
        MIXED, "1 AK5*R AK5*R*5 AK9*R*2*2*0 AK5*A AK9*A*1*1*1"),
    "bad-set-interchange": ("processing: {on_bad_set: reject_interchange}", "",
        MIXED, "0 AK5*R AK5*R*5 AK9*R*2*2*0 AK5*R AK9*R*1*1*0"),
    "bad-set-accept": ("processing: {on_bad_set: accept_with_errors}", "",
        MIXED, "3 AK5*A AK5*E*5 AK9*E*2*2*2 AK5*A AK9*A*1*1*1"),
    "bad-set-agreement": ("", "on_bad_set: reject_group", MIXED, "1 AK5*R AK5*R*5 AK9*R*2*2*0 AK5*A AK9*A*1*1*1"),
    "decimals-default": ("", "", interchange(invoices("49.75")), REFUSED),
    "decimals-tolerated": ("tolerances: [explicit-decimals]", "", interchange(invoices("49.75")), NOTED),
    # rules on the standard
    "rule-required": ("", "rules: [{segment: REF, usage: required}]", interchange(orders()), REFUSED),
    "rule-forbidden": ("", "rules: [{segment: REF, usage: not_used}]", interchange(orders("REF*ZZ*1~")), REFUSED),
    "rule-max-use": ("", "rules: [{segment: REF, max_use: 1}]", interchange(orders("REF*ZZ*1~REF*ZZ*2~")), REFUSED),
    "rule-element": ("", "rules: [{element: BEG04, usage: required}]", interchange(orders()), REFUSED),
    "rule-element-forbidden": ("", "rules: [{element: PO104, usage: not_used}]", interchange(orders()), REFUSED),
    "rule-codes": ("", "rules: [{element: BEG02, codes: [NE]}]", interchange(orders()), REFUSED),
    "rule-codes-added": ("", "rules: [{element: REF01, codes_added: [OWN]}]", interchange(orders("REF*OWN*1~")), FINE),
    "rule-length": ("", "rules: [{element: BEG03, length_max: 5}]", interchange(orders()), REFUSED),
    "rule-loop": ("", "rules: [{loop: N1, usage: required}]", interchange(orders()), REFUSED),
    "rule-extra": ("", "rules: [{extra_segment: ZZ9, after: BEG}]", interchange(orders("ZZ9*1~")), FINE),
}  # fmt: skip


@pytest.mark.parametrize("name", INBOUND)
def test_what_they_send(database, name) -> None:
    more, taken, sent, wanted = INBOUND[name]
    assert verdicts(receive(database, sent, more, taken=taken)) == wanted
    if (more or taken) and not name.endswith("-same"):
        assert verdicts(receive(database, sent)) != wanted


def test_an_answer_to_all_groups_or_one_to_each(database) -> None:
    sent = interchange(orders(), invoices(number=2))
    assert receive(database, sent).said.count("ISA*") == 1
    parted = receive(database, sent, "acknowledgment: {envelope: per_group}")
    assert parted.said.count("ISA*") == 2
    assert verdicts(parted) == verdicts(receive(database, sent))


def test_a_999_where_it_is_agreed_and_their_release_has_it(database) -> None:
    for release, kind in (("005010", "999"), ("004010", "997")):
        sent = interchange(orders(release=release))
        assert f"ST*{kind}*" in receive(database, sent, 'acknowledgment: {functional: "999"}').said
        assert "ST*997*" in receive(database, sent).said
    sent = interchange(orders(release="005010"), invoices(number=2))
    mixed = receive(database, sent, taken='acknowledgment: {functional: "999"}').said
    assert re.findall(r"ST\*(\d+)", mixed) == ["999", "997"]
    assert "IK5*A" in mixed
    assert "AK5*A" in mixed


def test_the_agreement_that_speaks_most_precisely_of_a_group_says_what_it_earns(database) -> None:
    """Of the releases, and of the identity of ours that is addressed."""
    other = "\n  - {document: purchase_order, direction: inbound, syntax: x12, releases: [004010VICS]"
    taken = "acknowledgment: {functional: none}}" + other  # the brace that follows ends the second
    assert "AK1" not in receive(database, interchange(orders()), taken=taken).said
    assert "AK1" in receive(database, interchange(orders(release="004010VICS")), taken=taken).said


def test_what_is_of_another_type_is_kept_where_it_can_be_seen(database) -> None:
    sent = interchange(orders("DTM*002*SOON~"))
    (document,) = receive(database, sent, "tolerances: [element-types]").documents
    (kept,) = document["unmapped"]
    assert (kept["segment"], [part["value"] for part in kept["elements"]]) == ("DTM", ["SOON"])
    assert [held["qualifier"] for held in document["dates"]] == ["002"]


def test_a_point_in_an_amount_of_implied_decimals_means_what_it_says(database) -> None:
    for total, tolerances, amount in (("4975", "", "49.75"), ("49.75", "explicit-decimals", "49.75")):
        held = receive(database, interchange(invoices(total)), f"tolerances: [{tolerances}]").documents
        assert [document["amount_due"] for document in held] == [amount]
    sent = interchange(invoices("1234567890123456.78"))
    assert "0 AK5*R" in verdicts(receive(database, sent, "tolerances: [explicit-decimals]"))
    assert "1 AK5*E" in verdicts(receive(database, sent, "tolerances: [explicit-decimals, element-lengths]"))
    assert "0 AK5*R" in verdicts(receive(database, interchange(invoices("49.75")), "tolerances: [element-types]"))


def test_blanks_that_are_trimmed_are_in_no_document(database) -> None:
    sent = interchange(orders("REF*ZZ*  1 ~"))
    for more, value in (("", "  1"), ("validation: {spaces: trim}", "1")):
        (document,) = receive(database, sent, more).documents
        assert document["references"][0]["value"] == value


def test_passwords_are_shown_where_the_profile_says_so_alone(database) -> None:
    sent = interchange(orders()).replace("ISA*00*          *00*          *", "ISA*03*OURUSER*01*S3CRET    *")
    assert "S3CRET" not in repr(receive(database, sent))
    shown = receive(database, sent.replace("S3CRET    ", "S3CRETpassword"), "processing: {mask_passwords: false}")
    assert "S3CRETpassword" in repr(shown.findings)


@pytest.mark.parametrize(("days", "is_known"), [(90, True), (3, False)])
def test_a_number_is_remembered_for_so_many_days(database, days, is_known) -> None:
    key = "acme-supply|ISA|ZZ|ACMESUPPLY|ZZ|BIGCORP|P|1"
    seen_at = CLOCK_MS - 10 * DAY_MS
    database.write_now(
        lambda held: control_numbers.remember(held, key, "earlier", seen_at, window_from_ms=seen_at - DAY_MS)
    )
    try:
        found = verdicts(receive(database, interchange(orders()), f"duplicates: {{window_days: {days}}}"))
    finally:
        database.write_now(lambda held: control_numbers.forget(held, key, "earlier"))
    assert found == ("0 TA1*R*025" if is_known else FINE)


def test_answers_are_laid_out_as_the_profile_says(database) -> None:
    sent = interchange(orders())
    assert "AK9*A*1*1*1~SE" in receive(database, sent).said
    layout = "framing: {separators: {element: '|', terminator: \"'\"}, line_end: lf, trailing_separators: all}"
    told = receive(database, sent, layout).said
    assert "AK1|PO|1'\n" in told
    assert "AK9|A|1|1|1|||||'\nSE|" in told


def test_answers_bear_numbers_of_the_ranges_that_are_agreed(database) -> None:
    ranges = "{interchange: {min: 5000, max: 5999}, group: {min: 70, max: 9999}, transaction_set: {min: 8, max: 9999}}"
    told = receive(database, interchange(orders()), f"control_numbers: {ranges}").said
    assert told.count("*000005000*") == 1
    assert "*70*X*004010~ST*997*0008~" in told


# --- addresses, each for its direction -------------------------------------------------------------------------------

TWO_ADDRESSES = """
  - {qualifier: ZZ, id: ACMESENDS, use: inbound}
  - {qualifier: ZZ, id: ACMERECEIVES, group_id: ACMEAPP, use: outbound}"""


def test_each_address_is_good_for_its_direction(database) -> None:
    for sender, wanted in (("ACMESENDS", FINE), ("ACMERECEIVES", "0 TA1*R*006")):
        assert verdicts(receive(database, interchange(orders(), sender=sender), x12=TWO_ADDRESSES)) == wanted
    sent = send(database, x12=TWO_ADDRESSES).sent
    assert "*ZZ*BIGCORP        *ZZ*ACMERECEIVES   *" in sent
    assert "GS*PO*BIGCORP*ACMEAPP*" in sent


def test_a_file_goes_only_where_they_receive() -> None:
    partner = profile_of(x12=TWO_ADDRESSES)
    way = Recipient(partner, partner, partner.profile.as2)
    for receiver, is_theirs in (("ACMERECEIVES", True), ("ACMESENDS", False)):
        file = interchange(orders()).replace("*ZZ*BIGCORP        *", f"*ZZ*{receiver:15}*").encode()
        if is_theirs:
            assert addresses(file, way) == {Identity("ZZ", "ACMESUPPLY")}
        else:
            with pytest.raises(NoWay, match="the addresses of acme-supply are ZZ/ACMERECEIVES"):
                addresses(file, way)


def test_what_has_no_address_to_go_to_is_not_sent(database) -> None:
    refused = send(database, x12="{qualifier: ZZ, id: ACMESENDS, use: inbound}")
    assert refused.sent == ""
    assert "no X12 address that is sent to" in refused.findings[0]["message"]


# --- what we send ----------------------------------------------------------------------------------------------------

OUTBOUND = {
    "separators": ("framing: {separators: {element: '|'}}", "framing: {separators: {element: '|'}}",
        r"GS\|PO\|BIGCORP\|"),
    "terminator": ("framing: {separators: {terminator: \"'\"}}", "framing: {separators: {terminator: \"'\"}}",
        r"'ST\*850"),
    "line-end": ("framing: {line_end: crlf}", "framing: {line_end: crlf}", r"~\r\nST\*850"),
    "replaced": ("framing: {replacement: '-'}", "framing: {replacement: '-'}", r"BOLT - 3"),
    "chosen": ("framing: {separators_in_data: choose}", "framing: {separators_in_data: choose}", r"BOLT ~ 3[^~]"),
    "usage": ("framing: {usage: test}", "framing: {usage: test}", r"^ISA.{99}T\*"),
    "version": ("framing: {version: '00501'}", "framing: {version: '00501'}", r"^ISA.{79}\^\*00501"),
    "ta1-asked": ("framing: {acknowledgment_requested: true}", "framing: {acknowledgment_requested: true}",
        r"^ISA.{97}1\*P"),
    "all-separators": ("framing: {trailing_separators: all}", "framing: {trailing_separators: all}",
        r"BEG\*00\*SA\*4500012345\*\*20260105\*{7}~"),
    "identity": (None, "our_identity: plant", r"\*01\*123456789      \*ZZ\*ACMESUPPLY"),
    "isa13": ("control_numbers: {interchange: {min: 5000, max: 9999}}", None, r"\*000005000\*"),
    "gs06": ("control_numbers: {group: {min: 70, max: 9999}}", None, r"\*70\*X\*004010"),
    "st02": ("control_numbers: {transaction_set: {min: 4444, max: 9999}}", None, r"ST\*850\*4444"),
    "testing": ("status: testing", None, r"^ISA.{99}T\*"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTBOUND)
def test_what_we_send(database, name) -> None:
    more, given, wanted = OUTBOUND[name]
    assert re.search(wanted, send(database).sent) is None
    for key in ({"more": more}, {"given": given}):
        if None not in key.values():
            assert re.search(wanted, send(database, **key).sent), key


def test_the_release_is_that_of_the_agreement(database) -> None:
    for release, version in (("004010", "00401"), ("005010", "00501"), ("004010VICS", "00401")):
        sent = send(database, release=release).sent
        assert f"*X*{release}~" in sent
        assert f"*{version}*" in sent


def test_an_agreement_changes_only_what_it_names(database) -> None:
    sent = send(database, "framing: {line_end: lf, usage: test}", given="framing: {separators: {element: '|'}}").sent
    assert re.search(r"^ISA.{99}T\|", sent)
    assert "~\nST|850|" in sent


def test_separators_in_data_can_keep_a_document_back(database) -> None:
    for key in ({"more": "framing: {separators_in_data: reject}"}, {"given": "framing: {separators_in_data: reject}"}):
        refused = send(database, **key)
        assert refused.sent == ""
        assert "holds the separator '~'" in refused.findings[0]["message"]


def test_every_set_can_be_read_by_who_wants_all_separators(database) -> None:
    """What is written so is what `trailing_separators: mandatory` asks of others."""
    sent = send(database, "framing: {trailing_separators: all}").sent.replace("BIGCORP  ", "XXXXXXX  ")
    back = sent.replace("ACMESUPPLY", "BIGCORP   ").replace("XXXXXXX        ", "ACMESUPPLY     ")
    found = receive(database, back, "validation: {trailing_separators: mandatory}")
    assert verdicts(found) == FINE


def test_behind_the_last_number_comes_the_first(database) -> None:
    scope = "ISA|ZZ/BIGCORP|ZZ/ACMESUPPLY|P"
    database.write_now(lambda held: control_numbers.allocate(held, scope, least=2_000, most=2_000))
    more = "control_numbers: {interchange: {min: 1001, max: 2000}}"
    assert "*000001001*" in send(database, more).sent


# --- connections -----------------------------------------------------------------------------------------------------

VAN = """id: trade-van
name: Trade VAN
as2: {id: VAN-AS2, certificate: acme.pem}
speaks_for: [{qualifier: ZZ, id: ACMESUPPLY}, {qualifier: ZZ, id: OTHER}]
"""


def test_over_a_connection_each_partner_is_judged_and_answered_by_its_own_terms(database) -> None:
    strict = profile_of("via: trade-van\nvalidation: {character_set: basic}\nacknowledgment: {functional: none}")
    lenient = loaded(
        PROFILE.format(more="via: trade-van", taken="", given="", x12="{qualifier: ZZ, id: OTHER}", release='"004010"')
        .replace("acme-supply", "other")
        .replace("ACME-AS2", "OTHER-AS2")
    )
    directory = Directory([loaded(VAN), strict, lenient])
    for sender, partner, wanted in (("ACMESUPPLY", strict, "0"), ("OTHER", lenient, FINE)):
        sent = interchange(orders("REF*ZZ*small~"), sender=sender)
        assert verdicts(play(database, partner, sent.encode(), "received.edi", directory)) == wanted


def test_over_a_connection_each_partner_keeps_its_tolerances_and_its_encoding(database) -> None:
    strict = profile_of("via: trade-van")
    lenient = loaded(
        PROFILE.format(
            more="via: trade-van\ntolerances: [code-values, isa-padding]\nencoding: utf-8",
            taken="",
            given="",
            x12="{qualifier: ZZ, id: OTHER}",
            release='"004010"',
        )
        .replace("acme-supply", "other")
        .replace("ACME-AS2", "OTHER-AS2")
    )
    directory = Directory([loaded(VAN), strict, lenient])
    said = "REF*OWN*größe~"
    for sender, partner, wanted in (("ACMESUPPLY", strict, REFUSED), ("OTHER", lenient, NOTED)):
        sent = interchange(orders(said), sender=sender)
        outcome = play(database, partner, sent.encode("utf-8"), "received.edi", directory)
        assert verdicts(outcome) == wanted
        if outcome.documents:
            assert outcome.documents[0]["references"][0]["value"] == "größe"
    # Of the envelope nobody can tell whose it is before it is read: all of them must tolerate what is wrong with it.
    sent = interchange(orders(said), sender="OTHER").replace("OTHER     ", "OTHER ")
    assert verdicts(play(database, lenient, sent.encode(), "received.edi", directory)) == "0 TA1*R*006"

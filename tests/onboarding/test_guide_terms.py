import pytest

from gateway.as2.disposition import Modifier
from gateway.onboarding.guide.answers import answers_of
from gateway.onboarding.guide.envelope import envelope_of
from gateway.onboarding.guide.error_codes import DISPOSITIONS
from gateway.onboarding.guide.steps import checklist_of, steps_of
from gateway.onboarding.guide.transport import transports_of
from tests.onboarding.guides import IDENTITY, NOTICE, ORDER, PROFILE, RESPONSE, facts, loaded, page_of


def isa(**changes):
    made = envelope_of(facts(loaded(**changes)))
    assert made is not None
    return {row.ref: (row.theirs, row.ours) for row in (*made.isa, *made.gs)}


def test_both_sides_of_the_envelope_stand_beside_each_other():
    rows = isa()
    assert rows["ISA05"] == ("ZZ", "ZZ")
    assert rows["ISA06"] == ("ACMESUPPLY", "BIGCORP")
    assert rows["ISA08"] == ("BIGCORP", "ACMESUPPLY")
    assert rows["ISA12"] == ("00401", "00401")
    assert rows["ISA11"][1] == "U"
    assert rows["ISA15"][1] == "P"
    assert rows["GS02"] == ("ACMEGROUP", "BIGCORP")
    assert rows["GS03"] == ("BIGCORP", "ACMEGROUP")
    assert rows["GS08"] == ("004010", "004010")


def test_the_envelope_follows_what_was_agreed():
    address = {"qualifier": "01", "id": "123456789"}
    only_out = address | {"use": "outbound", "qualifier": "12"}
    rows = isa(
        x12=[address | {"use": "inbound"}, only_out],
        agreements=[ORDER | {"releases": ["005010"]}, RESPONSE | {"releases": ["004010", "005010"]}],
        framing={"acknowledgment_requested": True, "separators": {"repetition": "!"}},
        control_numbers={"interchange": {"min": 5_000, "max": 9_999}},
    )
    assert rows["ISA05"] == ("01", "ZZ")
    assert rows["ISA07"] == ("ZZ", "12")
    assert rows["ISA11"][1] == "!"
    assert rows["ISA12"] == ("00401 or 00501", "00501")
    assert rows["ISA14"][1] == "1"
    assert rows["GS02"][0] == "123456789"
    made = envelope_of(facts(loaded(control_numbers={"interchange": {"min": 5_000, "max": 9_999}})))
    assert made is not None
    assert made.isa[12].remark == "the same in IEA02; ours run from 000005000 to 000009999"


def test_a_test_says_so_in_the_envelope():
    assert isa(status="testing")["ISA15"][1] == "T now, P in production"
    held = loaded(status="testing", agreements=[ORDER | {"document": "invoice"}])
    assert "At present ISA15 is T" in page_of(held).at("envelope").words
    assert "At present" not in page_of(loaded(agreements=[ORDER | {"document": "invoice"}])).at("envelope").words


def test_no_envelope_where_no_x12_is_exchanged():
    held = facts(loaded(agreements=[NOTICE]))
    assert envelope_of(held) is None
    assert answers_of(held).codes == ()
    assert "envelope" not in page_of(loaded(agreements=[NOTICE])).ids


def test_who_acknowledges_what():
    said = {"functional": "999", "ta1": "always", "expected_within_hours": 24}
    own = RESPONSE | {"acknowledgment": {"functional": "997"}}
    made = answers_of(
        facts(loaded(acknowledgment=said, agreements=[ORDER, own, own | {"document": "invoice", "acknowledgment": {}}]))
    )
    rows = {(row.name, row.sender): row for row in made.rows}
    assert rows["TA1", "BigCorp Industries"].when == "for every interchange"
    assert "855" in rows["997", "BigCorp Industries"].about
    assert "810" in rows["999", "BigCorp Industries"].about
    assert rows["997 or 999", "ACME Supply Inc."].when == "within 24 hours"
    assert {table.anchor for table in made.codes} >= {"ta105", "ak905", "ak502", "ak304", "ak403"}


def test_no_acknowledgment_no_codes():
    made = answers_of(facts(loaded(acknowledgment={"functional": "none", "ta1": "never"})))
    assert made.codes == ()
    assert "none is sent" in [row.when for row in made.rows]


def test_as2_is_told_as_it_is_demanded():
    as2 = PROFILE["as2"] | {
        "require_encrypted": False,
        "digests": ["sha-256", "sha-1"],
        "receipts_to": ["receipts.acme.example"],
        "certificate_exchange": "ask",
        "sending": {
            "receipt_by": "request",
            "receipt_within_minutes": 30,
            "compress": "before-signing",
            "cipher": "aes128-cbc",
        },
    }
    (way,) = transports_of(facts(loaded(as2=as2, api_keys=None, limits={"body_bytes_max": 5_242_880})))
    told = {fact.name: fact for table in way.tables for fact in table.facts}
    assert told["You send to"].value == "https://b2b.bigcorp.example/as2"
    assert told["We send to"].value == "https://as2.acme.example/as2"
    assert told["AS2 id of ours"].value == "BIGCORP-AS2"
    assert told["Digests"].value == "SHA-256 and SHA-1 (while you need it)"
    assert told["Largest message"].value == "5 MB"
    assert told["It is awaited for"].value == "30 minutes"
    assert told["Asynchronous receipts may go to"].value == ("receipts.acme.example",)
    (_, demands, ours, _) = way.tables
    assert [fact.value for fact in demands.facts if fact.name == "Encrypted"] == ["not required"]
    assert [fact.value for fact in ours.facts if fact.name == "Encrypted"] == ["yes, AES-128-CBC, RSA PKCS#1 v1.5"]


def test_an_identity_for_one_document_is_named():
    other = IDENTITY | {"name": "plant", "as2_id": "PLANT-AS2"}
    held = loaded(
        as2=PROFILE["as2"] | {"our_identity": "bigcorp"},
        agreements=[RESPONSE | {"our_identity": "plant"}],
        api_keys=None,
    )
    (way,) = transports_of(facts(held, settings={"identities": [IDENTITY, other]}))
    told = {fact.name: fact.value for fact in way.tables[0].facts}
    assert told["Further AS2 ids of ours"] == ("PLANT-AS2",)


def test_who_fetches_is_told_how():
    agreements = [RESPONSE, {"document": "purchase_order", "direction": "outbound", "syntax": "json"}]
    held = loaded(as2=None, agreements=agreements, delivery={"confirm_within_hours": 12})
    (way,) = transports_of(facts(held))
    (inbox,) = [table for table in way.tables if table.caption == "What we have for you"]
    told = {fact.name: fact for fact in inbox.facts}
    assert told["List"].value == "GET /v1/inbox"
    assert "12 hours" in told["Look there"].note
    texts = [call.text for call in way.calls]
    assert any("/v1/inbox/$ID/content" in text for text in texts)
    assert any(text.startswith("curl --fail-with-body --request POST") and "/confirm" in text for text in texts)


def test_who_is_sent_nothing_is_told_of_no_inbox():
    (way,) = transports_of(facts(loaded(as2=None, agreements=[RESPONSE])))
    assert [table.caption for table in way.tables] == ["The interface", "Who you are", "Limits"]
    assert not any("inbox" in call.text for call in way.calls)


def test_calls_can_be_copied():
    (way,) = transports_of(facts(loaded(as2=None)))
    text = way.calls[0].text
    assert text.startswith("curl --fail-with-body https://b2b.bigcorp.example/v1/documents")
    assert "Authorization: Bearer $KEY" in text
    assert "application/edi-x12" in text


def test_steps_and_checks_fit_the_way():
    rest = facts(loaded(as2=None, x12=None, agreements=[NOTICE]))
    words = " ".join(step.what for step in steps_of(rest))
    assert "ISA15" not in words
    assert "API key" in words
    assert "certificates" not in words
    both = facts()
    assert any("fingerprints" in step.what for step in steps_of(both))
    assert [check for check in checklist_of(both, ()) if "Control numbers" in check]


@pytest.mark.parametrize("modifier", [one for one in Modifier if one is not Modifier.DUPLICATE_DOCUMENT])
def test_every_disposition_is_explained(modifier: Modifier):
    assert any(modifier.value.lower() in row.code.lower() for row in DISPOSITIONS), modifier

import re
from decimal import Decimal

import pytest

from gateway.onboarding.guide.documents import DocumentSection, sections_of
from gateway.onboarding.guide.fields import meaning_of
from gateway.onboarding.guide.names import DOCUMENT_NAMES, SEGMENT_NAMES
from gateway.onboarding.guide.rules import business_words, vocabulary_words
from gateway.onboarding.guide.structure import PlaceRow, Usage
from gateway.onboarding.guide.worked_examples import example_document, example_of
from partners.business_terms import BusinessTolerances
from partners.profile import DocumentType
from partners.vocabulary_terms import Vocabulary
from tests.onboarding.guides import ORDER, RESPONSE, facts, loaded, page_of, sample
from tests.site import acknowledgment_855, ship_notice_json
from translators import json
from translators.guide import ReadingRules
from translators.x12.dictionary import releases
from translators.x12.grammar import grammar, set_types
from translators.x12.reader import read
from translators.x12.reading import SetRead

ISA = b"ISA*00*          *00*          *ZZ*BIGCORP        *ZZ*ACMESUPPLY     *260301*0930*U*00401*000000009*0*P*>~"


def section(agreement: dict[str, object], *samples, **changes) -> DocumentSection:
    (made,) = sections_of(facts(loaded(agreements=[agreement], **changes), *samples))
    return made


def place(of: DocumentSection, code: str, loop: str = "") -> PlaceRow:
    assert of.x12 is not None
    (row,) = [row for row in (*of.x12.rows, *of.x12.also) if (row.code, row.loop) == (code, loop)]
    return row


def element(of: DocumentSection, ref: str):
    assert of.x12 is not None
    (row,) = [row for detail in of.x12.details for row in detail.rows if row.ref == ref]
    return row


def test_what_the_standard_and_the_samples_have_is_in_use():
    of = section(RESPONSE, sample(acknowledgment_855(1)))
    assert of.x12 is not None
    assert [row.code for row in of.x12.rows] == ["ST", "BAK", "PO1", "ACK", "CTT", "SE"]
    assert (place(of, "BAK").usage, place(of, "BAK").standard) == (Usage.MUST, "M")
    assert (place(of, "ACK", "PO1/ACK").usage, place(of, "ACK", "PO1/ACK").depth) == (Usage.USED, 2)
    assert place(of, "PO1", "PO1").repeat == "100000"
    assert place(of, "REF").usage is Usage.MAY
    assert element(of, "BAK03").fields == ("purchase_order_number",)
    assert element(of, "PO106").fields == ("lines[].product_ids[].qualifier",)
    assert element(of, "PO107").seen == ("AX-100",)
    assert ("IA", "accepted") in element(of, "ACK01").codes.shown


def test_an_agreement_is_told_where_it_differs_from_the_standard():
    rules = [
        {"segment": "REF", "usage": "not_used"},
        {"segment": "N1", "qualifier": "ST", "usage": "required"},
        {"loop": "PO1/ACK", "usage": "required", "repeat_max": 3},
        {"segment": "DTM", "loop": "header", "max_use": 2},
        {"element": "BAK02", "codes": ["AC", "RD"]},
        {"element": "PO104", "usage": "required"},
        {"element": "PO105", "usage": "not_used"},
        {"element": "PO107", "length_max": 20},
        {"extra_segment": "ZA", "after": "PO1/PO1", "max_use": 2},
    ]
    of = section(RESPONSE | {"rules": rules}, sample(acknowledgment_855(1)))
    assert of.x12 is not None
    assert "REF" in of.x12.never
    assert place(of, "N1", "N1").remarks == ("N1 with N101 = ST has to be sent",)
    acknowledgment = place(of, "ACK", "PO1/ACK")
    assert (acknowledgment.usage, acknowledgment.standard) == (Usage.MUST, "O")
    assert acknowledgment.repeat == "3 (standard 104)"
    assert place(of, "DTM").max_use == "2 (standard 10)"
    assert [code for code, _ in element(of, "BAK02").codes.shown] == ["AC", "RD"]
    assert element(of, "PO104").usage is Usage.MUST
    assert element(of, "PO104").standard == "C"
    assert "demanded by our agreement" in element(of, "PO104").remarks
    assert element(of, "PO105").usage is Usage.NEVER
    assert element(of, "PO107").remarks == ("length agreed: 1 to 20 (standard 1 to 48)",)
    assert place(of, "ZA", "PO1").remarks == ("agreed beyond the standard; kept as it is",)


def test_what_holds_for_one_document_alone_is_told_there():
    inbound = RESPONSE | {
        "acknowledgment": {"functional": "none"},
        "validation": {"spaces": "reject"},
        "tolerances": ["unknown-segments"],
        "on_bad_set": "reject_group",
    }
    told = {fact.name: fact.lines[0] for fact in section(inbound).terms}
    assert told["It earns"] == "no functional acknowledgment"
    assert "AK403 = 6" in told["Blanks"]
    assert "whole group" in told["A transaction set in error"]
    assert "kept" in told["What we let pass"]
    outbound = ORDER | {
        "acknowledgment": {"expected_within_hours": 4},
        "framing": {"separators": {"element": "|"}, "line_end": "lf", "usage": "test"},
    }
    of = section(outbound)
    told = {fact.name: fact.lines[0] for fact in of.terms}
    assert told["Your acknowledgment"] == "a 997 or 999 within 4 hours"
    assert told["Element separator"] == "|  bar (hex 7C)"
    assert told["ISA15"] == "T"
    assert of.samples[0].transmission.lines[0].text.startswith("ISA|00|")
    assert section(RESPONSE).terms == ()


def test_codes_beyond_the_list_are_named():
    rules = [{"element": "ACK01", "codes_added": ["Z9"]}]
    row = element(section(RESPONSE | {"rules": rules}, sample(acknowledgment_855(1))), "ACK01")
    assert "agreed beyond the standard's list: Z9" in row.remarks
    assert ("Z9", "") in row.codes.shown


def test_pairs_without_end_are_one_row():
    of = section(RESPONSE, sample(acknowledgment_855(1)))
    folded = [row for detail in of.x12.details if detail.code == "PO1" for row in detail.rows if row.folded]
    assert [row.ref for row in folded] == ["PO110 to 25"]
    assert folded[0].remarks == ("8 further pairs of Product/Service ID Qualifier and Product/Service ID, as above",)


def test_a_further_release_tells_its_difference():
    of = section(RESPONSE | {"releases": ["004010", "005010"]})
    assert of.x12.release == "004010"
    assert of.x12.others == (("005010", "has EFI and IN2 besides; does not have MSG"),)


def test_without_a_release_the_sample_decides_which_tables_are_shown():
    newer = acknowledgment_855(1).replace(b"*X*004010~", b"*X*005010~")
    assert section(RESPONSE | {"releases": []}, sample(newer)).x12.release == "005010"
    assert section(RESPONSE | {"releases": []}).x12.release == "004010"


def test_a_sample_stands_where_it_belongs():
    held = loaded(
        agreements=[ORDER, RESPONSE | {"releases": ["005010"]}, RESPONSE, RESPONSE | {"syntax": "json", "releases": []}]
    )
    made = sections_of(facts(held, sample(acknowledgment_855(1)), sample(ship_notice_json(1), name="received.json")))
    assert [len([one for one in of.samples if not one.ours]) for of in made] == [0, 0, 1, 0]


def test_what_we_reject_is_shown_with_what_is_told_and_its_acknowledgment():
    broken = acknowledgment_855(1).replace(b"BAK*00*AC*", b"BAK*00**")
    answer = ISA + b"TA1*000000001*260301*0930*A*000~IEA*0*000000009~"
    of = section(RESPONSE, sample(broken, expected={"acknowledgment.edi": answer}))
    (view,) = of.samples
    assert view.rejected
    (line,) = [line for line in view.transmission.lines if line.code == "BAK"]
    assert line.faults == ("BAK02 Acknowledgment Type is mandatory and missing; send a value (AK403 = 1)",)
    assert [line.code for line in view.answer.lines] == ["ISA", "TA1", "IEA"]


def test_a_document_that_is_not_agreed_in_json_says_what_is_wrong():
    of = section(
        {"document": "ship_notice", "direction": "inbound", "syntax": "json"},
        sample(ship_notice_json(1).replace(b'"5"', b'"five"'), name="received.json"),
    )
    (view,) = of.samples
    assert view.rejected
    assert "/lines/0/quantity" in view.faults[0]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("document", [name for name in DocumentType.__args__ if example_document(name)])
def test_examples_of_ours_keep_the_standard(document: str, direction: str):
    first = next(json.read(example_document(document)))
    assert (first.document.document_type, first.findings) == (document, ())
    held = loaded(agreements=[{"document": document, "direction": direction, "syntax": "x12", "releases": ["004010"]}])
    data = example_of(held.profile, held.profile.agreements[0], "004010", facts().settings)
    sets = [piece for piece in read(data, ReadingRules()) if isinstance(piece, SetRead)]
    assert [(one.type, str(one.status)) for one in sets] == [(DOCUMENT_NAMES[document].set_type, "accepted")]
    sender = b"*ZZ*ACMESUPPLY     *ZZ*BIGCORP  " if direction == "inbound" else b"*ZZ*BIGCORP        *ZZ*ACMESUPPLY"
    assert sender in data


def test_an_example_that_would_break_the_agreement_is_not_shown():
    rules = [{"loop": "PO1/SAC", "usage": "required"}]
    told = page_of(loaded(agreements=[RESPONSE | {"rules": rules}]))
    assert "There is no sample of this document yet." in told.words


def test_an_example_holds_what_the_agreement_wants_besides():
    rules = [
        {"segment": "REF", "qualifier": "IA", "usage": "required"},
        {"segment": "ITD", "usage": "required"},
        {"segment": "N1", "qualifier": "BT", "usage": "required"},
        {"segment": "DTM", "qualifier": "011", "usage": "required"},
        {"element": "IT106", "usage": "required", "codes": ["UP", "EN"]},
    ]
    (view,) = section(
        {"document": "invoice", "direction": "inbound", "syntax": "x12", "releases": ["004010"], "rules": rules}
    ).samples
    texts = [line.text for line in view.transmission.lines]
    assert view.ours
    assert view.transmission.accepted
    assert "REF*IA*100200~" in texts
    assert "N1*BT*Example*92*3000~" in texts
    assert "ITD*01*3*2**10**30~" in texts
    assert [text for text in texts if text.startswith("IT1*1*24*EA*12.5**UP*036000291452*")]


def test_a_set_that_a_release_does_not_have_yet_has_no_tables():
    of = section({"document": "application_advice", "direction": "inbound", "syntax": "x12", "releases": ["002040"]})
    assert of.x12 is None
    assert of.why_no_tables == "There are no tables of 824 in release 002040."


def test_a_draft_without_addresses_has_its_documents():
    agreements = [ORDER, RESPONSE]
    held = loaded(status="draft", as2=None, api_keys=None, x12=None, agreements=agreements)
    told = page_of(held, settings={"identities": []})
    assert "There is no sample of this document yet." in told.words
    assert "purchase-order-acknowledgment-inbound-x12-BAK" in told.ids


def test_a_packed_shipment_names_its_items_as_agreed():
    rules = [{"element": "LIN02", "codes": ["UP"]}, {"element": "BSN05", "usage": "required", "codes": ["0001"]}]
    notice = {
        "document": "ship_notice",
        "direction": "inbound",
        "syntax": "x12",
        "releases": ["004010VICS"],
        "rules": rules,
    }
    of = section(notice)
    texts = [line.text for line in of.samples[0].transmission.lines]
    assert any(text.startswith("LIN*1*UP*036000291452*") for text in texts)
    assert any(text.startswith("MAN*GM*0000361414112340001") for text in texts)
    assert any("*X*004010VICS~" in text for text in texts)
    assert of.x12.release == "004010"


def test_segments_of_every_set_have_a_name():
    codes = {code for release in releases() for kind in set_types(release) for code in grammar(kind, release).codes}
    assert codes - SEGMENT_NAMES.keys() == set()
    assert {*DocumentType.__args__} == DOCUMENT_NAMES.keys()


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        (("850", "", "BEG"), {3: "number", 5: "issued_on", 1: "purpose, purpose_code"}),
        (("850", "N1", "N4"), {1: "parties[].address.city"}),
        (("850", "PO1", "PO1"), {2: "lines[].quantity", 7: "lines[].product_ids[].id"}),
        (("850", "PO1/SAC", "SAC"), {5: "lines[].allowances_charges[].amount"}),
        (("850", "PO1", "SDQ"), {3: "lines[].splits[].location", 4: "lines[].splits[].quantity"}),
        (("856", "HL", "MAN"), {2: "levels[].marks[].number"}),
        (("856", "HL/N1", "N1"), {4: "levels[].parties[].identifiers[].id"}),
        (("810", "", "TDS"), {1: "amount_due"}),
        (("861", "RCD", "RCD"), {8: "lines[].conditions[].condition"}),
    ],
)
def test_elements_name_the_field_that_they_fill(place: tuple[str, str, str], fields: dict[int, str]):
    meaning = meaning_of(place[0], "004010", *place[1:])
    assert {number: meaning.fields[number] for number in fields} == fields


def test_a_segment_that_nobody_maps_means_nothing():
    assert meaning_of("850", "004010", "", "ISS") is None
    assert meaning_of("850", "004010", "ADV", "ADV") is None
    assert meaning_of("850", "004010", "", "ST").bounds


def test_fields_of_json_show_what_the_samples_hold():
    notice = {"document": "ship_notice", "direction": "inbound", "syntax": "json"}
    shapes = section(notice, sample(ship_notice_json(1), name="received.json")).shapes
    rows = {row.name: row for row in shapes.document.rows}
    assert (rows["document_type"].required, rows["document_type"].type_words) == (True, '"ship_notice"')
    assert (rows["number"].seen, rows["number"].examples) == (True, ("SN-1",))
    assert rows["issued_on"].type_words == "date, YYYY-MM-DD"
    assert (rows["lines"].of, rows["lines"].pointer) == ("ShipNoticeLine", "/lines/*")
    assert [table.name for table in shapes.objects] == ["ShipNoticeLine"]
    line = {row.name: row for row in shapes.objects[0].rows}
    assert line["quantity"].type_words == "number as text, such as 12.5"
    assert not {table.name for table in shapes.also} & {table.name for table in shapes.objects}


def test_xml_has_the_same_fields():
    notice = {"document": "ship_notice", "direction": "inbound", "syntax": "xml"}
    of = section(notice)
    assert {row.name for row in of.shapes.document.rows if row.seen} >= {"number", "lines"}
    assert of.samples[0].text.startswith("<?xml")


def test_tolerances_in_words():
    strict = list(business_words(BusinessTolerances()))
    assert "as ordered" in strict[0]
    assert "a lower one is fine" in strict[2]
    loose = list(
        business_words(
            BusinessTolerances(
                quantity_over_percent=Decimal(5),
                quantity_under_percent=Decimal("2.50"),
                date_early_days=1,
                date_late_days=3,
                price_over_percent=Decimal(1),
                price_under_percent=Decimal(10),
            )
        )
    )
    assert loose[0] == "Quantity: up to 5 % more, up to 2.5 % less than ordered needs nobody's attention."
    assert loose[1] == "Date: up to 1 day early and up to 3 days late needs nobody's attention."
    assert "up to 1 % above the ordered one, down to 10 % below" in loose[2]


def test_words_of_theirs_are_told_for_each_direction():
    held = Vocabulary.model_validate(
        {
            "tables": [{"file": "items.csv", "of": "product_ids", "theirs": "VP", "ours": "BP", "missing": "reject"}],
            "units": [{"theirs": "CA", "ours": "EA", "factor": "12"}],
            "qualifiers": [
                {"of": "references", "theirs": "ZZ", "field": "contract"},
                {"of": "dates", "theirs": "010", "ours": "002"},
            ],
        }
    )
    inbound = list(vocabulary_words(None, held, "inbound"))
    assert inbound[0].startswith(
        "Your item numbers under VP (vendor's part number) are looked up in a table and become ours under BP"
    )
    assert "is rejected" in inbound[0]
    assert inbound[1].startswith("1 CA (case) of yours is 12 EA (each) of ours")
    assert re.search(r"ZZ \(.*\) fills our field contract", inbound[2])
    assert inbound[3].startswith("Your 010 (")
    assert next(vocabulary_words(held, Vocabulary(), "outbound")).startswith("Our item numbers")

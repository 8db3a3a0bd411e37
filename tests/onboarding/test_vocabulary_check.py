"""A partner's words: what `partner check` finds wrong with them, and what an agreement makes of them."""

from pathlib import Path

import pytest

from gateway.agreements import reading_rules, vocabulary_of
from gateway.onboarding.checking.checker import check
from tests.onboarding.test_agreements import BIGCORP, NOW
from tests.partners.profiles import loaded, write
from translators.vocabulary.values import Vocabulary

TABLE = "  tables: [{file: items.csv, of: product_ids, theirs: VN, ours: BP}]\n"
TWO_FILL_ONE = """\
  qualifiers:
  - {of: references, theirs: IV, field: contract}
  - {of: references, theirs: IA, field: contract}
"""
ITEMS = b"theirs,ours\nA-1,4711\n"
ACME = """\
id: acme-supply
name: ACME Supply Inc.
api_keys: [{label: a, sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8}]
x12: {qualifier: ZZ, id: ACMESUPPLY}
agreements:
  - {document: purchase_order_acknowledgment, direction: inbound, syntax: x12, releases: [004010]}
  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}
vocabulary:
"""
AGREED = (
    ACME.rpartition("  - ")[0]
    + """\
  - document: purchase_order
    direction: outbound
    syntax: x12
    releases: [004010]
"""
)


def told(tmp_path: Path, words: str, items: bytes = ITEMS, profile: str = ACME) -> list[str]:
    write(tmp_path, "acme-supply", profile + words, items_csv=items)
    found = check(tmp_path, identities=[BIGCORP], now=NOW)
    ours = [problem for problem in found if "vocabulary" in problem.field]
    return [str(problem).removeprefix(f"{tmp_path}/acme-supply/") for problem in ours]


def test_sound_words_have_no_problems(tmp_path: Path) -> None:
    words = """\
  tables: [{file: items.csv, of: product_ids, theirs: VN, ours: BP, missing: reject}]
  units: [{theirs: CA, ours: EA, factor: 12}, {theirs: CA, ours: EA, factor: 6, product: A-1}]
  qualifiers:
    - {of: references, theirs: ZZ, ours: DP, field: contract}
    - {of: references, theirs: IX, field: lines.price_basis}
    - {of: dates, theirs: "063", field: purchase_order_date}
"""
    assert told(tmp_path, words) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("  units: [{theirs: CA, ours: CS}]\n", "9:30: warning: `CS` is no unit of Rec 20 that is known here"),
        ("  units: [{theirs: CA, ours: CA}]\n", "did you mean `XCS`? In X12 that is CA"),
        ("  units: [{theirs: CSE, ours: EA}]\n", "9:20: warning: `CSE` is no code of X12 element 355; did you mean"),
        ("  units: [{theirs: CA, ours: XCS}]\n", "warning: `CA` is XCS by the standard"),
        ("  units: [{theirs: CA, ours: EA, factor: 0}]\n", "9:42: a factor of 0 leaves nothing"),
        ("  units: [{theirs: CA, ours: EA}, {theirs: BX, ours: EA}]\n", "`CA` and `BX` are both our EA; `CA` goes out"),
        ("  units: [{theirs: CA, ours: EA}, {theirs: CA, ours: H87}]\n", "the same as units[0]"),
        ("  units: [{theirs: LB, ours: KGM, factor: 0.45359237}]\n", "seldom comes out even by 0.45359237, and then"),
        ("  qualifiers: [{of: references, theirs: Z!, ours: DP}]\n", "`Z!` is no code of X12 element 128"),
        ("  qualifiers: [{of: dates, theirs: '063', ours: '0001'}]\n", "`0001` is no code of X12 element 374; did you"),
        ("  qualifiers: [{of: parties, theirs: ST, ours: ST}]\n", "`ST` is made ST, which says nothing"),
        ("  qualifiers: [{of: references, theirs: ZZ}]\n", "nothing says what the qualifier means; give `ours`"),
        (
            "  qualifiers: [{of: references, theirs: ZZ, field: contrakt}]\n",
            "9:52: the mapping does not compile: a purchase_order_acknowledgment has no field contrakt; did you mean",
        ),
        ("  qualifiers: [{of: dates, theirs: '063', field: contract}]\n", "another kind (text), no date"),
        ("  qualifiers: [{of: references, theirs: ZZ, field: lines.descriptions}]\n", "is a list, no text"),
        ("  qualifiers: [{of: references, theirs: ZZ, field: lines.x.y}]\n", "has no field lines.x.y"),
        (
            "  qualifiers: [{of: references, theirs: ZZ, ours: DP}, {of: references, theirs: '19', ours: DP}]\n",
            "`ZZ` and `19` are both our DP; `ZZ` goes out, as the first",
        ),
        (
            TWO_FILL_ONE,
            "11:41: warning: `IV` fills contract too",
        ),
        ("  tables: [{file: items.csv, of: parties, theirs: '92', ours: Z!}]\n", "`Z!` is no code of X12 element 66"),
        (
            TABLE + "  qualifiers: [{of: product_ids, theirs: BP, ours: MF}]\n",
            "`BP` is ours here, and in `qualifiers` it is a word of theirs",
        ),
        ("  tables: [{file: gone.csv, of: parties}]\n", "the file `gone.csv` is missing"),
    ],
)
def test_what_is_wrong_with_them_stands_on_its_line(tmp_path: Path, words: str, problem: str) -> None:
    found = told(tmp_path, words)
    assert len(found) == 1, found
    assert problem in found[0]


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        (b"theirs,ours\n", "9:19: warning: the table `items.csv` has no rows"),
        (b"theirs,ours\nA,1\nB,1\n", "items.csv:3:1: warning: several of theirs are our `1`; `A` goes out"),
        (b"theirs,ours\nA,\n", "items.csv:2:3: `ours` is empty; fill it in, or remove the line"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, items: bytes, problem: str) -> None:
    (found,) = told(tmp_path, TABLE, items)
    assert problem in found


def test_the_words_of_an_agreement_are_judged_by_its_document(tmp_path: Path) -> None:
    fills = "    vocabulary: {qualifiers: [{of: dates, theirs: '063', field: acknowledged_on}]}\n"
    (found,) = told(tmp_path, "", profile=AGREED + fills)
    assert found.startswith("profile.yaml:11:65: the mapping does not compile: a purchase_order has no field")
    assert told(tmp_path, "", profile=AGREED.replace("order\n", "order_change\n") + fills) == []


def test_an_agreement_goes_before_the_partner_item_by_item() -> None:
    text = (
        AGREED
        + """\
    vocabulary:
      tables: [{file: own.csv, of: product_ids, theirs: VN, ours: BP, missing: warn}]
      units: [{theirs: CA, ours: EA, factor: 6}]
      qualifiers: [{of: references, theirs: ZZ, ours: DP}]
vocabulary:
  tables:
    - {file: items.csv, of: product_ids, theirs: VN, ours: BP, missing: reject}
    - {file: items.csv, of: parties}
  units: [{theirs: CA, ours: EA, factor: 12}, {theirs: BX, ours: EA, factor: 4}]
  qualifiers: [{of: references, theirs: ZZ, ours: IA}, {of: references, theirs: "19", ours: IA}]
"""
    )
    partner = loaded(text, items_csv=ITEMS, own_csv=b"theirs,ours\nA-9,4799\n")
    order = vocabulary_of(partner.profile, partner.profile.agreements[1], partner.tables)
    assert isinstance(order, Vocabulary)
    assert [(rule.of, rule.missing, len(rule.tables)) for rule in order.identifiers] == [
        ("product_ids", "warn", 2),
        ("parties", "keep", 1),
    ]
    assert (order.identifiers[0].in_ours("A-9"), order.identifiers[0].in_ours("A-1")) == ("4799", "4711")
    assert [(rule.theirs, rule.factor) for rule in order.units] == [("CA", 6), ("BX", 4)]
    assert [(rule.theirs, rule.ours) for rule in order.qualifiers] == [("ZZ", "DP"), ("19", "IA")]
    (answer,) = reading_rules(partner, [BIGCORP]).guides or ()
    assert answer.vocabulary is not None
    assert [(rule.theirs, rule.factor) for rule in answer.vocabulary.units] == [("CA", 12), ("BX", 4)]


def test_without_words_there_is_no_vocabulary() -> None:
    partner = loaded(ACME.removesuffix("vocabulary:\n"))
    assert [guide.vocabulary for guide in reading_rules(partner, [BIGCORP]).guides or ()] == [None]

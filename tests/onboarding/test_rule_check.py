"""Rules of an agreement: what is wrong with them is told on their line before the first message comes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.agreements import overrides, reading_rules
from gateway.onboarding.checking.checker import check
from gateway.settings import IdentitySettings, X12Address
from partners.directory import load_all
from partners.schema import profile_schema
from translators.guide import ElementOverride, ExtraSegment, Identity, LoopOverride, SegmentOverride

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
BIGCORP = IdentitySettings(name="bigcorp", x12=X12Address(qualifier="ZZ", id="BIGCORP", group_id="BIGCORP"))
PLANT = IdentitySettings(name="plant", x12=X12Address(qualifier="01", id="123456789", group_id="PLANT"))
PROFILE = """id: acme
name: Acme
api_keys:
  - {{label: test, sha256: "{digest}"}}
x12: {{qualifier: ZZ, id: ACME}}
agreements:
  - document: purchase_order
    direction: inbound
    syntax: x12
    releases: {releases}
    rules:
      - {rule}
"""


def checked(tmp_path: Path, rule: str, releases: str = "[004010]"):
    folder = tmp_path / "acme"
    folder.mkdir(parents=True)
    text = PROFILE.format(digest="a" * 64, rule=rule, releases=releases)
    (folder / "profile.yaml").write_text(text if releases else text.replace("    releases: \n", ""))
    return [str(problem) for problem in check(tmp_path, identities=[BIGCORP], now=NOW)]


FITTING = [
    "{segment: REF, loop: PO1, usage: required, max_use: 5}",
    "{segment: CUR, usage: not_used}",
    "{segment: N1, qualifier: ST, usage: required}",
    "{segment: REF, loop: PO1, qualifier: '01', max_use: 1}",
    "{segment: N1, max_use: 3}",
    "{loop: PO1/N1, repeat_max: 3}",
    "{element: BEG02, codes: [NE, RO]}",
    "{element: BEG01, codes: [00, '05'], codes_added: ZZ}",
    "{element: PO104, usage: required}",
    "{element: REF02, loop: PO1, length_max: 12}",
    "{element: REF04-2, usage: not_used}",
    "{extra_segment: ZA, after: PO1/PID, max_use: 3}",
    "{extra_segment: ZA, after: BEG}",
]


@pytest.mark.parametrize("rule", FITTING)
def test_a_rule_that_fits_the_release_is_no_problem(tmp_path, rule):
    assert checked(tmp_path, rule) == []


WRONG = [
    ("{segment: ZZ9, usage: required}", "12:19", "the set outside of loops of 850 in release 004010 has no ZZ9"),
    ("{segment: REF, loop: PO9, max_use: 1}", "12:30", "850 in release 004010 has no loop PO9"),
    ("{segment: N2, usage: required}", "12:19", "it stands in: "),
    ("{segment: PO1, loop: PO1, max_use: 2}", "12:19", "write `loop: PO1` with `usage` or `repeat_max`"),
    (
        "{segment: N1, loop: N1, qualifier: ST, usage: required}",
        "12:19",
        "leave `loop` out: then the rule speaks of the N1",
    ),
    ("{segment: N1, loop: PO1/N1, qualifier: ST, max_use: 2}", "12:19", "name the loop around it, PO1: then"),
    ("{segment: SE, usage: optional}", "12:19", "stands once in every set"),
    ("{loop: N8, usage: required}", "12:16", "has no loop N8"),
    ("{element: BEG99, usage: required}", "12:19", "name one up to BEG"),
    ("{element: HL01, usage: required}", "12:19", "HL is no segment of 850"),
    ("{element: BEG02-1, usage: required}", "12:19", "BEG02 has no components; write BEG02"),
    ("{element: REF04, length_max: 3}", "12:19", "name one, such as REF04-1"),
    ("{element: N104, loop: header, usage: required}", "12:31", "N1 begins a loop there; write `loop: N1`"),
    ("{element: BEG02, codes: [NE, Q]}", "12:26", "the release does not list Q for"),
    ("{element: BEG02, codes_added: [TOOLONG]}", "12:26", "is not 2 to 2 characters long"),
    ("{element: PO102, codes: ['1']}", "12:26", "is a number, date or time"),
    ("{element: BEG03, codes_added: [A]}", "12:26", "is open: every code is taken already"),
    ("{element: BEG03, length_min: 40}", "12:38", "the shortest would be 40"),
    ("{extra_segment: ZA, after: PO1/ZZ9}", "12:36", "the loop PO1 of 850 in release 004010 has no ZZ9"),
    ("{extra_segment: ZA, after: SE}", "12:36", "nothing stands behind SE"),
    ("{usage: required}", "12:9", "the rule is about nothing; name one of"),
    ("{segment: REF, element: BEG01, usage: required}", "12:", "about segment and element at once"),
    ("{segment: REF, codes: [A]}", "12:", "says nothing about this segment"),
    ("{segment: N1, qualifier: QQQ, usage: required}", "12:34", "the release does not list QQQ for N101"),
    ("{segment: N1, qualifier: ST}", "12:19", "add one of: max_use, usage"),
    ("{segment: N1, qualifier: ST, usage: optional}", "12:45", "each is optional"),
    ("{element: BEG01, qualifier: ST, usage: required}", "12:37", "says nothing about this element"),
    ("{segment: REF}", "12:19", "the rule demands nothing; add one of: max_use, usage"),
    ("{extra_segment: ZA, max_use: 2}", "12:25", "nothing says where the extra segment stands"),
    ("{segment: REF, usage: not_used, max_use: 2}", "12:50", "says how to send what is not used"),
    ("{element: BEG03, length_min: 4, length_max: 2}", "12:38", "the shortest length is above the longest"),
    ("{element: BEG01, codes: ['00'], codes_added: ['00']}", "12:", "stands in `codes` and in `codes_added`"),
    ("{element: BEG3, usage: required}", "12:19", "write it as BEG02"),
    ("{segment: REF, usage: mandatory}", "12:31", "use one of: required, optional, not_used"),
    ("{segment: REF, usage: required}\n      - {segment: REF, loop: header, max_use: 2}", "13:9", "write them as one"),
]


@pytest.mark.parametrize(("rule", "place", "words"), WRONG)
def test_a_rule_that_says_nothing_is_a_problem_on_its_line(tmp_path, rule, place, words):
    (found,) = checked(tmp_path, rule)
    assert f"profile.yaml:{place}" in found
    assert words in found


def test_rules_belong_to_x12_in_either_direction(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    text = PROFILE.format(digest="a" * 64, rule="{segment: ZZ9, usage: required}", releases="[004010]")
    (folder / "profile.yaml").write_text(text.replace("inbound", "outbound"))
    (found,) = check(tmp_path, identities=[BIGCORP], now=NOW)
    assert "has no ZZ9" in str(found)
    json = text.replace("syntax: x12", "syntax: json").replace("    releases: [004010]\n", "")
    (folder / "profile.yaml").write_text(json)
    (found,) = check(tmp_path, identities=[BIGCORP], now=NOW)
    assert "`rules` belong to X12, but the syntax is json" in str(found)


def test_without_releases_a_rule_must_fit_one_of_all(tmp_path):
    # ST03 stands in no release before 004020.
    assert checked(tmp_path, "{element: ST03, usage: required}", releases="") == []


def test_with_releases_a_rule_must_fit_each(tmp_path):
    (found,) = checked(tmp_path, "{element: ST03, usage: required}", releases="[004010, 005010]")
    assert "ST has 2 elements in release 004010" in found


def test_the_rules_reach_the_reader(tmp_path):
    rules = FITTING[:-1]
    checked(tmp_path, "\n      - ".join(rules))
    ((loaded,), problems) = load_all(tmp_path)
    assert not problems
    made = overrides(loaded.profile.agreements[0])
    assert made[0] == SegmentOverride("REF", "PO1", "required", 5)
    assert made[2] == SegmentOverride("N1", "", "required", qualifier="ST")
    assert LoopOverride("PO1/N1", None, 3) in made
    assert ElementOverride("BEG", 2, codes=frozenset({"NE", "RO"})) in made
    assert ElementOverride("BEG", 1, codes=frozenset({"00", "05"}), codes_added=frozenset({"ZZ"})) in made
    assert ElementOverride("REF", 4, 2, usage="not_used") in made
    assert ExtraSegment("ZA", "PO1/PID", 3) in made
    (guide,) = reading_rules(loaded, [BIGCORP]).guides
    assert guide.rules == made
    assert guide.senders is None


def test_an_agreement_of_one_identity_holds_for_its_address_alone(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    text = PROFILE.format(digest="a" * 64, rule=FITTING[0], releases="[004010]")
    text += "    our_identity: bigcorp\n"
    text += "  - {document: purchase_order, direction: inbound, syntax: x12, our_identity: plant}\n"
    (folder / "profile.yaml").write_text(text)
    assert check(tmp_path, identities=[BIGCORP, PLANT], now=NOW) == []
    ((loaded,), _) = load_all(tmp_path)
    first, second = reading_rules(loaded, [BIGCORP, PLANT]).guides
    acme = Identity("ZZ", "ACME")
    assert first.holds_for(acme, Identity("ZZ", "BIGCORP"))
    assert not first.holds_for(acme, Identity("01", "123456789"))
    assert second.holds_for(acme, Identity("01", "123456789"))


def test_the_schema_says_the_same_as_the_check(tmp_path):
    schema = profile_schema()
    rule = Draft202012Validator(schema["$defs"]["Rule"] | {"$defs": schema["$defs"]})
    for text in FITTING:
        assert rule.is_valid(yaml.safe_load(text)), text
    for text in (
        "{usage: required}",
        "{segment: REF, element: BEG01, usage: required}",
        "{segment: REF, codes: [A]}",
        "{extra_segment: ZA, max_use: 2}",
        "{loop: PO1, max_use: 2}",
        "{segment: REF, max_use: 0}",
        "{element: BEG3, usage: required}",
    ):
        assert not rule.is_valid(yaml.safe_load(text)), text
        assert checked(tmp_path / text.strip("{}").replace("/", "_"), text)


def test_the_rules_of_a_partner_that_a_connection_carries_hold_for_its_addresses_alone(tmp_path):
    van = 'id: van\nname: Van\napi_keys:\n  - {{label: test, sha256: "{}"}}\nspeaks_for:\n{}'
    spoken = "".join(f"  - {{qualifier: ZZ, id: {name}}}\n" for name in ("ACME", "OTHER"))
    (tmp_path / "van").mkdir()
    (tmp_path / "van" / "profile.yaml").write_text(van.format("b" * 64, spoken))
    for name, rule in (("ACME", FITTING[0]), ("OTHER", FITTING[1])):
        (tmp_path / name.lower()).mkdir()
        text = PROFILE.format(digest="a" * 64, rule=rule, releases="[004010]").replace("ACME", name)
        keys = text[text.index("api_keys") : text.index("x12:")]
        text = text.replace("id: acme", f"id: {name.lower()}").replace(keys, "via: van\n")
        (tmp_path / name.lower() / "profile.yaml").write_text(text)
    assert check(tmp_path, identities=[BIGCORP], now=NOW) == []
    profiles, _ = load_all(tmp_path)
    by_id = {loaded.id: loaded for loaded in profiles}
    guides = reading_rules(by_id["van"], [BIGCORP], [by_id["acme"], by_id["other"]]).guides
    us = Identity("ZZ", "BIGCORP")
    for guide, name in zip(guides, ("ACME", "OTHER"), strict=True):
        assert guide.rules == overrides(by_id[name.lower()].profile.agreements[0])
        assert [other for other in ("ACME", "OTHER") if guide.holds_for(Identity("ZZ", other), us)] == [name]

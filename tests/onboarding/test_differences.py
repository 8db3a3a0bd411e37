"""What another version of a profile changes, in business words."""

import pytest

from gateway.onboarding.differences import Change, compare
from partners.loader import LoadedProfile, parse_profile
from tests.as2.parties import partner, us
from tests.partners.profiles import KEY_DIGEST

BASE = f"""\
id: acme
name: ACME
as2: {{id: ACME-AS2, certificate: acme.pem, url: "https://a.example/as2"}}
x12: {{qualifier: ZZ, id: ACME}}
api_keys: [{{label: old, sha256: {KEY_DIGEST}}}]
vocabulary: {{tables: [{{file: items.csv, of: product_ids}}]}}
agreements:
  - {{document: purchase_order, direction: outbound, syntax: x12, releases: ["004010"]}}
  - {{document: ship_notice, direction: inbound, syntax: x12}}
"""
TABLE = b"theirs,ours\na,1\nb,2\n"


def profile(text: str = BASE, table: bytes = TABLE, certificate: bytes | None = None) -> LoadedProfile:
    files = {
        "profile.yaml": text.encode(),
        "acme.pem": partner().certificate.pem() if certificate is None else certificate,
        "items.csv": table,
    }
    loaded = parse_profile(files)
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def changes(text: str) -> dict[str, Change]:
    return {change.name: change for change in compare(profile(), profile(text))}


def test_the_same_changes_nothing_whatever_the_order_and_the_comments() -> None:
    lines = BASE.splitlines()
    moved = "\n".join(["# a comment", *lines[:7], lines[8], lines[7]])
    assert changes(moved) == {}
    assert profile(moved).digest != profile().digest


@pytest.mark.parametrize(
    ("before", "after", "name", "words"),
    [
        ("name: ACME", "name: ACME\nstatus: suspended", "status", "what they send is kept and waits"),
        ("a.example", "b.example", "as2.url", "what we send goes to https://b.example/as2 (was https://a.example/as2)"),
        ("certificate: acme.pem", "certificate: acme.pem, require_encrypted: false", "as2.require_encrypted",
         "messages without encryption are let in"),
        ("name: ACME", "name: ACME\ntolerances: [hierarchy]", "tolerances", "passes from now on: hierarchy"),
        ('"004010"', '"005010"', "agreements[purchase_order outbound x12].releases", "X12 [005010] (was [004010])"),
        ("x12}", "x12, on_bad_set: reject_group}", "agreements[ship_notice inbound x12].on_bad_set", "reject_group"),
        ("label: old", "label: new", "api_keys[new]", "the API key new opens the door"),
        (KEY_DIGEST, "ab" * 32, "api_keys[old].sha256", "another key: the one before opens nothing any more"),
        ("name: ACME", "name: ACME\nvalidation: {character_set: basic}", "validation.character_set", "any -> basic"),
        ("label: old", "label: new", "api_keys[old]", "the API key old opens nothing any more"),
        ("document: ship_notice", "document: invoice", "agreements[invoice inbound x12]",
         "from now on they send invoice"),
        ("document: ship_notice", "document: invoice", "agreements[ship_notice inbound x12]",
         "ship notice as X12, which they send, is rejected"),
    ],
    ids=["status", "url", "demand", "tolerance", "release", "new key", "key in", "other key", "characters", "key out",
         "agreed", "not agreed"],
)  # fmt: skip
def test_a_change_is_told_in_business_words(before: str, after: str, name: str, words: str) -> None:
    assert before in BASE
    found = changes(BASE.replace(before, after))
    assert words in found[name].words
    assert found[name].is_weighty


def test_what_is_weighty_comes_first_and_the_rest_is_described() -> None:
    text = BASE.replace("name: ACME", "name: ACME Inc.\ndelivery: {attempts_max: 3}\nstatus: testing")
    found = compare(profile(), profile(text))
    assert [change.name for change in found] == ["status", "name", "delivery.attempts_max"]
    assert found[2].words.startswith("24 -> 3 (Attempts before")


def test_files_are_compared_too() -> None:
    table = compare(profile(), profile(table=b"theirs,ours\na,1\nb,3\nc,4\n"))
    assert [(change.name, change.words) for change in table] == [("", "items.csv: 1 new, 1 changed of 4 rows")]
    certificate = compare(profile(), profile(certificate=us().certificate.pem()))
    (change,) = certificate
    assert us().certificate.fingerprint[:16] in change.words
    assert partner().certificate.fingerprint[:16] in change.words


def test_a_partner_comes_and_goes() -> None:
    came = compare(None, profile())
    assert came[0].words == "ACME becomes a partner, live"
    assert [change.name for change in came[1:]] == [
        "agreements[purchase_order outbound x12]",
        "agreements[ship_notice inbound x12]",
    ]
    (went,) = compare(profile(), None)
    assert "the partner goes" in went.words
    assert compare(None, None) == ()

"""Every value that holds, with the file and line that says it."""

from partners.effective import EffectiveValue, effective_values, written_value
from partners.loader import LoadedProfile, parse_profile
from tests.partners.profiles import KEY_DIGEST

PROFILE = f"""\
id: acme
name: ACME
extends: house
status: testing
x12: {{qualifier: ZZ, id: ACME}}
tolerances: [isa-padding]
as2: {{id: ACME-AS2, receipts_to: r.example, certificates: [a.pem, {{file: b.pem, use: signing}}]}}
testing:
  limits: {{body_bytes_max: 5_000}}
api_keys: [{{label: a, sha256: {KEY_DIGEST}}}]
"""
TEMPLATE = "acknowledgment: {ta1: always}\nagreements: [{document: invoice, direction: inbound, syntax: x12}]\n"
OVERLAY = "name: ACME (staging)\n"


def values() -> dict[str, EffectiveValue]:
    files = {
        "profile.yaml": PROFILE.encode(),
        "profile.staging.yaml": OVERLAY.encode(),
        "_templates/house.yaml": TEMPLATE.encode(),
        "a.pem": b"",
        "b.pem": b"",
    }
    loaded = parse_profile(files, "acme/profile.yaml", {"_templates/house.yaml": "house/profile.yaml"})
    assert isinstance(loaded, LoadedProfile), loaded
    return {value.name: value for value in effective_values(loaded)}


def place(value: EffectiveValue) -> tuple[str, int] | None:
    return None if value.origin is None else (value.origin.file, value.origin.line)


def test_each_layer_says_its_own() -> None:
    held = values()
    assert (held["id"].value, place(held["id"])) == ("acme", ("acme/profile.yaml", 1))
    assert (held["name"].value, place(held["name"])) == ("ACME (staging)", ("profile.staging.yaml", 1))
    assert (held["acknowledgment.ta1"].value, place(held["acknowledgment.ta1"])) == (
        "always",
        ("house/profile.yaml", 1),
    )
    assert place(held["agreements[0].document"]) == ("house/profile.yaml", 2)
    assert (held["limits.body_bytes_max"].value, place(held["limits.body_bytes_max"])) == (
        5_000,
        ("acme/profile.yaml", 9),
    )


def test_defaults_have_no_origin_and_what_is_not_said_is_left_out() -> None:
    held = values()
    assert held["acknowledgment.functional"].origin is None
    assert held["acknowledgment.functional"].value == "997"
    assert "as2.url" not in held
    assert "acknowledgment.expected_within_hours" not in held


def test_shorthands_keep_their_place() -> None:
    held = values()
    assert place(held["x12[0].id"]) == ("acme/profile.yaml", 5)  # one address, written without a list
    assert place(held["as2.receipts_to"]) == ("acme/profile.yaml", 7)  # one word for a list
    assert place(held["tolerances"]) == ("acme/profile.yaml", 6)  # a list stands where its first item does
    assert place(held["as2.certificates[0].file"]) == ("acme/profile.yaml", 7)  # a name alone for a certificate
    assert held["as2.certificates[0].use"].origin is None
    assert (held["as2.certificates[1].use"].value, place(held["as2.certificates[1].use"])) == (
        "signing",
        ("acme/profile.yaml", 7),
    )


def test_every_value_is_described() -> None:
    assert [name for name, value in values().items() if not value.description] == []


def test_values_are_written_as_in_a_profile() -> None:
    held = values()
    assert held["as2.require_signed"].text == "true"
    assert held["tolerances"].text == "[isa-padding]"
    assert written_value(("a", ("b", False))) == "[a, [b, false]]"
    assert held["tolerances"].plain == ["isa-padding"]

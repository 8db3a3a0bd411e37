"""How a partner's profile is moved to loopback, and how the other side knows us."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.onboarding.samples.live.loopback_profiles import THEIR_FILE, Playable, ours, their_identities, theirs
from gateway.onboarding.samples.live.transports import untried_transports, words_of_passed
from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.staging import Cast, cast
from gateway.settings import IdentitySettings
from gateway.store.partners.trials import Trial
from partners.directory import Directory
from partners.loader import LoadedProfile, parse_profile
from tests.onboarding.sampled import AGREEMENTS, AS2, OURS, X12

THEIR_URL, OUR_URL = "http://127.0.0.1:1/as2", "http://127.0.0.1:2/as2"
PLANT = {"name": "plant-2", "x12": {"qualifier": "01", "id": "123456789", "group_id": "PLANT2"}}
SHOP = {"name": "shop", "as2_id": "SHOP-AS2"}


def loaded(**profile: object) -> LoadedProfile:
    told = {"id": "acme", "name": "Acme", "as2": AS2, "x12": X12, "agreements": AGREEMENTS} | profile
    told = {name: value for name, value in told.items() if value is not None}
    found = parse_profile({"profile.yaml": yaml.safe_dump(told).encode(), "acme.pem": b"x", "units.csv": b"a,b"})
    assert isinstance(found, LoadedProfile), found
    return found


def played(*identities: dict[str, Any], **profile: object) -> Cast:
    mine = [IdentitySettings.model_validate(item) for item in identities or (OURS,)]
    partner = loaded(**profile)
    return cast(partner, Directory([partner]), mine, reachable=False)


def moved(**profile: object) -> Playable:
    return ours(loaded(**profile), THEIR_URL, "0" * 64)


def test_what_leads_out_of_this_machine_is_replaced() -> None:
    as2 = AS2 | {
        "receipts_to": "x.example",
        "require_encrypted": False,
        "connection": {"proxy": "http://p.example:1"},
        "sending": {"compress": "before-signing"},
    }
    key = {"label": "theirs", "sha256": "a" * 64}
    profile = moved(as2=as2, api_keys=[key], encoding="utf-8", status="draft").profile
    assert profile["as2"] == {
        "id": "ACME-AS2",
        "require_encrypted": False,
        "sending": {"compress": "before-signing"},
        "certificate": "loopback-theirs.pem",
        "connection": {"private_networks": ["127.0.0.1/32"]},
        "url": THEIR_URL,
    }
    assert (profile["api_keys"], profile["encoding"]) == ([{"label": "loopback", "sha256": "0" * 64}], "utf-8")
    assert (profile["status"], profile["agreements"]) == ("testing", AGREEMENTS)


def test_who_only_sends_is_not_sent_to() -> None:
    as2 = {name: value for name, value in AS2.items() if name != "url"}
    assert "url" not in moved(as2=as2).profile["as2"]


def test_what_a_gateway_never_writes_is_said() -> None:
    as2 = AS2 | {"digests": ["sha-1"], "ciphers": ["3des-cbc"], "signatures": ["ecdsa"]}
    sending = {"signature": "ecdsa", "digest": "sha-256", "cipher": "aes128-cbc"}
    made = moved(as2=as2 | {"sending": sending})
    assert made.profile["as2"]["digests"] == ["sha-1", "sha-256"]
    assert made.profile["as2"]["ciphers"] == ["aes256-cbc", "3des-cbc"]
    assert made.profile["as2"]["signatures"] == ["ecdsa", "rsa-pss"]
    assert made.profile["as2"]["sending"] == {"digest": "sha-256", "cipher": "aes128-cbc"}
    assert len(made.notes) == 4
    assert moved().notes == ()
    (us,) = theirs(played(as2=as2 | {"sending": sending}), OUR_URL)
    assert us["as2"]["sending"]["signature"] == "rsa-pss"


def test_the_other_side_agrees_to_the_same() -> None:
    framing = {"trailing_separators": "all"}
    rules = [{"segment": "DTM", "usage": "not_used"}]
    agreement = AGREEMENTS[0] | {"rules": rules, "our_identity": "bigcorp"}
    (us,) = theirs(played(agreements=[agreement, AGREEMENTS[1]], framing=framing), OUR_URL)
    assert us["agreements"] == [
        {
            "document": "purchase_order",
            "direction": "inbound",
            "syntax": "x12",
            "releases": ["004010"],
            "rules": rules,
            "validation": {"trailing_separators": "mandatory"},
        }
    ]
    assert us["x12"] == [{"qualifier": "ZZ", "id": "BIGCORP"}]


def test_each_identity_of_ours_is_known_there() -> None:
    agreements = [
        AGREEMENTS[0],
        {"document": "invoice", "direction": "inbound", "syntax": "xml", "our_identity": "shop"},
    ]
    actors = played(OURS, PLANT, SHOP, as2=AS2 | {"our_identity": "bigcorp"}, agreements=agreements)
    first, second = theirs(actors, OUR_URL)
    assert [(one["id"], one["as2"]["id"]) for one in (first, second)] == [("us", "BIGCORP-AS2"), ("us-2", "SHOP-AS2")]
    # Who has no AS2 id speaks X12 through the first.
    assert [item["id"] for item in first["x12"]] == ["BIGCORP", "123456789"]
    assert ("x12" in second, second["agreements"]) == (False, [])


def test_who_they_are_there() -> None:
    x12 = [
        X12,
        {"qualifier": "01", "id": "1", "use": "outbound"},
        {"qualifier": "12", "id": "5035550142", "group_id": "G1"},
    ]
    assert their_identities(played(x12=x12)) == [
        {"name": "them", "as2_id": "ACME-AS2", "x12": X12 | {"group_id": "ACMESUPPLY"}},
        {"name": "them-2", "x12": {"qualifier": "01", "id": "1", "group_id": "1_"}},
        {"name": "them-3", "x12": {"qualifier": "12", "id": "5035550142", "group_id": "G1"}},
    ]


def test_every_key_of_a_profile_survives(tmp_path: Path) -> None:
    """What is moved says the same as before, as far as it stays."""
    framing = {"separators": {"element": "|", "terminator": "\x1c", "component": "\x1f"}, "line_end": "crlf"}
    told = {
        "framing": framing,
        "validation": {"character_set": "basic"},
        "duplicates": {"action": "process"},
        "x12": [{"qualifier": "01", "id": "007", "group_id": "NO"}],
        "tolerances": ["isa-padding"],
        "control_numbers": {"interchange": {"min": 1_000, "max": 9_999}},
    }
    before = loaded(**told)
    folder = {"profile.yaml": yaml.safe_dump(moved(**told).profile).encode(), "loopback-theirs.pem": b"x"}
    after = parse_profile(folder)
    assert isinstance(after, LoadedProfile), after
    assert after.profile.model_copy(update={"as2": before.profile.as2}) == before.profile


SERVER = {"host": "sftp.acme.example", "user": "us", "key": "acme", "host_keys": ["SHA256:" + "A" * 43]}
FETCHED = [{"name": "answers", "folder": "/out"}]
BOX = {"user": "acme", "keys": []}


@pytest.mark.parametrize(
    ("profile", "untried", "notes"),
    [
        ({}, (), ()),
        ({"as2": None, "sftp": BOX}, ("SFTP",), ("sent and fetched by the API, and not by SFTP",)),
        ({"sftp": BOX}, ("SFTP",), ("what they send comes by AS2, and not by SFTP",)),
        (
            {"as2": None, "sftp_server": SERVER | {"push": {"folder": "/in"}}},
            ("SFTP",),
            ("sent and fetched by the API, and nothing put on their SFTP server",),
        ),
        (
            {"as2": None, "sftp_server": SERVER | {"fetch": FETCHED}},
            ("SFTP",),
            ("what they send comes by the API, and not by SFTP",),
        ),
    ],
    ids=["as2", "mailbox", "both", "push", "fetch"],
)
def test_what_is_not_tried_is_said(profile: dict[str, Any], untried: tuple[str, ...], notes: tuple[str, ...]) -> None:
    partner = loaded(**profile)
    made = moved(**profile)
    assert (untried_transports(partner.profile), made.notes) == (untried, notes)
    furnished = parse_profile({"profile.yaml": yaml.safe_dump(made.profile).encode(), THEIR_FILE: b"x"} | made.files)
    assert isinstance(furnished, LoadedProfile), furnished  # there is a way in


def test_how_samples_that_passed_travelled(tmp_path: Path) -> None:
    json, x12 = (
        Sample(name, name, "", "inbound", tmp_path, content, f"received.{name}", {}, required=True)
        for name, content in (("json", b"{}"), ("x12", b"ISA*"))
    )
    both, box = loaded(api_keys=[{"label": "a", "sha256": "a" * 64}]), loaded(as2=None, sftp=BOX)

    def words(partner: LoadedProfile, *with_them: str) -> str:
        ran = [Trial("1", "acme", name, "partner", "d", True, "", "", 1) for name in with_them]
        return words_of_passed(partner.profile, partner.profile, (json, x12), ran, "d")

    assert words(both) == "by REST and AS2 between two gateways here"
    assert words(box) == "by REST between two gateways here, not by SFTP"
    assert words(box, "x12", "json") == "with the partner itself"
    assert words(box, "x12") == "by REST between two gateways here, not by SFTP; with the partner itself"

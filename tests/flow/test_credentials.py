"""What lets a partner's programs in: listed with its days and last use, as commands and the operator port show it."""

from datetime import date

import pytest

from gateway.flow.credentials import credentials_of
from tests.edge.house import digest, profile
from tests.signatures.rfc9421 import ED25519_PUBLIC

PROFILE = profile(
    f"id: acme\nname: ACME\napi_keys: [{{label: main, sha256: {digest('a')}, expires_on: 2027-03-01}}]\n"
    f"api:\n  oauth_clients: [{{client_id: c1, secret_sha256: {digest('b')}, scopes: orders:read}}]\n"
    "  signatures: {keys: [{id: k1, algorithm: ed25519, public_key: k.pem, valid_from: 2027-01-01}]}\n",
    k_pem=ED25519_PUBLIC,
).profile


def test_every_credential_with_its_last_use():
    used = {("api_key", "main"): 1_800_000_000_000, ("signature", "other"): 1}
    assert [one.as_json() for one in credentials_of(PROFILE, used)] == [
        {
            "means": "api_key",
            "label": "main",
            "scopes": [],
            "valid_from": None,
            "expires_on": date(2027, 3, 1),
            "last_used_at": "2027-01-15T08:00:00.000Z",
        },
        {
            "means": "oauth",
            "label": "c1",
            "scopes": ["orders:read"],
            "valid_from": None,
            "expires_on": None,
            "last_used_at": None,
        },
        {
            "means": "signature",
            "label": "k1",
            "scopes": [],
            "valid_from": date(2027, 1, 1),
            "expires_on": None,
            "last_used_at": None,
        },
    ]


@pytest.mark.parametrize(
    ("today", "standings"),
    [
        (date(2026, 12, 31), ["until 2027-03-01", "in use", "from 2027-01-01"]),
        (date(2027, 1, 1), ["until 2027-03-01", "in use", "in use"]),
        (date(2027, 3, 1), ["until 2027-03-01", "in use", "in use"]),
        (date(2027, 3, 2), ["over since 2027-03-01", "in use", "in use"]),
    ],
    ids=str,
)
def test_how_they_stand_on_a_day(today, standings):
    assert [one.standing(today) for one in credentials_of(PROFILE, {})] == standings


def test_what_opens_a_mailbox_stands_with_the_others_and_is_none_of_the_api():
    text = (
        "id: acme\nname: ACME\nsftp:\n  user: acme\n"
        "  keys: [{label: first, file: k.pub}, {label: next, file: n.pub, valid_from: 2027-01-01}]\n"
        f"  passwords: [{{label: erp, scrypt: '$scrypt$ln=15,r=8,p=1${'A' * 22}${'b' * 43}'}}]\n"
    )
    used = {("sftp_key", "first"): 1_800_000_000_000}
    found = credentials_of(profile(text, **{"k.pub": b"ssh-ed25519 AAAA", "n.pub": b"ssh-ed25519 BBBB"}).profile, used)
    assert [(one.means, one.label, one.last_used_at_ms is not None, one.opens_api) for one in found] == [
        ("sftp_key", "first", True, False),
        ("sftp_key", "next", False, False),
        ("sftp_password", "erp", False, False),
    ]
    assert [one.standing(date(2026, 12, 31)) for one in found] == ["in use", "from 2027-01-01", "in use"]

"""What `gateway partner check` says of the credentials of the REST interface, before a program shows them."""

from datetime import UTC, datetime, timedelta

import pytest

from certs.creation import create_key_pair
from gateway.onboarding.checking.profiles import check_profile
from tests.edge.house import digest, profile
from tests.signatures.rfc9421 import ED25519_PRIVATE, ED25519_PUBLIC, P256_PUBLIC

NOW = datetime.now(UTC)
SOON = (NOW + timedelta(days=5)).date()
PAST = (NOW - timedelta(days=5)).date()
ED25519 = "{id: k1, algorithm: ed25519, public_key: k.pem"


def found(api: str, **files: bytes) -> list[str]:
    loaded = profile(f"id: acme\nname: ACME\napi:\n  {api}\n", **files)
    problems = check_profile(loaded, identities=(), now=NOW)
    return [f"{item.severity} {item.field}: {item.what}" for item in problems if "agreed" not in item.what]


def test_good_credentials_have_no_problems():
    client = create_key_pair("client", now=NOW).certificate.pem()
    assert found(f"signatures: {{keys: [{ED25519}}}]}}", k_pem=ED25519_PUBLIC) == []
    assert found("certificates: [{label: erp, file: c.pem}]", c_pem=client) == []
    assert found(f"oauth_clients: [{{client_id: c1, secret_sha256: {digest('x')}}}]") == []


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (b"nothing", "neither a public key nor a certificate"),
        (P256_PUBLIC, "one for ecdsa-p256-sha256, not for ed25519"),
        (ED25519_PRIVATE, "this is a private key"),
    ],
    ids=["nothing", "other kind", "private"],
)
def test_a_key_that_is_none_is_told_now(pem, told):
    (line,) = found(f"signatures: {{keys: [{ED25519}}}]}}", k_pem=pem)
    assert line.startswith("error api.signatures.keys")
    assert told in line


def test_the_days_of_credentials_are_watched():
    for expires, told in ((PAST, "expired on"), (SOON, "expires on")):
        (line,) = found(f"signatures: {{keys: [{ED25519}, expires_on: {expires}}}]}}", k_pem=ED25519_PUBLIC)
        assert line.startswith("warning api.signatures.keys")
        assert f"`k1` {told}" in line
    successor = "{id: k2, algorithm: ed25519, public_key: l.pem}"
    keys = f"signatures: {{keys: [{ED25519}, expires_on: {SOON}}}, {successor}]}}"
    assert found(keys, k_pem=ED25519_PUBLIC, l_pem=ED25519_PUBLIC) == []


def test_certificates_that_are_over_or_none():
    old = create_key_pair("client", now=NOW - timedelta(days=900), valid_days=30).certificate.pem()
    (line,) = found("certificates: [{label: erp, file: c.pem}]", c_pem=old)
    assert line.startswith("warning api.certificates")
    assert "is valid from" in line


def test_what_every_call_must_show_has_to_be_in_force():
    keys = f"require: signature\n  signatures: {{keys: [{ED25519}, expires_on: {PAST}}}]}}"
    lines = found(keys, k_pem=ED25519_PUBLIC)
    assert any(line.startswith("error api.require") and "none is in force" in line for line in lines)

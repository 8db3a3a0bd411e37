"""What a profile asks of the gateway that it is for, told by `partner check` and at the start."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.carriers.webhook_keys import make_key
from gateway.onboarding.checking.surroundings import Surroundings, surroundings_problems
from gateway.settings import Settings
from gateway.starting import tell_of_unmet_credentials
from partners.directory import Directory
from tests.certs.authorities import issue
from tests.edge.house import digest, profile

NOW = datetime.now(UTC)
OAUTH = f"oauth_clients: [{{client_id: c1, secret_sha256: {digest('x')}}}]"
CERTIFICATE = "certificates: [{label: erp, file: c.pem}]"
HMAC = "signatures: {keys: [{id: k1, algorithm: hmac-sha256, secret: 'env:SIGNING_OF_ACME'}]}"
FULL = Surroundings(has_passphrase=True, sees_certificates=True, has_address=True)
ANYWHERE = "0.0.0.0"  # nothing listens there
BARE = Surroundings(has_passphrase=False, sees_certificates=False, has_address=False)


def shown(name="client", usage=(), ends=timedelta(days=365)):
    extensions = [(x509.ExtendedKeyUsage(list(usage)), False)] if usage else []
    return issue(name, None, NOW, extensions=extensions, ends=ends).certificate.pem()


def loaded(api, **files):
    return profile(f"id: acme\nname: ACME\napi:\n  {api}\n", **files)


def found(api, here=FULL, **files):
    problems = surroundings_problems(loaded(api, **files), here, NOW)
    return [f"{item.severity} {item.field}: {item.what}; {item.would_be_right}" for item in problems]


def test_where_everything_is_set_up_nothing_is_told(monkeypatch):
    monkeypatch.setenv("SIGNING_OF_ACME", "s" * 43)
    assert found(OAUTH) == found(CERTIFICATE, c_pem=shown()) == found(HMAC) == []
    assert found(OAUTH, None) == found(CERTIFICATE, None, c_pem=shown()) == []
    assert found(CERTIFICATE, c_pem=b"no certificate") == []  # said elsewhere


def test_what_is_not_set_up_is_told_with_what_to_set():
    (line, _) = found(OAUTH, BARE)
    assert line.startswith("warning api.oauth_clients")
    assert "key_passphrase_file" in line
    (line,) = found(CERTIFICATE, BARE, c_pem=shown())
    assert line.startswith("warning api.certificates")
    assert "edge_mtls_port" in line
    assert "trusted_proxies" in line


def test_what_is_bound_to_our_own_address_needs_one(monkeypatch):
    monkeypatch.setenv("SIGNING_OF_ACME", "s" * 43)
    unnamed = replace(FULL, has_address=False)
    for api, field in ((OAUTH, "api.oauth_clients"), (HMAC, "api.signatures")):
        (line,) = found(api, unnamed)
        assert line.startswith(f"warning {field}")
        assert "public_url" in line
    assert found(CERTIFICATE, unnamed, c_pem=shown()) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, BARE),
        ({"key_passphrase": "x"}, replace(BARE, has_passphrase=True)),
        ({"key_passphrase_file": Path("x")}, replace(BARE, has_passphrase=True)),
        ({"trusted_proxies": ("10.0.0.0/8",)}, replace(BARE, sees_certificates=True)),
        ({"public_url": "https://b2b.bigcorp.example"}, replace(BARE, has_address=True)),
        (
            {"edge_mtls_port": 8443, "edge_tls_certificate": Path("a"), "edge_tls_key": Path("b")},
            replace(BARE, sees_certificates=True),
        ),
        ({"edge_host": ANYWHERE}, replace(BARE, hides_mailboxes=True)),
        ({"edge_host": ANYWHERE, "sftp_host": "localhost"}, replace(BARE, hides_mailboxes=True)),
        ({"edge_host": ANYWHERE, "sftp_host": ANYWHERE}, BARE),
        ({"edge_host": "::1", "sftp_host": "127.0.0.2"}, BARE),
        # A proxy on this machine takes them in.
        ({"edge_host": ANYWHERE, "trusted_proxies": ("127.0.0.1/32",)}, replace(BARE, sees_certificates=True)),
    ],
    ids=["bare", "passphrase", "file", "proxies", "address", "port", "hidden", "by name", "open", "loopback", "proxy"],
)
def test_how_a_gateway_is_set_up(values, expected):
    assert Surroundings.of(Settings(**values)) == expected


def test_a_shared_secret_that_is_elsewhere_is_a_warning_and_one_that_is_none_an_error(monkeypatch):
    monkeypatch.delenv("SIGNING_OF_ACME", raising=False)
    (line,) = found(HMAC)
    assert line.startswith("warning api.signatures.keys")
    assert "SIGNING_OF_ACME is not set" in line
    for secret in ("short", "-----BEGIN PUBLIC KEY-----" * 2):
        monkeypatch.setenv("SIGNING_OF_ACME", secret)
        (line,) = found(HMAC)
        assert line.startswith("error api.signatures.keys")
        assert "gateway partner key acme --for signature" in line
        assert secret not in line


def webhooks_found(*references):
    secrets = ", ".join(f"'{reference}'" for reference in references)
    named = f"{{name: orders, url: 'https://hooks.acme.example/in', secrets: [{secrets}]}}"
    webhooks = f"webhooks: {{hosts: hooks.acme.example, subscriptions: [{named}]}}"
    key = f"api_keys: [{{label: a, sha256: {digest('x')}}}]"
    problems = surroundings_problems(profile(f"id: acme\nname: ACME\n{key}\n{webhooks}\n"), FULL, NOW)
    return [f"{item.severity} {item.field}: {item.what}; {item.would_be_right}" for item in problems]


def test_keys_of_webhooks_are_read_as_the_calls_will_read_them(monkeypatch, tmp_path):
    monkeypatch.delenv("HOOK_OF_ACME", raising=False)
    good = tmp_path / "key"
    good.write_text(f"{make_key('ed25519').text}\n")
    (line,) = webhooks_found(f"file:{good}", "env:HOOK_OF_ACME")
    assert line.startswith("warning webhooks.subscriptions[0].secrets[1]")
    assert "HOOK_OF_ACME is not set" in line
    monkeypatch.setenv("HOOK_OF_ACME", make_key("hmac-sha256").text)
    assert webhooks_found(f"file:{good}", "env:HOOK_OF_ACME") == []
    for secret in ("hunter2", "whsec_c2hvcnQ=", make_key("ed25519").public_key):
        monkeypatch.setenv("HOOK_OF_ACME", secret)
        (line,) = webhooks_found("env:HOOK_OF_ACME")
        assert line.startswith("error webhooks.subscriptions[0].secrets")
        assert "gateway webhooks key" in line
        assert secret not in line


def test_certificates_that_end_soon_or_are_not_for_clients():
    (line,) = found(CERTIFICATE, c_pem=shown(usage=[ExtendedKeyUsageOID.SERVER_AUTH]))
    assert "clientAuth" in line
    assert found(CERTIFICATE, c_pem=shown(usage=[ExtendedKeyUsageOID.CLIENT_AUTH])) == []
    assert found(CERTIFICATE, c_pem=shown(usage=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])) == []
    soon = shown("soon", ends=timedelta(days=10))
    (line,) = found(CERTIFICATE, c_pem=soon)
    assert "expires on" in line
    both = "certificates: [{label: old, file: c.pem}, {label: new, file: d.pem}]"
    assert found(both, c_pem=soon, d_pem=shown()) == []
    (line, _) = found(both, c_pem=soon, d_pem=shown("also soon", ends=timedelta(days=20)))
    assert "c.pem" in line


def test_the_start_names_the_partners_whose_credentials_cannot_work(caplog):
    caplog.set_level(logging.WARNING)
    directory = Directory([loaded(f"{OAUTH}\n  {CERTIFICATE}", c_pem=shown())])
    address = "https://b2b.bigcorp.example"
    met = Settings(key_passphrase="x", trusted_proxies=("10.0.0.0/8",), public_url=address)
    tell_of_unmet_credentials(directory, met)
    assert caplog.records == []
    tell_of_unmet_credentials(directory, Settings())
    assert [record.partners for record in caplog.records] == [["acme"]] * 3


def test_a_mailbox_that_no_other_machine_reaches(caplog):
    box = profile(
        "id: acme\nname: ACME\nstatus: testing\nsftp: {user: acme, keys: [{label: a, file: a.pem}]}\n", a_pem=b""
    )
    hidden = Settings(edge_host=ANYWHERE)
    (problem,) = surroundings_problems(box, Surroundings.of(hidden), NOW)
    assert (problem.severity, problem.field) == ("warning", "sftp")
    assert "sftp_host" in problem.would_be_right
    tell_of_unmet_credentials(Directory([box]), hidden)
    (record,) = caplog.records
    assert ("sftp_host" in record.getMessage(), record.partners) == (True, ["acme"])
    caplog.clear()
    for met in (
        Settings(),
        Settings(edge_host=ANYWHERE, sftp_host=ANYWHERE),
        Settings(edge_host=ANYWHERE, roles=("edge",)),
    ):
        tell_of_unmet_credentials(Directory([box]), met)
    tell_of_unmet_credentials(
        Directory([loaded(HMAC)]), hidden.model_copy(update={"public_url": "https://b2b.example"})
    )
    assert caplog.records == []

"""What `gateway partner check` says of the way to a partner's AS2 server, before anything is opened."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.creation import certify
from gateway.onboarding.checking.profiles import check_profile
from gateway.settings import IdentitySettings
from partners.loader import LoadedProfile, parse_profile
from tests.carriers.sending import partner
from tests.carriers.servers import localhost, pair
from tests.edge.house import our_keys

NOW = datetime.now(UTC)
URL = "https://as2.bigcorp.example/in"
OURS = (IdentitySettings(name="acme", as2_id="ACME-AS2"),)
FINE = localhost().certificate.pem()


def found(url: str | None = URL, **choices: object) -> list[str]:
    loaded = partner(url, **choices)  # type: ignore[arg-type]
    problems = check_profile(loaded, identities=OURS, now=NOW)
    return [f"{item.severity} {item.field}: {item.what}" for item in problems if "agreed" not in item.what]


def test_a_good_connection_has_no_problems():
    assert found() == []
    assert found("https://127.0.0.1/as2") == []
    assert found(connection="server_certificate: s.pem, client_certificate: acme", s_pem=FINE) == []
    assert found(connection="authorities: ca.pem, proxy: http://proxy.bigcorp.example:3128", ca_pem=FINE) == []


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"connection": "server_certificate: s.pem", "s_pem": b"nothing"}, "error as2.connection.server_certificate"),
        ({"connection": "authorities: ca.pem", "ca_pem": b"nothing"}, "error as2.connection.authorities"),
        (
            {"connection": "client_certificate: plant"},
            "error as2.connection.client_certificate: none",
        ),
        ({"connection": "proxy: https://proxy.example"}, "error as2.connection.proxy"),
        ({"connection": "username: a:b, password: env:X"}, "error as2.connection.username"),
        ({"url": "https://192.168.4.4/"}, "error as2.url: 192.168.4.4 is not connected to"),
        ({"url": "https://as2.bigcorp.example/{x}"}, "error as2.url: it is no http or https URL"),
        ({"url": "http://x.example/", "connection": "username: a, password: env:X"}, "warning as2.url: user and"),
        ({"url": "http://x.example/", "sending": "encrypt: false"}, "warning as2.url: neither"),
    ],
)
def test_what_would_fail_later_is_told_now(choices: dict[str, object], told: str):
    assert any(line.startswith(told) for line in found(**choices)), found(**choices)  # type: ignore[arg-type]


def test_the_days_of_a_pinned_certificate_are_watched():
    for days, severity in (((-30, -1), "error"), ((-5, 10), "warning")):
        pem = pair("server", days=days).certificate.pem()
        (line,) = found(connection="server_certificate: s.pem", s_pem=pem)
        assert line.startswith(f"{severity} as2.connection.server_certificate")


def test_a_network_that_is_all_networks_is_a_warning():
    text = partner(URL).files["profile.yaml"].decode().replace("127.0.0.0/8", "[0.0.0.0/0, '::/0']")
    loaded = parse_profile({"profile.yaml": text.encode(), "bigcorp.pem": our_keys().certificate.pem()})
    assert isinstance(loaded, LoadedProfile)
    told = [item for item in check_profile(loaded, identities=OURS, now=NOW) if "metadata" in item.what]
    assert [item.severity for item in told] == ["warning", "warning"]


def test_a_certificate_that_nothing_can_be_encrypted_to_is_told():
    elliptic = certify(ec.generate_private_key(ec.SECP256R1()), "bigcorp", now=NOW - timedelta(days=1))
    assert any(line.startswith("error as2.sending") for line in found(certificate=elliptic))
    assert not any("RSA" in line for line in found(certificate=elliptic, sending="encrypt: false"))

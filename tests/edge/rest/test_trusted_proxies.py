"""What proxies of ours say of those whom they speak for is believed; what anybody else says is not."""

import base64
import ipaddress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.rest.identity.proxies import Proxies
from gateway.store import messages
from partners.loader import LoadedProfile, parse_profile
from tests.certs.authorities import issue
from tests.edge.house import ACME_KEY, X12, digest, globex, open_house, problem_in

NOW = datetime.now(UTC)
LEAF = issue("leaf behind a proxy", issue("authority of somebody", None, NOW, ca=True), NOW)
TRUSTING = {"trusted_proxies": ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")}
DISTRUSTING = {"trusted_proxies": ("10.0.0.0/8",)}
KEY = f"X-API-Key: {ACME_KEY}"


def acme():
    text = (
        f"id: acme\nname: ACME\napi_keys: [{{label: main, sha256: {digest(ACME_KEY)}}}]\n"
        "api:\n  certificates:\n    - {label: leaf, file: leaf.pem}\n"
    )
    loaded = parse_profile({"profile.yaml": text.encode(), "leaf.pem": LEAF.certificate.pem()})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def house_with(tmp_path, named, **choices):
    return open_house(tmp_path, profiles=[acme(), globex()], named=named, **choices)


def get(*fields, path="/v1/documents"):
    head = [f"GET {path} HTTP/1.1", "Host: b2b.bigcorp.example", "Connection: close", *fields, "", ""]
    return "\r\n".join(head).encode()


def client_cert(der=LEAF.certificate.der):
    return f"Client-Cert: :{base64.b64encode(der).decode()}:"


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


async def test_a_certificate_that_a_trusted_proxy_saw_opens_the_door(tmp_path):
    async with house_with(tmp_path, TRUSTING) as house:
        assert status_of(await house.raw(get(client_cert()))) == 200
        assert status_of(await house.raw(get(client_cert() + ";x=1"))) == 200
        assert status_of(await house.raw(get())) == 401
        assert status_of(await house.raw(get(client_cert(b"another")))) == 401
        assert status_of(await house.raw(get(client_cert(b"another"), KEY))) == 200


async def test_nobody_else_is_believed(tmp_path):
    async with house_with(tmp_path, DISTRUSTING) as house:
        assert status_of(await house.raw(get(client_cert()))) == 401
        assert status_of(await house.raw(get(client_cert(), "X-Forwarded-For: 10.0.0.1"))) == 401
        (second, first) = await house.acts("refused.unauthenticated")
        assert first.remote == second.remote == "127.0.0.1"
    async with house_with(tmp_path, {}) as house:
        assert status_of(await house.raw(get(client_cert()))) == 401
        # What it holds is not even looked at.
        assert status_of(await house.raw(get("Client-Cert: nonsense", KEY))) == 200


async def test_a_field_that_holds_no_certificate_is_refused(tmp_path):
    async with house_with(tmp_path, TRUSTING) as house:
        for field in ("nonsense", "", "::", ":x:", ":YQ", "YQ==", ":YQ==:, :YQ==:", "?1", ":\u00fc:"):
            answer = await house.raw(get(f"Client-Cert: {field}", KEY))
            assert status_of(answer) == 400, field
        assert "RFC 9440" in problem_in(answer)["detail"]
        assert status_of(await house.raw(get(client_cert(), client_cert()))) == 400


@pytest.mark.parametrize(
    ("hops", "address"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9", "10.1.2.3, 10.4.5.6"], "203.0.113.9"),
        (["203.0.113.9:49152"], "203.0.113.9"),
        (["[2001:db8::1]:443, [fd00::7]"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["10.1.2.3"], "10.1.2.3"),
        (["203.0.113.9, unknown"], "127.0.0.1"),
        (["203.0.113.9, _hidden, 10.1.2.3"], "10.1.2.3"),
        (["203.0.113.9,"], "127.0.0.1"),
        ([""], "127.0.0.1"),
        (["' OR 1=1"], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
async def test_the_address_is_the_last_that_is_no_proxy_of_ours(tmp_path, hops, address):
    async with house_with(tmp_path, TRUSTING) as house:
        await house.raw(get(*(f"X-Forwarded-For: {hop}" for hop in hops)))
        (act,) = await house.acts("refused.unauthenticated")
        assert act.remote == address


@given(st.lists(st.text(max_size=40), max_size=60))
def test_any_hops_end_in_an_address_or_none(hops):
    proxies = Proxies(TRUSTING["trusted_proxies"])
    origin = proxies._origin(hops)
    assert origin is None or ipaddress.ip_address(origin)


async def test_what_came_by_tls_to_the_proxy_came_by_tls(tmp_path):
    async with house_with(tmp_path, TRUSTING) as house:
        for scheme, secure in (("https", True), ("http, HTTPS", True), ("https, http", False), ("ftp", False)):
            head = f"POST /v1/documents HTTP/1.1\r\nHost: x\r\n{KEY}\r\nContent-Length: {len(X12)}\r\n"
            head += f"Connection: close\r\nX-Forwarded-Proto: {scheme}\r\n\r\n"
            assert status_of(await house.raw(head.encode() + X12)) == 202
            (kept, *_) = await house.database.read(messages.find)
            assert f'"tls":{str(secure).lower()}' in kept.security, scheme
        told = await house.raw(get("X-Forwarded-Proto: https", path="/.well-known/oauth-authorization-server"))
        assert b'"issuer":"https://b2b.bigcorp.example"' in told


async def test_the_first_line_does_not_make_it_tls(tmp_path):
    async with house_with(tmp_path, {}) as house:
        target = "https://b2b.bigcorp.example/.well-known/oauth-authorization-server"
        assert b'"issuer":"http://b2b.bigcorp.example"' in await house.raw(get(path=target))


async def test_strangers_behind_a_proxy_are_told_apart(tmp_path):
    now = round(NOW.timestamp() * 1_000)
    async with house_with(tmp_path, TRUSTING, now_ms=lambda: now) as house:
        told = [status_of(await house.raw(get("X-Forwarded-For: 203.0.113.9"))) for _ in range(25)]
        assert told == [401] * 20 + [429] * 5
        assert status_of(await house.raw(get("X-Forwarded-For: 203.0.113.10"))) == 401
        assert status_of(await house.raw(get("X-Forwarded-For: 203.0.113.9", KEY))) == 200


async def test_a_proxy_may_have_more_connections_than_others(tmp_path):
    async with house_with(tmp_path, TRUSTING, connections_per_address_max=2) as house:
        for _ in range(4):
            await house.connect()
        assert status_of(await house.raw(get(KEY))) == 200
    async with house_with(tmp_path, DISTRUSTING, connections_per_address_max=2) as house:
        for _ in range(2):
            await house.connect()
        assert status_of(await house.raw(get(KEY))) == 503

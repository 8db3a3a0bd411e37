"""Client certificates: exactly those of the profiles count, on a port of its own, so that nobody else is cut off."""

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import aiohttp
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.edge.tls import MutualTls, tls_context
from gateway.store import messages
from partners.directory import Directory
from partners.loader import LoadedProfile, parse_profile
from tests.certs.authorities import issue, usage
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, House, digest, globex, open_house
from tests.edge.rest.whole import ACME_API_KEY, whole

NOW = datetime.now(UTC)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
API_KEY = {"X-API-Key": ACME_KEY}


@cache
def pair(name):
    """What is shown: `leaf-*` are issued by an authority that nobody names here, the others sign themselves."""
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    if name.startswith("leaf"):
        return issue(name, pair("authority"), NOW, extensions=[(client, False)])
    is_ca = name in ("authority", "own-authority")
    return issue(name, None, NOW, ca=is_ca, key_usage=usage(digital_signature=True, key_cert_sign=is_ca))


@cache
def issued_by_own_authority():
    return issue("leaf of theirs", pair("own-authority"), NOW)


def key_of(made):
    return made.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def files_of(folder, made, name):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.certificate.pem())
    key.write_bytes(key_of(made))
    return certificate, key


def acme_with(*names, days="", extra="", **files):
    listed = "".join(f"    - {{label: {name}, file: {name}.pem{days}}}\n" for name in names)
    key = f"api_keys: [{{label: main, sha256: {digest(ACME_KEY)}}}]\n"
    text = f"id: acme\nname: ACME\n{key}api:\n  certificates:\n{listed}{extra}"
    shown = {f"{name}.pem": files[name] if name in files else pair(name).certificate.pem() for name in names}
    loaded = parse_profile({"profile.yaml": text.encode()} | shown)
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


@dataclass
class Behind:
    house: House
    mutual: MutualTls

    @property
    def asking(self):
        return f"https://127.0.0.1:{self.house.server.addresses[1][1]}"

    @property
    def plain(self):
        return f"https://127.0.0.1:{self.house.server.address[1]}"

    def reload(self, *profiles):
        self.house.reload(*profiles)
        self.mutual.follow(self.house.edge.directory())


async def called(url, context, **headers):
    """A call on a connection of its own."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/documents", headers=headers, ssl=context) as answer,
    ):
        return answer.status


@pytest.fixture
def at(tmp_path):
    """A house with a second port that asks for certificates."""

    @asynccontextmanager
    async def at(*profiles, **choices):
        certificate, key = files_of(tmp_path, pair("server"), "server")
        mutual = MutualTls(tls_context(certificate, key))
        found = [*(profiles or [acme_with("self-signed", "leaf")]), globex()]
        async with open_house(tmp_path, profiles=found, tls=tls_context(certificate, key), **choices) as house:
            mutual.follow(house.edge.directory())
            await house.server.start("127.0.0.1", 0, mutual.context)
            yield Behind(house, mutual)

    return at


@pytest.fixture
def shown_by(tmp_path):
    """The context of a client that shows a certificate, or none."""

    def shown_by(made=None, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if made is not None:
            context.load_cert_chain(*files_of(tmp_path, made, "shown"))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    return shown_by


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
async def test_a_certificate_of_the_profile_opens_the_door(at, shown_by, version):
    async with at() as behind:
        for name in ("self-signed", "leaf"):
            assert await called(behind.asking, shown_by(pair(name), version)) == 200
        assert await called(behind.asking, shown_by(None, version), **API_KEY) == 200
        assert await called(behind.asking, shown_by(None, version)) == 401


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
@pytest.mark.parametrize("name", ["stranger", "leaf-of-another", "authority"])
async def test_an_unknown_certificate_is_cut_off_where_one_is_asked_for_and_nowhere_else(at, shown_by, version, name):
    async with at() as behind:
        shown = shown_by(pair(name), version)
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
            await called(behind.asking, shown, **API_KEY)
        assert await called(behind.plain, shown, **API_KEY) == 200
        assert await called(behind.plain, shown) == 401


async def test_the_port_that_does_not_ask_sees_no_certificate(at, shown_by):
    async with at() as behind:
        assert await called(behind.plain, shown_by(pair("leaf"))) == 401


async def test_what_a_certificate_of_a_profile_has_issued_is_nobodys(at, shown_by):
    async with at(acme_with("own-authority")) as behind:
        assert await called(behind.asking, shown_by(pair("own-authority"))) == 200
        theirs = shown_by(issued_by_own_authority())
        assert await called(behind.asking, theirs) == 401
        assert await called(behind.asking, theirs, **API_KEY) == 200
        acts = await behind.house.acts("refused.unauthenticated")
    assert acts[0].subject == f"certificate {issued_by_own_authority().certificate.fingerprint[:16]}"


async def test_what_it_brings_says_which_certificate_it_was(at, shown_by):
    async with at() as behind, aiohttp.ClientSession() as session:
        url = f"{behind.asking}/v1/documents"
        async with session.post(url, data=X12, ssl=shown_by(pair("leaf"))) as answer:
            assert answer.status == 202
            message_id = (await answer.json())["id"]
        kept = await behind.house.database.read(lambda connection: messages.get(connection, message_id))
    assert '"certificate":"leaf"' in kept.security
    assert '"tls":true' in kept.security


async def test_profiles_are_followed_without_a_restart(at, shown_by):
    async with at(acme_with("self-signed")) as behind, aiohttp.ClientSession() as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
            await called(behind.asking, shown_by(pair("leaf")))
        behind.reload(acme_with("self-signed", "leaf"))
        assert await called(behind.asking, shown_by(pair("leaf"))) == 200
        shown, url = shown_by(pair("self-signed")), f"{behind.asking}/v1/documents"
        async with session.get(url, ssl=shown) as answer:
            assert answer.status == 200
        behind.reload(acme_with("leaf"))
        # On the connection that stands, and on a new one.
        async with session.get(url, ssl=shown) as answer:
            assert answer.status == 401
        assert await called(behind.asking, shown_by(pair("self-signed"))) == 401


@pytest.mark.parametrize("days", [", expires_on: 2020-01-01", ", valid_from: 2199-01-01"], ids=["over", "ahead"])
async def test_its_days_in_the_profile_count(at, shown_by, days):
    async with at(acme_with("self-signed", days=days)) as behind:
        assert await called(behind.asking, shown_by(pair("self-signed"))) == 401
        assert await called(behind.asking, shown_by(pair("self-signed")), **API_KEY) == 401
        (act, _) = await behind.house.acts("refused.unauthenticated")
    assert act.detail["cause"] == "certificate self-signed of acme: not open today"


async def test_its_own_days_count_on_a_connection_that_stands(at, shown_by):
    now = [NOW]
    async with (
        at(now_ms=lambda: round(now[0].timestamp() * 1_000)) as behind,
        aiohttp.ClientSession() as session,
    ):
        shown = shown_by(pair("self-signed"))
        for days, status in ((0, 200), (366, 401), (0, 200), (-2, 401)):
            now[0] = NOW + timedelta(days=days)
            async with session.get(f"{behind.asking}/v1/documents", ssl=shown) as answer:
                assert answer.status == status


async def test_a_certificate_of_one_partner_and_a_key_of_another_are_nobodys(at, shown_by):
    async with at() as behind:
        assert await called(behind.asking, shown_by(pair("leaf")), **{"X-API-Key": GLOBEX_KEY}) == 401


async def test_a_certificate_can_be_asked_for_with_each_call(at, shown_by):
    both = acme_with("self-signed", extra="  require: [certificate, api_key]\n")
    async with at(both) as behind:
        shown = shown_by(pair("self-signed"))
        assert await called(behind.asking, shown, **API_KEY) == 200
        assert await called(behind.asking, shown) == 401
        assert await called(behind.asking, shown_by(), **API_KEY) == 401
        assert await called(behind.plain, shown, **API_KEY) == 401


async def test_scopes_of_a_certificate_count(at, shown_by):
    async with at(acme_with("self-signed", days=", scopes: [orders:read]")) as behind:
        assert await called(behind.asking, shown_by(pair("self-signed"))) == 403


def test_a_file_that_is_no_certificate_harms_nobody(tmp_path, caplog):
    broken = acme_with("garbage", "leaf", garbage=b"no certificate", leaf=pair("leaf").certificate.der)
    certificate, key = files_of(tmp_path, pair("server"), "server")
    mutual = MutualTls(tls_context(certificate, key))
    mutual.follow(Directory([broken]))
    mutual.follow(Directory([broken]))
    assert [found["subject"] for found in mutual.context.get_ca_certs()] == []
    assert mutual.context.cert_store_stats()["x509"] == 1
    assert [record.partner for record in caplog.records] == ["acme"]


def test_the_same_by_uvloop(at, shown_by):
    async def story() -> None:
        async with at() as behind:
            assert await called(behind.asking, shown_by(pair("leaf"))) == 200
            assert await called(behind.asking, shown_by()) == 401
            with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                await called(behind.asking, shown_by(pair("stranger")))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())


async def test_the_whole_gateway_has_a_port_that_asks(tmp_path, shown_by):
    certificate, key = files_of(tmp_path, pair("server"), "server")
    tls = {
        "edge_tls_certificate": str(certificate),
        "edge_tls_key": str(key),
        "edge_mtls_port": 0,
        "profiles_reload_s": 0.1,
    }
    async with whole(tmp_path / "site", **tls) as running:
        gateway, shown = running.gateway, shown_by(pair("self-signed"))
        asking, plain = (f"https://127.0.0.1:{port}" for port in (gateway.edge_mtls_port, gateway.edge_port))
        for url in (asking, plain):
            assert await called(url, shown_by(), **{"X-API-Key": ACME_API_KEY}) == 200
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
            await called(asking, shown)
        folder = gateway.settings.partners_dir / "acme-supply"
        (folder / "theirs.pem").write_bytes(pair("self-signed").certificate.pem())
        entry = "\napi:\n  certificates:\n    - {label: theirs, file: theirs.pem}\n"
        (folder / "profile.yaml").write_text((folder / "profile.yaml").read_text() + entry)
        async with asyncio.timeout(15):
            while await status_or_none(asking, shown) != 200:
                await asyncio.sleep(0.05)
        assert await called(plain, shown) == 401


async def status_or_none(url, context):
    with suppress(aiohttp.ClientError, ssl.SSLError, ConnectionError):
        return await called(url, context)
    return None

"""Secrets and payload never appear in logs, audit, metrics or the words of a refusal: each secret is a canary."""

import asyncio
from dataclasses import replace

import asyncssh
import pytest

from gateway.model.password_hash import hash_of
from tests.faults.oracle import Store
from tests.faults.posting import Parcel, as2_parcel, attempt, deliver, rest_parcel
from tests.site import API_KEY, PASSPHRASE, RunningGateway, Site

PAYLOAD = "CANARY-IN-THE-PAYLOAD"
BROKEN = "CANARY-IN-A-BROKEN-PAYLOAD"
GUESSED_KEY = "CANARY-GUESSED-API-KEY"
HEADER = "CANARY-IN-A-HEADER"
COOKIE = "CANARY-IN-A-COOKIE"
QUERY = "CANARY-IN-A-QUERY"
TOKEN = "CANARY-GUESSED-TOKEN"
MAILBOX_PASSWORD = "CANARY-PASSWORD-OF-A-MAILBOX"
GUESSED_PASSWORD = "CANARY-GUESSED-PASSWORD"
CANARIES = (PAYLOAD, BROKEN, GUESSED_KEY, HEADER, COOKIE, QUERY, TOKEN, API_KEY, PASSPHRASE)


@pytest.fixture
def site(tmp_path, broker_url):
    settings = {"broker_url": broker_url, "log_level": "debug", "limits": {"processing_attempts_max": 1}}
    return Site(tmp_path / "site", settings)


async def test_no_canary_sings(site, http, store, ledger):
    with RunningGateway(site) as gateway:
        for parcel in good_parcels(site):
            await deliver(http, gateway, parcel, ledger)
        answers = [(await attempt(http, gateway, parcel)).body.decode("latin-1") for parcel in bad_parcels(site)]
        answers += [await answer for answer in strange_requests(http, gateway)]
        await store.wait_until_decided()
        metrics = str(await asyncio.to_thread(gateway.metrics))
        assert gateway.stop() == 0
    log = "\n".join(gateway.log)
    audit = "\n".join(str(tuple(row)) for row in store.rows("SELECT * FROM audit"))
    cases = "\n".join(str(tuple(row)) for row in store.rows("SELECT * FROM exception_case"))
    assert "the gateway is up" in log
    assert "refused" in audit
    for canary in CANARIES:
        assert canary not in log, "in the log"
        assert canary not in audit, "in the audit"
        assert canary not in cases, "in the exceptions list"
        assert canary not in metrics, "in the metrics"
        assert not any(canary in answer for answer in answers), "in a refusal"


async def test_no_canary_sings_by_sftp(tmp_path, broker_url):
    """The password that opens, one that is guessed, who tried it, and content that is no document."""
    scrypt = hash_of(MAILBOX_PASSWORD, b"a salt of a test")
    terms = {"user": "acme", "passwords": [{"label": "typed", "scrypt": scrypt}]}
    settings = {"broker_url": broker_url, "log_level": "debug", "limits": {"processing_attempts_max": 1}}
    site = Site(tmp_path / "site", settings, acme_profile={"sftp": terms})
    store = Store(site)
    with RunningGateway(site) as gateway:

        def connect(password):
            return asyncssh.connect(
                "127.0.0.1",
                gateway.sftp_port,
                username="acme",
                password=password,
                client_keys=[],
                known_hosts=None,
                config=None,
                agent_path=None,
            )

        with pytest.raises(asyncssh.PermissionDenied):
            await connect(GUESSED_PASSWORD)
        async with connect(MAILBOX_PASSWORD) as client, client.start_sftp_client() as files:
            async with files.open("/inbox/broken.edi", "wb") as file:
                await file.write(b"ISA*" + BROKEN.encode())
            async with files.open("/inbox/broken.json", "wb") as file:
                await file.write(b'{"document_type": "' + BROKEN.encode() + b'"}')
        await store.wait_until_decided()
        metrics = str(await asyncio.to_thread(gateway.metrics))
        assert gateway.stop() == 0
    told = {"log": "\n".join(gateway.log), "metrics": metrics}
    for table in ("audit", "exception_case", "mailbox_file", "credential_use"):
        told[table] = "\n".join(str(tuple(row)) for row in store.rows(f"SELECT * FROM {table}"))
    assert "refused.unauthenticated" in told["audit"]
    assert "a partner logged in by SFTP" in told["log"]
    for where, text in told.items():
        for canary in (MAILBOX_PASSWORD, GUESSED_PASSWORD, BROKEN, PASSPHRASE, scrypt):
            assert canary not in text, where
    for file in [file for file in site.data_dir.rglob("*") if file.is_file()]:
        content = file.read_bytes()
        assert MAILBOX_PASSWORD.encode() not in content
        assert GUESSED_PASSWORD.encode() not in content
        assert b"BEGIN OPENSSH PRIVATE KEY" not in content


def good_parcels(site):
    rest = rest_parcel(1)
    as2 = as2_parcel(site, 1, order=PAYLOAD)
    rest = replace(rest, body=rest.body.replace(b"NPO-1", PAYLOAD.encode()))
    return [rest, as2, replace(rest, key="other", headers=tuple(with_key(rest, "other")))]


def bad_parcels(site):
    """Refused or rejected each for another reason."""
    rest, as2 = rest_parcel(2), as2_parcel(site, 2)
    reused = replace(rest_parcel(1), body=b'{"document_type": "' + BROKEN.encode() + b'"}')
    yield reused  # the key of another content
    yield replace(rest, body=f"<{BROKEN}".encode())
    yield replace(rest, body=BROKEN.encode())
    yield replace(rest, headers=tuple(with_key(rest, "third")), body=f'{{"document_type": "{BROKEN}", '.encode())
    yield replace(rest, headers=(("X-API-Key", GUESSED_KEY), ("X-Canary", HEADER), ("Cookie", f"a={COOKIE}")))
    yield replace(as2, body=BROKEN.encode())
    unencrypted = site.as2_message(BROKEN.encode(), "<plain@acme.example>", encryption=None, signing=None)
    yield Parcel("plain", "as2", "/as2", tuple(unencrypted.headers), unencrypted.body, "")
    broken_x12 = site.as2_message(f"ISA*{BROKEN}".encode(), "<broken@acme.example>")
    yield Parcel("broken", "as2", "/as2", tuple(broken_x12.headers), broken_x12.body, "")


def with_key(parcel, key):
    return [(name, key if name == "Idempotency-Key" else value) for name, value in parcel.headers]


def strange_requests(http, gateway):
    async def text(method, url, **options):
        async with http.request(method, url, **options) as response:
            assert response.status >= 400
            return await response.text()

    yield text("GET", f"{gateway.edge_url}/v1/documents?token={QUERY}", headers={"X-API-Key": GUESSED_KEY})
    yield text("GET", f"{gateway.operator_url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    yield text("GET", f"{gateway.operator_url}/metrics", headers={"Authorization": f"Basic {TOKEN}"})
    yield text("POST", f"{gateway.edge_url}/v1/documents", data=PAYLOAD, headers={"X-Canary": HEADER})


def test_keys_at_rest_hold_neither_the_passphrase_nor_a_bare_private_key(site):
    files = [file for file in site.data_dir.rglob("*") if file.is_file()]
    assert any(b"BEGIN ENCRYPTED PRIVATE KEY" in file.read_bytes() for file in files)
    for file in files:
        content = file.read_bytes()
        assert PASSPHRASE.encode() not in content
        assert b"BEGIN PRIVATE KEY" not in content
        assert b"BEGIN RSA PRIVATE KEY" not in content

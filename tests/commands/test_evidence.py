"""`gateway messages evidence`: every command of its README is run with the real openssl, and tampering is noticed."""

import asyncio
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from gateway.as2.cms.algorithms import Cipher
from gateway.as2.message import Encryption, MdnRequest, Signing, write_message
from gateway.commands.program import main
from gateway.flow.evidence.readme import KEY_FILE
from gateway.model.delivery import DeliveryKind
from gateway.store import deliveries, messages
from gateway.store.deliveries import NewDelivery
from gateway.store.deliveries import bodies as delivery_bodies
from tests.certs.authorities import curve_key, family, issue
from tests.flow.two_houses import House, two_houses, until
from tests.site import acknowledgment_855, key_pair

# Line ends of every kind and bytes of every value: what a text-minded tool would change on the way.
PAYLOAD = acknowledgment_855(1) + b"\r\n\n\r\x1a\x00\xff." + bytes(range(256))


async def receive(us: House, payload: bytes = PAYLOAD, message_id: str = "<m 'quoted' 1@acme>", **choices: Any) -> str:
    """A message of ACME; its id once it is kept."""
    fixed: dict[str, Any] = {
        "as2_from": "ACME",
        "as2_to": "BIGCORP",
        "message_id": message_id,
        "content_type": "application/edi-x12",
        "now": datetime.now(UTC),
        "filename": "order.edi",
        "signing": Signing(key_pair("acme-supply")),
        "encryption": Encryption([us.pair.certificate]),
        "mdn_request": MdnRequest("edi@acme", signed=True, micalgs=("sha-256",)),
    }
    written = write_message(payload, **(fixed | choices))
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{us.port}/as2"
        async with session.post(url, data=io.BytesIO(written.body), headers=dict(written.headers)) as response:
            assert b"processed\r\n" in await response.read() or choices.get("mdn_request", 1) is None

    async def decided() -> str | None:
        newest = (await us.read(messages.find))[0]
        return str(newest.id) if newest.state in ("published", "rejected") else None

    return str(await until(decided))


async def evidence(house: House, subject: str, target: Path, *options: str) -> Path:
    """The evidence, unpacked."""
    call = ["messages", "evidence", subject, "-o", str(target), "--config", str(house.root / "gateway.yaml"), *options]
    assert await asyncio.to_thread(main, call) == 0
    folder = target.with_suffix("")
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    return folder


def commands(folder: Path) -> list[str]:
    return [line[2:] for line in (folder / "README.txt").read_text().splitlines() if line.startswith("$ ")]


def run(folder: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, timeout=60, check=False)


def all_hold(folder: Path) -> list[str]:
    held = commands(folder)
    for command in held:
        done = run(folder, command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    return held


def put_key(folder: Path, name: str = "bigcorp") -> None:
    """What the keeper of the key does."""
    key = key_pair(name).private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / KEY_FILE).write_bytes(key)


def tampered(folder: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    copy = folder.with_name(f"{folder.name}-{name.replace('/', '-')}")
    shutil.copytree(folder, copy)
    (copy / name).write_bytes(change((folder / name).read_bytes()))
    return copy


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]


def failing(folder: Path) -> list[str]:
    return [command for command in commands(folder) if run(folder, command).returncode != 0]


@pytest.fixture
async def houses(tmp_path):
    profile = {"require_encrypted": False, "require_signed": False}
    async with two_houses(tmp_path / "houses", ours=profile, theirs=profile) as both:
        yield both


async def test_a_signed_message_verifies_to_the_last_command_and_no_byte_can_change(houses, tmp_path):
    us, _ = houses
    subject = await receive(us, encryption=None)
    folder = await evidence(us, subject, tmp_path / "signed.zip")
    assert (tmp_path / "signed.zip").stat().st_mode & 0o777 == 0o600
    held = all_hold(folder)
    assert sum("cms -verify" in command for command in held) == 2  # theirs on the message, ours on the receipt
    assert any("dgst -sha256" in command for command in held)
    assert (folder / "payload").read_bytes() == PAYLOAD
    assert not list(folder.glob("*key*"))
    for name in ("signed-content", "receipt-signed-content"):
        failed = failing(tampered(folder, name, flip))
        assert any("cms -verify" in command for command in failed), name
        assert any("sha256sum" in command for command in failed), name
    for name in ("message.eml", "payload", "signature.p7s", "receipt-signature.p7s", "audit.json", "README.txt"):
        assert run(tampered(folder, name, flip), held[0]).returncode != 0, name
    stranger = key_pair("stranger").certificate.pem()
    failed = failing(
        tampered(
            folder, next(iter(folder.glob("certificates/partner-*"))).relative_to(folder).as_posix(), lambda _: stranger
        )
    )
    assert any("cms -verify" in command for command in failed)


async def test_what_was_encrypted_for_us_is_shown_without_the_key(houses, tmp_path):
    us, _ = houses
    subject = await receive(us, encryption=Encryption([us.pair.certificate], Cipher.AES128_GCM))
    folder = await evidence(us, subject, tmp_path / "opened.zip")
    without_key = [command for command in commands(folder) if KEY_FILE not in command]
    assert sum("cms -verify" in command for command in without_key) == 2
    for command in without_key:
        done = run(folder, command)
        assert done.returncode == 0, (command, done.stderr)
    put_key(folder)
    all_hold(folder)
    text = "".join(path.read_text("latin-1") for path in folder.rglob("*") if path.is_file() and path.name != KEY_FILE)
    assert "PRIVATE KEY" not in text


async def test_sealed_evidence_is_opened_by_the_keeper_of_the_key(houses, tmp_path):
    us, _ = houses
    subject = await receive(us)
    folder = await evidence(us, subject, tmp_path / "sealed.zip", "--sealed")
    assert not (folder / "decrypted").exists()
    assert any(KEY_FILE in command for command in failing(folder))
    put_key(folder)
    held = all_hold(folder)
    assert any("split-signed.sh" in command for command in held)
    assert PAYLOAD in (folder / "opened.content").read_bytes()
    # Cut off rather than changed: what the last block becomes is padding by chance, once in 256 times.
    broken = tampered(folder, "encrypted.p7m", lambda data: data[:-1])
    assert any("cms" in command for command in failing(broken))


PROTECTIONS: tuple[dict[str, Any], ...] = (
    {"encryption": None, "compression": "before-signing"},
    {"encryption": None, "compression": "after-signing"},
    {"encryption": None, "signing": None},
    {"encryption": None, "signing": None, "compression": "before-signing"},
    {"encryption": None, "mdn_request": None},
    {"signing": None},
)


async def test_every_protection_is_explained_by_commands_that_hold(houses, tmp_path):
    us, _ = houses
    for number, choices in enumerate(PROTECTIONS):
        subject = await receive(us, message_id=f"<{number}@acme>", **choices)
        folder = await evidence(us, subject, tmp_path / f"{number}.zip")
        put_key(folder)
        held = all_hold(folder)
        readme = (folder / "README.txt").read_text()
        assert ("dgst" in readme) is ("mdn_request" not in choices), choices
        assert ("There is no receipt" in readme) is ("mdn_request" in choices), choices
        assert len(held) >= 2


async def test_the_same_records_give_the_same_bytes(houses, tmp_path):
    us, _ = houses
    subject = await receive(us, b"no document: nothing is sent because of it")
    for name in ("one", "two"):
        await evidence(us, subject, tmp_path / f"{name}.zip")
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")} for name in ("one", "two"))
    assert [name for name in one if one[name] != two[name]] == []
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


async def test_what_we_sent_is_proven_by_their_receipt(houses, tmp_path):
    us, _ = houses
    delivery_id = await send(us, PAYLOAD)
    folder = await evidence(us, delivery_id, tmp_path / "sent.zip")
    held = [command for command in commands(folder) if KEY_FILE not in command]
    assert any("receipt-signature" in command for command in held)
    assert any("dgst" in command and "mic-content" in command for command in held)
    for command in held:
        done = run(folder, command)
        assert done.returncode == 0, (command, done.stderr)
    put_key(folder, "acme-supply")  # theirs: so a court may have the receiver show what came
    for command in commands(folder):
        assert run(folder, command).returncode == 0, command
    assert failing(tampered(folder, "receipt-signed-content", flip))
    assert failing(tampered(folder, "mic-content", flip))
    # Not the checksums alone, which whoever changes a file makes anew: the content stands in what they confirmed.
    assert any("cmp - payload" in command for command in failing(tampered(folder, "payload", flip)))
    facts = json.loads((folder / "digests.json").read_text())
    assert facts["receipt"]["original_message_id"].startswith("<")
    assert facts["sha256"]["payload"]


async def send(us: House, payload: bytes) -> str:
    assert us.gateway is not None
    loaded = us.gateway.directory().by_id("acme")
    assert loaded is not None
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    new = NewDelivery(
        id="01EVIDENCE",
        partner_id="acme",
        profile_digest=loaded.digest,
        identity="bigcorp",
        channel="as2",
        kind=DeliveryKind.FILE.value,
        lane="acme/files",
        transport_id="<01EVIDENCE@bigcorp>",
        content_type="application/edi-x12",
        filename="order.edi",
        subject="",
        payload=payload,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
    )
    await us.write(deliveries.enqueue, new)
    us.gateway.sending.wake()

    async def delivered() -> bool:
        found = await us.read(deliveries.get, delivery_id=new.id)
        return found is not None and found.state == "delivered"

    assert await until(delivered)
    return new.id


async def test_a_large_message_is_streamed(houses, tmp_path):
    us, _ = houses
    large = bytes(range(256)) * 16_384  # 4 MiB, more than one piece of the store and than what is kept in memory
    folder = await evidence(us, await receive(us, large), tmp_path / "large.zip")
    put_key(folder)
    all_hold(folder)
    assert (folder / "payload").read_bytes() == large


async def test_what_cannot_be_done_is_said(houses, tmp_path, capsys):
    us, _ = houses
    config = str(us.root / "gateway.yaml")
    call = ["messages", "evidence", "01NOTHING", "-o", str(tmp_path / "x.zip"), "--config", config]
    assert await asyncio.to_thread(main, call) == 2
    assert "there is no message or delivery 01NOTHING" in capsys.readouterr().err
    assert list(tmp_path.glob("*.zip")) == []
    (tmp_path / "x.zip").write_bytes(b"mine")
    assert await asyncio.to_thread(main, call) == 2
    assert (tmp_path / "x.zip").read_bytes() == b"mine"


def test_what_came_by_rest_is_told_to_be_our_record_alone(stocked, run, tmp_path):
    target, config = tmp_path / "rest.zip", stocked.site.config
    subject = run("messages", "list", "--channel", "rest", "--format", "json", "--config", config).rows[0]["id"]
    assert run("messages", "evidence", subject, "-o", target, "--config", stocked.site.config).code == 0
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "rest")
    all_hold(tmp_path / "rest")
    readme = (tmp_path / "rest" / "README.txt").read_text()
    assert "over rest" in readme
    assert "no message bears a signature" in " ".join(readme.split())


async def test_a_signer_that_an_authority_vouched_for_comes_with_its_chain(tmp_path):
    now = datetime.now(UTC)
    them = family(now)
    agreed = issue("acme", them.middle, now, key=key_pair("acme-supply").private_key)
    renewed = issue("acme", them.middle, now, key=key_pair("renewed").private_key)
    profile = {"authorities": "root.pem", "trust": "chain", "require_encrypted": False}
    chain = agreed.certificate.pem() + them.middle.certificate.pem()
    files = {"root.pem": them.root.certificate.pem(), "them.pem": chain}
    async with two_houses(tmp_path / "houses", ours=profile, their_pair=agreed, files=files) as (us, _):
        subject = await receive(us, encryption=None, signing=Signing(renewed))
        folder = await evidence(us, subject, tmp_path / "chain.zip")
    held = all_hold(folder)
    assert any("openssl verify" in command for command in held)
    (tmp_path / "other.pem").write_bytes(issue("root", None, now, ca=True, key=curve_key("other")).certificate.pem())
    broken = tampered(folder, "certificates/authorities.pem", lambda _: (tmp_path / "other.pem").read_bytes())
    assert any("openssl verify" in command for command in failing(broken))


async def test_what_a_partner_answers_becomes_no_command_of_the_readme(houses, tmp_path):
    us, _ = houses
    delivery_id = await send(us, PAYLOAD)
    pad = b"x" * 93  # so that the next word begins a line
    report = (
        b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/disposition-notification\r\n'
        b"\r\nOriginal-Message-ID: <\xff>\r\nDisposition: " + pad + b" $ touch taken\r\n"
        b"Received-Content-MIC: \xff\r\n\r\n--b--\r\n"
    )
    await us.write(delivery_bodies.replace, delivery_id, delivery_bodies.RECEIPT, report)
    folder = await evidence(us, delivery_id, tmp_path / "answered.zip")
    assert all("touch" not in command for command in commands(folder))
    text = (folder / "README.txt").read_text()
    assert "    | $ touch taken" in text
    assert json.loads((folder / "digests.json").read_text())["receipt"]["disposition"].endswith("$ touch taken")

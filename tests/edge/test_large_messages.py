"""Large messages at the door: into a file as they come, kept piece by piece, and never half."""

import asyncio
import io
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.as2.mdn import objection, read_mdn
from gateway.buffers import WINDOW_BYTES
from gateway.settings import SPOOL_FOLDER
from gateway.store import messages
from gateway.store.engine.statements import table_of
from gateway.store.oversight import audit
from gateway.store.tables import Claim, MessageBody
from tests.edge.house import ACME_KEY, message, open_house, our_keys, until

SPOOLED_FROM = 65_536
# No compression makes it small; as a whole it is staged.
NOISE = b"ISA" + random.Random(2).randbytes(3 * 1_048_576)
TEXT = b"ISA*00*" + b"PO1*1*10*EA*12.5~" * 300_000


async def send(house, client, sent, body=None, **headers):
    data = io.BytesIO(sent.body) if body is None else body
    async with client.post(house.url + "/as2", data=data, headers=dict(sent.headers) | headers) as response:
        return response.status, response.headers, await response.read()


def complaint(sent, headers, body):
    mdn = read_mdn(
        headers, body, partner_certificates=[our_keys().certificate], now=datetime.now(UTC), require_signed=True
    )
    return objection(mdn, message_id=sent.message_id, as2_from="ACME-AS2", as2_to="BIGCORP", mics=sent.mics)


async def parts_of(house, kept):
    return [
        await house.database.read(lambda c, part=part: messages.body(c, kept.id, part)) for part in ("payload", "wire")
    ]


async def is_clean(house):
    """Every piece belongs to a message, no claim is left, no memory is held."""

    def orphans(connection):
        known = {message.id for message in messages.find(connection)}
        pieces = set(connection.scalars(select(table_of(MessageBody).c.message_id).distinct()))
        return pieces - known, connection.scalars(select(table_of(Claim).c.name)).all()

    found = await house.database.read(orphans)
    return found == (set(), []) and house.bodies.held_bytes == 0


async def pieces(data):
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("payload", [NOISE, TEXT], ids=["noise", "text"])
@pytest.mark.parametrize("compression", [None, "before-signing"])
async def test_a_large_message_is_kept_whole_and_takes_no_memory(tmp_path, client, chunked, payload, compression):
    sent = message(payload, compression=compression, filename="large.edi")
    # Less than the body: what is in the spool does not count.
    limits = {"spool_from_bytes": SPOOLED_FROM, "bodies_in_memory_bytes_max": 2_500_000}
    async with open_house(tmp_path, **limits) as house:
        body = pieces(bytes(sent.body)) if chunked else None
        status, headers, answered = await send(house, client, sent, body)
        assert status == 200
        assert complaint(sent, headers, answered) is None
        (kept,) = await house.database.read(messages.find)
        assert (kept.payload_bytes, kept.filename, len(house.arrived)) == (len(payload), "large.edi", 1)
        kept_payload, wire = await parts_of(house, kept)
        assert kept_payload == payload
        assert wire.endswith(b"\r\n\r\n" + bytes(sent.body))
        assert await is_clean(house)
        assert list((tmp_path / SPOOL_FOLDER).iterdir()) == []


async def test_a_retry_of_a_large_message_gets_the_stored_receipt_and_leaves_nothing(tmp_path, client):
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        first = await send(house, client, message(NOISE, message_id="<1@acme>"))
        again = await send(house, client, message(NOISE, message_id="<1@acme>"))
        assert first[2] == again[2]
        at_once = [message(NOISE, message_id="<2@acme>") for _ in range(4)]
        answers = await asyncio.gather(*(send(house, client, sent) for sent in at_once))
        assert len({body for _, _, body in answers}) == 1
        assert len(house.arrived) == 2
        assert await is_clean(house)


async def test_other_content_under_the_id_of_a_large_message_is_refused_and_leaves_nothing(tmp_path, client):
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        await send(house, client, message(NOISE, message_id="<1@acme>"))
        sent = message(NOISE + b"!", message_id="<1@acme>")
        status, _, body = await send(house, client, sent)
        assert (status, b"processed/error" in body) == (200, True)
        assert len(house.arrived) == 1
        assert [act.action for act in await house.acts()] == ["refused.idempotency-key-reused"]
        assert await is_clean(house)


@pytest.mark.parametrize("where", [0.01, 0.5, 0.999])
async def test_a_damaged_large_message_is_refused_and_leaves_nothing(tmp_path, client, where):
    sent = message(NOISE)
    damaged = bytearray(sent.body)
    damaged[int(len(damaged) * where)] ^= 1
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        status, _, body = await send(house, client, sent, io.BytesIO(damaged))
        assert (status, b"decryption-failed" in body) == (200, True)
        assert await house.database.read(messages.find) == []
        assert await is_clean(house)


@pytest.mark.parametrize("channel", ["as2", "rest"])
async def test_without_room_in_the_spool_the_sender_is_asked_to_try_again(tmp_path, client, channel):
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        (tmp_path / SPOOL_FOLDER).write_bytes(b"no folder")
        sent = message(NOISE)
        path, headers = ("/as2", dict(sent.headers)) if channel == "as2" else ("/v1/documents", {"X-API-Key": ACME_KEY})
        async with client.post(house.url + path, data=io.BytesIO(sent.body), headers=headers) as response:
            assert (response.status, int(response.headers["Retry-After"]) > 0) == (503, True)
            assert (await response.json())["type"].endswith("store-unavailable")
        assert await house.database.read(messages.find) == []
        assert await is_clean(house)
        (tmp_path / SPOOL_FOLDER).unlink()
        assert (await send(house, client, sent))[0] == 200


async def test_a_small_message_that_becomes_large_meets_the_full_disk_as_well(tmp_path, client):
    sent = message(TEXT, compression="before-signing")
    assert len(sent.body) < SPOOLED_FROM
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        (tmp_path / SPOOL_FOLDER).write_bytes(b"no folder")
        status, headers, _ = await send(house, client, sent)
        assert (status, "Retry-After" in headers) == (503, True)
        assert await house.database.read(messages.find) == []


async def test_half_a_large_body_leaves_nothing(tmp_path: Path):
    sent = message(NOISE)
    fields = "".join(f"{name}: {value}\r\n" for name, value in sent.headers)
    head = f"POST /as2 HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {len(sent.body)}\r\n\r\n".encode()
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        _, writer = await house.connect()
        writer.write(head + bytes(sent.body[: len(sent.body) // 2]))
        await writer.drain()
        await until(lambda: house.bodies.held_bytes > 0)
        writer.close()
        await until(lambda: house.bodies.held_bytes == 0)
        assert await house.database.read(messages.find) == []
        assert await is_clean(house)


async def test_an_endless_body_ends_at_its_limit_on_the_disk_too(tmp_path: Path):
    async with open_house(
        tmp_path, spool_from_bytes=SPOOLED_FROM, body_bytes_max=1_000_000, header_timeout_s=0.5
    ) as house:
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        answered = await house.raw(b"POST /as2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20)
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert await is_clean(house)


@pytest.mark.parametrize("size", [SPOOLED_FROM - 1, SPOOLED_FROM, SPOOLED_FROM + 1, WINDOW_BYTES, len(NOISE)])
async def test_rest_bodies_of_every_size_come_through(tmp_path, client, size):
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        async with client.post(
            house.url + "/v1/documents", data=io.BytesIO(NOISE[:size]), headers={"X-API-Key": ACME_KEY}
        ) as response:
            assert response.status == 202
        (kept,) = await house.database.read(messages.find)
        assert (await parts_of(house, kept)) == [NOISE[:size], None]
        assert await is_clean(house)


async def test_a_large_message_that_nobody_signed_burns_no_id(tmp_path, client):
    forged = message(NOISE, message_id="<1@acme>", signing=None)
    true = message(NOISE, message_id="<1@acme>")
    async with open_house(tmp_path, spool_from_bytes=SPOOLED_FROM) as house:
        await send(house, client, forged)
        assert await is_clean(house)
        status, headers, body = await send(house, client, true)
        assert (status, complaint(true, headers, body)) == (200, None)
        assert len(await house.database.read(audit.find)) == 1

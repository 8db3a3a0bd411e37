import asyncio
import logging
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import uvloop
from cryptography.hazmat.primitives import serialization

from certs.creation import create_key_pair
from gateway.as2.message import WrittenMessage
from gateway.edge.connection import network_of
from gateway.edge.http import json_response
from gateway.edge.tls import tls_context
from gateway.store import messages
from tests.edge.house import ACME_KEY, X12, House, message, open_house, problem_in, until

KEY = f"X-API-Key: {ACME_KEY}\r\n".encode()


def post(*fields: bytes, body: bytes = b"", path: bytes = b"/v1/documents") -> bytes:
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"Host: x", KEY.strip(), *fields, b"", b""]) + body


async def kept(house: House) -> int:
    return len(await house.database.read(messages.find))


# -- slow on purpose: deadlines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"", b"POST /v1/doc", b"POST /v1/documents HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(tmp_path: Path, head):
    async with open_house(tmp_path, header_timeout_s=0.2) as house:
        answered = await house.raw(head)
    assert answered.startswith(b"HTTP/1.1 408 ") if head else answered == b""


async def test_a_head_that_trickles_does_not_gain_time(tmp_path: Path):
    async with open_house(tmp_path, header_timeout_s=0.3) as house:
        reader, writer = await house.connect()

        async def trickle() -> None:
            with suppress(ConnectionError):
                for byte in b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"X-Slow: 1\r\n" * 10_000:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.005)

        trickling = asyncio.create_task(trickle())
        answered = await reader.read(65_536)
        trickling.cancel()
        assert answered.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_second_request_has_the_same_deadline(tmp_path: Path):
    async with open_house(tmp_path, header_timeout_s=0.3) as house:
        reader, writer = await house.connect()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'"live"}')
        writer.write(b"GET /heal")
        assert (await reader.read(65_536)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_half_a_request_behind_another_ends_with_the_connections_idle_time(tmp_path: Path):
    async with open_house(tmp_path, keepalive_timeout_s=0.3) as house:
        answered = await house.raw(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /heal")
    assert answered.startswith(b"HTTP/1.1 200 ")


async def test_an_idle_connection_is_closed(tmp_path: Path):
    async with open_house(tmp_path, keepalive_timeout_s=0.2) as house:
        answered = await house.raw(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 1500000000", b"Transfer-Encoding: chunked"])
async def test_a_body_that_stops_is_not_waited_for(tmp_path: Path, framing):
    async with open_house(tmp_path, header_timeout_s=0.2, body_bytes_max=2_000_000_000) as house:
        answered = await house.raw(post(framing, body=b"1\r\n{"))
        assert answered.startswith(b"HTTP/1.1 408 ")
        assert await kept(house) == 0
        assert house.bodies.held_bytes == 0


async def test_a_body_below_the_least_rate_is_not_waited_for(tmp_path: Path):
    async with open_house(tmp_path, header_timeout_s=0.2, body_rate_bytes_per_s_min=1_000_000) as house:
        reader, writer = await house.connect()
        writer.write(post(b"Content-Length: 1000000"))

        async def trickle() -> None:
            with suppress(ConnectionError):
                while True:
                    writer.write(b"x" * 100)
                    await writer.drain()
                    await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        answered = await reader.read(65_536)
        trickling.cancel()
        assert answered.startswith(b"HTTP/1.1 408 ")
        assert problem_in(answered)["type"].endswith("body-too-slow")
        writer.close()


async def test_a_body_over_its_whole_time_is_not_waited_for(tmp_path: Path):
    async with open_house(tmp_path, body_timeout_s=0.2, body_rate_bytes_per_s_min=0, header_timeout_s=0.3) as house:
        answered = await house.raw(post(b"Content-Length: 10", body=b"{"))
    assert answered.startswith(b"HTTP/1.1 408 ")


async def test_who_does_not_read_the_answers_is_cut_off(tmp_path: Path):
    async with open_house(tmp_path, answer_timeout_s=0.3, header_timeout_s=0.4) as house:
        big = b"x" * 50_000_000

        async def flood(_request):
            response = json_response({})
            response.body = big
            return response

        house.server._routes.add("GET", "/flood", flood)
        _, writer = await asyncio.open_connection(*house.server.address, limit=1_024)
        writer.transport.pause_reading()
        writer.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: house.server._server.open_connections == 1)
        await until(lambda: house.server._server.open_connections == 0)
        writer.transport.abort()


# -- too much: sizes and numbers -----------------------------------------------------------------------------------


async def test_a_declared_length_over_the_limit_is_refused_before_the_body(tmp_path: Path):
    async with open_house(tmp_path, body_bytes_max=10_000, header_timeout_s=0.5) as house:
        answered = await house.raw(post(b"Content-Length: 1500000000", b"Expect: 100-continue"))
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert b"100 Continue" not in answered
        assert b"Connection: close" in answered
        assert problem_in(answered)["body_bytes_max"] == 10_000


async def test_a_chunked_body_over_the_limit_is_refused_while_it_comes(tmp_path: Path):
    async with open_house(tmp_path, body_bytes_max=10_000, header_timeout_s=0.5) as house:
        chunk = b"1000\r\n" + b" " * 4_096 + b"\r\n"
        answered = await house.raw(post(b"Transfer-Encoding: chunked", body=chunk * 4))
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert house.bodies.held_bytes == 0


async def test_the_as2_door_has_the_same_limit(tmp_path: Path):
    async with open_house(tmp_path, body_bytes_max=10_000, header_timeout_s=0.5) as house:
        answered = await house.raw(post(b"Content-Length: 10001", path=b"/as2"))
        assert answered.startswith(b"HTTP/1.1 413 ")


async def test_100_continue_is_said_when_the_body_is_welcome(house):
    reader, writer = await house.connect()
    writer.write(post(b"Content-Length: 2", b"Expect: 100-continue"))
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b"{}")
    assert await reader.readline() == b"\r\n"
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()


async def test_bodies_together_fit_into_memory(tmp_path: Path, client):
    async with open_house(tmp_path, bodies_in_memory_bytes_max=100_000, header_timeout_s=0.5) as house:
        reader, writer = await house.connect()
        writer.write(post(b"Content-Length: 90000", body=b"{" + b" " * 80_000))
        await writer.drain()
        await until(lambda: house.bodies.held_bytes >= 80_001)
        answered = await house.raw(post(b"Content-Length: 30000", b"Connection: close", body=b"{" * 30_000))
        assert answered.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in answered
        writer.write(b" " * 9_999)
        assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
        writer.close()
        assert house.bodies.held_bytes == 0


@pytest.mark.parametrize(
    "field",
    [b"X-Long: " + b"x" * 9_000, b"\r\n".join(b"X-%d: y" % number for number in range(150))],
)
async def test_heads_have_limits(house, field):
    answered = await house.raw(post(field, b"Connection: close"))
    assert answered.startswith((b"HTTP/1.1 431 ", b"HTTP/1.0 431 ", b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))


async def test_one_address_has_so_many_connections(tmp_path: Path):
    async with open_house(tmp_path, connections_per_address_max=2) as house:
        held = [await house.connect() for _ in range(2)]
        await until(lambda: house.server._server.open_connections == 2)
        answered = await house.raw(b"")
        assert answered.startswith(b"HTTP/1.1 503 ")
        assert problem_in(answered)["type"].endswith("too-many-connections")
        held[0][1].close()
        await until(lambda: house.server._server.open_connections == 1)
        assert (await house.raw(b"GET /health/live HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 ")
        held[1][1].close()


async def test_all_together_have_so_many_connections(tmp_path: Path):
    async with open_house(tmp_path, connections_max=1) as house:
        _, writer = await house.connect()
        await until(lambda: bool(house.server._server.open_connections))
        assert (await house.raw(b"")).startswith(b"HTTP/1.1 503 ")
        writer.close()


def test_a_customers_ipv6_network_counts_as_one_address():
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9")
    assert network_of("2001:db8:1:2::9") != network_of("2001:db8:1:3::9")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == network_of("fe80::2")
    assert network_of("local") == "local"


# -- ambiguous: smuggling and encodings ----------------------------------------------------------------------------

SMUGGLED = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 48"],
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5, 5"],
        [b"Content-Length: +5"],
        [b"Content-Length: -5"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: 99999999999999999999999"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, gzip"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding:\x0bchunked"],
        [b"Transfer-Encoding : chunked"],
        [b"Host: y", b"Content-Length: 5"],
        [b"X-A: b\r\n Content-Length: 5", b"Content-Length: 48\x00"],
        [b"X-A: b\nContent-Length: 5\rX: y"],
        [b"Authorization: Bearer a", b"Authorization: Bearer b", b"Content-Length: 0"],
        [b"X-API-Key: other", b"Content-Length: 0"],
    ],
)
async def test_what_two_readers_could_read_differently_is_refused_and_ends_the_connection(house, fields):
    answered = await house.raw(post(*fields, body=SMUGGLED), timeout_s=3)
    status = answered.split(b" ", 2)[1]
    assert status in {b"400", b"413", b"415", b"501"}
    assert answered.count(b"Content-Length:") == 1  # what followed was not read as a request
    assert await kept(house) == 0


@pytest.mark.parametrize(
    "line", [b"GET /health/live HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"]
)
async def test_what_is_no_http_is_refused_without_an_echo(house, line, caplog):
    answered = await house.raw(line + b"secret-canary: \x00\r\n\r\n", timeout_s=2)
    assert answered.split(b" ", 2)[1] == b"400"
    assert b"canary" not in answered
    assert "canary" not in caplog.text


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"identity, gzip", b"GZIP", b"x"])
async def test_an_encoded_body_is_refused(house, coding):
    answered = await house.raw(post(b"Content-Encoding: " + coding, b"Content-Length: 2", body=b"\x1f\x8b"))
    assert answered.startswith(b"HTTP/1.1 415 ")


async def test_identity_is_no_encoding(house):
    answered = await house.raw(
        post(b"Content-Encoding: identity", b"Content-Length: 2", b"Connection: close", body=b"{}")
    )
    assert answered.startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize(
    "body", [b"5\r\nab", b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n"]
)
async def test_broken_chunks_are_refused(tmp_path: Path, body):
    async with open_house(tmp_path, header_timeout_s=0.3) as house:
        answered = await house.raw(post(b"Transfer-Encoding: chunked", body=body))
        assert answered.split(b" ", 2)[1] in {b"400", b"408"}
        assert await kept(house) == 0


async def test_half_a_body_is_never_kept(house):
    _, writer = await house.connect()
    writer.write(post(b"Content-Length: 100", body=X12[:50]))
    await writer.drain()
    writer.close()
    await until(lambda: not house.server._server.open_connections)
    assert await kept(house) == 0
    assert house.bodies.held_bytes == 0


async def test_chunks_and_lengths_and_trailers_give_the_same_body(house):
    pieces = b"".join(b"%x;ext=1\r\n%s\r\n" % (1, X12[i : i + 1]) for i in range(len(X12)))
    answered = await house.raw(
        post(b"Transfer-Encoding: Chunked", b"Connection: close", body=pieces + b"0\r\nX-Trailer: 1\r\n\r\n")
    )
    assert answered.startswith(b"HTTP/1.1 202 ")
    (message_row,) = await house.database.read(messages.find)
    assert await house.database.read(lambda c: messages.body(c, message_row.id, "payload")) == X12


def folded(sent: WrittenMessage) -> bytes:
    fields = b"".join(
        f"{name.upper()}: {value.replace('; ', ';' + chr(13) + chr(10) + chr(9))}\r\n".encode()
        for name, value in sent.headers
    )
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(sent.body)
    return b"POST /as2 HTTP/1.1\r\nHost: x\r\n" + fields + length + sent.body


async def test_folded_as2_headers_are_read(house):
    """Some AS2 products still fold long fields, which HTTP/1.1 gave up (RFC 9112 5.2)."""
    answered = await house.raw(folded(message()))
    assert b"; processed\r\n" in answered


async def test_folded_headers_may_come_byte_by_byte(house):
    reader, writer = await house.connect()
    data = folded(message(signing=None))
    head_end = data.index(b"\r\n\r\n") + 4
    for start in range(0, head_end + 5, 5):
        writer.write(data[start : min(start + 5, head_end + 5)])
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(data[head_end + 5 :])
    answered = await reader.read()
    assert answered.startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize(
    "field", [b"Transfer-Encoding:\r\n chunked", b"Content-Length:\r\n 5", b"Host:\r\n y", b"X-A: b\r\n c"]
)
async def test_other_fields_may_not_be_folded(house, field):
    answered = await house.raw(post(field, b"Connection: close", path=b"/as2"), timeout_s=3)
    assert answered.split(b" ", 2)[1] == b"400"


@pytest.mark.parametrize("whole", [True, False])
async def test_an_endless_as2_head_is_refused(house, whole):
    line = b"Subject: " + b"x" * 1_000 + (b"\r\n " + b"y" * 1_000) * 100
    answered = await house.raw(post(line, path=b"/as2") if whole else b"POST /as2 HTTP/1.1\r\n" + line, timeout_s=3)
    assert answered.split(b" ", 2)[1] in {b"431", b"400"}


# -- order: routes, health, end ------------------------------------------------------------------------------------


async def test_elsewhere_and_otherwise_are_problem_details(house, client):
    async with client.get(f"{house.url}/nothing") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    async with client.delete(f"{house.url}/v1/documents") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    async with client.head(f"{house.url}/health/live") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize("line", [b"CONNECT x:80 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"TRACE / HTTP/1.1"])
async def test_methods_for_proxies_are_refused(house, line):
    answered = await house.raw(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n", timeout_s=2)
    assert answered.split(b" ", 2)[1] in {b"400", b"404", b"405"}


async def test_health_tells_readiness_and_its_reasons(house, client):
    async with client.get(f"{house.url}/health/ready") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ready"})
    house.reasons.append("the store cannot be written")
    async with client.get(f"{house.url}/health/ready") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"] == ["the store cannot be written"]
    async with client.get(f"{house.url}/health/live") as answer:
        assert answer.status == 200


async def test_a_fault_of_ours_is_a_500_without_its_text(house, client, caplog):
    async def broken(_request):
        raise ValueError("canary-in-exception")

    house.server._routes.add("GET", "/broken", broken)
    with caplog.at_level(logging.DEBUG):
        async with client.get(f"{house.url}/broken") as answer:
            assert answer.status == 500
            assert "canary" not in await answer.text()
    assert "canary" not in caplog.text
    assert any(record.error == "ValueError" for record in caplog.records if hasattr(record, "error"))


async def test_stopping_finishes_what_is_under_way(tmp_path: Path):
    async with open_house(tmp_path) as house:
        address = house.server.address
        idle = await house.connect()
        busy_reader, busy = await house.connect()
        busy.write(post(b"Content-Length: %d" % len(X12), body=X12[:50]))
        await until(lambda: bool(house.bodies.held_bytes))
        stopping = asyncio.create_task(house.server.stop(5))
        assert await idle[0].read() == b""  # nothing was under way there
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        busy.write(X12[50:])
        answered = await busy_reader.read()
        await stopping
        assert answered.startswith(b"HTTP/1.1 202 ")
        assert b"Connection: close" in answered
        assert await kept(house) == 1


async def test_stopping_ends_in_time(tmp_path: Path):
    async with open_house(tmp_path) as house:
        reader, writer = await house.connect()
        writer.write(post(b"Content-Length: 100", body=b"{"))
        await until(lambda: bool(house.bodies.held_bytes))
        async with asyncio.timeout(5):
            await house.server.stop(0.1)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_tls_from_1_2_on(tmp_path: Path):
    pair = create_key_pair("localhost", now=datetime.now(UTC))
    (tmp_path / "tls.pem").write_bytes(pair.certificate.pem())
    (tmp_path / "tls.key").write_bytes(
        pair.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = tls_context(tmp_path / "tls.pem", tmp_path / "tls.key")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with open_house(tmp_path, tls=context, header_timeout_s=0.3) as house, aiohttp.ClientSession() as session:
        url = house.url.replace("http:", "https:")
        async with session.post(
            f"{url}/v1/documents", data=X12, headers={"X-API-Key": ACME_KEY}, ssl=trusting
        ) as answer:
            assert answer.status == 202
        assert await house.raw(b"\x16\x03") == b""  # a handshake that stops is ended as well


def test_no_tls_is_no_context():
    assert tls_context(None, None) is None


def test_the_same_on_uvloop(tmp_path: Path):
    async def story() -> None:
        async with (
            open_house(tmp_path, header_timeout_s=0.3, answer_timeout_s=1) as house,
            aiohttp.ClientSession() as session,
        ):
            async with session.post(f"{house.url}/v1/documents", data=X12, headers={"X-API-Key": ACME_KEY}) as answer:
                assert answer.status == 202
            assert (await house.raw(b"GET /slow")).startswith(b"HTTP/1.1 408 ")
            assert (await house.raw(post(b"Content-Length: 9", body=b"{"))).startswith(b"HTTP/1.1 408 ")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())

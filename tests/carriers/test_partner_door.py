"""The guarded client against real servers: what it refuses, what it bears, what it tells."""

import asyncio
import os
import secrets
import ssl
import threading
from base64 import b64encode
from pathlib import Path

import pytest
from aiohttp import web

from gateway.carriers.call_failures import CallFailed, Step
from gateway.carriers.credentials import SECRET_BYTES_MAX, SecretMissing, read_secret
from gateway.carriers.http import Login
from gateway.carriers.tls import TlsUnusable, client_context
from tests.carriers.servers import (
    authority,
    fine,
    localhost,
    opened,
    pair,
    post,
    proxy,
    read_request,
    self_signed,
    server_context,
    serving,
    speaking,
    way,
)


async def failure(door, where, call) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        await door.call(where, call)
    return failed.value


def answers(*addresses: str):
    """A resolver with one answer, that counts how often it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return list(addresses)

    return resolve, asked


# --- a call ----------------------------------------------------------------------------------------------------------


async def test_a_body_arrives_with_its_length_and_the_answer_comes_back():
    async with serving() as server, opened() as door:
        answer = await door.call(way(), post(server.url, b"x" * 700_000))
        assert (answer.status, answer.body) == (200, b"got 700000")
        assert answer.peer.address == "127.0.0.1"
        headers, body = server.requests[0]
        assert body == b"x" * 700_000
        assert headers["Content-Length"] == "700000"
        assert "Transfer-Encoding" not in headers
        assert "Expect" not in headers
        assert headers["Accept-Encoding"] == "identity"
        assert headers["Content-Type"] == "text/plain"


async def test_fields_of_the_connection_are_ours_alone():
    foreign = ("Host", "evil.example"), ("content-length", "3"), ("Transfer-Encoding", "chunked"), ("Expect", "100")
    async with serving() as server, opened() as door:
        await door.call(way(), post(server.url, headers=(*foreign, ("Authorization", "Basic x"), ("X-Kept", "yes"))))
        headers, body = server.requests[0]
        assert body == b"hello"
        assert headers["Host"].startswith("127.0.0.1:")
        assert headers["Content-Length"] == "5"
        assert headers["X-Kept"] == "yes"
        assert not {"Authorization", "Transfer-Encoding", "Expect"} & set(headers)


@pytest.mark.parametrize("field", [("X", "a\r\nHost: b"), ("X\r\nY", "a"), ("X", "a\x00")])
async def test_a_field_that_would_be_two_is_not_sent(field: tuple[str, str]):
    async with serving() as server, opened() as door:
        assert (await failure(door, way(), post(server.url, headers=(field,)))).reason
        assert not server.requests


async def test_a_view_of_a_buffer_is_sent_as_it_is():
    content = secrets.token_bytes(1_000_000)
    async with serving() as server, opened() as door:
        await door.call(way(), post(server.url, memoryview(content)[10:-10]))
        assert server.requests[0][1] == content[10:-10]


async def test_connections_are_kept_and_an_empty_body_has_a_length():
    async with serving() as server, opened() as door:
        for _ in range(3):
            await door.call(way(), post(server.url, b""))
        assert len(server.connections) == 1
        assert server.requests[0][0]["Content-Length"] == "0"


async def test_partners_do_not_share_connections():
    async with serving() as server, opened() as door:
        await door.call(way(), post(server.url))
        await door.call(way(networks=("127.0.0.1/32",)), post(server.url))
        assert len(server.connections) == 2


async def test_a_partner_that_answers_nothing_takes_no_connections_from_the_others(monkeypatch):
    monkeypatch.setattr("gateway.carriers.http.CONNECTIONS_MAX", 2)
    entered = asyncio.Semaphore(0)

    async def silent(reader, writer):
        await read_request(reader)
        entered.release()
        await asyncio.Event().wait()

    async with speaking(silent) as port, serving() as server, opened(connect_timeout_s=1) as door:
        stuck = [asyncio.create_task(failure(door, way(), post(f"http://127.0.0.1:{port}/"))) for _ in range(3)]
        await entered.acquire()
        await entered.acquire()
        assert (await door.call(way(), post(server.url))).status == 200
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_beyond_their_number_the_longest_unused_connections_are_closed(monkeypatch):
    monkeypatch.setattr("gateway.carriers.http.LINES_MAX", 1)
    async with serving() as one, serving() as two, opened() as door:
        answers_ = await asyncio.gather(*(door.call(way(), post(url)) for url in (one.url, two.url) * 5))
        assert {answer.status for answer in answers_} == {200}
        assert len(door._lines) == 1


async def test_a_dead_kept_alive_connection_is_replaced_once():
    got: list[bytes] = []

    async def one_answer_a_connection(reader, writer):
        got.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")  # reads the next request, and is gone

    async with speaking(one_answer_a_connection) as port, opened() as door:
        url = f"http://127.0.0.1:{port}/as2"
        assert (await door.call(way(), post(url, repeatable=True))).body == b"ok"
        assert (await door.call(way(), post(url, repeatable=True))).body == b"ok"
        assert len(got) == 2
        failed = await failure(door, way(), post(url))
        assert failed.step is Step.HTTP


async def test_neither_cookies_nor_the_environments_proxy_nor_netrc_are_used(monkeypatch, tmp_path: Path):
    async def with_cookie(request: web.Request, body: bytes) -> web.StreamResponse:
        response = await fine(request, body)
        response.headers["Set-Cookie"] = "session=1"
        return response

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(with_cookie) as server, opened() as door:
        for _ in range(2):
            await door.call(way(), post(server.url))
        for headers, _ in server.requests:
            assert not {"Cookie", "Authorization"} & set(headers)


async def test_basic_authentication_is_sent_where_the_caller_says():
    async with serving() as server, opened() as door:
        login = Login("edi", "sesäme:open")
        assert "open" not in repr(post(server.url, login=login))
        await door.call(way(), post(server.url, login=login))
        expected = b64encode("edi:sesäme:open".encode()).decode()
        assert server.requests[0][0]["Authorization"] == f"Basic {expected}"


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "10.0.0.1", "0.0.0.0"]
)
async def test_a_private_address_in_the_url_is_refused_before_a_socket_is_made(host: str):
    async with serving() as server, opened() as door:
        port = server.url.rpartition(":")[2].partition("/")[0]
        failed = await failure(door, way(networks=()), post(f"http://{host}:{port}/"))
        assert failed.step is Step.DNS
        assert "private_networks" in failed.reason
        assert not server.requests


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
async def test_other_spellings_of_loopback_lead_nowhere(host: str):
    async with serving() as server, opened() as door:
        port = server.url.rpartition(":")[2].partition("/")[0]
        failed = await failure(door, way(networks=()), post(f"http://{host}:{port}/"))
        assert failed.step is Step.DNS
        assert not server.requests


async def test_a_name_is_resolved_once_and_every_address_of_it_is_judged():
    resolve, asked = answers("10.0.0.1", "169.254.169.254", "fe80::1")
    async with opened(resolve) as door:
        failed = await failure(door, way(networks=()), post("http://partner.test/"))
        assert failed.step is Step.DNS
        for words in ("10.0.0.1 is private", "169.254.169.254 is link-local", "fe80::1 is link-local"):
            assert words in failed.reason
        assert asked == ["partner.test"]


async def test_rebinding_changes_nothing_for_the_address_that_was_judged_is_the_one_that_is_used():
    """The first answer is good, the second would be loopback: nobody asks a second time."""
    given = [["192.0.2.77"], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return given.pop(0)

    async with serving() as server, opened(resolve, connect_timeout_s=0.3) as door:
        port = server.url.rpartition(":")[2].partition("/")[0]
        url = f"http://partner.test:{port}/"
        only = way(networks=("192.0.2.0/24",))
        failed = await failure(door, only, post(url))
        assert failed.step is Step.TCP
        assert not server.requests
        assert len(given) == 1
        failed = await failure(door, only, post(url))
        assert failed.step is Step.DNS
        assert "127.0.0.1 is loopback" in failed.reason
        assert not server.requests


async def test_bad_addresses_of_a_name_are_passed_over_and_the_next_good_one_is_tried():
    resolve, _ = answers("10.0.0.1", "127.0.0.2", "127.0.0.1")
    async with serving() as server, opened(resolve) as door:
        port = server.url.rpartition(":")[2].partition("/")[0]
        answer = await door.call(way(), post(f"http://partner.test:{port}/"))
        assert answer.peer.address == "127.0.0.1"


async def test_a_name_without_address_and_a_silent_name_server_are_told():
    async def nothing(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    async def silent(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with opened(nothing) as door:
        failed = await failure(door, way(), post("https://partner.test/"))
        assert (failed.step, "name or service not known" in failed.reason) == (Step.DNS, True)
    async with opened(silent, connect_timeout_s=0.2) as door:
        failed = await failure(door, way(), post("https://partner.test/"))
        assert failed.step is Step.DNS
        assert "no name server answered" in failed.reason


async def test_a_closed_port_is_told():
    async with speaking(lambda *_: asyncio.sleep(0)) as port:
        pass
    async with opened() as door:
        failed = await failure(door, way(), post(f"http://127.0.0.1:{port}/"))
        assert failed.step is Step.TCP
        assert "nothing listens there" in failed.reason


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_a_redirect_is_an_answer_and_is_not_followed():
    async with serving() as elsewhere:

        async def moved(request: web.Request, body: bytes) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": elsewhere.url})

        async with serving(moved) as server, opened() as door:
            answer = await door.call(way(), post(server.url))
            assert answer.status == 307
            assert answer.header("location") == elsewhere.url
        assert not elsewhere.requests


async def test_an_endless_answer_is_cut_off():
    async def endless(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()

    async with speaking(endless) as port, opened(response_bytes_max=100_000) as door:
        failed = await failure(door, way(), post(f"http://127.0.0.1:{port}/"))
        assert failed.step is Step.HTTP
        assert "larger than 100000 bytes" in failed.reason


async def test_a_compressed_answer_is_not_unpacked():
    import gzip  # noqa: PLC0415 - here alone

    bomb = gzip.compress(bytes(5_000_000))

    async def compressed(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serving(compressed) as server, opened() as door:
        assert (await door.call(way(), post(server.url))).body == bomb


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
async def test_a_slow_answer_has_its_time_from_the_last_byte_to_its_own(start: bytes):
    async def slow(reader, writer):
        await read_request(reader)
        writer.write(start)
        while True:
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" if not start else b"")

    async with speaking(slow) as port, opened() as door:
        failed = await failure(door, way(), post(f"http://127.0.0.1:{port}/", answer_within_s=0.3))
        assert failed.step is Step.HTTP
        assert "in time" in failed.reason


async def test_a_server_that_stops_reading_has_its_time_too(monkeypatch):
    monkeypatch.setattr("gateway.carriers.http.WRITE_STALL_S", 0.3)

    async def deaf(reader, writer):
        reader._transport.pause_reading()
        await asyncio.Event().wait()

    async with speaking(deaf) as port, opened() as door:
        failed = await failure(door, way(), post(f"http://127.0.0.1:{port}/", bytes(20_000_000)))
        assert failed.step is Step.WRITE


@pytest.mark.parametrize(
    ("said", "step"),
    [
        (b"", Step.HTTP),
        (b"SSH-2.0-OpenSSH_9\r\n", Step.HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", Step.HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", Step.HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", Step.HTTP),
    ],
)
async def test_what_is_no_answer_is_told(said: bytes, step: Step):
    async def odd(reader, writer):
        await read_request(reader)
        writer.write(said)
        await writer.drain()

    async with speaking(odd) as port, opened() as door:
        assert (await failure(door, way(), post(f"http://127.0.0.1:{port}/"))).step is step


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_the_partners_authority_vouches_for_their_server():
    async with serving(tls=server_context(localhost())) as server, opened() as door:
        answer = await door.call(way(authorities=authority().certificate.pem()), post(server.url))
        assert answer.peer.tls == "TLSv1.3"
        assert answer.peer.certificate == localhost().certificate.der
        failed = await failure(door, way(), post(server.url))
        assert failed.step is Step.TLS
        assert "as2.connection.authorities" in failed.reason
        assert len(server.requests) == 1


async def test_a_certificate_for_another_host_is_refused():
    other = pair("server", issuer=authority(), names=["other.test"])
    async with serving(tls=server_context(other)) as server, opened() as door:
        failed = await failure(door, way(authorities=authority().certificate.pem()), post(server.url))
        assert failed.step is Step.TLS
        assert "does not name this IP address" in failed.reason


async def test_the_host_name_is_checked_against_the_name_not_the_address():
    resolve, _ = answers("127.0.0.1")
    async with serving(tls=server_context(localhost())) as server, opened(resolve) as door:
        port = server.url.rpartition(":")[2].partition("/")[0]
        believed = way(authorities=authority().certificate.pem())
        assert (await door.call(believed, post(f"https://partner.test:{port}/"))).status == 200
        failed = await failure(door, believed, post(f"https://impostor.test:{port}/"))
        assert "it is for another host" in failed.reason


async def test_a_pinned_certificate_is_accepted_under_any_name_and_no_other_is():
    async with serving(tls=server_context(self_signed())) as server, opened() as door:
        assert (await door.call(way(pinned=self_signed().certificate.pem()), post(server.url))).status == 200
        assert (await door.call(way(pinned=self_signed().certificate.der), post(server.url))).status == 200
        failed = await failure(door, way(pinned=localhost().certificate.pem()), post(server.url))
        assert failed.step is Step.TLS
    async with serving(tls=server_context(localhost())) as server, opened() as door:
        assert (await door.call(way(pinned=localhost().certificate.pem()), post(server.url))).status == 200
        assert (await door.call(way(pinned=authority().certificate.pem()), post(server.url))).status == 200
        sibling = pair("server", issuer=authority(), addresses=["127.0.0.1"])
        failed = await failure(door, way(pinned=sibling.certificate.pem()), post(server.url))
        assert failed.step is Step.TLS
        assert len(server.requests) == 2


async def test_an_expired_certificate_is_refused_even_when_pinned():
    old = pair("old", days=(-30, -1))
    async with serving(tls=server_context(old)) as server, opened() as door:
        failed = await failure(door, way(pinned=old.certificate.pem()), post(server.url))
        assert "it has expired" in failed.reason
        assert not server.requests


async def test_tls_1_1_is_not_spoken():
    context = server_context(localhost())
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(tls=context) as server, opened() as door:
        failed = await failure(door, way(authorities=authority().certificate.pem()), post(server.url))
        assert failed.step is Step.TLS
        assert "TLS" in failed.reason


async def test_tls_where_none_is_spoken_is_told():
    async with serving() as server, opened() as door:
        failed = await failure(door, way(), post(server.url.replace("http:", "https:")))
        assert failed.step is Step.TLS
        assert "check scheme and port" in failed.reason


async def test_the_client_certificate_is_shown_and_its_absence_told():
    ours = pair("bigcorp", issuer=authority())
    context = server_context(localhost(), clients=authority())
    believed = authority().certificate.pem()
    async with serving(tls=context) as server, opened() as door:
        answer = await door.call(way(authorities=believed, client=ours), post(server.url))
        assert answer.status == 200
        assert server.client_certificates == [ours.certificate.der]
        failed = await failure(door, way(authorities=believed), post(server.url))
        assert failed.step in (Step.TLS, Step.HTTP)  # whether its alert arrives before the connection is gone
        assert "client_certificate" in failed.reason
        assert len(server.requests) == 1


async def test_the_chain_of_the_client_certificate_is_shown_with_it():
    between = pair("between", issuer=authority(), authority=True)
    ours = pair("bigcorp", issuer=between)
    context = server_context(localhost(), clients=authority())
    believed = authority().certificate.pem()
    async with serving(tls=context) as server, opened() as door:
        whole = way(authorities=believed, client=ours, client_chain=(between.certificate,))
        assert (await door.call(whole, post(server.url))).status == 200
        await failure(door, way(authorities=believed, client=ours), post(server.url))
        assert len(server.requests) == 1


def descriptors() -> set[str]:
    """Those that are open; the one that lists them is closed again."""
    return {path.name for path in Path("/proc/self/fd").iterdir() if path.exists() or path.is_symlink()}


def test_the_client_key_never_lies_in_a_file(tmp_path: Path, monkeypatch):
    """Neither in a folder for temporary files nor in a descriptor that stays open."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = descriptors()
    written: list[bytes] = []
    real = os.memfd_create

    def remember(name: str, flags: int) -> int:
        handle = real(name, flags)
        written.append(str(handle).encode())
        return handle

    monkeypatch.setattr(os, "memfd_create", remember)
    client_context(client=pair("bigcorp"))
    assert written
    assert not list(tmp_path.iterdir())
    assert descriptors() == before


@pytest.mark.parametrize("choice", ["authorities", "pinned"])
def test_files_that_hold_no_certificate_are_told(choice: str):
    with pytest.raises(TlsUnusable, match=r"as2\.connection\.") as unusable:
        client_context(**{choice: b"nothing"})  # type: ignore[arg-type]
    assert "no readable certificate" in str(unusable.value)


def test_session_keys_are_never_written_to_a_file(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert client_context().keylog_filename is None


# --- proxy -----------------------------------------------------------------------------------------------------------


async def test_https_goes_through_a_proxy_by_connect_and_its_password_stays_with_it():
    heads: list[bytes] = []
    async with (
        serving(tls=server_context(localhost())) as server,
        speaking(proxy(heads)) as port,
        opened() as door,
    ):
        through = way(authorities=authority().certificate.pem(), proxy=f"http://127.0.0.1:{port}")
        answer = await door.call(through, post(server.url, proxy_login=Login("us", "proxy-secret")))
        assert answer.body == b"got 5"
        assert heads[0].startswith(b"CONNECT 127.0.0.1:")
        assert b"Proxy-Authorization: Basic " + b64encode(b"us:proxy-secret") in heads[0]
        assert "Proxy-Authorization" not in server.requests[0][0]


@pytest.mark.parametrize(
    ("status", "words"), [(b"407 No", "user or password"), (b"403 No", "forbids"), (b"502 No", "502")]
)
async def test_a_proxy_that_refuses_is_told(status: bytes, words: str):
    async with speaking(proxy([], status=status)) as port, opened() as door:
        through = way(proxy=f"http://127.0.0.1:{port}")
        failed = await failure(door, through, post("https://127.0.0.1:9/"))
        assert failed.step is Step.PROXY
        assert words in failed.reason


async def test_a_proxy_must_be_reachable_public_or_named_and_plain():
    async with opened() as door:
        failed = await failure(door, way(proxy="http://127.0.0.1:9"), post("https://127.0.0.1:9/"))
        assert failed.step is Step.PROXY
        failed = await failure(door, way(proxy="https://127.0.0.1:9"), post("https://127.0.0.1:9/"))
        assert failed.step is Step.PROXY
        failed = await failure(door, way(networks=(), proxy="http://127.0.0.1:9"), post("https://8.8.8.8/"))
        assert failed.step is Step.DNS


async def test_a_proxy_is_no_way_to_what_may_not_be_connected_to():
    heads: list[bytes] = []
    resolve, _ = answers("169.254.169.254")
    async with speaking(proxy(heads)) as port, opened(resolve) as door:
        through = way(proxy=f"http://127.0.0.1:{port}")
        for host in ("10.0.0.1", "metadata.test"):
            failed = await failure(door, through, post(f"https://{host}/"))
            assert failed.step is Step.DNS
        assert not heads


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_secrets_are_read_where_the_profile_says(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text("sesame\n")
    assert read_secret(f"file:{file}") == "sesame"
    assert read_secret("env:PARTNER", {"PARTNER": "open"}) == "open"
    file.write_bytes(b"x" * SECRET_BYTES_MAX + b"\r\n")
    assert len(read_secret(f"file:{file}")) == SECRET_BYTES_MAX


@pytest.mark.parametrize("content", [b"", b"\n", b"canary\nsecond", b"can\x00ary", b"canary\xff", b"canary" * 1_000])
def test_what_is_no_secret_is_told_without_showing_it(content: bytes, tmp_path: Path):
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretMissing) as missing:
        read_secret(f"file:{file}")
    assert "canary" not in str(missing.value)
    assert missing.value.__cause__ is None


def test_a_secret_that_is_not_there_is_told(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for reference in (f"file:{tmp_path}/none", f"file:{tmp_path}", f"file:{tmp_path}/pipe", "env:NOT_SET"):
        with pytest.raises(SecretMissing):
            read_secret(reference, {})


async def test_nothing_is_left_running():
    before = threading.active_count()
    async with serving() as server, opened() as door:
        await door.call(way(), post(server.url))
    assert threading.active_count() <= before + 1

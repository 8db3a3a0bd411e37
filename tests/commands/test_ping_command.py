"""`gateway partner ping` as people call it: table or JSON, exit code, audit."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from gateway.as2.mdn import write_mdn
from gateway.as2.message import Signing
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.oversight import audit
from tests.carriers.servers import Handler, Seen, fine, serving
from tests.commands.conftest import Ended, Run
from tests.site import Site, key_pair


@contextmanager
def beside(handler: Handler = fine) -> Iterator[Seen]:
    """A server in a thread of its own: the command has the loop of this one."""
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    given: list[Seen] = []

    async def run() -> None:
        async with serving(handler) as seen:
            given.append(seen)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield given[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def site(root: Path, url: str | None, sending: dict[str, object] | None = None) -> Site:
    as2: dict[str, object] = {"id": "ACME-AS2", "certificate": "acme.pem"}
    if url is not None:
        as2 |= {"url": url, "connection": {"private_networks": "127.0.0.0/8"}, "sending": sending or {}}
    return Site(root, acme_profile={"as2": as2})


def call(run: Run, at: Site, *words: object) -> Ended:
    return run("partner", "ping", *words, "--config", at.config)


def acts(at: Site) -> list[audit.Act]:
    database = Database(Settings(data_dir=at.data_dir).resolved_database_url())
    try:
        return list(reversed(database.read_now(audit.find)))
    finally:
        database.close()


def test_a_way_that_works_ends_with_0_and_is_audited(tmp_path: Path, run: Run):
    with beside() as server:
        at = site(tmp_path / "site", server.url, {"receipt": "none"})
        ended = call(run, at, "acme-supply", "--format", "json")
    assert ended.code == 0, ended.out + ended.err
    told = ended.json
    assert told["worked"]
    assert [step["step"] for step in told["steps"]][:3] == ["profile", "certificates", "dns"]
    assert told["message_id"] == server.requests[0][0]["Message-ID"]
    begun, over = [act for act in acts(at) if act.action.startswith("partner.")]
    assert (begun.action, begun.subject) == ("partner.ping", "acme-supply")
    assert begun.actor.startswith("command:")
    assert over.action == "partner.pinged"
    assert over.detail["worked"] is True


def test_a_table_says_what_does_not_work_and_the_code_is_1(tmp_path: Path, run: Run):
    with beside() as server:
        at = site(tmp_path / "site", server.url)
        ended = call(run, at, "acme-supply")
    assert ended.code == 1
    assert "STEP" in ended.out
    assert "it does not work: receipt" in ended.out
    assert "\x1b[" not in ended.out
    assert "got" not in ended.out


def test_an_unknown_certificate_is_shown_as_it_can_be_copied(tmp_path: Path, run: Run):
    stranger = key_pair("stranger").certificate

    async def answers(request: web.Request, _: bytes) -> web.Response:
        mdn = write_mdn(
            as2_from="ACME-AS2",
            as2_to="BIGCORP-AS2",
            message_id="<receipt@acme>",
            original_message_id=request.headers["Message-ID"],
            now=datetime.now(UTC),
            reporting_ua="tests",
            signing=Signing(key_pair("stranger")),
        )
        return web.Response(body=mdn.body, headers=dict(mdn.headers))

    with beside(answers) as server:
        ended = call(run, site(tmp_path / "site", server.url), "acme-supply")
    assert stranger.pem().decode() in ended.out


def test_only_the_url_sends_nothing_and_a_file_is_sent(tmp_path: Path, run: Run):
    with beside() as server:
        at = site(tmp_path / "site", server.url, {"receipt": "none", "encrypt": False, "sign": False})
        assert call(run, at, "acme-supply", "--url-only").code == 0
        assert not server.requests
        file = tmp_path / "order.edi"
        file.write_bytes(b"ISA*00*")
        assert call(run, at, "acme-supply", "--file", file).code == 0
        headers, body = server.requests[0]
        assert body == b"ISA*00*"
        assert headers["Content-Type"] == "application/edi-x12"
        assert "order.edi" in headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("words", "code"), [(("nobody",), 2), (("acme-supply", "--file", "none.edi"), 2), (("acme-supply",), 1)]
)
def test_what_cannot_be_pinged(tmp_path: Path, run: Run, words: tuple[str, ...], code: int):
    assert call(run, site(tmp_path / "site", None), *words).code == code


SERVER = {
    "host": "127.0.0.1",
    "user": "us",
    "key": "acme",
    "host_keys": "SHA256:" + "A" * 43,
    "push": {"folder": "/in"},
}


@pytest.mark.parametrize(
    ("profile", "words", "said"),
    [
        ({"sftp_server": SERVER, "status": "draft"}, (), "is a draft: nobody connects"),
        ({"sftp_server": SERVER, "status": "suspended"}, ("--write",), "acme-supply is suspended"),
        ({}, ("--sftp",), "names no SFTP server of theirs: add `sftp_server`"),
        ({"sftp": {"user": "acme"}}, ("--write",), "`gateway sftp mailbox acme-supply` shows what lies there"),
    ],
    ids=["draft", "suspended", "no-server", "only-a-mailbox"],
)
def test_a_profile_whose_server_is_not_tried_is_told_and_audited(
    tmp_path: Path, run: Run, profile: dict[str, object], words: tuple[str, ...], said: str
):
    at = Site(tmp_path / "site", acme_profile=profile)
    ended = call(run, at, "acme-supply", *words)
    assert (ended.code, said in ended.out, "it does not work: profile" in ended.out) == (1, True, True), ended.err
    told = call(run, at, "acme-supply", *words, "--format", "json").json
    assert (told["worked"], told["nothing_there"], told["steps"][0]["result"]) == (False, None, "failed")
    over = acts(at)[-1]
    assert over.action == "partner.pinged"
    assert over.detail["steps"] == {step["step"]: step["result"] for step in told["steps"]}
    skipped = ["dns", "tcp", "ssh", "host-key", "login", "sftp", "folders", *(["write"] if "--write" in words else [])]
    assert list(over.detail["steps"].values()) == ["failed", *(["skipped"] * len(skipped))]
    assert list(over.detail["steps"]) == ["profile", *skipped]


HOOK = {
    "hosts": ["acme.example"],
    "subscriptions": [{"name": "erp", "url": "https://acme.example/in", "secrets": "env:ACME_HOOK"}],
}


@pytest.mark.parametrize(
    ("profile", "words", "said"),
    [
        (
            {"webhooks": HOOK, "delivery": {"way": "webhook", "webhook": "erp"}},
            (),
            "gateway webhooks test acme-supply/erp",
        ),
        ({"sftp_server": SERVER}, ("--url-only",), "`gateway partner ping acme-supply --sftp` looks at it"),
    ],
    ids=["webhook", "url-of-a-server"],
)
def test_what_is_tried_by_another_command_is_told_with_that(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    profile: dict[str, object],
    words: tuple[str, ...],
    said: str,
):
    monkeypatch.setenv("ACME_HOOK", "whsec_" + "a" * 43 + "=")
    ended = call(run, Site(tmp_path / "site", acme_profile=profile), "acme-supply", *words)
    assert (ended.code, said in ended.out) == (1, True), ended.out + ended.err


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"sftp": {"user": "acme"}}, "`gateway sftp mailbox acme-supply` shows what lies there"),
        ({"sftp": {"user": "acme"}, "status": "suspended"}, "`gateway sftp mailbox acme-supply` shows what lies there"),
        ({"api_keys": [{"label": "tests", "sha256": "0" * 64}]}, "they fetch what we have for them"),
    ],
    ids=["mailbox", "suspended-mailbox", "inbox"],
)
def test_who_comes_to_us_is_nobody_to_ping(tmp_path: Path, run: Run, profile: dict[str, object], said: str):
    at = Site(tmp_path / "site", acme_profile=profile)
    ended = call(run, at, "acme-supply")
    assert (ended.code, said in ended.out, "does not work" in ended.out) == (0, True, False), ended.err
    assert ended.out.splitlines()[-1] == "there is nothing to ping"
    told = call(run, at, "acme-supply", "--format", "json").json
    assert (told["worked"], said in told["nothing_there"], told["message_id"]) == (True, True, "")
    assert [(step["step"], step["result"]) for step in told["steps"]] == [("profile", "ok")]
    assert acts(at)[-1].detail["nothing_there"] == told["nothing_there"]
    # A test message, or a look at their URL, was asked for, and none of it can be.
    assert call(run, at, "acme-supply", "--url-only").code == 1
    file = tmp_path / "order.edi"
    file.write_bytes(b"ISA*00*")
    ended = call(run, at, "acme-supply", "--file", file)
    assert (ended.code, said in ended.out, "it does not work: profile" in ended.out) == (1, True, True)


def test_a_profile_that_does_not_load_is_told_with_its_lines(tmp_path: Path, run: Run):
    at = site(tmp_path / "site", "http://127.0.0.1:1/as2", {"cipher": "3des-cbc"})
    ended = call(run, at, "acme-supply")
    assert ended.code == 2
    assert "the profile does not load" in ended.err
    assert "3DES is only read" in ended.err

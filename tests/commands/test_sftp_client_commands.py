"""`gateway sftp keys`, `sftp scan` and `partner ping --sftp` as people call them."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest
import yaml

from tests.carriers.remote import pins
from tests.commands.conftest import Ended, Run
from tests.services.openssh import SshServer, find_or_install_openssh
from tests.services.processes import free_port

Call = Callable[..., Ended]


@pytest.fixture
def call(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    (tmp_path / "partners").mkdir()
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump({"data_dir": str(tmp_path / "data"), "partners_dir": str(tmp_path / "partners")}))
    monkeypatch.setenv("GATEWAY_KEY_PASSPHRASE", "passphrase of the tests")
    return lambda *words: run(*words, "--config", config)


def write(tmp_path: Path, **server: object) -> None:
    (tmp_path / "partners" / "acme").mkdir(exist_ok=True)
    usual = {"host": "127.0.0.1", "user": "us", "key": "acme", "push": {"folder": "/in"}}
    usual |= {"private_networks": ["127.0.0.1/32"], "host_keys": ["SHA256:" + "A" * 43]}
    profile = {"id": "acme", "name": "ACME", "status": "testing", "sftp_server": usual | server}
    (tmp_path / "partners" / "acme" / "profile.yaml").write_text(yaml.safe_dump(profile))


def test_a_key_is_made_shown_listed_and_retired(call: Call, tmp_path: Path) -> None:
    made = call("sftp", "keys", "new", "acme")
    assert made.code == 0, made.err
    key = asyncssh.import_public_key(made.out)
    assert (key.get_algorithm(), key.get_comment()) == ("ssh-ed25519", "partner-gateway-acme")
    assert "PRIVATE" not in made.out + made.err
    again = call("sftp", "keys", "new", "acme")
    assert again.code == 2
    assert "choose another name" in again.err
    write(tmp_path)
    assert call("sftp", "keys", "show", "acme").out == made.out
    (row,) = call("sftp", "keys", "list", "--format", "json").rows
    assert (row["name"], row["used_by"], row["fingerprint"]) == ("acme", ["acme"], key.get_fingerprint())
    retired = call("sftp", "keys", "retire", "acme", "--force")
    assert retired.code == 0
    assert "acme still names it" in retired.err
    assert call("sftp", "keys", "list", "--format", "json").out == ""
    (row,) = call("sftp", "keys", "list", "--all", "--format", "json").rows
    assert row["state"] == "retired"
    assert "there is no such key" in call("sftp", "keys", "list").err
    assert call("sftp", "keys", "show", "acme").code == 2


def test_a_key_that_a_profile_names_is_retired_by_force_alone(call: Call, tmp_path: Path) -> None:
    made = call("sftp", "keys", "new", "acme").out
    write(tmp_path)
    refused = call("sftp", "keys", "retire", "acme")
    assert refused.code == 2
    assert "acme names it" in refused.err
    assert "--force" in refused.err
    assert call("sftp", "keys", "show", "acme").out == made
    assert "retire" not in call("audit", "--action", "ssh_client_key").out

    profile = tmp_path / "partners" / "acme" / "profile.yaml"
    profile.write_text("id: acme\nname: ACME\nstatus: testing\nsftp_server: {key: acme")
    refused = call("sftp", "keys", "retire", "acme")
    assert refused.code == 2
    assert "of acme it is not known" in refused.err

    write(tmp_path, key="acme-2027")
    assert call("sftp", "keys", "retire", "acme").code == 0
    assert "ssh_client_key.retire" in call("audit", "--action", "ssh_client_key").out


def test_a_draft_keeps_no_key(call: Call, tmp_path: Path) -> None:
    call("sftp", "keys", "new", "acme")
    write(tmp_path)
    profile = tmp_path / "partners" / "acme" / "profile.yaml"
    profile.write_text(profile.read_text().replace("status: testing", "status: draft"))
    retired = call("sftp", "keys", "retire", "acme")
    assert (retired.code, "acme still names it" in retired.err) == (0, True)


@pytest.mark.parametrize("words", [("new", "A b"), ("show", "nobody"), ("retire", "nobody")], ids=" ".join)
def test_what_is_no_key_ends_with_2(call: Call, words: tuple[str, ...]) -> None:
    call("sftp", "keys", "new", "acme")
    assert call("sftp", "keys", *words).code == 2


def test_partner_check_tells_of_a_key_that_is_missing(call: Call, tmp_path: Path) -> None:
    write(tmp_path, key="acme-2027")
    call("sftp", "keys", "new", "acme")
    told = call("partner", "check")
    assert "there is no SSH key `acme-2027`" in told.out
    call("sftp", "keys", "new", "acme-2027")
    assert "SSH key" not in call("partner", "check").out


@pytest.fixture
def server() -> Iterator[SshServer]:
    server = SshServer(find_or_install_openssh(), host_keys=("ed25519", "ecdsa"))
    server.start()
    try:
        yield server
    finally:
        server.close()


def test_a_scan_shows_each_host_key(call: Call, server: SshServer) -> None:
    told = call("sftp", "scan", f"127.0.0.1:{server.port}", "--format", "json").json
    assert [key["fingerprint"] for key in told["keys"]] == pins(server, "ed25519", "ecdsa")
    assert [key["public_key"] for key in told["keys"]] == [server.public_host_key(n) for n in ("ed25519", "ecdsa")]
    assert told["algorithms"] == []
    text = call("sftp", "scan", f"localhost:{server.port}")
    assert text.code == 0
    assert all(pin in text.out for pin in pins(server, "ed25519", "ecdsa"))
    assert "compare each fingerprint" in text.err


def test_a_scan_tells_which_old_algorithms_are_needed(call: Call) -> None:
    options = {"KexAlgorithms": "diffie-hellman-group14-sha256", "Ciphers": "aes256-cbc,aes256-ctr"}
    server = SshServer(find_or_install_openssh(), options=options)
    server.start()
    try:
        told = call("sftp", "scan", f"127.0.0.1:{server.port}", "--format", "json").json
        assert told["algorithms"] == ["diffie-hellman-group14-sha256"]
        assert [key["fingerprint"] for key in told["keys"]] == pins(server, "ed25519")
    finally:
        server.close()


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that answers each connection so, once it has heard something, and hangs up; yields its port."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1_024)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", free_port()), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("words", ["a b", "host:0", "host:70000", "[::1", ":22"])
def test_what_is_no_server_ends_with_2(call: Call, words: str) -> None:
    assert call("sftp", "scan", words).code == 2


def test_nobody_there_ends_with_1(call: Call) -> None:
    ended = call("sftp", "scan", f"127.0.0.1:{free_port()}", "--format", "json")
    assert ended.code == 1
    assert ended.json["step"] == "tcp"
    assert "nothing listens there: check host and port" in ended.json["reason"]


def test_a_name_that_nobody_knows_is_the_callers(call: Call) -> None:
    ended = call("sftp", "scan", f"{'a' * 64}.invalid")
    assert (ended.code, "check how the host is spelled" in ended.out, "profile" in ended.out) == (1, True, False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "ended the connection before it showed a host key"),
        (b"", "ended the connection before it showed a host key"),
        (b"SSH-2.0-busy\r\n", "ended the connection before it showed a host key"),
        (b"SSH-1.5-old\r\n", 'shows no host key ("Unsupported SSH version")'),
    ],
    ids=["http", "nothing", "too-many", "ssh-1"],
)
def test_what_speaks_no_ssh_is_told_with_a_remedy(call: Call, answer: bytes, words: str) -> None:
    with answering(answer) as port:
        ended = call("sftp", "scan", f"127.0.0.1:{port}")
    assert (ended.code, words in ended.out) == (1, True), ended.out
    assert "is this the host and port of an SSH server?" in ended.out
    assert "Connection lost" not in ended.out


def test_a_ping_walks_the_way_with_our_key(call: Call, server: SshServer, tmp_path: Path) -> None:
    ours = call("sftp", "keys", "new", "acme").out
    with server.client_key.with_name("authorized_keys").open("a") as file:
        file.write(ours)
    there = server.fresh_folder()
    terms = {"port": server.port, "user": server.user, "host_keys": pins(server, "ecdsa")}
    write(tmp_path, **terms, push={"folder": there.remote})
    for words in ((), ("--write",), ("--sftp",)):
        ended = call("partner", "ping", "acme", *words, "--format", "json")
        assert ended.code == 0, ended.out + ended.err
        assert ended.json["worked"]
        assert {step["step"] for step in ended.json["steps"]} >= {"host-key", "login", "folders"}
    assert list(there.local.iterdir()) == []
    write(tmp_path, **terms | {"host_keys": pins(server, "stranger")}, push={"folder": there.remote})
    ended = call("partner", "ping", "acme")
    assert ended.code == 1
    assert "it does not work: host-key" in ended.out


def test_a_partner_with_a_server_of_its_own_is_begun(call: Call, tmp_path: Path) -> None:
    settings = yaml.safe_load((tmp_path / "gateway.yaml").read_text())
    settings["identities"] = [{"name": "bigcorp", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}]
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
    begin = ("partner", "new", "acme", "--template", "sftp-x12", "--name", "ACME", "--x12", "ZZ/ACME", "--no-questions")
    server = ("--sftp-server", "sftp.acme.example:2222", "--sftp-server-user", "bigcorp")
    refused = call(*begin, *server, "--sftp-server-host-key", "aa:bb:cc", "--sftp-server-folder", "/in")
    assert refused.code == 2
    assert "is no fingerprint of a host key" in refused.err
    gaps = call(*begin, *server)
    assert gaps.code == 2
    assert "--sftp-server-host-key" in gaps.err
    folders = ("--sftp-server-folder", "/in/{document}", "--sftp-server-fetch", "/out", "--sftp-server-fetch", "/more")
    begun = call(*begin, *server, "--sftp-server-host-key", "SHA256:" + "A" * 43, *folders)
    assert begun.code == 0, begun.err
    assert "We put files into  /in/{document}" in begun.out
    profile = yaml.safe_load((tmp_path / "partners" / "acme" / "profile.yaml").read_text())
    assert profile["sftp_server"] == {
        "host": "sftp.acme.example",
        "port": 2222,
        "user": "bigcorp",
        "host_keys": ["SHA256:" + "A" * 43],
        "key": "acme",
        "push": {"folder": "/in/{document}"},
        "fetch": [{"name": "folder-1", "folder": "/out"}, {"name": "folder-2", "folder": "/more"}],
    }

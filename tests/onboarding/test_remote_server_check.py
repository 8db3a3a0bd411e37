"""What `partner check` tells of a partner's own SFTP server, before anybody connects."""

import pytest
import yaml

from gateway.onboarding.checking.remote_servers import remote_login_problems, remote_server_problems
from tests.partners.profiles import NORTHWIND, loaded

PIN = "SHA256:" + "A" * 43
FETCH = {"name": "orders", "folder": "/outgoing"}
PUSH = {"folder": "/incoming/{document}"}


def profile(**terms):
    usual = {"host": "sftp.acme.example", "user": "us", "host_keys": [PIN], "key": "acme", "push": PUSH}
    more = terms.pop("profile", {})
    server = {name: value for name, value in (usual | terms).items() if value is not None}
    return loaded(yaml.safe_dump({"id": "acme", "name": "ACME", "sftp_server": server} | more))


def found(**terms):
    return [(item.severity, item.field, item.what) for item in remote_server_problems(profile(**terms))]


def test_a_server_that_is_fine():
    assert found(fetch=[FETCH]) == []
    assert list(remote_server_problems(loaded(NORTHWIND))) == []


@pytest.mark.parametrize(
    ("terms", "severity", "field", "words"),
    [
        ({"host": "10.1.2.3"}, "error", "sftp_server.host", "RFC 1918"),
        ({"host": "127.0.0.1", "private_networks": ["10.0.0.0/8"]}, "error", "sftp_server.host", "loopback"),
        ({"private_networks": ["0.0.0.0/0"]}, "warning", "sftp_server.private_networks[0]", "cloud metadata"),
        ({"algorithms": ["3des-cbc"]}, "warning", "sftp_server.algorithms[0]", "3des-cbc"),
        ({"push": {"folder": "/in/{doc}"}}, "warning", "sftp_server.push.folder", "{doc}"),
        (
            {"push": {"folder": "/in", "temporary_folder": "/in/"}},
            "error",
            "sftp_server.push.temporary_folder",
            "where they are looked for",
        ),
        (
            {"push": {"folder": "/in", "temporary_folder": "/tmp/{document}"}},
            "warning",
            "sftp_server.push.temporary_folder",
            "no field",
        ),
        (
            {"fetch": [FETCH, FETCH | {"name": "again", "folder": "/outgoing/"}]},
            "error",
            "sftp_server.fetch[1].folder",
            "the same files",
        ),
        (
            {"fetch": [FETCH | {"then": "move", "move_to": "/done"}, {"name": "done", "folder": "/done"}]},
            "error",
            "sftp_server.fetch[0].move_to",
            "come again",
        ),
        (
            {"push": {"folder": "/both"}, "fetch": [FETCH | {"folder": "/both"}]},
            "warning",
            "sftp_server.fetch[0].folder",
            "fetch ourselves",
        ),
        ({"profile": {"delivery": {"way": "inbox"}, "api_keys": [{"label": "a", "sha256": "0" * 64}]}}, "warning",
         "sftp_server.push", "go by inbox"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(terms, severity, field, words):
    ((got_severity, got_field, what),) = found(**terms)
    assert (got_severity, got_field) == (severity, field)
    assert words in what


def test_two_looks_into_one_folder_for_other_files_are_fine():
    assert found(fetch=[FETCH | {"files": "*.edi"}, FETCH | {"name": "xml", "files": "*.xml"}]) == []


def login(*, has_passphrase=True, names=("acme",), **terms):
    problems = remote_login_problems(profile(**terms), has_passphrase=has_passphrase, ssh_keys=lambda: names)
    return [(item.severity, item.field, item.what + item.would_be_right) for item in problems]


def test_a_key_that_is_not_there_is_told_with_how_to_make_it():
    assert login() == login(names=None) == []
    ((severity, field, words),) = login(names=())
    assert (severity, field) == ("warning", "sftp_server.key")
    assert "gateway sftp keys new acme" in words
    ((_, _, words),) = login(names=("acme-2027",))
    assert "acme-2027" in words


def test_without_a_passphrase_no_key_opens():
    ((severity, field, words),) = login(has_passphrase=False)
    assert (severity, field) == ("warning", "sftp_server.key")
    assert "key_passphrase_file" in words
    assert login(has_passphrase=None, names=None) == []


def test_a_password_that_cannot_be_read_here_is_told(monkeypatch):
    monkeypatch.delenv("ACME_SFTP", raising=False)
    ((severity, field, words),) = login(key=None, password="env:ACME_SFTP")
    assert (severity, field) == ("warning", "sftp_server.password")
    assert "ACME_SFTP" in words
    monkeypatch.setenv("ACME_SFTP", "secret of theirs")
    assert login(key=None, password="env:ACME_SFTP") == []

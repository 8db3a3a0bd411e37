"""What the clients do with OpenSSH's own server, so that a difference with ours is ours."""

import os

import pytest

from tests.edge.sftp.clients import (
    CannotDo,
    Door,
    RealClients,
    get,
    mkdir,
    names,
    put,
    remove,
    rename,
    resume_get,
    resume_put,
)

SESSIONS = ("sftp", "lftp", "paramiko")


@pytest.fixture
def clients(openssh, tmp_path):
    door = Door(openssh.port, openssh.user, openssh.client_key, openssh.known_hosts)
    return RealClients(door, tmp_path / "homes")


@pytest.fixture
def content(tmp_path):
    file = tmp_path / "order.edi"
    file.write_bytes(os.urandom(100_000))
    return file


@pytest.mark.parametrize("name", SESSIONS)
def test_a_whole_session_of_a_client(name, clients, openssh, content, tmp_path):
    folder = openssh.fresh_folder()
    here = folder.remote
    (folder.local / "half.edi").write_bytes(content.read_bytes()[:40_000])
    (folder.local / "half.edi").chmod(0o666)
    (tmp_path / "half").write_bytes(content.read_bytes()[:40_000])
    done = (
        clients[name]
        .call(
            put(content, f"{here}/order.part"),
            rename(f"{here}/order.part", f"{here}/an order.edi"),
            resume_put(content, f"{here}/half.edi"),
            get(f"{here}/an order.edi", tmp_path / "whole"),
            resume_get(f"{here}/an order.edi", tmp_path / "half"),
            mkdir(f"{here}/other"),
            put(content, f"{here}/gone"),
            remove(f"{here}/gone"),
            names(here),
        )
        .run()
    )
    assert done.code == 0, done.words
    assert done.names == {"an order.edi", "half.edi", "other"}
    copies = [tmp_path / "whole", tmp_path / "half", folder.local / "an order.edi", folder.local / "half.edi"]
    assert [copy.read_bytes() for copy in copies] == [content.read_bytes()] * 4


def test_curl_makes_one_transfer_in_a_call(clients, openssh, content, tmp_path):
    folder = openssh.fresh_folder()
    here = folder.remote
    curl = clients.curl
    (folder.local / "half.edi").write_bytes(content.read_bytes()[:40_000])
    (folder.local / "half.edi").chmod(0o666)
    (tmp_path / "half").write_bytes(content.read_bytes()[:40_000])
    for call in (
        curl.call(put(content, f"{here}/order.part"), rename(f"{here}/order.part", f"{here}/an order.edi")),
        curl.call(get(f"{here}/an order.edi", tmp_path / "whole")),
        curl.call(resume_get(f"{here}/an order.edi", tmp_path / "half")),
        curl.call(resume_put(content, f"{here}/half.edi")),
        curl.call(put(content, f"{here}/gone")),
        curl.call(remove(f"{here}/gone"), mkdir(f"{here}/other")),
    ):
        done = call.run()
        assert done.code == 0, done.words
    assert curl.call(names(here)).run().names == {"an order.edi", "half.edi", "other"}
    copies = [tmp_path / "whole", tmp_path / "half", folder.local / "half.edi"]
    assert [copy.read_bytes() for copy in copies] == [content.read_bytes()] * 3
    with pytest.raises(CannotDo):
        curl.call(put(content, here), put(content, here))


def test_scp_copies_one_file_in_a_call_by_sftp(clients, openssh, content, tmp_path):
    folder = openssh.fresh_folder()
    sent = clients.scp.call(put(content, f"{folder.remote}/[an] order.edi")).run()
    fetched = clients.scp.call(get(f"{folder.remote}/[an] order.edi", tmp_path / "whole")).run()
    assert (sent.code, fetched.code) == (0, 0), sent.words + fetched.words
    assert (tmp_path / "whole").read_bytes() == content.read_bytes()
    with pytest.raises(CannotDo):
        clients.scp.call(names(folder.remote))


@pytest.mark.parametrize("name", ["sftp", "scp", "lftp", "curl", "paramiko"])
def test_what_fails_there_ends_a_client_with_words(name, clients, openssh, tmp_path):
    missing = clients[name].call(get(f"{openssh.fresh_folder().remote}/missing", tmp_path / "x")).run()
    assert missing.code != 0
    assert "o such file" in missing.stderr or "not found" in missing.stderr


@pytest.mark.parametrize("name", ["sftp", "scp", "lftp", "curl", "paramiko"])
def test_a_host_key_that_is_not_the_pinned_one_stops_every_client(name, openssh, content, tmp_path):
    door = Door(openssh.port, openssh.user, openssh.client_key, openssh.known_hosts_of("stranger"))
    folder = openssh.fresh_folder()
    refused = RealClients(door, tmp_path / "homes")[name].call(put(content, f"{folder.remote}/order.edi")).run()
    assert refused.code != 0
    assert list(folder.local.iterdir()) == []


def test_a_client_is_killed_in_the_middle(clients, openssh, content):
    folder = openssh.fresh_folder()
    content.write_bytes(bytes(8_000_000))  # one of 100 KB goes in one write, however slow it is to be
    running = clients.sftp.call(put(content, f"{folder.remote}/order.edi"), bytes_per_second=100_000).start()
    while not (folder.local / "order.edi").exists():
        assert not running.ended, running.outcome().words
    assert running.kill().code == -9

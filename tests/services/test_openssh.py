import subprocess
from contextlib import contextmanager

import paramiko
import pytest

from tests.services.openssh import PASSWORD, SshServer, find_or_install_openssh


@contextmanager
def sshd(**choices):
    server = SshServer(find_or_install_openssh(), **choices)
    try:
        server.start()
        yield server
    finally:
        server.close()


def sftp(server, *commands, key=None, known_hosts=None):
    """OpenSSH's client in batch mode: ends at the first command that fails."""
    options = {
        "IdentityFile": key or server.client_key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": known_hosts or server.known_hosts,
        "StrictHostKeyChecking": "yes",
        "PreferredAuthentications": "publickey",
    }
    return subprocess.run(
        [
            *("sftp", "-F", "none", "-P", str(server.port), "-b", "-"),
            *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
            f"{server.user}@127.0.0.1",
        ],
        input="".join(f"{command}\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_openssh_client_puts_gets_renames_and_removes(openssh, tmp_path):
    folder = openssh.fresh_folder()
    sent, fetched = tmp_path / "sent", tmp_path / "fetched"
    sent.write_bytes(b"ISA*00*" * 50_000)
    done = sftp(
        openssh,
        f"cd {folder.remote}",
        f"put {sent} order.part",
        "rename order.part order.edi",
        f"get order.edi {fetched}",
        f"put {sent} other",
        "rm other",
        "ls -1",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "order.edi"
    assert fetched.read_bytes() == sent.read_bytes() == (folder.local / "order.edi").read_bytes()


def test_the_user_starts_in_the_folder_of_files_and_a_chroot_hides_the_machine(openssh):
    with session(openssh) as started:
        assert started.normalize(".") == ("/files" if openssh.chrooted else str(openssh.files))
        assert (started.listdir("/") == ["files"]) == openssh.chrooted


def test_an_unknown_key_is_refused(openssh):
    refused = sftp(openssh, "pwd", key=openssh.stranger_key)
    assert refused.returncode == 255
    assert "Permission denied (publickey" in refused.stderr


def test_a_strangers_host_key_is_refused_by_the_client(openssh):
    refused = sftp(openssh, "pwd", known_hosts=openssh.known_hosts_of("stranger"))
    assert (refused.returncode, "Host key verification failed." in refused.stderr) == (255, True)


def test_host_keys_rotate_and_come_back_for_the_next_test(openssh):
    before = openssh.known_hosts_of("ed25519")
    openssh.serve_host_keys("next")
    assert sftp(openssh, "pwd", known_hosts=before).returncode == 255
    assert sftp(openssh, "pwd").returncode == 0
    openssh.restore()
    assert sftp(openssh, "pwd", known_hosts=before).returncode == 0


def test_a_killed_server_comes_back_with_its_files_on_the_same_port(openssh):
    folder = openssh.fresh_folder()
    (folder.local / "kept").write_bytes(b"x")
    openssh.kill()
    assert sftp(openssh, "pwd").returncode == 255
    openssh.start()
    assert sftp(openssh, f"ls -1 {folder.remote}").stdout.endswith("/kept\n")


def test_cut_sessions_end_and_others_begin(openssh):
    with session(openssh) as cut:
        openssh.cut_sessions()
        with pytest.raises((paramiko.SSHException, OSError, EOFError)):  # by who notices first, reader or writer
            cut.listdir()
    with session(openssh) as other:
        assert other.listdir("/")


def test_a_suspended_server_takes_connections_and_says_nothing(openssh):
    with session(openssh) as held:
        openssh.suspend()
        held.get_channel().settimeout(0.2)
        with pytest.raises(TimeoutError):
            held.stat(".")
        openssh.resume()
        held.get_channel().settimeout(30)
        assert held.listdir(openssh.fresh_folder().remote) == []


def test_a_password_signs_in_where_it_was_asked_for():
    with sshd(passwords=True) as server, session(server, password=PASSWORD) as signed_in:
        assert signed_in.normalize(".") == "/files"


def test_a_read_only_server_refuses_changes():
    with sshd(read_only=True) as server:
        refused = sftp(server, "mkdir new")
        assert (refused.returncode, "Permission denied" in refused.stderr) == (1, True)


def test_a_small_disk_is_full_in_the_middle_of_a_file(tmp_path):
    sent = tmp_path / "sent"
    sent.write_bytes(bytes(2_000_000))
    with sshd(disk_bytes_max=1_000_000) as server:
        full = sftp(server, f"put {sent} order.edi")
        assert (full.returncode, 'write remote "/files/order.edi": Failure' in full.stderr) == (1, True)
        assert 0 < (server.files / "order.edi").stat().st_size < 2_000_000


def test_what_clients_ask_for_can_be_looked_up(tmp_path):
    with sshd(log_requests=True) as server:
        folder = server.fresh_folder()
        assert sftp(server, f"mkdir {folder.remote}/new").returncode == 0
        assert any(f'mkdir name "{folder.remote}/new"' in line for line in server.requests())


def test_another_program_behind_the_door():
    with sshd(forced_command="echo no mailbox here") as server:
        refused = sftp(server, "pwd")
        assert refused.returncode == 255
        assert "Received message too long" in refused.stderr


def test_lines_of_another_configuration_win():
    with (
        sshd(options={"maxsessions": "1"}) as server,
        session(server) as only,
        pytest.raises(paramiko.ChannelException, match="Connect failed"),
    ):
        only.get_channel().transport.open_session()


@contextmanager
def session(server, password=None):
    key = None if password else paramiko.Ed25519Key.from_private_key_file(str(server.client_key))
    with paramiko.Transport(("127.0.0.1", server.port)) as transport:
        transport.connect(username=server.user, password=password, pkey=key)
        with paramiko.SFTPClient.from_transport(transport) as client:
            yield client

"""OpenSSH's own SFTP server, thrown away after use, and where the programs of real SFTP clients are.

`SshServer` is a whole sshd on the loopback address with host keys, users and files of its own. As root it lives in a
mount namespace with its own /etc/passwd and /etc/shadow, so that there is a user with a chroot and perhaps a password,
and nothing of the machine changes. Elsewhere it runs as the user who runs the tests: no chroot, no passwords, and
`chrooted` says so; paths that a client names come from `RemoteFolder.remote` and hold in both.
"""

import getpass
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.services.install import ServiceUnavailable, apt_install, can_install
from tests.services.processes import ServerProcess, StartFailed, free_port, listens

START_SECONDS_MAX = 20.0
START_ATTEMPTS = 3
USER = "partner"
USER_ID = 20_422
# crypt(3) of PASSWORD: the hash is part of the throw-away server, and no program is needed to work it out.
PASSWORD = "mailbox of 2026"
PASSWORD_HASH = "$6$gatewaytests$xNbcRt9H1WUu7QI7V.QlohOz4/oUk3QblY3aya23YIlmta9MmQS8CFCKDoWjfZlav4nA/iDIvuZTEpLQzahh31"
# sshd insists that root owns every folder above a chroot and nobody else may write to it; /tmp is not so.
CHROOT_MOUNT = Path("/mnt")
PRIVILEGE_SEPARATION = Path("/run/sshd")
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
ADMINISTRATORS_PATH = "/usr/sbin:/usr/local/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """Where OpenSSH's programs are, and which release they are (9.2 as (9, 2))."""

    sshd: str
    ssh: str
    sftp: str
    scp: str
    ssh_keygen: str
    sftp_server: str
    release: tuple[int, int]


def find_or_install_openssh() -> OpenSsh:
    """Client programs and server; the packaged server never starts.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    found = find_openssh()
    if found is None and can_install():
        apt_install("openssh-server")  # brings openssh-client
        found = find_openssh()
    if found is None:
        raise ServiceUnavailable(
            "OpenSSH is not installed here with all of sshd, ssh, sftp, scp, ssh-keygen and sftp-server, and apt-get "
            "as root cannot bring it. Install the packages openssh-client and openssh-server; the service need not run."
        )
    return found


def find_openssh() -> OpenSsh | None:
    path = f"{os.environ.get('PATH', os.defpath)}:{ADMINISTRATORS_PATH}"
    programs = {name: shutil.which(name, path=path) for name in ("sshd", "ssh", "sftp", "scp", "ssh-keygen")}
    sftp_server = next((place for place in SFTP_SERVERS if Path(place).exists()), None)
    there = {name.replace("-", "_"): place for name, place in programs.items() if place is not None}
    if sftp_server is None or len(there) < len(programs):
        return None
    return OpenSsh(**there, sftp_server=sftp_server, release=_release(there["ssh"]))


def _release(ssh: str) -> tuple[int, int]:
    words = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=False).stderr
    release = re.match(r"OpenSSH_(\d+)\.(\d+)", words)
    if release is None:
        raise ServiceUnavailable(f"{ssh} is not OpenSSH: `ssh -V` says {words.strip()!r}. Install openssh-client.")
    return int(release[1]), int(release[2])


def find_or_install_lftp() -> str:
    """Where lftp is.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    if shutil.which("lftp") is None and can_install():
        apt_install("lftp")
    found = shutil.which("lftp")
    if found is None:
        raise ServiceUnavailable("lftp is not installed here, and apt-get as root cannot bring it: install lftp")
    return found


def find_or_install_curl() -> str:
    """Where a curl is that speaks SFTP.

    Raises:
        ServiceUnavailable: neither there nor to be installed, or built without SFTP.
    """
    if shutil.which("curl") is None and can_install():
        apt_install("curl")
    found = shutil.which("curl")
    if found is None:
        raise ServiceUnavailable("curl is not installed here, and apt-get as root cannot bring it: install curl")
    words = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    if re.search(r"^Protocols:.*\bsftp\b", words, re.MULTILINE) is None:
        raise ServiceUnavailable(f"{found} was built without SFTP (`curl --version`): install a curl with libssh2")
    return found


@cache
def namespaces_available() -> bool:
    """Whether sshd can be given users and a chroot of its own: root with the right to mount."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    tried = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", str(CHROOT_MOUNT)]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """One folder of the server, as the machine and as a client names it."""

    local: Path
    remote: str


class SshServer:
    """An sshd of the tests' own. `stop`, `kill`, `start` and `serve_host_keys` keep port and files, like a reboot.

    Attributes:
        port: on 127.0.0.1; the same after a restart.
        user: whom to sign in as, with `client_key`, or with PASSWORD where `passwords` is true.
        chrooted: the user sees nothing of the machine, and file names begin at the chroot.
        host_keys: the private keys by name: `ed25519` and `ecdsa` of today, `next` (Ed25519) to change to, and
            `stranger`, which no server ever shows. The public half lies beside each, with `.pub`.
        known_hosts: pins what `serve_host_keys` shows at the moment; `known_hosts_of` pins others.
        stranger_key: a client's key that is not authorized.
    """

    def __init__(
        self,
        programs: OpenSsh,
        *,
        host_keys: Sequence[str] = ("ed25519",),
        passwords: bool = False,
        read_only: bool = False,
        disk_bytes_max: int | None = None,
        forced_command: str | None = None,
        log_requests: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare it; `start` starts.

        Args:
            programs: of `find_or_install_openssh`.
            host_keys: names of the keys it shows.
            passwords: whether PASSWORD signs in, beside the key.
            read_only: every change is refused (`internal-sftp -R`).
            disk_bytes_max: files lie on a disk so small (a tmpfs, empty again after each start).
            forced_command: runs instead of the SFTP server, by the user's shell.
            log_requests: `requests` tells what clients asked; there is no chroot then.
            options: further lines of sshd_config, which win: `{"MaxSessions": "1", "LoginGraceTime": "2"}`.

        Raises:
            ServiceUnavailable: passwords or a small disk are wanted where sshd cannot have its own namespace.
        """
        self._own_users = namespaces_available()
        if (passwords or disk_bytes_max is not None) and not self._own_users:
            raise ServiceUnavailable(
                "an sshd with users or a disk of its own needs root with the right to mount (CAP_SYS_ADMIN) and the "
                "programs unshare and mount: run the tests as root of a container or machine that allows it"
            )
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-sshd-"))
        self._folder.chmod(0o711)  # the user may pass through, where there is no chroot
        self._server = ServerProcess(self._folder / "sshd.log")
        self._passwords, self._disk_bytes_max = passwords, disk_bytes_max
        self._options = dict(options or {})
        self.chrooted = self._own_users and not log_requests and forced_command is None
        self.user = USER if self._own_users else getpass.getuser()
        self.port = free_port()
        self._chroot = self._folder / "chroot"
        (self._chroot / "files").mkdir(parents=True)
        self._chroot.chmod(0o755)
        self._requests = self._folder / "requests.log"
        self._requests.touch()
        self._own(self._chroot / "files")
        self._own(self._requests)
        self.host_keys = {name: self._key(f"host_{name}", name) for name in ("ed25519", "ecdsa", "next", "stranger")}
        self.client_key, self.stranger_key = self._key("client", "ed25519"), self._key("unknown_client", "ed25519")
        shutil.copy(f"{self.client_key}.pub", self._folder / "authorized_keys")
        # The user reads it, whatever umask the tests run under: commands of ours set a narrow one.
        (self._folder / "authorized_keys").chmod(0o644)
        self.known_hosts = self._folder / "known_hosts"
        self._command = forced_command or self._sftp_command(read_only=read_only, logged=log_requests)
        self._shown = self._usual = tuple(host_keys)
        self._write_users()

    def _own(self, path: Path) -> None:
        if self._own_users:
            os.chown(path, USER_ID, USER_ID)

    def _key(self, file: str, name: str) -> Path:
        kind = "ecdsa" if name == "ecdsa" else "ed25519"
        path = self._folder / file
        subprocess.run(
            [self._programs.ssh_keygen, "-q", "-t", kind, "-N", "", "-C", file, "-f", str(path)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return path

    def _sftp_command(self, *, read_only: bool, logged: bool) -> str:
        flags = ["-d", self._start_folder(), "-u", "0022", *(["-R"] if read_only else [])]
        if logged:
            # By a shell that the user has: only there the standard error of the server is a file, not the client's.
            command = shlex.join([self._programs.sftp_server, "-e", "-l", "DEBUG3", *flags])
            return f"exec {command} 2>>{shlex.quote(str(self._requests))}"
        return shlex.join(["internal-sftp", *flags])

    def _start_folder(self) -> str:
        return "/files" if self.chrooted else str(self._chroot / "files")

    def _write_users(self) -> None:
        here = f"{USER}:x:{USER_ID}:{USER_ID}:a user of the tests:/:/bin/sh"
        root, sshd = "root:x:0:0:root:/root:/bin/sh", "sshd:x:20421:20421:privilege separation:/run/sshd:/bin/false"
        (self._folder / "passwd").write_text(f"{root}\n{sshd}\n{here}\n")
        (self._folder / "passwd").chmod(0o644)
        password = PASSWORD_HASH if self._passwords else "*"
        (self._folder / "shadow").write_text(f"root:*:20000::::::\nsshd:*:20000::::::\n{USER}:{password}:20000::::::\n")
        (self._folder / "shadow").chmod(0o600)

    def _configuration(self) -> str:
        newest = {"PerSourcePenalties": "no"} if self._programs.release >= (9, 8) else {}  # our probes look hostile
        chroot = {"ChrootDirectory": str(CHROOT_MOUNT)} if self.chrooted else {}
        usual = {
            **chroot,
            **newest,
            "ListenAddress": f"127.0.0.1:{self.port}",
            "PidFile": "none",
            "LogLevel": "VERBOSE",
            "UsePAM": "no",
            "StrictModes": "no",
            "AuthorizedKeysFile": str(self._folder / "authorized_keys"),
            "PasswordAuthentication": "yes" if self._passwords else "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "MaxStartups": "100",
            "MaxSessions": "20",
            "UseDNS": "no",
            "Subsystem": "sftp internal-sftp",
            "ForceCommand": self._command,
        }
        keys = [f"HostKey {self.host_keys[name]}" for name in self._shown]
        # sshd takes the first line of a name, so the options come first.
        named = [f"{name} {value}" for lines in (self._options, usual) for name, value in lines.items()]
        return "\n".join([*keys, *named, ""])

    @property
    def passwords(self) -> bool:
        return self._passwords

    def start(self) -> None:
        """Start, or start again on the same port and files.

        Raises:
            StartFailed: with the end of the server's log.
        """
        if self._server.running:
            return
        first = not self.known_hosts.exists()
        if os.geteuid() == 0:  # made by the service's start, which never happened here
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        for attempt in range(1, START_ATTEMPTS + 1):
            self.known_hosts_of(*self._shown, file=self.known_hosts)
            configuration = self._folder / "sshd_config"
            configuration.write_text(self._configuration())
            try:
                self._server.start(
                    self._launch([self._programs.sshd, "-D", "-e", "-f", str(configuration)]),
                    environment=os.environ,
                    ready=lambda: listens(self.port),
                    seconds_max=START_SECONDS_MAX,
                )
            except StartFailed:
                if attempt == START_ATTEMPTS:
                    raise
                if first:  # somebody may have taken the port in between; later the clients know the port
                    self.port = free_port()
            else:
                return

    def _launch(self, command: list[str]) -> list[str]:
        if not self._own_users:
            return command
        steps = [
            f"mount --bind {self._folder / 'passwd'} /etc/passwd",
            f"mount --bind {self._folder / 'shadow'} /etc/shadow",
        ]
        if self._disk_bytes_max is not None:
            disk = f"size={self._disk_bytes_max},mode=755,uid={USER_ID},gid={USER_ID}"
            steps.append(f"mount -t tmpfs -o {disk} tmpfs {self._chroot / 'files'}")
        steps.append(f"mount --rbind {self._chroot} {CHROOT_MOUNT}")
        script = " && ".join([*steps, f"exec {shlex.join(command)}"])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    @property
    def files(self) -> Path:
        """The folder that clients start in, for the tests to look at and change.

        With a small disk it is only there while the server runs.
        """
        if self._disk_bytes_max is None or not self._server.running:
            return self._chroot / "files"
        return Path(f"/proc/{self._server.pid}/root{self._chroot}/files")

    def fresh_folder(self) -> RemoteFolder:
        """An empty folder that the user may write to and no other test has used."""
        name = f"t-{secrets.token_hex(6)}"
        local = self.files / name
        local.mkdir()
        self._own(local)
        return RemoteFolder(local=local, remote=f"{self._start_folder()}/{name}")

    def known_hosts_of(self, *names: str, file: Path | None = None) -> Path:
        """A known_hosts file that pins these host keys, by their names in `host_keys`."""
        file = file or self._folder / f"known_hosts_{'_'.join(names)}"
        pinned = [self.public_host_key(name) for name in names]
        file.write_text("".join(f"[127.0.0.1]:{self.port} {key}\n" for key in pinned))
        return file

    def authorize(self, public_key: str) -> None:
        """Let in whoever has this key, too: `ssh-ed25519 AAAA...`."""
        with (self._folder / "authorized_keys").open("a") as file:
            file.write(f"{public_key.strip()}\n")

    def public_host_key(self, name: str) -> str:
        """`ssh-ed25519 AAAA...`, without the comment."""
        kind, encoded, *_comment = self.host_keys[name].with_suffix(".pub").read_text().split()
        return f"{kind} {encoded}"

    def serve_host_keys(self, *names: str) -> None:
        """Show these host keys from now on, and restart for it: `next` alone is a rotation that nobody announced."""
        self._shown = names
        self.stop()
        self.start()

    def requests(self) -> list[str]:
        """What clients asked so far, one line of the server's log each (with `log_requests`)."""
        return self._requests.read_text(errors="replace").splitlines()

    def log(self) -> str:
        """What sshd itself wrote: who signed in, who was refused and why."""
        return (self._folder / "sshd.log").read_text(errors="replace")

    def stop(self) -> None:
        """End the server and every session."""
        sessions = self._sessions()
        self._server.stop()
        _signal(sessions, signal.SIGTERM)

    def kill(self) -> None:
        """kill -9 to the server and every session, as a power cut would."""
        sessions = self._sessions()
        self._server.kill()
        _signal(sessions, signal.SIGKILL)

    def cut_sessions(self) -> None:
        """End every connection in the middle of what it does; the server goes on to accept others."""
        _signal(self._sessions(), signal.SIGKILL)

    def suspend(self) -> None:
        """A black hole: connections are accepted by the kernel and nobody answers, the open ones included."""
        self._server.suspend()
        _signal(self._sessions(), signal.SIGSTOP)

    def resume(self) -> None:
        self._server.resume()
        _signal(self._sessions(), signal.SIGCONT)

    def _sessions(self) -> list[int]:
        """The processes of its connections: each has a process group of its own, so the server's group lacks them."""
        return _descendants(self._server.pid) if self._server.running and self._server.pid is not None else []

    def restore(self) -> None:
        """Whatever a test did to the server, the next one finds it up and well, with its usual keys."""
        self.resume()
        if self._shown != self._usual:
            self.serve_host_keys(*self._usual)
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _descendants(ancestor: int) -> list[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold anything; state and parent follow its end (proc(5)).
            parents[int(stat.parent.name)] = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    found, looked_at = [], [ancestor]
    while looked_at:
        above = looked_at.pop()
        children = [child for child, parent in parents.items() if parent == above]
        found += children
        looked_at += children
    return found


def _signal(processes: Sequence[int], signum: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signum)

"""A throw-away RabbitMQ node on the loopback address; a test isolates itself by a vhost of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.services.install import ServiceUnavailable, apt_install, can_install
from tests.services.processes import ServerProcess, StartFailed, free_port, listens

SERVER_ROOT = Path("/usr/lib/rabbitmq/lib")
START_SECONDS_MAX = 90.0
START_ATTEMPTS = 3
CTL_SECONDS_MAX = 60
VHOSTS_AT_ONCE = 16  # a call of rabbitmqctl takes a second, a vhost some milliseconds

_ADD_VHOSTS = """
[begin
   rabbit_vhost:add(V, <<"tests">>),
   rabbit_auth_backend_internal:set_permissions(<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)
 end || V <- [%s]].
"""


def find_or_install_rabbitmq() -> Path:
    """The package's own `sbin` folder: Debian's wrapper insists on the rabbitmq user and the service's folders.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    found = find_rabbitmq()
    if found is None and can_install():
        apt_install("rabbitmq-server")
        found = find_rabbitmq()
    if found is None:
        raise ServiceUnavailable(
            "RabbitMQ is not installed here, and neither apt-get as root nor Docker Compose can bring it. "
            "Install the package rabbitmq-server, or name a running broker in GATEWAY_TEST_BROKER_URL."
        )
    return found


def find_rabbitmq() -> Path | None:
    candidates = sorted(SERVER_ROOT.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return candidates[-1].parent if candidates else None


def speaks_amqp(host: str, port: int) -> bool:
    """Whether a broker answers the protocol header: an open port alone says little (AMQP 0-9-1, 4.2.2)."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False


class RabbitNode:
    """One node with its own home, ports and port mapper. `stop`, `kill` and `start` keep its data, like a reboot."""

    def __init__(self, sbin: Path) -> None:
        self._sbin = sbin
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-rabbitmq-"))
        self._vhosts: list[str] = []
        self._alarmed = False
        self._assign_ports()
        self._epmd = ServerProcess(self._folder / "epmd.log")
        self._server = ServerProcess(self._folder / "console.log")
        (self._folder / "home").mkdir()
        (self._folder / "plugins").write_text("[].\n")
        # Quorum queues need free disk; a machine that runs tests may be short of RabbitMQ's default margin.
        (self._folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\n")

    def _assign_ports(self) -> None:
        self.port, self._dist_port, self._epmd_port = free_port(), free_port(), free_port()

    def url(self, vhost: str = "/") -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
        return inherited | {
            "HOME": str(folder / "home"),  # holds the Erlang cookie
            "RABBITMQ_NODENAME": "gateway@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The server script then becomes the virtual machine instead of waiting beside it: signals reach it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def start(self) -> None:
        """Start, or start again on the same data and ports.

        Raises:
            StartFailed: with the end of the node's log.
        """
        if self._server.running:
            return
        first = not (self._folder / "data").exists()
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._start_once()
            except StartFailed:
                if attempt == START_ATTEMPTS:
                    raise
                if first:  # somebody may have taken a port in between; later the clients know the port
                    self._epmd.kill()
                    self._assign_ports()
            else:
                return

    def _start_once(self) -> None:
        environment = self._environment()
        if not self._epmd.running:
            epmd = shutil.which("epmd")
            if epmd is None:
                raise ServiceUnavailable("epmd, which comes with Erlang, is not on the PATH")
            self._epmd.start(
                [epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                environment=environment,
                ready=lambda: listens(self._epmd_port),
                seconds_max=10,
            )
        self._server.start(
            [str(self._sbin / "rabbitmq-server")],
            environment=environment,
            ready=lambda: speaks_amqp("127.0.0.1", self.port),
            seconds_max=START_SECONDS_MAX,
        )

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """kill -9, once the node has written down which queues it has.

        RabbitMQ keeps that list in a file that it flushes now and then: a queue declared a moment before a crash can
        come back as a name without a queue, and no client can do anything about it.
        """
        self.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")
        self._server.kill()

    def suspend(self) -> None:
        self._server.suspend()

    def resume(self) -> None:
        self._server.resume()

    def memory_alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm: publishers are blocked while it lasts."""
        self.ctl("set_vm_memory_high_watermark", "0.0000001" if on else "0.6")
        self._alarmed = on

    def ctl(self, *arguments: str, stdin: str = "") -> str:
        """What `rabbitmqctl` prints.

        Raises:
            subprocess.CalledProcessError: it said no; the text is in `stderr`.
        """
        return subprocess.run(
            [str(self._sbin / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=CTL_SECONDS_MAX,
            check=True,
        ).stdout

    def import_definitions(self, definitions: dict[str, object]) -> None:
        self.ctl("import_definitions", stdin=json.dumps(definitions))

    def policies(self, vhost: str) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(self.ctl("--formatter", "json", "list_policies", "--vhost", vhost))
        return listed

    def fresh_vhost(self) -> str:
        """The URL of a vhost that no test has used."""
        if not self._vhosts:
            names = [f"t-{secrets.token_hex(6)}" for _ in range(VHOSTS_AT_ONCE)]
            self.ctl("eval", _ADD_VHOSTS % ", ".join(f'<<"{name}">>' for name in names))
            self._vhosts = names
        return self.url(self._vhosts.pop())

    def restore(self) -> None:
        """Whatever a test did to the node, the next one finds it up and well."""
        self.resume()
        self.start()
        if self._alarmed:
            self.memory_alarm(on=False)

    def close(self) -> None:
        self._server.kill()
        self._epmd.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

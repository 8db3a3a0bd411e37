"""RabbitMQ from docker-compose.yml, where no server can be installed: the same controls through `docker compose`."""

import json
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from tests.services.processes import StartFailed, free_port
from tests.services.rabbitmq import speaks_amqp

PROJECT_ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 300.0  # the image may have to be fetched first
COMPOSE_SECONDS_MAX = 300
USER = "gateway"


def compose_available() -> bool:
    """Whether there is a `docker compose` with an engine behind it."""
    if shutil.which("docker") is None:
        return False
    for question in (["docker", "compose", "version"], ["docker", "info"]):
        if subprocess.run(question, capture_output=True, check=False).returncode != 0:
            return False
    return True


class ComposeRabbit:
    """The `rabbitmq` service of the compose file under a project name of its own."""

    def __init__(self) -> None:
        self.port, self._management_port = free_port(), free_port()
        self._password = secrets.token_hex(16)
        self._project = f"gateway-test-{secrets.token_hex(4)}"
        self._alarmed = False

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "COMPOSE_PROJECT_NAME": self._project,
            "RABBITMQ_PORT": str(self.port),
            "RABBITMQ_MANAGEMENT_PORT": str(self._management_port),
            "RABBITMQ_PASSWORD": self._password,
            "POSTGRES_PASSWORD": self._password,
            "KEY_PASSPHRASE": self._password,
        }

    def _compose(self, *arguments: str, stdin: str = "") -> str:
        return subprocess.run(
            ["docker", "compose", *arguments],
            cwd=PROJECT_ROOT,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMPOSE_SECONDS_MAX,
            check=True,
        ).stdout

    def url(self, vhost: str = "/") -> str:
        return f"amqp://{USER}:{self._password}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def start(self) -> None:
        self._compose("up", "-d", "rabbitmq")
        deadline = time.monotonic() + START_SECONDS_MAX
        while not speaks_amqp("127.0.0.1", self.port):
            if time.monotonic() > deadline:
                raise StartFailed(self._compose("logs", "--tail", "50", "rabbitmq"))
            time.sleep(0.2)

    def stop(self) -> None:
        self._compose("stop", "rabbitmq")

    def kill(self) -> None:
        self._compose("kill", "rabbitmq")

    def suspend(self) -> None:
        self._compose("pause", "rabbitmq")

    def resume(self) -> None:
        if self._compose("ps", "--status", "paused", "--quiet", "rabbitmq").strip():
            self._compose("unpause", "rabbitmq")

    def memory_alarm(self, on: bool) -> None:
        self.ctl("set_vm_memory_high_watermark", "0.0000001" if on else "0.6")
        self._alarmed = on

    def ctl(self, *arguments: str, stdin: str = "") -> str:
        return self._compose("exec", "-T", "rabbitmq", "rabbitmqctl", "--quiet", *arguments, stdin=stdin)

    def import_definitions(self, definitions: dict[str, object]) -> None:
        self.ctl("import_definitions", stdin=json.dumps(definitions))

    def policies(self, vhost: str) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(self.ctl("--formatter", "json", "list_policies", "--vhost", vhost))
        return listed

    def fresh_vhost(self) -> str:
        name = f"t-{secrets.token_hex(6)}"
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "--vhost", name, USER, ".*", ".*", ".*")
        return self.url(name)

    def restore(self) -> None:
        self.resume()
        self.start()
        if self._alarmed:
            self.memory_alarm(on=False)

    def close(self) -> None:
        self._compose("down", "--volumes", "--timeout", "5")

"""docker-compose.yml as text: what it says must agree with what the gateway says."""

import json
import re
from pathlib import Path

import pytest
import yaml

from gateway.broker import definitions
from gateway.settings import load_settings

PROJECT_ROOT = Path(__file__).parents[2]


@pytest.fixture
def compose():
    return yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())


def test_the_policies_are_those_that_the_gateway_prints(compose):
    content = compose["configs"]["policies"]["content"].replace("$$", "$")
    assert json.loads(content) == definitions()


def test_only_the_ports_of_partners_leave_this_machine(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == [
        "${GATEWAY_PORT:-8080}:8080",
        "${GATEWAY_SFTP_PORT:-2222}:2222",
    ]


def test_the_environment_is_one_that_the_gateway_takes(compose, monkeypatch):
    written = compose["services"]["gateway"]["environment"]
    environment = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in written.items()}
    settings = load_settings(None, environment).settings
    assert str(settings.data_dir) == "/var/lib/gateway/data"
    assert settings.edge_port == 8080
    mounted = {volume.split(":")[1] for volume in compose["services"]["gateway"]["volumes"]}
    assert mounted == {environment["GATEWAY_DATA_DIR"], environment["GATEWAY_PARTNERS_DIR"]}


def test_the_example_of_the_environment_is_one_that_the_gateway_takes():
    lines = (PROJECT_ROOT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line.startswith("GATEWAY_"))
    settings = load_settings(None, {name: value.strip("'") for name, value in given.items()}).settings
    (identity,) = settings.identities
    assert identity.as2_id == "BIGCORP-AS2"
    assert settings.public_url is None


def test_no_secret_stands_in_the_file(compose):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASS" in name and not name.endswith("_FILE"):
                assert value.startswith("${")


def test_named_volumes_are_declared_and_services_wait_for_each_other(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][other]

"""The settings: from a file and the environment, with what is wrong told line by line."""

from pathlib import Path

import pytest

from gateway.settings import SETTINGS_BYTES_MAX, SettingsError, describe, load_settings


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "gateway.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def problems(file=None, environment=None):
    with pytest.raises(SettingsError) as wrong:
        load_settings(file, environment or {})
    assert str(wrong.value) == "\n".join(wrong.value.problems)
    return wrong.value.problems


def test_without_file_and_variables_everything_is_at_its_default():
    loaded = load_settings(None, {"PATH": "/bin"})
    assert loaded.settings.edge_port == 8080
    assert loaded.settings.roles == ("edge", "worker", "sftp")
    assert loaded.origins == {}
    assert loaded.settings.resolved_database_url() == "sqlite:///data/gateway.db"


def test_the_file_is_read_and_the_variable_wins(write):
    file = write("edge_port: 9000\nlog_level: debug\nlimits: {worker_processes: 3, connections_max: 10}\n")
    environment = {
        "GATEWAY_EDGE_PORT": "9001",
        "GATEWAY_LIMITS_WORKER_PROCESSES": "4",
        "GATEWAY_RETENTION_EVENTS_DAYS": "7",
        "GATEWAY_ROLES": "[worker]",
        "GATEWAY_IDENTITIES": "[{name: plant-1, as2_id: BIGCORP, x12: {qualifier: ZZ, id: BIG, group_id: BIG}}]",
        "GATEWAY_OPERATOR_ALLOW_PLAIN_HTTP": "true",
    }
    loaded = load_settings(file, environment)
    settings = loaded.settings
    assert (settings.edge_port, settings.log_level) == (9001, "debug")
    assert (settings.limits.worker_processes, settings.limits.connections_max) == (4, 10)
    assert settings.retention.events_days == 7
    assert settings.roles == ("worker",)
    assert settings.identities[0].x12.id == "BIG"
    assert settings.operator_allow_plain_http
    assert loaded.origins["edge_port"] == "GATEWAY_EDGE_PORT"
    assert loaded.origins["log_level"] == str(file)
    assert loaded.origins["limits.worker_processes"] == "GATEWAY_LIMITS_WORKER_PROCESSES"
    assert loaded.origins["limits.connections_max"] == str(file)


def test_an_empty_variable_leaves_the_setting_alone(write):
    file = write("edge_port: 9000\n")
    loaded = load_settings(file, {"GATEWAY_EDGE_PORT": "", "GATEWAY_DATABASE_URL": "", "GATEWAY_BROKER_URL": ""})
    assert loaded.settings.edge_port == 9000
    assert loaded.settings.broker_url is None
    assert loaded.settings.resolved_database_url().startswith("sqlite:///")


def test_an_empty_file_is_a_file(write):
    assert load_settings(write("# nothing yet\n"), {}).settings.edge_port == 8080


def test_settings_are_frozen():
    settings = load_settings(None, {}).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.edge_port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.connections_max = 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("edge_prot: 1", ["edge_prot", "no such setting; did you mean edge_port?"]),
        ("limits: {conections_max: 1}", ["limits.conections_max", "did you mean connections_max?"]),
        ("retention: {event_days: 1}", ["retention.event_days", "did you mean events_days?"]),
        ("identities: [{nme: a, name: b}]", ["identities.0.nme", "did you mean name?"]),
        (
            "identities: [{name: b, x12: {qualifer: ZZ, qualifier: ZZ, id: A, group_id: AA}}]",
            ["x12.qualifer", "did you mean qualifier?"],
        ),
        ("utterly_different: 1", ["utterly_different", "no such setting"]),
        ("edge_port: 70000", ["edge_port", "65535"]),
        ("edge_port: [1]", ["edge_port"]),
        ("limits: 5", ["limits"]),
        ("log_level: loud", ["log_level", "debug"]),
        ("identities: [{name: a}, {name: a}]", ["same name"]),
        ("identities: [{name: 'Not Fit'}]", ["identities.0.name"]),
        ("identities: [{name: b, as2_id: 'BIG \"CORP\"'}]", ["identities.0.as2_id"]),
        ("edge_tls_certificate: a.pem", ["edge_tls_certificate and edge_tls_key belong together"]),
        ("edge_mtls_port: 8443", ["edge_mtls_port needs edge_tls_certificate"]),
        ("operator_tls_key: a.pem", ["operator_tls_certificate and operator_tls_key belong together"]),
        ("operator_host: 0.0.0.0", ["operator_host 0.0.0.0", "operator_allow_plain_http"]),
        ("operator_host: ''", ["operator_allow_plain_http"]),
        ("database_url: mysql://x", ["database_url", "postgresql://"]),
        ("broker_url: http://x", ["broker_url", "amqp://"]),
        ("5: 6", ["5"]),
        ("- a\n- b", ["must hold `name: value` lines"]),
        ("just text", ["must hold `name: value` lines"]),
        ("a: [", ["not readable as YAML"]),
        ("data_dir: 2026-02-30", ["not readable as YAML"]),
        ("a: &a {b: *a}", ["no such setting"]),
        ("[" * 20_000, ["not readable as YAML"]),
        ("a: !!python/object/apply:os.system [ls]", ["not readable as YAML"]),
        (b"\xff\xfe\x00", ["not readable as YAML"]),
        (b"# " + b"x" * SETTINGS_BYTES_MAX, ["larger than"]),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place_and_remedy(write, text, expected):
    file = write(text)
    told = problems(file)
    for part in (*expected, ""):
        assert part in "\n".join(told)


def test_every_problem_of_a_file_is_told_at_once(write):
    file = write("edge_port: x\nsftp: 1\nlimits: {connections_max: 0}\n")
    told = problems(file)
    assert len(told) == 3
    assert all(str(file) in line for line in told)


def test_the_text_around_a_yaml_error_is_not_repeated(write):
    told = problems(write("database_url: postgresql://u:hunter2@h/db: x\n"))
    assert "gateway.yaml:1" in told[0]
    assert "hunter2" not in told[0]


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert "name an existing file" in problems(tmp_path / "none.yaml")[0]
    assert problems(tmp_path)[0].startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GATEWAY_EDGE_PROT", "1", "GATEWAY_EDGE_PROT: no such setting; did you mean GATEWAY_EDGE_PORT?"),
        ("GATEWAY_EDGE_PORT", "eighty", "edge_port (from GATEWAY_EDGE_PORT)"),
        ("GATEWAY_IDENTITIES", "[{name: 'A B'}]", "identities.0.name (from GATEWAY_IDENTITIES)"),
        ("GATEWAY_ROLES", "[", "roles"),
        ("GATEWAY_ROLES", "[2026-02-30]", "roles"),
        ("GATEWAY_OPERATOR_HOST", "10.0.0.1", "operator_host 10.0.0.1"),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_with_its_name(variable, value, expected):
    assert expected in "\n".join(problems(environment={variable: value}))


def test_variables_of_others_are_left_alone():
    environment = {
        "GATEWAY_TEST_DATABASE_URL": "x",
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_PORT": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "gateway_edge_port": "1",
    }
    assert load_settings(None, environment).origins == {}


@pytest.mark.parametrize(
    ("extra", "host"),
    [
        ("", "127.0.0.1"),
        ("", "localhost"),
        ("", "'::1'"),
        ("operator_allow_plain_http: true", "0.0.0.0"),
        ("operator_tls_certificate: c.pem\noperator_tls_key: k.pem", "0.0.0.0"),
    ],
)
def test_the_operator_port_may_leave_loopback_only_with_tls_or_on_purpose(write, extra, host):
    assert load_settings(write(f"operator_host: {host}\n{extra}\n"), {}).settings.operator_host == host.strip("'")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+pg8000"])
def test_every_spelling_of_postgresql_ends_at_the_one_driver(scheme):
    settings = load_settings(None, {"GATEWAY_DATABASE_URL": f"{scheme}://u:p@h/db"}).settings
    assert settings.resolved_database_url() == "postgresql+pg8000://u:p@h/db"


def test_secrets_are_masked_wherever_settings_are_shown():
    environment = {
        "GATEWAY_DATABASE_URL": "postgresql://u:hunter2@h/db",
        "GATEWAY_BROKER_URL": "amqp://u:hunter2@h",
        "GATEWAY_KEY_PASSPHRASE": "hunter2",
    }
    loaded = load_settings(None, environment)
    rows = {name: (value, origin) for name, value, origin in describe(loaded)}
    assert rows["database_url"] == ("********", "GATEWAY_DATABASE_URL")
    assert rows["key_passphrase"][0] == "********"
    assert rows["edge_port"] == ("8080", "default")
    assert rows["limits.connections_max"] == ("4096", "default")
    assert rows["roles"][0] == "edge, worker, sftp"
    assert rows["key_passphrase_file"][0] == "(none)"
    for shown in (str(rows), repr(loaded), str(loaded.settings), loaded.settings.model_dump_json()):
        assert "hunter2" not in shown
    assert loaded.settings.passphrase() == b"hunter2"


def test_a_wrong_secret_is_not_repeated_in_its_problem():
    assert "hunter2" not in problems(environment={"GATEWAY_DATABASE_URL": "mysql://u:hunter2@h"})[0]


def test_every_setting_is_described_once():
    names = [name for name, _, _ in describe(load_settings(None, {}))]
    assert len(names) == len(set(names))
    assert {"data_dir", "limits.body_bytes_max", "retention.audit_days"} <= set(names)


def test_a_passphrase_comes_from_its_file_without_the_end_of_the_line(tmp_path):
    file = tmp_path / "passphrase"
    file.write_bytes(b" open sesame \r\n")
    assert load_settings(None, {"GATEWAY_KEY_PASSPHRASE_FILE": str(file)}).settings.passphrase() == b" open sesame "
    assert load_settings(None, {}).settings.passphrase() is None
    missing = load_settings(None, {"GATEWAY_KEY_PASSPHRASE_FILE": str(tmp_path / "none")}).settings
    with pytest.raises(SettingsError, match="name a readable file"):
        missing.passphrase()


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("GATEWAY_DATA_DIR", "/somewhere")
    assert load_settings(None).settings.data_dir == Path("/somewhere")

"""The settings: read once from `gateway.yaml` and `GATEWAY_*` variables (the variable wins), frozen afterwards."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError("is no network; write it as 10.0.0.0/8, or one address as 10.0.0.7") from None
    return text


ENVIRONMENT_PREFIX = "GATEWAY_"
SETTINGS_BYTES_MAX = 1_048_576
PASSPHRASE_BYTES_MAX = 1_023  # OpenSSL reads no more
DATABASE_SCHEMES = ("postgresql+pg8000://", "sqlite:///")
BROKER_SCHEMES = ("amqp://", "amqps://")
Port = Annotated[int, Field(ge=0, le=65_535)]
ProxyNetwork = Annotated[str, AfterValidator(_network)]
Role = Literal["edge", "worker", "sftp"]
# What lies in `data_dir` beside the database.
DATABASE_FILE = "gateway.db"
KEY_RING_FOLDER = "keys"
LOCK_FILE = "gateway.lock"
SPOOL_FOLDER = "spool"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """The settings cannot be used; each line says where, what is wrong and what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class X12Address(_Group):
    """Our interchange address: ISA qualifier and id, and the application id of GS."""

    qualifier: Annotated[str, Field(min_length=2, max_length=2)] = Field(description="ISA05/ISA07, such as ZZ or 01")
    id: Annotated[str, Field(min_length=1, max_length=15)] = Field(description="ISA06/ISA08, without padding")
    group_id: Annotated[str, Field(min_length=2, max_length=15)] = Field(description="GS02/GS03")


class IdentitySettings(_Group):
    """Who we are towards partners: a plant or company with its own ids. Its key lies in the key ring under `name`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    # As a partner's: a quote or backslash would need escaping that peers get wrong, and no profile could name it.
    as2_id: Annotated[str, Field(pattern=r"^[!#-\[\]-~](?:[ !#-\[\]-~]{0,126}[!#-\[\]-~])?$")] | None = None
    x12: X12Address | None = None


class ContactSettings(_Group):
    """Whom partners ask at ours; it stands in their guide."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["edi", "business", "technical", "escalation"] = "edi"
    email: Annotated[str, Field(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,253}$")] | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ()./-]{3,28}[0-9]$")] | None = None


class Limits(_Group):
    """What the gateway takes from outside, each with its unit last in the name."""

    body_bytes_max: Annotated[int, Field(ge=1_024)] = 64 * 1_048_576
    decompressed_bytes_max: Annotated[int, Field(ge=1_024)] = 128 * 1_048_576
    bodies_in_memory_bytes_max: Annotated[int, Field(ge=65_536)] = 256 * 1_048_576
    connections_per_address_max: Annotated[int, Field(ge=1)] = 256
    connections_max: Annotated[int, Field(ge=1)] = 4_096
    header_timeout_s: Annotated[float, Field(gt=0)] = 10
    body_timeout_s: Annotated[float, Field(gt=0)] = 300
    body_rate_bytes_per_s_min: Annotated[int, Field(ge=0)] = 1_024
    keepalive_timeout_s: Annotated[float, Field(gt=0)] = 75
    answer_timeout_s: Annotated[float, Field(gt=0)] = 30
    writes_queued_max: Annotated[int, Field(ge=1)] = 4_096
    spool_from_bytes: Annotated[int, Field(ge=65_536)] = 1_048_576
    inline_body_bytes_max: Annotated[int, Field(ge=0)] = 65_536
    worker_processes: Annotated[int, Field(ge=1, le=64)] = 2
    worker_memory_bytes_max: Annotated[int, Field(ge=128 * 1_048_576)] = 1_073_741_824
    worker_timeout_s: Annotated[float, Field(gt=0)] = 300
    shutdown_timeout_s: Annotated[float, Field(gt=0)] = 20
    events_in_flight_max: Annotated[int, Field(ge=1, le=1_000)] = 100
    publish_timeout_s: Annotated[float, Field(gt=0)] = 10
    deliveries_in_flight_max: Annotated[int, Field(ge=1, le=1_000)] = 32
    connect_timeout_s: Annotated[float, Field(gt=0)] = 15
    response_bytes_max: Annotated[int, Field(ge=1_024)] = 1_048_576
    claim_lease_s: Annotated[float, Field(ge=2)] = 60
    processing_attempts_max: Annotated[int, Field(ge=1)] = 8
    held_bytes_per_partner_max: Annotated[int, Field(ge=65_536)] = 256 * 1_048_576
    disk_free_bytes_min: Annotated[int, Field(ge=0)] = 64 * 1_048_576
    sftp_connections_max: Annotated[int, Field(ge=1)] = 512
    sftp_connections_per_address_max: Annotated[int, Field(ge=1)] = 64
    sftp_logins_max: Annotated[int, Field(ge=1)] = 32
    sftp_login_timeout_s: Annotated[float, Field(gt=0)] = 30
    sftp_idle_timeout_s: Annotated[float, Field(gt=0)] = 600
    sftp_ban_s: Annotated[float, Field(ge=0)] = 900
    sftp_unfinished_bytes_max: Annotated[int, Field(ge=65_536)] = 8 * 1_073_741_824
    restart_parts_per_partner_max: Annotated[int, Field(ge=1, le=1_000)] = 4
    restart_bytes_per_partner_max: Annotated[int, Field(ge=65_536)] = 256 * 1_048_576
    restart_bytes_max: Annotated[int, Field(ge=65_536)] = 1_073_741_824
    restart_age_s_max: Annotated[float, Field(gt=0)] = 86_400
    restart_stall_s: Annotated[float, Field(gt=0)] = 30


class Retention(_Group):
    """How long each kind is kept, in days; `gateway purge` and the running server remove what is older."""

    bodies_days: Annotated[int, Field(ge=1)] = 400
    documents_days: Annotated[int, Field(ge=1)] = 400
    messages_days: Annotated[int, Field(ge=1)] = 800
    events_days: Annotated[int, Field(ge=1)] = 90
    duplicates_days: Annotated[int, Field(ge=1)] = 400
    audit_days: Annotated[int, Field(ge=1)] = 3_650
    notifications_days: Annotated[int, Field(ge=1)] = 30


class Settings(_Group):
    """Everything the gateway can be told from outside."""

    data_dir: Path = Field(default=Path("data"), description="database, spool, lock file")
    partners_dir: Path = Field(default=Path("partner-profiles"), description="one folder a partner: ID/profile.yaml")
    database_url: SecretStr | None = Field(
        default=None, description="postgresql://USER:PASSWORD@HOST/NAME; SQLite in data_dir by default"
    )
    broker_url: SecretStr | None = Field(
        default=None, description="amqp(s)://USER:PASSWORD@HOST/VHOST; the embedded event log by default"
    )
    edge_host: str = "127.0.0.1"
    edge_port: Port = 8080
    edge_tls_certificate: Path | None = None
    edge_tls_key: Path | None = None
    edge_mtls_port: Port | None = Field(
        default=None,
        description="a second partner port, with the same TLS certificate, that asks for client certificates "
        "(api.certificates of the profiles); edge_port never asks, because TLS cuts off whoever shows an unknown one",
    )
    sftp_host: str = "127.0.0.1"
    sftp_port: Port = Field(
        default=2222, description="where partners reach their mailboxes; it opens once a profile has `sftp`"
    )
    sftp_public_host: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?$",
        description="under which host and port partners reach their mailboxes, such as sftp.bigcorp.example:22; "
        "it stands in their guide",
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[!-~]{1,2000}$",
        description="under which partners reach the partner port, such as https://b2b.bigcorp.example; "
        "they send asynchronous receipts there",
    )
    trusted_proxies: tuple[ProxyNetwork, ...] = Field(
        default=(),
        max_length=64,
        description="networks of the proxies before the partner port and the SFTP port, such as 10.0.0.0/8; of them "
        "alone are X-Forwarded-For, X-Forwarded-Proto and Client-Cert (RFC 9440) believed; to the SFTP port they have "
        "to speak the PROXY protocol",
    )
    token_lifetime_s: Annotated[int, Field(ge=60, le=3_600)] = Field(
        default=900, description="how long an access token of /oauth/token is good"
    )
    operator_host: str = "127.0.0.1"
    operator_port: Port = 8081
    operator_tls_certificate: Path | None = None
    operator_tls_key: Path | None = None
    operator_allow_plain_http: bool = Field(default=False, description="beyond loopback without TLS")
    key_passphrase: SecretStr | None = Field(default=None, description="opens the private keys of the key ring")
    key_passphrase_file: Path | None = None
    roles: tuple[Role, ...] = ("edge", "worker", "sftp")
    identities: tuple[IdentitySettings, ...] = ()
    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] | None = Field(
        default=None, description="whose overlays `profile.ENVIRONMENT.yaml` lie over the profiles, such as staging"
    )
    company: str = Field(default="", max_length=200, description="our name in what partners read")
    contacts: tuple[ContactSettings, ...] = ()
    sandbox: bool = Field(default=False, description="a built-in partner named sandbox that answers by magic numbers")
    profiles_reload_s: Annotated[float, Field(gt=0)] = 5
    restore_step: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=1_000, description="how far `gateway restore` moves control numbers and sequences ahead"
    )
    processing_paused: bool = Field(default=False, description="accept and keep, but translate nothing for now")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "json"
    limits: Limits = Limits()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.database_url is not None and not self.resolved_database_url().startswith(DATABASE_SCHEMES):
            raise ValueError("database_url: must begin with postgresql:// or sqlite:///")
        if self.broker_url is not None and not self.broker_url.get_secret_value().startswith(BROKER_SCHEMES):
            raise ValueError("broker_url: must begin with amqp:// or amqps://")
        names = [identity.name for identity in self.identities]
        if len(set(names)) != len(names):
            raise ValueError("identities: two of them have the same name; give each its own")
        for side in ("edge", "operator"):
            if (getattr(self, f"{side}_tls_certificate") is None) != (getattr(self, f"{side}_tls_key") is None):
                raise ValueError(f"{side}_tls_certificate and {side}_tls_key belong together; set both or neither")
        if self.edge_mtls_port is not None and self.edge_tls_certificate is None:
            raise ValueError("edge_mtls_port needs edge_tls_certificate and edge_tls_key; set them, too")
        if (
            self.operator_host not in LOOPBACK_HOSTS
            and self.operator_tls_certificate is None
            and not self.operator_allow_plain_http
        ):
            raise ValueError(
                f"operator_host {self.operator_host} is reachable from other machines: set operator_tls_certificate "
                "and operator_tls_key, or operator_allow_plain_http: true if something before it speaks TLS"
            )
        return self

    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL: PostgreSQL through pg8000 when set, else the SQLite file in `data_dir`."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / DATABASE_FILE}"
        url = self.database_url.get_secret_value()
        for scheme in ("postgresql://", "postgres://"):
            if url.startswith(scheme):
                return "postgresql+pg8000://" + url.removeprefix(scheme)
        return url

    @property
    def key_ring_dir(self) -> Path:
        """Where earlier versions kept our private keys, encrypted; they are taken over into the database."""
        return self.data_dir / KEY_RING_FOLDER

    @property
    def spool_dir(self) -> Path:
        """Where large bodies lie while they are worked on, and in `parts` what came of those that broke off."""
        return self.data_dir / SPOOL_FOLDER

    def passphrase(self) -> bytes | None:
        """The passphrase of the key ring, from the setting or its file; None when neither is set.

        Raises:
            SettingsError: the file cannot be read, or what it holds is too short or too long.
        """
        if self.key_passphrase is not None:
            passphrase = self.key_passphrase.get_secret_value().encode()
            if not 1 <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
                raise SettingsError([f"key_passphrase: a passphrase has 1 to {PASSPHRASE_BYTES_MAX} bytes"])
            return passphrase
        if self.key_passphrase_file is not None:
            return read_passphrase_file(self.key_passphrase_file, "key_passphrase_file")
        return None


def read_passphrase_file(file: Path, setting: str) -> bytes:
    """A passphrase from a file, without the end of its line.

    Args:
        file: which holds it.
        setting: what named the file, for the error.

    Raises:
        SettingsError: it cannot be read, or what it holds is too short or too long.
    """
    try:
        with file.open("rb") as stream:
            passphrase = stream.read(PASSPHRASE_BYTES_MAX + 3).rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError([f"{setting}: {file}: {error.strerror}; name a readable file"]) from None
    if not 1 <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
        raise SettingsError([f"{setting}: {file}: a passphrase has 1 to {PASSPHRASE_BYTES_MAX} bytes"])
    return passphrase


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings with the origin of each value that is no default: a dotted name -> file or variable."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> LoadedSettings:
    """Read `gateway.yaml` (optional) and the environment.

    Raises:
        SettingsError: with one line for each problem.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    if file is not None:
        values = _read_file(file)
        origins = {name: str(file) for name in _dotted(values)}
    problems: list[str] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        path = _VARIABLES.get(variable)
        if path is None:
            if not variable.startswith(_FOREIGN_VARIABLES):
                problems.append(f"{variable}: no such setting{_did_you_mean(variable, _VARIABLES)}")
            continue
        if not text:
            continue  # `NAME=` in a compose or service file is how people leave a setting at its default
        _put(values, path, _parse_variable(text))
        origins[".".join(path)] = variable
    if problems:
        raise SettingsError(problems)
    try:
        return LoadedSettings(Settings.model_validate(values), origins)
    except ValidationError as error:
        raise SettingsError([_problem(detail, origins) for detail in error.errors()]) from None


def describe(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """(name, value, origin) of every setting, secrets masked."""
    rows = []
    for name, value in _dotted(loaded.settings.model_dump(mode="python")).items():
        shown = "********" if isinstance(value, SecretStr) else _shown(value)
        rows.append((name, shown, loaded.origins.get(name, "default")))
    return rows


def _read_file(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as stream:
            text = stream.read(SETTINGS_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError([f"{file}: {error.strerror}; name an existing file with --config"]) from None
    if len(text) > SETTINGS_BYTES_MAX:
        raise SettingsError([f"{file}: larger than {SETTINGS_BYTES_MAX} bytes; this is no settings file"])
    try:
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Its own text quotes the line, which may hold a password.
        place = f"{file}:{error.problem_mark.line + 1}" if error.problem_mark else str(file)
        raise SettingsError([f"{place}: not readable as YAML: {error.problem}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date that is none, such as 2026-02-30.
        raise SettingsError([f"{file}: not readable as YAML: {type(error).__name__}"]) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError([f"{file}: must hold `name: value` lines"])
    return values


def _variables() -> dict[str, tuple[str, ...]]:
    groups: dict[str, type[BaseModel]] = {"limits": Limits, "retention": Retention}
    found: dict[str, tuple[str, ...]] = {}
    for name in Settings.model_fields:
        if name in groups:
            for inner in groups[name].model_fields:
                found[f"{ENVIRONMENT_PREFIX}{name}_{inner}".upper()] = (name, inner)
        else:
            found[f"{ENVIRONMENT_PREFIX}{name}".upper()] = (name,)
    return found


_VARIABLES = _variables()
_FOREIGN_VARIABLES = (
    f"{ENVIRONMENT_PREFIX}TEST_",
    f"{ENVIRONMENT_PREFIX}DEMO_",
    # Kubernetes sets these in every container beside a Service that is called "gateway".
    f"{ENVIRONMENT_PREFIX}SERVICE_",
    f"{ENVIRONMENT_PREFIX}PORT",
)


def _parse_variable(text: str) -> object:
    """Lists and mappings are written as YAML flow text; anything else stays the text it is."""
    if text.startswith(("[", "{")):
        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            return text
    return text


def _put(values: dict[str, object], path: tuple[str, ...], value: object) -> None:
    *groups, last = path
    target = values
    for group in groups:
        inner = target.setdefault(group, {})
        if not isinstance(inner, dict):
            return  # the file holds nonsense there; validation says so
        target = inner
    target[last] = value


def _dotted(values: Mapping[str, object]) -> dict[str, object]:
    """One name a setting: groups are one level deep, and what lies deeper in a file is no setting."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            flat[str(name)] = value
    return flat


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "(none)"
    return "(none)" if value is None else str(value)


def _did_you_mean(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _siblings(location: tuple[object, ...]) -> Mapping[str, object]:
    """The names that are right where a wrong one was found."""
    if len(location) == 1:
        return Settings.model_fields
    if location[0] == "identities":
        return X12Address.model_fields if "x12" in location[:-1] else IdentitySettings.model_fields
    groups: dict[str, type[BaseModel]] = {"limits": Limits, "retention": Retention}
    return groups.get(str(location[0]), Settings).model_fields


def _problem(detail: Mapping[str, object], origins: Mapping[str, str]) -> str:
    location = detail["loc"]
    path = ".".join(str(part) for part in location) if isinstance(location, tuple) else str(location)
    origin = origins.get(path) or origins.get(path.split(".", 1)[0])
    where = f"{path} (from {origin})" if origin else path or "settings"
    if detail["type"] == "extra_forbidden" and isinstance(location, tuple):
        return f"{where}: no such setting{_did_you_mean(str(location[-1]), _siblings(location))}"
    return f"{where}: {str(detail['msg']).removeprefix('Value error, ')}"

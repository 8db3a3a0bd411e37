"""A first gateway.yaml: who we are, where things lie and which ports are open, each key with its meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from gateway.onboarding.founding.questions import Ask, Question, first
from gateway.onboarding.founding.values import Address, Contact, Objection, address, contact, field_of
from gateway.settings import Settings
from partners.as2_terms import As2
from partners.fields import SLUG
from partners.problems import shown
from partners.profile import Profile, X12Address
from partners.yaml_text import on_one_line

_EDGE_PORT: Final = 8080
_OPERATOR_PORT: Final = 8081
_PORT_MAX: Final = 65_535
_THIS_MACHINE: Final = "127.0.0.1"
_NAME_CHARACTERS_MAX: Final = 15  # an id out of it fits ISA06
_PUBLIC_URL: Final = re.compile(r"https?://[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class House:
    """What was said of us."""

    company: str
    identity: str
    as2_id: str | None
    x12: Address | None
    group_id: str
    public_url: str | None
    edge_host: str
    edge_port: int
    sftp_host: str
    sftp_public_host: str | None
    operator_port: int
    contact: Contact | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where what belongs to us lies, each an absolute path, so that it holds wherever a command is called."""

    data_dir: Path
    partners_dir: Path
    passphrase_file: Path


def gather_house(ask: Ask) -> House:
    """Ask who we are."""
    company = _only(ask(_company()))
    identity = _only(ask(_identity(company)))
    id_ = identity.upper() if identity else ""
    return House(  # in the order of the arguments
        company=company,
        identity=identity,
        as2_id=first(ask(_as2_id(id_))),
        x12=(x12 := first(ask(_x12(id_)))),
        group_id=_only(ask(_group_id(x12))) if x12 is not None else "",
        public_url=first(ask(_public_url())),
        edge_host=_only(ask(_edge_host())),
        edge_port=first(ask(_port("--edge-port", "The port for partners", _EDGE_PORT))) or _EDGE_PORT,
        sftp_host=_only(ask(_sftp_host())),
        sftp_public_host=first(ask(_sftp_public_host())),
        operator_port=first(ask(_port("--operator-port", "The port for operators", _OPERATOR_PORT))) or _OPERATOR_PORT,
        contact=first(ask(_contact())),
    )


def _only(found: tuple[str, ...]) -> str:
    return found[0] if found else ""


def settings_text(house: House, places: Places, made_on: date) -> str:
    """The whole gateway.yaml.

    Raises:
        Objection: the settings would not take it.
    """
    text = "\n".join(_lines(house, places, made_on)) + "\n"
    try:
        Settings.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Objection(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
    return text


def _lines(house: House, places: Places, made_on: date) -> Iterator[str]:
    yield f"# The settings of the gateway, begun on {made_on} by `gateway init`. Each key is also a variable"
    yield "# (GATEWAY_DATA_DIR, ...), which goes before the file. `gateway serve --print-settings` shows all there are."
    yield ""
    yield f"company: {on_one_line(house.company)} # our name in what partners read"
    if house.contact is not None:
        person = {"name": house.contact.name} | ({"email": house.contact.email} if house.contact.email else {})
        yield "contacts: # whom partners ask; they stand on the partners' sheets and in their guides"
        yield f"  - {on_one_line(person)}"
    else:
        yield "# contacts: # whom partners ask; they stand on the partners' sheets and in their guides"
        yield "#   - {name: EDI desk, email: edi@bigcorp.example}"
    yield ""
    yield "identities: # who we are towards partners; a plant or a company with ids of its own is one more"
    yield f"  - name: {on_one_line(house.identity)} # as profiles and `gateway certs` name it"
    if house.as2_id is not None:
        yield f"    as2_id: {on_one_line(house.as2_id)} # AS2-From of what we send"
    if house.x12 is not None:
        held = {"qualifier": house.x12.qualifier, "id": house.x12.id, "group_id": house.group_id}
        yield f"    x12: {on_one_line(held)} # ISA05 and ISA06, GS02 of what we send"
    yield ""
    yield f"data_dir: {on_one_line(str(places.data_dir))} # the database, and large bodies while they are worked on"
    yield f"partners_dir: {on_one_line(str(places.partners_dir))} # one folder a partner: `gateway partner new ID`"
    yield f"key_passphrase_file: {on_one_line(str(places.passphrase_file))} # opens our private keys; keep a copy"
    yield "# database_url: postgresql://USER:PASSWORD@HOST/NAME # SQLite in data_dir when absent"
    yield "# broker_url: amqps://USER:PASSWORD@HOST/VHOST # RabbitMQ; the embedded event log when absent"
    yield ""
    reach = "for partners; 0.0.0.0 lets other machines in, best behind something that speaks TLS"
    yield f"edge_host: {on_one_line(house.edge_host)} # {reach}"
    yield f"edge_port: {house.edge_port}"
    says = "where partners reach that port; asynchronous receipts come there"
    if house.public_url is not None:
        yield f"public_url: {on_one_line(house.public_url)} # {says}"
    else:
        yield f"# public_url: https://b2b.bigcorp.example # {says}"
    yield from _mailboxes(house)
    yield "operator_host: 127.0.0.1 # for operators: metrics, messages, exceptions; always behind a token"
    yield f"operator_port: {house.operator_port}"
    yield ""
    yield "# environment: staging # whose overlays profile.staging.yaml lie over the profiles"
    yield "# sandbox: true # a built-in partner that answers by magic order numbers: everything without a supplier"
    yield "# retention: {bodies_days: 400, messages_days: 800, audit_days: 3650}"
    yield "# limits: {body_bytes_max: 67108864}"


def _mailboxes(house: House) -> Iterator[str]:
    """Where partners with `sftp` in their profiles log in; nobody needs it who has none of them."""
    reach = "for mailboxes, at sftp_port (2222)"
    if house.sftp_host != _THIS_MACHINE:
        yield f"sftp_host: {on_one_line(house.sftp_host)} # {reach}"
    else:
        yield f"# sftp_host: 0.0.0.0 # {reach}; this machine alone reaches them when absent, whatever edge_host is"
    says = "where partners reach their mailboxes; it stands in their guides and on their sheets"
    if house.sftp_public_host is not None:
        yield f"sftp_public_host: {on_one_line(house.sftp_public_host)} # {says}"
    else:
        yield f"# sftp_public_host: sftp.bigcorp.example:2222 # {says}"


def _company() -> Question[str]:
    says = "As partners know it: BigCorp Inc."
    return Question("--company", "The name of our company", says, field_of(Profile, "name"), required=True)


def _identity(company: str) -> Question[str]:
    says = "A short name for it in profiles and commands: small letters, digits, hyphens."
    word = re.sub(r"[^a-z0-9]", "", (company.split() or [""])[0].lower())[:_NAME_CHARACTERS_MAX]

    def read(text: str) -> str:
        if not SLUG.matches(text):
            raise Objection(f"{shown(text)} is no short name; {SLUG.right}")
        return text

    return Question("--identity", "A short name for it", says, read, default=word, required=not word)


def _as2_id(id_: str) -> Question[str]:
    says = "AS2-From of what we send; partners write it into their systems, so choose it to last."
    return Question("--as2-id", "Our AS2 id", says, field_of(As2, "id"), default=id_)


def _x12(id_: str) -> Question[Address]:
    says = "ISA05 and ISA06 of what we send: ZZ/BIGCORP (agreed), 01/123456789 (DUNS), 12/5035550142 (telephone)."
    default = f"ZZ/{id_}" if id_ and len(id_) <= _NAME_CHARACTERS_MAX else ""
    return Question("--x12", "Our X12 qualifier and id", says, address, default=default)


def _group_id(x12: Address) -> Question[str]:
    says = "GS02 of what we send. Most write the same as in ISA06."
    default = x12.id if len(x12.id) > 1 else ""  # GS02 has two characters at least
    return Question("--group-id", "Our id in GS", says, field_of(X12Address, "group_id"), default, required=True)


def _public_url() -> Question[str]:
    says = "Where partners reach us, such as https://b2b.bigcorp.example: what stands before the partner port."

    def read(text: str) -> str:
        if not _PUBLIC_URL.fullmatch(text):
            raise Objection(f"{shown(text)} is no URL; write it as https://host or https://host:port")
        return text

    return Question("--public-url", "The URL under which partners reach us", says, read)


def _edge_host() -> Question[str]:
    says = "127.0.0.1: this machine alone, to begin with or behind a proxy on it; 0.0.0.0: every machine."
    return Question(
        "--edge-host", "The address that partners' requests come in at", says, _listened_on, default=_THIS_MACHINE
    )


def _sftp_host() -> Question[str]:
    says = "Partners with a mailbox log in there; 127.0.0.1: this machine alone; 0.0.0.0: every machine."
    return Question(
        "--sftp-host", "The address that SFTP comes in at, for mailboxes", says, _listened_on, default=_THIS_MACHINE
    )


def _listened_on(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", text):
        raise Objection(f"{shown(text)} is no address; write 127.0.0.1 or 0.0.0.0")
    return text


def _sftp_public_host() -> Question[str]:
    says = "Host and port that partners write into their SFTP software: sftp.bigcorp.example:2222. Guides show it."

    def read(text: str) -> str:
        try:
            return field_of(Settings, "sftp_public_host")(text)
        except Objection:
            raise Objection(f"{shown(text)} is no host; write it as host or host:port, without sftp://") from None

    return Question("--sftp-public-host", "The host and port under which partners reach their mailboxes", says, read)


def _port(flag: str, asks: str, default: int) -> Question[int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= _PORT_MAX:
            raise Objection(f"{shown(text)} is no port; write a number from 1 to {_PORT_MAX}")
        return int(text)

    return Question(flag, asks, "A TCP port that nothing else listens on.", read, default=str(default))


def _contact() -> Question[Contact]:
    says = "Whom partners ask; write it as: EDI desk <edi@bigcorp.example>"
    return Question("--contact", "Whom do partners ask here", says, contact)

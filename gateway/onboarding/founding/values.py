"""Single answers: each is read once, and refused in the words of the profile model."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import BaseModel, TypeAdapter, ValidationError

from certs.certificates import CertificateError, read_certificate
from gateway.onboarding.ssh_key_files import as_openssh, conversion, holds_private_key
from partners.fields import WORDED
from partners.loader import FILE_BYTES_MAX, PROFILE_FILE
from partners.people_terms import Person
from partners.problems import shown
from partners.profile import InterchangeAddress
from partners.sftp_fields import HostKeyFingerprint
from partners.sftp_server_terms import SftpServer

_CONTACT: Final = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<email>[^<>]+)>")
_PLACE: Final = re.compile(r"(?:\[(?P<inner>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_PORT_MAX: Final = 65_535
_FINGERPRINT: Final = TypeAdapter[str](HostKeyFingerprint)
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Objection(ValueError):  # noqa: N818  # told to the caller
    """An answer that cannot be taken; the text says what is wrong with it and what would be right."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that will lie beside the profile."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """An X12 address."""

    qualifier: str
    id: str

    def __str__(self) -> str:
        return f"{self.qualifier}/{self.id}"


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom one asks there."""

    name: str
    email: str | None = None


def field_of(model: type[BaseModel], field: str) -> Callable[[str], str]:
    """Reads the text of one field of the profile model."""
    info = model.model_fields[field]
    adapter: TypeAdapter[object] = TypeAdapter(Annotated[(info.annotation, *info.metadata, None)])  # type: ignore[arg-type]  # made of what the model holds

    def read(text: str) -> str:
        try:
            adapter.validate_python(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            known = first.get("ctx", {}) if first["type"] == WORDED else {}
            what = f"{known['what']}; {known['right']}" if known else first["msg"]
            raise Objection(f"{shown(text)} {what}") from None
        return text

    return read


def address(text: str) -> Address:
    """`ZZ/ACMESUPPLY`: ISA qualifier and id."""
    qualifier, slash, name = text.partition("/")
    if not slash:
        raise Objection(f"{shown(text)} has no qualifier; write qualifier and id as ZZ/ACMESUPPLY")
    return Address(field_of(InterchangeAddress, "qualifier")(qualifier), field_of(InterchangeAddress, "id")(name))


def contact(text: str) -> Contact:
    """`Jane Doe <edi@acme.example>`, or a name alone, or an address alone."""
    found = _CONTACT.fullmatch(text)
    name, email = (found["name"], found["email"]) if found else (text, text if "@" in text else None)
    if email is not None:
        field_of(Person, "email")(email)
    return Contact(field_of(Person, "name")(name or email or ""), email)


def certificate_file(text: str) -> Beside:
    """A file with one of their certificates; never one with a private key."""
    beside = _file(text)
    try:
        read_certificate(beside.content)
    except CertificateError as error:
        raise Objection(f"{shown(text)}: {error}") from None
    return beside


def public_key_file(text: str) -> Beside:
    """A file with a public SSH key of theirs; what PuTTYgen saves becomes the line that OpenSSH has for it."""
    beside = _file(text)
    if holds_private_key(beside.content):
        raise Objection(
            f"{shown(text)} holds a private key, which nobody but its owner may have; ask for the public one"
        )
    beside = replace(beside, content=as_openssh(beside.content))
    try:
        load_ssh_public_key(beside.content.strip())
    except (ValueError, UnsupportedAlgorithm):
        right = "one line that begins with ssh-ed25519, ecdsa-sha2-... or ssh-rsa"
        if (options := conversion(beside.content)) is not None:
            right += f"; `ssh-keygen -i{options} -f FILE > FILE.pub` makes it"
        raise Objection(f"{shown(text)} is no public key of OpenSSH's format; it is {right}") from None
    return beside


@dataclass(frozen=True, slots=True)
class HostAndPort:
    """A server of theirs.

    Attributes:
        port: None for the usual one.
    """

    host: str
    port: int | None = None


def host_and_port(text: str) -> HostAndPort:
    """`sftp.acme.example` or `sftp.acme.example:2222`; an address of IPv6 in brackets."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise Objection(f"{shown(text)} is no server; write it as HOST or HOST:PORT, such as sftp.acme.example:2222")
    port = int(found["port"]) if found["port"] is not None else None
    if port is not None and not 0 < port <= _PORT_MAX:
        raise Objection(f"{port} is no port; it is a number from 1 to {_PORT_MAX}")
    return HostAndPort(field_of(SftpServer, "host")(found["inner"] or found["host"]), port)


def one_fingerprint(text: str) -> str:
    """The fingerprint of a host key."""
    try:
        _FINGERPRINT.validate_python(text)
    except ValidationError:
        right = "write it as ssh-keygen -l shows it: SHA256: and 43 characters"
        raise Objection(f"{shown(text)} is no fingerprint of a host key; {right}") from None
    return text


def choice(among: tuple[str, ...], what: str) -> Callable[[str], str]:
    """Reads one of some words."""

    def read(text: str) -> str:
        if text not in among:
            raise Objection(f"{shown(text)} is no {what}; use one of: {', '.join(among)}")
        return text

    return read


def _file(text: str) -> Beside:
    path = Path(text).expanduser()
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise Objection(f"{shown(text)}: {getattr(error, 'strerror', None) or 'it cannot be read'}") from None
    if len(content) > FILE_BYTES_MAX:
        raise Objection(f"{shown(text)} has more than {FILE_BYTES_MAX} bytes; it is something else")
    name = path.name if _FILE_NAME.fullmatch(path.name) and path.name != PROFILE_FILE else ""
    return Beside(name, content)

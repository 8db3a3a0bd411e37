"""What must be known of a new partner: asked in an order that people can answer, only as far as the template leaves it.

Who asks is not said here: a person at a terminal, or the flags of a call. `gather` hands each `Question` to `ask`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from gateway.agreements import OurIdentity
from gateway.onboarding.founding.blueprints import Agreed, Blueprint
from gateway.onboarding.founding.values import (
    Address,
    Beside,
    Contact,
    HostAndPort,
    Objection,
    address,
    certificate_file,
    choice,
    contact,
    field_of,
    host_and_port,
    one_fingerprint,
    public_key_file,
)
from partners.api_terms import ApiKey
from partners.as2_terms import As2
from partners.problems import one_of, shown
from partners.profile import Profile, X12Address
from partners.sftp_server_terms import SftpFetch, SftpPush, SftpServer
from partners.sftp_terms import Sftp

T = TypeVar("T")

ALL: Final = "all"
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One question.

    Attributes:
        flag: the option that answers it, such as ``--as2-id``.
        asks: the question, for a person.
        help: what it is good for and where one finds it, for a person who does not know.
        read: takes an answer, or raises `Objection`.
        default: what an empty answer means; empty where that means nothing.
        required: it has to be known; what has not to be may be answered with `NONE`.
        many: several answers may be given, with commas between them.
    """

    flag: str
    asks: str
    help: str
    read: Callable[[str], T]
    default: str = ""
    required: bool = False
    many: bool = False


class Ask(Protocol):
    """Puts a question; without an answer nothing comes back."""

    def __call__(self, question: Question[T]) -> tuple[T, ...]:
        """The answers."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What we are, and whom we know already.

    Attributes:
        identities: our identities.
        connections: tells the ids of the profiles that speak for others; asked only where that matters.
    """

    identities: Collection[OurIdentity] = ()
    connections: Callable[[], tuple[str, ...]] = tuple


@dataclass(frozen=True, slots=True)
class ServerOfTheirs:
    """Their own SFTP server, where we are the client."""

    place: HostAndPort
    user: str
    host_keys: tuple[str, ...]
    key: str
    fetch: tuple[str, ...]
    push: str | None


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that was said of a new partner; what was not is None or empty."""

    name: str = ""
    contacts: tuple[Contact, ...] = ()
    as2_id: str | None = None
    as2_url: str | None = None
    certificates: tuple[Beside, ...] = ()
    our_identity: str | None = None
    x12: Address | None = None
    group_id: str | None = None
    speaks_for: tuple[Address, ...] = ()
    via: str | None = None
    api_key_label: str | None = None
    sftp_user: str | None = None
    sftp_keys: tuple[Beside, ...] = ()
    sftp_server: ServerOfTheirs | None = None
    declined: tuple[Agreed, ...] = field(default=())


def gather(ask: Ask, partner: str, plan: Blueprint, ours: Ours) -> Answers:
    """Ask for everything that a template leaves to be said."""
    name = first(ask(_name()))
    way = _way(ask, plan)
    as2, sftp, rest = plan.as2 or way == "as2", plan.sftp or way == "sftp", plan.rest or way == "rest"
    speaks_x12 = any(item.syntax == "x12" for item in plan.agreed)
    return Answers(  # in the order of the arguments
        name=name or "",
        via=first(ask(_via(ours))) if way == "via" else None,
        as2_id=first(ask(_as2_id())) if as2 else None,
        as2_url=first(ask(_as2_url())) if as2 else None,
        certificates=ask(_certificates()) if as2 else (),
        our_identity=_our_identity(ask, ours) if as2 else None,
        sftp_user=first(ask(_sftp_user(partner))) if sftp else None,
        sftp_keys=ask(_sftp_keys()) if sftp else (),
        sftp_server=_sftp_server(ask, partner, plan, way),
        api_key_label=first(ask(_api_key())) if rest else None,
        x12=(x12 := first(ask(_x12())) if speaks_x12 else None),
        group_id=first(ask(_group_id(x12))) if x12 is not None else None,
        speaks_for=ask(_speaks_for()) if plan.speaks_for else (),
        declined=_declined(ask, plan),
        contacts=ask(_contacts()),
    )


def first(found: tuple[T, ...]) -> T | None:
    """The only answer; None where there is none."""
    return found[0] if found else None


def _name() -> Question[str]:
    return Question(
        "--name", "Their name", "As people write it: ACME Supply Inc.", field_of(Profile, "name"), required=True
    )


def _contacts() -> Question[Contact]:
    says = "Somebody who answers when a document is refused. Write it as: Jane Doe <edi@acme.example>"
    return Question("--contact", "Whom does one ask there", says, contact, many=True)


def _way(ask: Ask, plan: Blueprint) -> str:
    """How they reach us, where the template leaves that open; what agrees documents alone is for a VAN's partners."""
    if plan.has_way or plan.speaks_for:
        return ""
    if plan.agreed:
        return "via"
    says = (
        "as2: signed messages over HTTP; rest: their program posts to ours; sftp: files in a mailbox of ours; "
        "sftp-server: files at a server of theirs; via: a VAN or 3PL brings it."
    )
    read = choice(("as2", "rest", "sftp", "sftp-server", "via"), "way")
    return first(ask(Question("--way", "How do they reach us", says, read, required=True))) or ""


def _via(ours: Ours) -> Question[str]:
    says = "The id of the profile of the VAN or 3PL that brings what they send; it lists them in its `speaks_for`."
    there = ours.connections()
    known = f" There are: {', '.join(there)}." if there else " There is none yet: make it, too."
    default = there[0] if len(there) == 1 else ""
    return Question(
        "--via",
        "Which connection carries their traffic",
        says + known,
        field_of(Profile, "via"),
        default,
        required=True,
    )


def _as2_id() -> Question[str]:
    says = "AS2-From of their messages, exactly as they write it: capital and small letters differ. Ask them for it."
    return Question("--as2-id", "Their AS2 id", says, field_of(As2, "id"), required=True)


def _as2_url() -> Question[str]:
    says = "Where we send to, such as https://as2.acme.example/as2. Without it they only send to us."
    return Question("--as2-url", "The URL of their AS2 server", says, field_of(As2, "url"))


def _certificates() -> Question[Beside]:
    says = (
        "A PEM or DER file of theirs; we verify their signatures with it and encrypt to it. It is copied beside the "
        "profile. Where it has not come yet, leave it out: the check will go on asking for it."
    )
    return Question("--as2-certificate", "The file with their certificate", says, certificate_file, many=True)


def _our_identity(ask: Ask, ours: Ours) -> str | None:
    names = tuple(one.name for one in ours.identities if one.as2_id is not None)
    if len(names) < 2:  # noqa: PLR2004  # there is nothing to choose from
        return None
    says = f"The identity of gateway.yaml that they know: {', '.join(names)}."
    read = choice(names, "identity of ours with an AS2 id")
    return first(ask(Question("--our-identity", "Which of ours do they deal with", says, read, required=True)))


def _x12() -> Question[Address]:
    says = (
        "ISA05 and ISA06 of what they send, without padding: ZZ/ACMESUPPLY, 01/123456789 (DUNS), 12/5035550142 (phone)."
    )
    return Question("--x12", "Their X12 qualifier and id", says, address, required=True)


def _group_id(x12: Address) -> Question[str]:
    says = "GS02 of what they send. Most write the same as in ISA06."
    has_room = len(x12.id) > 1  # GS02 has two characters at least
    return Question(
        "--group-id",
        "Their id in GS",
        says,
        field_of(X12Address, "group_id"),
        default=x12.id if has_room else "",
        required=not has_room,
    )


def _speaks_for() -> Question[Address]:
    says = "The X12 addresses of the partners that it carries, with commas between them: ZZ/DELTAFAST, 12/5035550142."
    return Question("--speaks-for", "Whom may it speak for", says, address, many=True)


def _api_key() -> Question[str]:
    says = (
        f"A key is made, shown once, and only its digest is kept. Its label stands in the audit. {NONE}: make no key."
    )
    read = field_of(ApiKey, "label")
    return Question("--api-key", "The label of their API key", says, read, default="production")


def _sftp_user(partner: str) -> Question[str]:
    says = "What they log in with."
    return Question("--sftp-user", "Their user name at our SFTP server", says, field_of(Sftp, "user"), default=partner)


def _sftp_keys() -> Question[Beside]:
    says = "A public key of theirs in OpenSSH's format (id_ed25519.pub); it is copied beside the profile."
    return Question("--sftp-key", "The file with their public SSH key", says, public_key_file, many=True)


def _sftp_server(ask: Ask, partner: str, plan: Blueprint, way: str) -> ServerOfTheirs | None:
    """Their own server: asked for where the template or the way has one, offered where there are mailboxes."""
    is_meant = plan.sftp_server or way == "sftp-server"
    if not is_meant and not plan.sftp:
        return None
    says = "Host and port, such as sftp.acme.example:2222."
    says += "" if is_meant else " Leave it out where they come to us."
    place = first(ask(Question("--sftp-server", "Their own SFTP server", says, host_and_port, required=is_meant)))
    if place is None:
        return None
    says = "As they told you; `gateway sftp scan HOST` shows what the server answers with, to be compared."
    asks = "The fingerprint of its host key"
    host_keys = ask(Question("--sftp-server-host-key", asks, says, one_fingerprint, required=True, many=True))
    says, read = "What we log in with, as they told you.", field_of(SftpServer, "user")
    user = first(ask(Question("--sftp-server-user", "Our user there", says, read, required=True)))
    says = "A name: `gateway sftp keys new NAME` makes the key, and its public part is for them."
    key = first(ask(Question("--sftp-server-key", "Our SSH key", says, field_of(SftpServer, "key"), default=partner)))
    says, read = "Such as /outgoing. Without one nothing is fetched.", field_of(SftpFetch, "folder")
    fetch = ask(Question("--sftp-server-fetch", "The folder that we fetch from", says, read, many=True))
    says, read = "Such as /incoming; {document} in it is the kind of document.", field_of(SftpPush, "folder")
    asks = "The folder that we put files into"
    push = first(ask(Question("--sftp-server-folder", asks, says, read, required=not fetch)))
    return ServerOfTheirs(place, user or "", host_keys, key or partner, fetch, push)


def _declined(ask: Ask, plan: Blueprint) -> tuple[Agreed, ...]:
    """The documents of the template that are not exchanged with this partner."""
    if len(plan.agreed) < 2:  # noqa: PLR2004  # there is nothing to choose from
        return ()

    def read(text: str) -> frozenset[Agreed]:
        meant = frozenset(item for item in plan.agreed if text == ALL or item.is_called(text))
        if not meant:
            names = list(dict.fromkeys(item.document for item in plan.agreed))
            raise Objection(f"{shown(text)} is no document of {plan.name}; {one_of(text, [ALL, *names])}")
        return meant

    says = "\n".join(["Of those that the template agrees, by name or number:", *(item.words for item in plan.agreed)])
    asked: Question[frozenset[Agreed]] = Question(
        "--documents", "Which documents do we exchange", says, read, default=ALL, many=True
    )
    chosen = frozenset[Agreed]().union(*ask(asked))
    return tuple(item for item in plan.agreed if chosen and item not in chosen)

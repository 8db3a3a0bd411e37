"""The sheet for a partner: who we are, what we exchange and how it is acknowledged, on a page of plain text.

It goes by mail, so that it holds public things alone; the fingerprints are read out on the telephone.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from certs.lives import Life
from gateway.as2_agreements import identity_for
from gateway.flow.outward.ways import own_way
from gateway.model.delivery import INBOX, MAILBOX
from gateway.onboarding.certificate_facts import Facts, facts_of_ours
from gateway.onboarding.founding.blueprints import Agreed
from gateway.onboarding.guide.facts import ServerKey
from gateway.onboarding.guide.mailbox import (
    address_of_mailboxes,
    fingerprint_of_file,
    next_host_keys,
    present_host_keys,
)
from gateway.settings import IdentitySettings, Settings
from partners.as2_terms import As2
from partners.loader import LoadedProfile
from partners.profile import Profile
from partners.sftp_server_terms import SftpServer

_WIDTH: Final = 100
_UNBROKEN_WIDTH: Final = 100_000  # a fingerprint is compared on one line
_TO_BE_TOLD: Final = "we will tell you"
# What they send us of an order -> the call of the partner API that makes it of a few words.
_TYPED: Final = MappingProxyType(
    {"purchase_order_acknowledgment": "acknowledgment", "ship_notice": "ship-notices", "invoice": "invoices"}
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet is made of.

    Attributes:
        loaded: the partner.
        settings: ours.
        lives: our pairs that the partner needs: the one that signs, and one that will.
        connection: the one that carries the partner's traffic, if any does.
        at: when it was made.
        ssh_key: the public key with which we log in at their SFTP server, as authorized_keys has it; empty for none.
        host_keys: of our SFTP server: what it shows now, and what will take its place.
    """

    loaded: LoadedProfile
    settings: Settings
    lives: Sequence[Life]
    at: datetime
    connection: LoadedProfile | None = None
    ssh_key: str = ""
    host_keys: Sequence[ServerKey] = ()

    @property
    def profile(self) -> Profile:
        """The partner's profile."""
        return self.loaded.profile

    @property
    def company(self) -> str:
        """Our name."""
        named = next((identity.name for identity in self.settings.identities), "")
        return self.settings.company or named or "us"


def our_identity(profile: Profile, settings: Settings) -> IdentitySettings | None:
    """Which of us the partner deals with; with one identity alone it is that."""
    if profile.as2 is not None:
        found = identity_for(profile, settings.identities)
        return next((one for one in settings.identities if found is not None and one.name == found.name), None)
    with_x12 = [one for one in settings.identities if one.x12 is not None]
    return with_x12[0] if len(with_x12) == 1 else None


def sheet_text(sheet: Sheet) -> str:
    """The whole sheet."""
    title = f"{sheet.company} and {sheet.profile.name}: how we exchange documents"
    lines = [title, "=" * len(title), "", f"As of {sheet.at:%Y-%m-%d}. Please check what is said here of you."]
    for heading, pairs in (
        ("Whom to ask", _contacts(sheet)),
        ("AS2", _as2(sheet)),
        ("REST", _rest(sheet)),
        ("SFTP", _sftp(sheet)),
        ("Your SFTP server", _sftp_server(sheet)),
        ("By a connection", _via(sheet)),
        ("X12 addresses", _x12(sheet)),
        ("What we exchange", _documents(sheet)),
        ("Acknowledgments", _acknowledgments(sheet)),
    ):
        lines += _section(heading, pairs)
    if sheet.profile.as2 is not None:
        for life in sheet.lives:
            lines += _certificate(life)
    if sheet.profile.sftp_server is not None and sheet.ssh_key:
        lines += _ssh_key(sheet.ssh_key, sheet.profile.sftp_server)
    return "\n".join(lines) + "\n"


def _section(heading: str, pairs: Iterable[tuple[str, str | None]], *, wraps: bool = True) -> list[str]:
    held = [(name, value) for name, value in pairs if value]
    if not held:
        return []
    width = max(len(name) for name, _ in held) + 2
    lines = ["", heading, "-" * len(heading)]
    for name, value in held:
        lines += textwrap.wrap(
            f"{name.ljust(width)}{value}",
            _WIDTH if wraps else _UNBROKEN_WIDTH,
            subsequent_indent=" " * width,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _contacts(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for one in sheet.settings.contacts:
        yield f"Ours, {one.role}", ", ".join(part for part in (one.name, one.email, one.phone) if part)
    for person in sheet.profile.contacts:
        yield f"Yours, {person.role}", ", ".join(part for part in (person.name, person.email, person.phone) if part)


def _as2(sheet: Sheet) -> Facts:
    as2, identity = sheet.profile.as2, our_identity(sheet.profile, sheet.settings)
    if as2 is None:
        return []
    public = sheet.settings.public_url
    return [
        ("Our AS2 id", identity.as2_id if identity is not None else _TO_BE_TOLD),
        ("Our URL", f"{public.rstrip('/')}/as2" if public else _TO_BE_TOLD),
        ("Your AS2 id", as2.id),
        ("Your URL", as2.url or "none: you send to us, and we do not send to you"),
        ("You sign", ", ".join(as2.digests) if as2.require_signed else "if you like"),
        ("You encrypt", ", ".join(as2.ciphers) if as2.require_encrypted else "if you like"),
        *_we_send(as2),
        ("Your receipts", "ask for a signed one (MDN); it comes in the answer, or later to your URL"),
    ]


def _we_send(as2: As2) -> Facts:
    if as2.url is None:
        return []
    ours = as2.sending
    sign = f"signed with {ours.digest or as2.digests[0]}" if ours.sign else "not signed"
    encrypt = f"encrypted with {ours.cipher or as2.ciphers[0]}" if ours.encrypt else "not encrypted"
    compress = "not compressed" if ours.compress == "none" else f"compressed {ours.compress.replace('-', ' ')}"
    receipt = {
        "signed": "we ask for a signed one (MDN)",
        "unsigned": "we ask for one that is not signed",
        "none": "we ask for none",
    }[ours.receipt]
    by = {"response": "in your answer", "request": "by a request of yours to our URL"}[ours.receipt_by]
    return [
        ("We send", f"{sign}, {encrypt}, {compress}"),
        ("Our receipts", receipt if ours.receipt == "none" else f"{receipt}, {by}"),
    ]


def _rest(sheet: Sheet) -> Facts:
    profile = sheet.profile
    if not profile.has_api:
        return []
    public = sheet.settings.public_url
    api = profile.api
    others = {
        "tokens": [client.client_id for client in api.oauth_clients],
        "certificates": [held.label for held in api.certificates],
        "signatures": [key.id for key in api.signatures.keys],
    }
    keys = [
        ("Header", "Authorization: Bearer KEY; the key comes by another way than this sheet"),
        ("Keys", ", ".join(key.label for key in profile.api_keys)),
    ]
    return [
        ("Our URL", f"{public.rstrip('/')}/v1/documents" if public else _TO_BE_TOLD),
        *([("Every call", f"{public.rstrip('/')}/v1/reference")] if public else []),
        *(keys if profile.api_keys else []),
        *((f"Your {words}", ", ".join(names)) for words, names in others.items() if names),
        ("Repetitions", "an Idempotency-Key of yours makes a repetition earn the first answer"),
        *_inbox(sheet),
        *_answers(profile),
    ]


def _answers(profile: Profile) -> Facts:
    """What they may say of our orders in a few words, where JSON is agreed."""
    agreed = {item.document for item in profile.agreements if (item.direction, item.syntax) == ("inbound", "json")}
    calls = [path for document, path in _TYPED.items() if document in agreed]
    return [("You answer", f"POST /v1/purchase-orders/NUMBER/{', '.join(calls)}")] if calls else []


def _inbox(sheet: Sheet) -> Facts:
    if own_way(sheet.profile) != INBOX or not any(item.direction == "outbound" for item in sheet.profile.agreements):
        return []
    public = sheet.settings.public_url
    hours = sheet.profile.delivery.confirm_within_hours
    return [
        ("You fetch", f"{public.rstrip('/')}/v1/inbox" if public else _TO_BE_TOLD),
        ("You confirm", f"each document, within {hours} hours: POST /v1/inbox/ID/confirm"),
    ]


def _sftp(sheet: Sheet) -> Facts:
    held = sheet.profile.sftp
    if held is None:
        return []
    address = address_of_mailboxes(sheet.settings)
    facts = [
        ("Our server", f"{address[0]}, port {address[1]}" if address is not None else _TO_BE_TOLD),
        *(("Our host key", words) for words in present_host_keys(sheet.host_keys) or (_TO_BE_TOLD,)),
        *(("Our next one", words) for words in next_host_keys(sheet.host_keys)),
        ("Your user", held.user),
        ("Keys", ", ".join(one.label for one in held.keys) or "none yet: send us your public key"),
        ("You put", "your files into inbox/"),
    ]
    if own_way(sheet.profile) == MAILBOX:
        when = "remove them there" if held.delivered_on == "removal" else "read each of them whole"
        hours = sheet.profile.delivery.confirm_within_hours
        facts.append(("You fetch", f"ours from outbox/: {when}, within {hours} hours"))
    return [*facts, ("You look into", "errors/ and acknowledgments/, for what became of your files")]


def _sftp_server(sheet: Sheet) -> Facts:
    terms = sheet.profile.sftp_server
    if terms is None:
        return []
    return [
        ("We connect to", f"{terms.host}, port {terms.port}"),
        ("Our user", terms.user),
        ("Our key", _our_key(sheet, terms)),
        ("Its host keys", ", ".join(terms.host_keys)),
        ("We put files into", terms.push.folder if terms.push is not None else None),
        ("We fetch from", ", ".join(item.folder for item in terms.fetch)),
    ]


def _our_key(sheet: Sheet, terms: SftpServer) -> str | None:
    if terms.key is None:
        return None
    return "stands below, for the authorized_keys of our user" if sheet.ssh_key else _TO_BE_TOLD


def _ssh_key(line: str, terms: SftpServer) -> list[str]:
    """On a line of its own, however long: authorized_keys knows no other."""
    facts = [("Fingerprint", fingerprint_of_file(line.encode()))]
    what = f"One line for the authorized_keys of {terms.user}; compare the fingerprint on the telephone:"
    return [*_section("Our SSH key", facts, wraps=False), "", what, "", line]


def _via(sheet: Sheet) -> Facts:
    if sheet.profile.via is None:
        return []
    return [("It comes by", sheet.connection.profile.name if sheet.connection is not None else sheet.profile.via)]


def _x12(sheet: Sheet) -> Iterator[tuple[str, str]]:
    if not sheet.profile.x12 and not sheet.profile.speaks_for:
        return
    for identity in sheet.settings.identities:
        if identity.x12 is not None:
            yield "Ours", f"{identity.x12.qualifier}/{identity.x12.id} (ISA), {identity.x12.group_id} (GS)"
    for one in sheet.profile.x12:
        yield "Yours", f"{one.qualifier}/{one.id} (ISA), {one.group_id or one.id} (GS)"
    for spoken in sheet.profile.speaks_for:
        yield "You carry", f"{spoken.qualifier}/{spoken.id}"


def _documents(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for item in sheet.profile.agreements:
        number, _, _ = Agreed(item.document, item.direction, item.syntax).words.partition(",")
        who = "You send" if item.direction == "inbound" else "We send"
        release = ", ".join(item.releases) if item.syntax == "x12" else f"canonical {item.syntax.upper()}"
        yield who, f"{number.replace('_', ' ')} ({release or 'any release'})"


def _acknowledgments(sheet: Sheet) -> Iterator[tuple[str, str]]:
    if not any(item.syntax == "x12" for item in sheet.profile.agreements):
        return
    held = sheet.profile.acknowledgment
    ta1 = {
        "never": "no TA1",
        "on_error": "a TA1 for an error of the envelope",
        "as_requested": "a TA1 where you ask for it (ISA14), and for a rejected interchange",
        "always": "a TA1 for every interchange",
    }[held.ta1]
    functional = "no functional acknowledgment" if held.functional == "none" else f"a {held.functional} for every group"
    yield "Yours earn", f"{functional}, {ta1}"
    if held.expected_within_hours is not None:
        yield "Ours expect", f"your acknowledgment within {held.expected_within_hours} hours"


def _certificate(life: Life) -> list[str]:
    use = "verifying our signatures" + (" and for encrypting to us" if life.takes_ciphertext else "")
    lines = _section("Our certificate", facts_of_ours(life), wraps=False)
    return [*lines, "", f"Install it for {use}; compare the fingerprint on the telephone:", "", *_pem(life)]


def _pem(life: Life) -> list[str]:
    return life.certificate.pem().decode("ascii").splitlines()

"""How documents travel: AS2, REST, SFTP or a connection, with what both sides have to set."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.as2_agreements import identities_for, identity_for
from gateway.flow.outward.ways import own_way
from gateway.model.delivery import INBOX
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Fact, FactTable
from gateway.onboarding.guide.words import byte_words, counted, day_words, listed
from partners.as2_terms import As2

AS2_PATH: Final = "/as2"
DOCUMENTS_PATH: Final = "/v1/documents"
INBOX_PATH: Final = "/v1/inbox"
_MEDIA_TYPES: Final = {"x12": "application/EDI-X12", "json": "application/json", "xml": "application/xml"}
_TO_BE_TOLD: Final = "not settled yet; we will tell you"
_SIGNATURES: Final = {"rsa-v1.5": "RSA PKCS#1 v1.5", "rsa-pss": "RSA-PSS", "ecdsa": "ECDSA"}
_KEYS: Final = {"rsa-oaep": "RSA-OAEP", "rsa-v1.5": "RSA PKCS#1 v1.5"}
_WEAK: Final = frozenset({"sha-1", "3des-cbc"})


@dataclass(frozen=True, slots=True)
class Curl:
    """A call that can be copied, and what it is answered with."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class TransportSection:
    """One way that documents travel."""

    anchor: str
    title: str
    about: str
    tables: tuple[FactTable, ...]
    calls: tuple[Curl, ...] = ()


def transports_of(facts: Facts) -> tuple[TransportSection, ...]:
    """Every way that is open, the one that partners use most first."""
    profile = facts.profile
    found: list[TransportSection] = []
    if profile.via is not None:
        found.append(_via(facts, profile.via))
    if profile.as2 is not None:
        found.append(_as2(facts, profile.as2))
    if profile.has_api:
        found.append(_rest(facts))
    if profile.sftp is not None:
        found.append(_sftp(facts))
    return tuple(found)


def _url(facts: Facts, path: str, name: str, note: str = "") -> Fact:
    base = facts.settings.public_url
    if base is None:
        return Fact(name, _TO_BE_TOLD, note, is_open=True)
    return Fact(name, base.rstrip("/") + path, note, is_code=True)


def _as2(facts: Facts, as2: As2) -> TransportSection:
    identity = identity_for(facts.profile, facts.settings.identities)
    others = [
        one.as2_id
        for one in identities_for(facts.profile, facts.settings.identities)
        if one != identity and one.as2_id is not None
    ]
    ours = identity.as2_id if identity is not None else None
    names = [
        Fact(
            "AS2 id of ours", ours, "AS2-To of your messages, AS2-From of ours; capital and small letters differ", True
        )
        if ours is not None
        else Fact("AS2 id of ours", _TO_BE_TOLD, is_open=True),
        *(
            [Fact("Further AS2 ids of ours", tuple(others), "for the documents that name them", is_code=True)]
            if others
            else []
        ),
        Fact("AS2 id of yours", as2.id, "AS2-From of your messages, AS2-To of ours", is_code=True),
        _url(facts, AS2_PATH, "You send to", "HTTP POST; also your asynchronous receipts"),
        Fact("We send to", as2.url, is_code=True)
        if as2.url is not None
        else Fact("We send to", "nowhere: no address of yours was told to us", is_open=bool(_we_send(facts))),
    ]
    return TransportSection(
        anchor="as2",
        title="AS2",
        about="Documents travel as AS2 messages (RFC 4130): an HTTP request each, signed, encrypted, and answered with "
        "a receipt (MDN). A positive receipt says that we hold your message durably; what we made of its content is "
        "told by the acknowledgments.",
        tables=(
            FactTable("Names and addresses", tuple(names)),
            FactTable("What your messages have to be", tuple(_demands(facts, as2))),
            FactTable("How our messages are made", tuple(_sending(as2))),
            FactTable("Receipts and repetitions", tuple(_receipts(facts, as2))),
        ),
    )


def _we_send(facts: Facts) -> bool:
    return any(item.direction == "outbound" for item in facts.profile.agreements)


def _demands(facts: Facts, as2: As2) -> Iterator[Fact]:
    yield Fact("Signed", "required" if as2.require_signed else "not required", "with the certificate of yours below")
    yield Fact("Encrypted", "required" if as2.require_encrypted else "not required", "to the certificate of ours below")
    yield Fact("Digests", _algorithms(as2.digests), "of signatures")
    yield Fact("Ciphers", _algorithms(as2.ciphers), "AES-256 is best")
    yield Fact("Key transport", listed([_KEYS[name] for name in as2.key_transports]), "of the content key")
    yield Fact("Signature schemes", listed([_SIGNATURES[name] for name in as2.signatures]))
    yield Fact("Compression", "welcome, ZLIB (RFC 5402), before or after signing")
    yield from _sizes(facts)
    yield Fact("Media type", _media_types(facts), "Content-Type of the document inside", is_code=True)
    if as2.receive_restarts:
        yield Fact("AS2 Restart", "offered: a large transfer goes on where it broke off")
    if as2.trust == "chain":
        yield Fact("Renewed certificates", "accepted when the agreed authority issued them for the same subject")
    if as2.certificate_exchange != "refuse":
        words = {"ask": "a person here decides on each", "accept": "taken over when the message is trusted"}
        yield Fact("Certificate exchange (CEM)", f"accepted; {words[as2.certificate_exchange]}")


def _algorithms(names: tuple[str, ...]) -> str:
    return listed([f"{_algorithm(name)} (while you need it)" if name in _WEAK else _algorithm(name) for name in names])


def _algorithm(name: str) -> str:
    """`AES-256-CBC`, as products show it."""
    return name.upper().replace("AES", "AES-")


def _sizes(facts: Facts) -> Iterator[Fact]:
    limits, ours = facts.profile.limits, facts.settings.limits
    body = min(limits.body_bytes_max or ours.body_bytes_max, ours.body_bytes_max)
    unpacked = min(limits.decompressed_bytes_max or ours.decompressed_bytes_max, ours.decompressed_bytes_max)
    yield Fact("Largest message", byte_words(body), f"unpacked {byte_words(unpacked)}; split what is larger")
    if limits.requests_per_second_max is not None:
        rate = counted(limits.requests_per_second_max, "request")
        yield Fact("Rate", f"{rate} a second on average", "what is more is answered with 429 and a time to wait")


def _media_types(facts: Facts) -> str:
    syntaxes = dict.fromkeys(item.syntax for item in facts.profile.agreements) or {"x12": None}
    return ", ".join(_MEDIA_TYPES[syntax] for syntax in syntaxes)


def _sending(as2: As2) -> Iterator[Fact]:
    sending = as2.sending
    scheme = f", {_SIGNATURES[sending.signature]}" if sending.signature else ""
    signed = f"yes, {_algorithm(sending.digest or as2.digests[0])}{scheme}" if sending.sign else "no"
    yield Fact("Signed", signed)
    encrypted = f"yes, {_algorithm(sending.cipher or as2.ciphers[0])}, {_KEYS[sending.key_transport]}"
    yield Fact("Encrypted", encrypted if sending.encrypt else "no", "to your newest certificate that we hold")
    compress = {"none": "no", "before-signing": "yes, before signing", "after-signing": "yes, after signing"}
    yield Fact("Compressed", compress[sending.compress])
    if sending.content_type is not None:
        yield Fact("Media type", sending.content_type, is_code=True)
    if sending.subject is not None:
        yield Fact("Subject", sending.subject)
    if as2.connection.username is not None:
        yield Fact("HTTP authentication", f"basic, as {as2.connection.username}", "the password was agreed apart")
    if as2.connection.client_certificate is not None:
        yield Fact("TLS", "we show our signing certificate as TLS client")


def _receipts(facts: Facts, as2: As2) -> Iterator[Fact]:
    sending, delivery = as2.sending, facts.profile.delivery
    yield Fact(
        "For your messages",
        "a receipt as you ask for it: signed or not, in the response or to your address",
        "ask for a signed one: Disposition-Notification-Options with pkcs7-signature and sha-256",
    )
    if as2.receipts_to:
        yield Fact("Asynchronous receipts may go to", as2.receipts_to, "and to the host of your address", is_code=True)
    if sending.receipt == "none":
        yield Fact("For our messages", "we ask for none: a 2xx answer is all")
    else:
        by = "in the HTTP response" if sending.receipt_by == "response" else "sent to our address afterwards"
        yield Fact(
            "For our messages",
            f"we ask for a {sending.receipt} receipt, {by}",
            f"MIC and signature by {_algorithms(sending.receipt_digests)}",
        )
    if sending.receipt_by == "request":
        yield Fact("It is awaited for", f"{sending.receipt_within_minutes} minutes", "then the message is sent again")
    yield Fact("Your answer", f"within {sending.timeout_s} seconds", "then the connection is closed and tried again")
    yield Fact(
        "Repetitions",
        f"up to {delivery.attempts_max} attempts, the first after {delivery.first_retry_after_s} s, then twice as long "
        f"each time, at most {delivery.retry_after_s_max} s",
        "always the same Message-ID and bytes: recognize a repetition by its Message-ID and answer it as the first",
    )
    yield Fact(
        "Repeat yours",
        "with the same Message-ID and the same bytes, as often as you need",
        "you get the first receipt again; the same Message-ID with other bytes is refused",
    )


def _rest(facts: Facts) -> TransportSection:
    keys = tuple(
        key.label + (f", until {day_words(key.expires_on)}" if key.expires_on is not None else "")
        for key in facts.profile.api_keys
    )
    table = (
        _url(facts, "", "Base URL"),
        Fact("Submit", f"POST {DOCUMENTS_PATH}", "the document is the body: X12, JSON or XML", is_code=True),
        Fact("Ask for its fate", f"GET {DOCUMENTS_PATH}/ID", "ID and address are in the answer to the POST", True),
        Fact("List what you sent", f"GET {DOCUMENTS_PATH}?limit=50", "the newest first", is_code=True),
        Fact("Authentication", "Authorization: Bearer KEY", "or the header field X-API-Key: KEY", is_code=True),
        *(
            [Fact("Your keys", keys, "by label; the key itself was handed over once and is kept nowhere here")]
            if keys
            else []
        ),
        Fact(
            "Repetitions",
            "Idempotency-Key: a text of yours, 1 to 255 characters",
            "the same key with the same bytes gets the first answer again; with other bytes it is refused (422)",
            is_code=True,
        ),
        *_sizes(facts),
        Fact("Answer", "202 once your document is kept durably", "what we made of it stands under its address"),
        Fact(
            "Errors", "problem details (RFC 9457), application/problem+json", "with a `remedy` in words; listed below"
        ),
    )
    about = (
        "Documents are posted one by one over HTTPS. The answer comes once the document is kept; its fate, with each "
        "finding and its place, is asked for afterwards."
    )
    tables = [FactTable("The interface", table)]
    if _fetches(facts):
        about += " What we have for you waits in your inbox there until you have fetched and confirmed it."
        tables.append(FactTable("What we have for you", tuple(_inbox(facts))))
    return TransportSection(
        anchor="rest", title="REST interface", about=about, tables=tuple(tables), calls=tuple(_calls(facts))
    )


def _fetches(facts: Facts) -> bool:
    """Whether they have a reason to look into their inbox."""
    profile = facts.profile
    return own_way(profile) == INBOX and (_we_send(facts) or profile.delivery.way == INBOX)


def _inbox(facts: Facts) -> Iterator[Fact]:
    yield Fact("List", f"GET {INBOX_PATH}", "the oldest first; what you confirmed is gone from it", is_code=True)
    yield Fact(
        "Fetch",
        f"GET {INBOX_PATH}/ID/content",
        f"as agreed ({_sent_types(facts)}); Accept: application/json or application/xml asks for a canonical document",
        is_code=True,
    )
    yield Fact(
        "Confirm",
        f"POST {INBOX_PATH}/ID/confirm",
        "once it is safe with you; fetching alone settles nothing, and confirming again does no harm",
        is_code=True,
    )
    yield Fact("Decline", f"POST {INBOX_PATH}/ID/decline", 'with {"reason": "..."}; our people see to it', is_code=True)
    hours = facts.profile.delivery.confirm_within_hours
    yield Fact(
        "Look there", "every few minutes", f"what nobody confirms within {counted(hours, 'hour')} is a case for us"
    )
    yield Fact(
        "Order",
        "`waits_for` names what is to be confirmed first",
        "documents of one purchase order come one behind the other; each can be fetched at once",
    )


def _sent_types(facts: Facts) -> str:
    outbound = (item.syntax for item in facts.profile.agreements if item.direction == "outbound")
    return ", ".join(_MEDIA_TYPES[syntax] for syntax in dict.fromkeys(outbound)) or "as we have it"


def _calls(facts: Facts) -> Iterator[Curl]:
    base = (facts.settings.public_url or "https://OUR-HOST").rstrip("/")
    inbound = [item for item in facts.profile.agreements if item.direction == "inbound"]
    syntax = inbound[0].syntax if inbound else "json"
    name = {"json": "document.json", "xml": "document.xml", "x12": "document.edi"}[syntax]
    kind = {"json": "application/json", "xml": "application/xml", "x12": "application/edi-x12"}[syntax]
    yield Curl(
        "Send a document:",
        f"curl --fail-with-body {base}{DOCUMENTS_PATH} \\\n"
        '  -H "Authorization: Bearer $KEY" \\\n'
        f'  -H "Content-Type: {kind}" \\\n'
        '  -H "Idempotency-Key: 2026-000123" \\\n'
        f"  --data-binary @{name}",
    )
    address = f"{DOCUMENTS_PATH}/01KJ6Z5S4T8W9X2Y3Z4A5B6C7D"
    answer = {
        "id": address.rpartition("/")[2],
        "status": "received",
        "received_at": "2026-03-02T10:15:00.000Z",
        "links": {"self": address},
    }
    yield Curl("It is answered with 202:", json.dumps(answer, indent=2))
    yield Curl("Ask what became of it:", f'curl {base}{address} -H "Authorization: Bearer $KEY"')
    if _fetches(facts):
        yield from _inbox_calls(base)


def _inbox_calls(base: str) -> Iterator[Curl]:
    yield Curl("See what we have for you:", f'curl --fail-with-body {base}{INBOX_PATH} -H "Authorization: Bearer $KEY"')
    yield Curl(
        "Fetch one of them, by its id in the list, under the name that we gave it:",
        f"curl --fail-with-body --remote-name --remote-header-name {base}{INBOX_PATH}/$ID/content \\\n"
        '  -H "Authorization: Bearer $KEY"',
    )
    yield Curl(
        "Once it is safe with you, say so:",
        f'curl --fail-with-body --request POST {base}{INBOX_PATH}/$ID/confirm \\\n  -H "Authorization: Bearer $KEY"',
    )


def _sftp(facts: Facts) -> TransportSection:
    sftp = facts.profile.sftp
    if sftp is None:
        raise ValueError("the partner has no mailbox")
    keys = tuple(
        f"{key.label}: {_fingerprint(facts.loaded.files.get(key.file))}"
        + (f", until {day_words(key.expires_on)}" if key.expires_on is not None else "")
        for key in sftp.keys
    )
    table = [
        Fact("User", sftp.user, is_code=True),
        Fact(
            "Your keys", keys or ("none yet: send us your public key",), "public keys; compare them", is_open=not keys
        ),
        Fact(
            "You put files into", "inbox/", "write under a name that begins with a dot, rename when it is whole", True
        ),
        Fact("You fetch files from", "outbox/", is_code=True),
    ]
    if sftp.networks:
        table.append(Fact("You come from", tuple(map(str, sftp.networks)), "other addresses are refused", is_code=True))
    table.extend(_sizes(facts))
    return TransportSection(
        anchor="sftp",
        title="SFTP mailbox",
        about="A mailbox with a folder for each direction. It is being prepared: the day it opens, and its host key, "
        "will be told to you; until then use another way of this guide.",
        tables=(FactTable("The mailbox", tuple(table)),),
    )


def _fingerprint(public_key: bytes | None) -> str:
    """The fingerprint of an OpenSSH public key, as `ssh-keygen -l` prints it."""
    parts = (public_key or b"").split()
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        return "the key cannot be read"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest}"


def _via(facts: Facts, connection: str) -> TransportSection:
    name = facts.connection.profile.name if facts.connection is not None else connection
    addresses = tuple(f"{item.qualifier} / {item.id}" for item in facts.profile.x12)
    table = (
        Fact("Your connection", name),
        Fact("Your addresses there", addresses, "interchanges under any other address are refused", is_code=True),
    )
    return TransportSection(
        anchor="connection",
        title=f"By way of {name}",
        about=f"Your documents reach us, and ours you, by way of {name}: certificates, receipts and repetitions are "
        "settled between it and us, and between it and you. What this guide says of envelopes, acknowledgments and "
        "documents holds for you.",
        tables=(FactTable("The connection", table),),
    )

"""How documents travel: AS2, REST, SFTP or a connection, with what both sides have to set."""

from collections.abc import Iterator
from typing import Final

from gateway.as2_agreements import identities_for, identity_for
from gateway.onboarding.guide.endpoint import TO_BE_TOLD, media_types, sizes, url, we_send
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.mailbox import mailbox_section
from gateway.onboarding.guide.remote_server import remote_server_section
from gateway.onboarding.guide.rest import rest_section
from gateway.onboarding.guide.tables import Fact, FactTable, TransportSection
from gateway.onboarding.guide.words import listed
from partners.as2_terms import As2

AS2_PATH: Final = "/as2"
_SIGNATURES: Final = {"rsa-v1.5": "RSA PKCS#1 v1.5", "rsa-pss": "RSA-PSS", "ecdsa": "ECDSA"}
_KEYS: Final = {"rsa-oaep": "RSA-OAEP", "rsa-v1.5": "RSA PKCS#1 v1.5"}
_WEAK: Final = frozenset({"sha-1", "3des-cbc"})


def transports_of(facts: Facts) -> tuple[TransportSection, ...]:
    """Every way that is open, the one that partners use most first."""
    profile = facts.profile
    found: list[TransportSection] = []
    if profile.via is not None:
        found.append(_via(facts, profile.via))
    if profile.as2 is not None:
        found.append(_as2(facts, profile.as2))
    if profile.has_api:
        found.append(rest_section(facts))
    if profile.sftp is not None:
        found.append(mailbox_section(facts, profile.sftp))
    if profile.sftp_server is not None:
        found.append(remote_server_section(facts, profile.sftp_server))
    return tuple(found)


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
        else Fact("AS2 id of ours", TO_BE_TOLD, is_open=True),
        *(
            [Fact("Further AS2 ids of ours", tuple(others), "for the documents that name them", is_code=True)]
            if others
            else []
        ),
        Fact("AS2 id of yours", as2.id, "AS2-From of your messages, AS2-To of ours", is_code=True),
        url(facts, AS2_PATH, "You send to", "HTTP POST; also your asynchronous receipts"),
        Fact("We send to", as2.url, is_code=True)
        if as2.url is not None
        else Fact("We send to", "nowhere: no address of yours was told to us", is_open=bool(we_send(facts))),
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


def _demands(facts: Facts, as2: As2) -> Iterator[Fact]:
    yield Fact("Signed", "required" if as2.require_signed else "not required", "with the certificate of yours below")
    yield Fact("Encrypted", "required" if as2.require_encrypted else "not required", "to the certificate of ours below")
    yield Fact("Digests", _algorithms(as2.digests), "of signatures")
    yield Fact("Ciphers", _algorithms(as2.ciphers), "AES-256 is best")
    yield Fact("Key transport", listed([_KEYS[name] for name in as2.key_transports]), "of the content key")
    yield Fact("Signature schemes", listed([_SIGNATURES[name] for name in as2.signatures]))
    yield Fact("Compression", "welcome, ZLIB (RFC 5402), before or after signing")
    yield from sizes(facts)
    yield Fact("Media type", media_types(facts), "Content-Type of the document inside", is_code=True)
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

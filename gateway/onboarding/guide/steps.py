"""The way from the first call to production: steps in order, what to tick off, what is still open."""

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.flow.outward.ways import own_way
from gateway.model.delivery import INBOX, MAILBOX
from gateway.onboarding.guide.access import access_of
from gateway.onboarding.guide.documents import DocumentSection
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.remote_server import ANCHOR, TITLE
from gateway.onboarding.guide.tables import Step
from gateway.onboarding.guide.transport import transports_of

_BOTH: Final = "Both"


def steps_of(facts: Facts) -> tuple[Step, ...]:
    """The steps in order."""
    return tuple(_steps(facts))


def _steps(facts: Facts) -> Iterator[Step]:
    profile, us, them = facts.profile, facts.us, facts.profile.name
    yield Step(them, "Read this guide, name your contacts to us, and ask what is not clear.", "contacts", "Contacts")
    if profile.via is not None:
        yield Step(them, "Tell your connection that you will exchange with us.", "connection", "Connection")
    if profile.as2 is not None:
        yield Step(_BOTH, "Set up AS2: names, addresses, algorithms.", "as2", "AS2")
        yield Step(
            _BOTH,
            "Exchange certificates, and compare their fingerprints by telephone: mail can be changed on its way.",
            "certificates",
            "Certificates",
        )
        yield Step(us, "Send a test message; its receipt proves names, certificates and network in both directions.")
    for who, what in _credentials(facts):
        yield Step(who, what, "rest", "REST interface")
    if profile.sftp is not None:
        yield Step(them, "Send us your public SSH key, never the private one.", "sftp", "SFTP mailbox")
        yield Step(_BOTH, "Compare the fingerprint of our host key by telephone, then log in.", "sftp", "SFTP mailbox")
    if profile.sftp_server is not None:
        what = "Make a user for us at your SFTP server with our public key and the folders, and allow our addresses."
        yield Step(them, what, ANCHOR, TITLE)
        yield Step(_BOTH, "Compare the fingerprints of the server's host keys by telephone.", ANCHOR, TITLE)
    if any(item.syntax == "x12" for item in profile.agreements):
        yield Step(them, "Set the envelope: ISA and GS as in the tables, ISA15 = T.", "envelope", "Envelope")
    yield Step(
        _BOTH,
        "Exchange test documents, one of each kind and each case that your business has.",
        "documents",
        "Documents",
    )
    yield Step(
        _BOTH, "Look at the acknowledgments, mend what they name, repeat until all is accepted.", "answers", "Answers"
    )
    mark = " (ISA15 = P)" if any(item.syntax == "x12" for item in profile.agreements) else ""
    yield Step(_BOTH, f"Agree on a day, change to production{mark}, and watch the first real documents together.")


def _credentials(facts: Facts) -> Iterator[tuple[str, str]]:
    """Who hands over what, so that their programs get in and know us: secrets from us, what is public from them."""
    profile, access, us, them = facts.profile, access_of(facts), facts.us, facts.profile.name
    if access.api_keys:
        yield us, "Hand over an API key by a safe way; you keep it in your secret store."
    if access.clients:
        yield us, "Hand over a client id and its secret by a safe way; you keep them in your secret store."
    if access.certificates:
        yield them, "Send us the TLS certificate that your programs show, never its private key."
    if any(key.public_key is not None for key in access.keys):
        yield them, "Send us the public key of your signatures, never the private one."
    if any(key.secret is not None for key in access.keys):
        yield us, "Hand over the shared secret of your signatures by a safe way; you keep it in your secret store."
    if profile.webhooks is not None and profile.webhooks.subscriptions:
        yield us, "Hand over the keys that verify our webhooks by a safe way."


def checklist_of(facts: Facts, sections: Sequence[DocumentSection]) -> tuple[str, ...]:
    """What to tick off before the first real document."""
    return tuple(_checks(facts, sections))


def _checks(facts: Facts, sections: Sequence[DocumentSection]) -> Iterator[str]:
    profile, us = facts.profile, facts.us
    yield "Both sides know whom to call, also at night and on holidays."
    if profile.as2 is not None:
        yield f"The certificate of {us} is installed, and its SHA-256 fingerprint was compared."
        yield f"Your certificate is installed at {us}, and its fingerprint in this guide is right."
        yield "A test message went in each direction, and its signed receipt was positive."
        yield "Your firewall lets our address in, and your requests to ours out."
    if profile.has_api:
        yield "Keys and secrets are in your secret store, and a call to /v1/me was answered with 200."
    if profile.webhooks is not None:
        yield "Your program verifies the signature of our webhooks, takes each id once, and answered a test with 2xx."
    if profile.sftp is not None:
        yield "Our host key is pinned in your software, and you have logged in with your key."
        yield "Your program looks into errors/ and acknowledgments/, and somebody is told of what lies in errors/."
    if own_way(profile) == MAILBOX and any(item.direction == "outbound" for item in profile.agreements):
        yield "Your program looks into outbox/ every few minutes, and reads each file whole."
    if own_way(profile) == INBOX and any(item.direction == "outbound" for item in profile.agreements):
        yield "Your program looks into your inbox every few minutes, and confirms what it has kept."
    for section in sections:
        way = "accepted by us" if section.direction == "inbound" else "read by you"
        yield f"{section.title} ({section.syntax_words}): every case was tested and {way}."
    if any(item.syntax == "x12" for item in profile.agreements):
        yield "Acknowledgments are matched with what was sent, and somebody is told when one is missing or negative."
        yield "Control numbers go on from the last one, also after a restart or restore of your system."
    yield "The day of the change to production is agreed."


def open_points_of(facts: Facts) -> tuple[str, ...]:
    """What nobody has settled yet."""
    found = [
        f"{table.caption}: {fact.name}"
        for transport in transports_of(facts)
        for table in transport.tables
        for fact in table.facts
        if fact.is_open
    ]
    if not transports_of(facts):
        found.append("How documents travel: no way was agreed yet")
    if not facts.profile.agreements:
        found.append("Which documents are exchanged: none was agreed yet")
    without = [entry.owner for entry in facts.certificates.entries if entry.owner_kind == "identity"]
    if facts.profile.as2 is not None and not without:
        found.append("Our certificate: it will be sent to you")
    found += [f"{item.field or 'The profile'}: {item.what}" for item in facts.loaded.open_points]
    return tuple(dict.fromkeys(found))

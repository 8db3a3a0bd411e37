"""The profiles of two houses that trade over loopback: the partner's own in ours, and ours in that of who plays them.

In ours everything stays as the partner's profile says, but for what reaches out of this machine: URLs, certificates,
keys. The other side knows us by the same agreements, seen from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.agreements import framing_terms
from gateway.as2_agreements import identities_for
from gateway.flow.outward.ways import SFTP, own_way
from gateway.model.delivery import INBOX, MAILBOX
from gateway.model.webhook import WEBHOOK
from gateway.onboarding.samples.live.transports import is_only_fetched_from, untried_transports
from gateway.onboarding.samples.staging import Cast
from gateway.settings import IdentitySettings
from partners.as2_terms import SAFE_CIPHERS, SAFE_DIGESTS, As2
from partners.loader import LoadedProfile
from partners.profile import Agreement, Profile

LOOPBACK = "127.0.0.1"
THEIR_FILE, OUR_FILE = "loopback-theirs.pem", "loopback-ours.pem"
THEM, US = "them", "us"
KEY_LABEL = "loopback"
_PRIVATE = {"private_networks": [f"{LOOPBACK}/32"]}
_LEGACY_DIGEST, _LEGACY_CIPHER = "sha-1", "3des-cbc"
_KEY_TRANSPORTS = ["rsa-oaep", "rsa-v1.5"]
# How they read what we write so because their profile wants it.
_ALL_SEPARATED = {"trailing_separators": "mandatory"}
# Of `as2`: what names files, addresses or keys of theirs.
_OUTWARD = (
    "certificate",
    "certificates",
    "trust",
    "authorities",
    "revocation_lists",
    "receipts_to",
    "url",
    "connection",
    "certificate_exchange",
)

# What the inbox stands for while it is played: no server of theirs is called, and files come and go by the API.
_STANDS_FOR: Mapping[str | None, str] = {
    WEBHOOK: "fetched from the inbox, and not posted to their webhook",
    MAILBOX: "sent and fetched by the API, and not by SFTP",
    SFTP: "sent and fetched by the API, and nothing put on their SFTP server",
}
_NOT_BY_SFTP = "what they send comes by {}, and not by SFTP"

Keys = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Playable:
    """What is changed so that a profile can be played with throw-away keys, told to whoever plays it."""

    profile: Keys
    notes: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


class NotPlayable(Exception):  # noqa: N818  # told to a person
    """A partner cannot be played on loopback; the text says why."""


def ours(loaded: LoadedProfile, their_url: str, api_key_sha256: str) -> Playable:
    """A profile of our house: the partner, or the connection that carries it.

    Args:
        loaded: with all its layers.
        their_url: of the house that plays it.
        api_key_sha256: of the throw-away key that opens the REST interface, for those who call it.
    """
    profile = loaded.profile
    keys: Keys = profile.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    for name in ("extends", "sftp", "sftp_server", "required_samples", "api", "webhooks"):
        keys.pop(name, None)
    keys["status"] = "testing" if profile.is_test else "live"
    if profile.has_api:
        keys["api_keys"] = [{"label": KEY_LABEL, "sha256": api_key_sha256}]
    notes: tuple[str, ...] = ()
    if profile.as2 is not None:
        keys["as2"], notes = _as2_of_ours(profile.as2, keys["as2"], their_url)
    if profile.api.require or (profile.api.opens and not profile.api_keys):
        notes += ("the REST interface is opened by a throw-away key alone, whatever the profile asks for",)
    way = own_way(profile)
    if way in _STANDS_FOR:
        delivery = {name: value for name, value in keys.get("delivery", {}).items() if name not in {"way", "webhook"}}
        keys |= {"api_keys": [{"label": KEY_LABEL, "sha256": api_key_sha256}], "delivery": delivery | {"way": INBOX}}
        notes += (_STANDS_FOR[way],)
    elif is_only_fetched_from(profile):
        keys["api_keys"] = [{"label": KEY_LABEL, "sha256": api_key_sha256}]
    if "SFTP" in untried_transports(profile) and way not in {MAILBOX, SFTP}:
        notes += (_NOT_BY_SFTP.format("AS2" if profile.as2 is not None else "the API"),)
    files = {name: loaded.file(name) for name in profile.table_files()}
    return Playable(keys, notes, files)


def _as2_of_ours(as2: As2, keys: Keys, their_url: str) -> tuple[Keys, tuple[str, ...]]:
    kept = {name: value for name, value in keys.items() if name not in _OUTWARD}
    kept |= {"certificate": THEIR_FILE, "connection": _PRIVATE}
    if as2.url is not None:
        kept["url"] = their_url
    notes = []
    # The other side is a gateway, too, and signs and encrypts with nothing that is only read.
    if not set(as2.digests) & set(SAFE_DIGESTS):
        kept["digests"] = [*as2.digests, SAFE_DIGESTS[0]]
        notes.append(f"signed with {SAFE_DIGESTS[0]}, since nothing here signs with {', '.join(as2.digests)}")
    if not set(as2.ciphers) & set(SAFE_CIPHERS):
        kept["ciphers"] = [SAFE_CIPHERS[0], *as2.ciphers]
        notes.append(f"encrypted with {SAFE_CIPHERS[0]}, since nothing here encrypts with {', '.join(as2.ciphers)}")
    if as2.sending.signature == "ecdsa":
        kept["sending"] = {name: value for name, value in keys["sending"].items() if name != "signature"}
        notes.append("ours are signed by RSA with a throw-away key, and not by ecdsa")
    if "rsa-v1.5" not in as2.signatures and "rsa-pss" not in as2.signatures:
        kept["signatures"] = [*as2.signatures, "rsa-pss"]
        notes.append(f"signed by RSA-PSS with a throw-away key, and not by {', '.join(as2.signatures)}")
    return kept, tuple(notes)


def theirs(actors: Cast, our_url: str) -> list[Keys]:
    """The profiles of us in the house that plays them: one for each identity of ours that they may meet."""
    as2 = actors.bearer.profile.as2
    if as2 is None:
        return []
    carried = [actors.partner.profile]
    known = [item for item in identities_for(actors.bearer.profile, actors.identities, carried) if item.as2_id]
    named = [item for item in actors.identities if item.name in {one.name for one in known}]
    profiles = []
    for number, identity in enumerate(named):
        addresses = [identity, *(_speechless(actors.identities) if number == 0 else [])]
        profiles.append(_us(number, identity, addresses, actors, as2, our_url))
    return profiles


def _speechless(identities: Iterable[IdentitySettings]) -> list[IdentitySettings]:
    """Those of ours that speak X12 only; AS2 is spoken for them."""
    return [item for item in identities if item.as2_id is None]


def _us(
    number: int,
    identity: IdentitySettings,
    addresses: Sequence[IdentitySettings],
    actors: Cast,
    as2: As2,
    our_url: str,
) -> Keys:
    profile = actors.partner.profile
    digest = next((name for name in as2.digests if name in SAFE_DIGESTS), SAFE_DIGESTS[0])
    cipher = next((name for name in as2.ciphers if name in SAFE_CIPHERS), SAFE_CIPHERS[0])
    sending: Keys = {"digest": digest, "cipher": cipher, "key_transport": as2.key_transports[0]}
    if "rsa-v1.5" not in as2.signatures:
        sending["signature"] = "rsa-pss"
    keys: Keys = {
        "id": US if number == 0 else f"{US}-{number + 1}",
        "name": identity.name,
        "status": "testing" if profile.is_test else "live",
        "as2": {
            "id": identity.as2_id,
            "our_identity": THEM,
            "certificate": OUR_FILE,
            "url": our_url,
            "require_signed": as2.sending.sign,
            "require_encrypted": as2.sending.encrypt,
            "digests": [*SAFE_DIGESTS, _LEGACY_DIGEST],
            "ciphers": [*SAFE_CIPHERS, _LEGACY_CIPHER],
            "key_transports": _KEY_TRANSPORTS,
            "sending": sending,
            "connection": _PRIVATE,
        },
        "encoding": profile.encoding,
    }
    x12 = [{"qualifier": one.x12.qualifier, "id": one.x12.id} for one in addresses if one.x12 is not None]
    agreements = [_seen_from_there(item, profile) for item in profile.agreements if item.direction == "outbound"]
    if not x12:
        agreements = [item for item in agreements if item["syntax"] != "x12"]
    return keys | ({"x12": x12} if x12 else {}) | {"agreements": agreements}


def _seen_from_there(agreement: Agreement, profile: Profile) -> Keys:
    """What we agreed to send, as they agreed to receive it: by the same rules."""
    keys: Keys = {"document": agreement.document, "direction": "inbound", "syntax": agreement.syntax}
    if agreement.syntax != "x12":
        return keys
    written = agreement.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    keys |= {name: written[name] for name in ("releases", "rules") if name in written}
    all_separated = framing_terms(profile, agreement).trailing_separators == "all"
    return keys | ({"validation": dict(_ALL_SEPARATED)} if all_separated else {})


def their_identities(actors: Cast) -> list[Keys]:
    """Who the partner is in the house that plays it: its AS2 id, and each of its X12 addresses."""
    as2 = actors.bearer.profile.as2
    found: list[Keys] = []
    for number, address in enumerate(actors.partner.profile.x12):
        group_id = address.group_id or f"{address.id:_<2}"
        x12 = {"qualifier": address.qualifier, "id": address.id, "group_id": group_id}
        found.append({"name": THEM if number == 0 else f"{THEM}-{number + 1}", "x12": x12})
    first = found[0] if found else {"name": THEM}
    return [first | ({"as2_id": as2.id} if as2 is not None else {}), *found[1:]]

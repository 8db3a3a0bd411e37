"""HTTP message signatures (RFC 9421): `Signature-Input` and `Signature`, and Content-Digest for the body."""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs
from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.carriers.credentials import SecretMissing
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.identity.callers import Credential
from gateway.flow.credentials import read_signature_key
from gateway.model.instants import rfc3339
from gateway.model.refusals import Reason, Refused
from gateway.signatures import (
    WINDOW_S,
    Cause,
    KeyUnusable,
    RequestHead,
    SignaturePolicy,
    SignatureRefused,
    VerificationKey,
    Verified,
    demand,
    verify_head,
)
from gateway.store.credentials import nonces
from partners.api_terms import SignatureKey, Signatures
from partners.loader import LoadedProfile

SIGNATURE = "Signature"
SIGNATURE_INPUT = "Signature-Input"
# A secret behind a reference may be exchanged while we run; so long the old one is used on.
SECRET_KEPT_MS = 60_000
KEYS_KEPT_MAX = 4_096
# A larger body is compared with its digest beside the loop: so many bytes take about a millisecond.
IN_LOOP_BYTES_MAX = 1_048_576

_REASONS: Final = {
    Cause.UNSIGNED: Reason.SIGNATURE_INCOMPLETE,
    Cause.MALFORMED: Reason.SIGNATURE_INCOMPLETE,
    Cause.COVERAGE: Reason.SIGNATURE_INCOMPLETE,
    Cause.CLOCK: Reason.SIGNATURE_CLOCK,
    Cause.UNKNOWN_KEY: Reason.UNAUTHENTICATED,
    Cause.OTHER_ALGORITHM: Reason.UNAUTHENTICATED,
    Cause.WRONG_SIGNATURE: Reason.UNAUTHENTICATED,
    Cause.DIGEST: Reason.DIGEST_MISMATCH,
}

_PORT: Final = re.compile(r":[0-9]*\Z")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _KeptKey:
    """What was read from a profile.

    Attributes:
        partner: whose it is, by the profile that was in force then.
        terms: as the profile has it.
        key: None where it cannot be used.
        policy: what the profile asks for beyond the house; None where that is nothing.
    """

    partner: LoadedProfile
    terms: SignatureKey
    key: VerificationKey | None
    policy: SignaturePolicy | None
    read_at_ms: int


class SignedRequests:
    """Finds whose program signed a request.

    Behind a proxy of ours the scheme is the one that it tells of; the Host field it has to hand on as it came. Where it
    is known what partners reach us under, a request that is signed for another host is none of ours: whoever got it
    there, from a partner that signs for several with one key, must not bring it here.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        public_url = edge.settings.public_url
        self._host = (urlsplit(public_url).hostname or "").rstrip(".") if public_url is not None else None
        self._keys: dict[str, _KeptKey] = {}

    async def find(self, request: Request, today: date) -> Credential | None:
        """Whose signature it is; None for a request without one.

        Raises:
            Refused: a signature that is incomplete, out of its time, or not right; of a key that is unknown, of one
                that is out of its days and of one that did not sign this, the same is told.
        """
        if SIGNATURE not in request.headers and SIGNATURE_INPUT not in request.headers:
            return None
        authority = request.single(hdrs.HOST) or ""
        if self._host is not None and _host_of(authority) not in {self._host, *_own_names(request)}:
            detail = f"a signed request is sent to {self._host}, and its Host and its signature say so"
            raise Refused(Reason.UNAUTHENTICATED, detail, audit="signed, and for another host than ours")
        now_ms = self._edge.now_ms()
        now_s, has_body = now_ms // 1_000, request.body_exists
        head = RequestHead(
            request.method,
            request.scheme,
            authority,
            request.raw_path,
            tuple(request.headers.items()),
        )
        try:
            verified = verify_head(head, partial(self._known, today), now_s=now_s, has_body=has_body)
            kept = self._keys[verified.key_id]
            if kept.policy is not None:
                demand(verified, head, kept.policy, now_s=now_s, has_body=has_body)
        except SignatureRefused as refused:
            raise self._refusal(refused, now_ms) from None
        seal = SignatureSeal(verified, self._edge.now_ms)
        return Credential(kept.partner, "signature", kept.terms.id, kept.terms.scopes, seal)

    def _known(self, today: date, key_id: str) -> VerificationKey | None:
        partner = self._edge.directory().by_signature_key(key_id)
        if partner is None:
            return None
        kept, now_ms = self._keys.get(key_id), self._edge.now_ms()
        if kept is None or kept.partner is not partner or _is_stale(kept, now_ms):
            if len(self._keys) >= KEYS_KEPT_MAX:
                self._keys.clear()  # those of partners that are gone go with it
            kept = self._keys[key_id] = _read(partner, key_id, now_ms)
        return kept.key if kept.terms.opens_on(today) else None

    @staticmethod
    def _refusal(refused: SignatureRefused, now_ms: int) -> Refused:
        extra: dict[str, object] = {}
        if refused.cause is Cause.CLOCK:
            extra["server_time"] = rfc3339(now_ms)
        return Refused(_REASONS[refused.cause], refused.detail, audit=f"{refused.cause}: {refused.audit}", extra=extra)


@dataclass(frozen=True, slots=True)
class SignatureSeal:
    """What a signature still asks for once the head was right."""

    verified: Verified
    now_ms: Callable[[], int]

    async def check_body(self, body: Buffer) -> None:
        """Raises `Refused` where the body is another than the one whose digest was signed."""
        digest = self.verified.digest
        if digest is None:
            return
        try:
            if len(body) > IN_LOOP_BYTES_MAX:
                await asyncio.to_thread(digest.check, body)
            else:
                digest.check(body)
        except SignatureRefused as refused:
            raise Refused(_REASONS[refused.cause], refused.detail) from None

    def spend(self, connection: Connection) -> None:
        """Use its nonce, once; raises `Refused` where it was used before."""
        verified = self.verified
        # The last second in which it passes counts whole.
        over_ms = (verified.expires_at + 1) * 1_000
        if not nonces.spend(connection, verified.key_id, verified.nonce, over_ms, self.now_ms()):
            raise Refused(
                Reason.SIGNATURE_REPLAYED,
                "a request with this nonce and this key came before",
                audit=f"the nonce {verified.nonce!r} of the key {verified.key_id!r} came before",
            )

    def release(self, connection: Connection) -> None:
        """Nothing came of the request: it may come again."""
        nonces.release(connection, self.verified.key_id, self.verified.nonce)


def _host_of(authority: str) -> str:
    """The host of a Host field, in lower case, an IPv6 address without brackets."""
    return _PORT.sub("", authority).strip("[]").lower().rstrip(".")


def _own_names(request: Request) -> tuple[str, ...]:
    """The address that was called, for whoever calls it without a name."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    address = str(name[0]) if isinstance(name, tuple) and name else ""
    return (address, "localhost") if address in _LOOPBACK else (address,)


def _is_stale(kept: _KeptKey, now_ms: int) -> bool:
    """Whether its secret may have been exchanged since it was read."""
    return kept.terms.secret is not None and now_ms - kept.read_at_ms >= SECRET_KEPT_MS


def _read(partner: LoadedProfile, key_id: str, now_ms: int) -> _KeptKey:
    """The key of a profile; one that cannot be used is an unknown key, and is complained of to our people."""
    signatures = partner.profile.api.signatures
    (terms,) = [key for key in signatures.keys if key.id == key_id]
    key = None
    try:
        key = read_signature_key(partner, terms)
    except (KeyUnusable, SecretMissing) as unusable:
        log.warning(
            "a key for signatures cannot be used", extra={"partner": partner.id, "key": key_id, "cause": str(unusable)}
        )
    return _KeptKey(partner, terms, key, _policy(signatures), now_ms)


def _policy(signatures: Signatures) -> SignaturePolicy | None:
    if not signatures.components and signatures.tag is None and signatures.window_s == WINDOW_S:
        return None
    return SignaturePolicy(
        # A field that the request does not have cannot be taken away from it, nor added: then it would not be covered.
        components=(),
        body_components=(),
        present_components=signatures.components,
        window_s=signatures.window_s,
        tag=signatures.tag,
    )

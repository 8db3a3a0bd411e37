"""HTTP message signatures (RFC 9421): `Signature-Input` and `Signature`, and Content-Digest for the body."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

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
    Cause,
    KeyUnusable,
    RequestHead,
    SignaturePolicy,
    SignatureRefused,
    VerificationKey,
    Verified,
    demand,
    is_signed,
    verify_head,
)
from gateway.store.credentials import nonces
from partners.api_terms import SignatureKey, Signatures
from partners.loader import LoadedProfile

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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _KeptKey:
    """A key that was read from a profile; None where it cannot be used."""

    key: VerificationKey | None
    read_at_ms: int


class SignedRequests:
    """Finds whose program signed a request.

    Behind a proxy of ours the scheme is the one that it tells of; the Host field it has to hand on as it came.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._keys: dict[tuple[str, str], _KeptKey] = {}

    async def find(self, request: Request, today: date) -> Credential | None:
        """Whose signature it is; None for a request without one.

        Raises:
            Refused: a signature that is incomplete, out of its time, or not right; of a key that is unknown, of one
                that is out of its days and of one that did not sign this, the same is told.
        """
        head = RequestHead(
            request.method,
            request.scheme,
            request.single(hdrs.HOST) or "",
            request.raw_path,
            tuple(request.headers.items()),
        )
        if not is_signed(head):
            return None
        now_ms = self._edge.now_ms()
        now_s, has_body = now_ms // 1_000, request.body_exists
        try:
            verified = verify_head(head, partial(self._known, today), now_s=now_s, has_body=has_body)
            partner, key = self._holder(verified.key_id)
            signatures = partner.profile.api.signatures
            if _asks_more(signatures):
                demand(verified, head, _policy(signatures), now_s=now_s, has_body=has_body)
        except SignatureRefused as refused:
            raise self._refusal(refused, now_ms) from None
        return Credential(partner, "signature", key.id, key.scopes, SignatureSeal(verified, self._edge.now_ms))

    def _holder(self, key_id: str) -> tuple[LoadedProfile, SignatureKey]:
        partner = self._edge.directory().by_signature_key(key_id)
        found = _key_of(partner, key_id) if partner is not None else None
        if partner is None or found is None:
            raise LookupError(key_id)  # it was just verified with
        return partner, found

    def _known(self, today: date, key_id: str) -> VerificationKey | None:
        partner = self._edge.directory().by_signature_key(key_id)
        if partner is None:
            return None
        terms = _key_of(partner, key_id)
        if terms is None or not terms.opens_on(today):
            return None
        kept, now_ms = self._keys.get((partner.digest, key_id)), self._edge.now_ms()
        if kept is None or (terms.secret is not None and now_ms - kept.read_at_ms >= SECRET_KEPT_MS):
            if len(self._keys) >= KEYS_KEPT_MAX:
                self._keys.clear()  # those of profiles that are no longer in force go with it
            kept = self._keys[partner.digest, key_id] = _KeptKey(_read(partner, terms), now_ms)
        return kept.key

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


def _key_of(partner: LoadedProfile, key_id: str) -> SignatureKey | None:
    return next((key for key in partner.profile.api.signatures.keys if key.id == key_id), None)


def _asks_more(signatures: Signatures) -> bool:
    return (
        bool(signatures.components) or signatures.tag is not None or signatures.window_s != SignaturePolicy().window_s
    )


def _policy(signatures: Signatures) -> SignaturePolicy:
    return SignaturePolicy(
        # A field that the request does not have cannot be taken away from it, nor added: then it would not be covered.
        components=(),
        body_components=(),
        present_components=signatures.components,
        window_s=signatures.window_s,
        tag=signatures.tag,
    )


def _read(partner: LoadedProfile, terms: SignatureKey) -> VerificationKey | None:
    """The key of a profile; one that cannot be used is an unknown key, and is complained of to our people."""
    try:
        return read_signature_key(partner, terms)
    except (KeyUnusable, SecretMissing) as unusable:
        log.warning(
            "a key for signatures cannot be used",
            extra={"partner": partner.id, "key": terms.id, "cause": str(unusable)},
        )
        return None

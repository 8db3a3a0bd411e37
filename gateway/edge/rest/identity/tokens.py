"""Access tokens: JWTs that we sign for OAuth clients (RFC 9068), and `Authorization: Bearer TOKEN` with one of them.

A token is good for `token_lifetime_s`, at the address where it was had, and only while its client stands in the profile
and is open: taking the client out ends its tokens at once. It never allows more than its client does now.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast, get_args

import jwt
import orjson
from aiohttp import hdrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.identity.bearer import bearer_of, is_token
from gateway.edge.rest.identity.callers import UNKNOWN, Credential
from gateway.model.refusals import Reason, Refused
from gateway.store.credentials.revoked import Revocations
from gateway.store.credentials.token_keys import TokenKeys
from partners.api_terms import OAuthClient, Scope
from partners.loader import LoadedProfile

ALGORITHM = "EdDSA"
SCOPES: tuple[Scope, ...] = get_args(Scope)
TOKEN_TYPE = "at+jwt"  # noqa: S105  # RFC 9068 2.1, a media type
TOKEN_CHARACTERS_MAX = 4_096
LEEWAY_S = 5
VERIFIED_MAX = 4_096
_JTI_BYTES = 16
_JTI = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AUTHORITY = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
_HEADER_MEMBERS = {"alg", "kid", "typ"}
# Times are compared with our own clock below.
_OPTIONS = {
    "require": ["iss", "aud", "sub", "exp", "iat", "jti"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class Token:
    """What a token of ours says.

    Attributes:
        kid: of the key that signed it.
        issued_at_s, expires_at_s: seconds since 1970.
        scope: what it was given for.
    """

    client_id: str
    partner_id: str
    jti: str
    kid: str
    issued_at_s: int
    expires_at_s: int
    scope: tuple[str, ...]


class BadToken(Exception):  # noqa: N818  # no fault of ours
    """A token that is not good; the text is for the audit."""


class Tokens:
    """Makes tokens and finds whose they are.

    Args:
        edge: what it stands on.
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self.keys = TokenKeys(edge.database, edge.sealing, now_ms=edge.now_ms)
        self.revocations = Revocations(edge.database, now_ms=edge.now_ms)
        # A program shows its token with each call: verifying it once costs as much as ten calls.
        self._verified: dict[tuple[str, str], Token] = {}

    def issuer(self, request: Request) -> str:
        """Our own address: as the settings name it, else as the client does.

        Raises:
            Refused: the client names none.
        """
        if self._edge.settings.public_url is not None:
            return self._edge.settings.public_url.rstrip("/")
        authority = request.single(hdrs.HOST) or ""
        if not _AUTHORITY.fullmatch(authority):
            raise Refused(Reason.INVALID_REQUEST, "the header field Host names the address that is called")
        return f"{request.scheme}://{authority.lower()}"

    async def issue(self, issuer: str, partner: LoadedProfile, client: OAuthClient, scope: Sequence[Scope]) -> str:
        """A new token.

        Raises:
            SealingUnavailable: there is no passphrase.
            StoreUnavailable: there is no key yet, and none can be kept now.
        """
        signer = await self.keys.signer()
        now_s = self._edge.now_ms() // 1_000
        claims: dict[str, object] = {
            "iss": issuer,
            "sub": client.client_id,
            "aud": issuer,
            "client_id": client.client_id,
            "exp": now_s + self._edge.settings.token_lifetime_s,
            "iat": now_s,
            "jti": secrets.token_urlsafe(_JTI_BYTES),
            "scope": " ".join(scope),
            "partner": partner.id,
        }
        return jwt.encode(claims, signer.private_key, ALGORITHM, {"kid": signer.kid, "typ": TOKEN_TYPE})

    async def read(self, text: str, issuer: str) -> Token:
        """A token of ours that has begun and not ended.

        Raises:
            BadToken: it is none.
            StoreUnavailable: its key is not known here, and the database cannot be asked now.
        """
        known = self._verified.get((text, issuer))
        if known is None and (len(text) > TOKEN_CHARACTERS_MAX or not is_token(text)):
            raise BadToken("no JWT of a length that is given out")
        kid = known.kid if known is not None else _kid(text)
        key = await self.keys.verifier(kid)
        if key is None:
            raise BadToken("no key of ours has this kid, or none any more")
        token = known or self._verify(text, issuer, kid, key)
        now_s = self._edge.now_ms() / 1_000
        if token.expires_at_s <= now_s - LEEWAY_S:
            self._verified.pop((text, issuer), None)
            raise BadToken(f"client {token.client_id}: the token has ended")
        if token.issued_at_s > now_s + LEEWAY_S:
            raise BadToken(f"client {token.client_id}: the token has not begun")
        return token

    def _verify(self, text: str, issuer: str, kid: str, key: Ed25519PublicKey) -> Token:
        try:
            claims = jwt.decode(
                text, key, algorithms=[ALGORITHM], audience=issuer, issuer=issuer, options=cast("Any", _OPTIONS)
            )
        except jwt.PyJWTError as error:
            raise BadToken(f"token: {type(error).__name__}") from None
        token = _read_claims(claims, kid)
        if len(self._verified) >= VERIFIED_MAX:
            del self._verified[next(iter(self._verified))]  # dicts keep the order of insertion
        self._verified[text, issuer] = token
        return token

    async def find(self, request: Request, today: date) -> Credential | None:
        """Whose token it is; None where none was sent.

        Raises:
            Refused: a token that is forged, over, revoked, of another address or of a client that is gone gets one and
                the same answer.
        """
        text = bearer_of(request)
        if text is None or not is_token(text):
            return None
        try:
            token = await self.read(text, self.issuer(request))
            partner, client = self._client_of(token, today)
            if await self.revocations.is_revoked(token.jti):
                raise BadToken(f"client {token.client_id}: the token was revoked")  # noqa: TRY301  # told as the others
        except BadToken as bad:
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=str(bad)) from None
        allowed = tuple([scope for scope in scopes_of(client) if scope in token.scope])
        if not allowed:
            cause = f"client {client.client_id}: its profile allows nothing of what the token was given for"
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=cause)
        return Credential(partner, "oauth", client.client_id, allowed)

    def _client_of(self, token: Token, today: date) -> tuple[LoadedProfile, OAuthClient]:
        partner = self._edge.directory().by_oauth_client(token.client_id)
        if partner is None or partner.id != token.partner_id:
            raise BadToken(f"client {token.client_id}: no longer of the partner {token.partner_id}")
        client = client_in(partner, token.client_id)
        if client is None or not client.opens_on(today):
            raise BadToken(f"client {token.client_id}: not open today")
        return partner, client


def _read_claims(claims: dict[str, Any], kid: str) -> Token:
    client_id, partner, jti, scope = (claims.get(name) for name in ("sub", "partner", "jti", "scope"))
    issued, ends = claims.get("iat"), claims.get("exp")
    if not (isinstance(client_id, str) and isinstance(partner, str) and isinstance(scope, str)):
        raise BadToken("token: claims of another kind than ours")
    if not (isinstance(jti, str) and _JTI.fullmatch(jti) and type(issued) is int and type(ends) is int):
        raise BadToken("token: claims of another kind than ours")
    return Token(client_id, partner, jti, kid, issued, ends, tuple(scope.split()))


def client_in(partner: LoadedProfile, client_id: str) -> OAuthClient | None:
    """The client of this name in a profile."""
    return next((one for one in partner.profile.api.oauth_clients if one.client_id == client_id), None)


def scopes_of(client: OAuthClient) -> tuple[Scope, ...]:
    """What a client may do."""
    return client.scopes or SCOPES


def _kid(text: str) -> str:
    """Which key a token says that it was signed with, in a header as we write it and no other."""
    try:
        header = orjson.loads(jwt.utils.base64url_decode(text.partition(".")[0]))
    except ValueError:
        raise BadToken("token: its header cannot be read") from None
    if not isinstance(header, dict) or set(header) != _HEADER_MEMBERS:
        # jwk, jku, x5c, crit and the like: we never write them, so nothing is looked at that they point to.
        raise BadToken("token: its header has other members than ours")
    if header["alg"] != ALGORITHM or header["typ"] != TOKEN_TYPE or not isinstance(header["kid"], str):
        raise BadToken("token: its header is of another kind than ours")
    return header["kid"]

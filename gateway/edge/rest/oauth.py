"""OAuth 2 client credentials: tokens had and ended, and where programs learn how (RFC 6749 4.4, 7009, 8414).

What is wrong with a request is told as RFC 6749 5.2 asks, since that is what OAuth libraries read; what has nothing to
do with OAuth (too large, too often, not now) is a problem like everywhere else.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.api.operations import RateClass
from gateway.edge.audit_gate import AuditGate
from gateway.edge.bodies import Bodies, Request
from gateway.edge.connection import network_of
from gateway.edge.context import Edge
from gateway.edge.http import SERVER_NAME, Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.tokens import ALGORITHM, SCOPES, BadToken, Token, Tokens, client_in, scopes_of
from gateway.edge.throttling import Strangers, Throttle
from gateway.model.refusals import Reason, Refused
from gateway.store.credentials import revoked
from gateway.store.credentials.sealing import SealError, SealingUnavailable
from gateway.store.credentials.token_keys import StoredTokenKey
from gateway.store.oversight import audit
from partners.api_terms import OAuthClient, Scope
from partners.loader import LoadedProfile

FORM = "application/x-www-form-urlencoded"
FORM_BYTES_MAX = 8_192
FORM_FIELDS_MAX = 20
UNKNOWN_SHOWN_CHARACTERS = 8
_NO_DIGEST = "0" * 64
_UNCACHED: dict[str, str] = {hdrs.PRAGMA: "no-cache"}  # RFC 6749 5.1, beside Cache-Control
_CLIENT_ID = re.compile(r"[!-~]{1,128}")
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")  # RFC 6749 3.3


class _Fault(Exception):  # noqa: N818  # an answer, not an error of ours
    """An error in the words of RFC 6749 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class _Form:
    """What a client sent: its fields, and how it says who it is."""

    fields: dict[str, str]
    client_id: str
    secret: str


_Act: TypeAlias = Callable[[Request, LoadedProfile, OAuthClient, dict[str, str]], Awaitable[web.Response]]


class OAuth:
    """Answers for tokens.

    Args:
        edge: what it stands on.
        door: lets calls in.
        bodies: reads forms within the limits.
        throttle: each partner's rate of tokens.
        strangers: what those without a right secret may try.
        gate: to the audit.
        tokens: makes and reads tokens.
    """

    def __init__(
        self,
        edge: Edge,
        door: Door,
        *,
        bodies: Bodies,
        throttle: Throttle,
        strangers: Strangers,
        gate: AuditGate,
        tokens: Tokens,
    ) -> None:
        self._edge = edge
        self._door = door
        self._bodies = bodies
        self._throttle = throttle
        self._strangers = strangers
        self._gate = gate
        self._tokens = tokens

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        add = self._door.add
        add(routes, "issue_token", self.issue)
        add(routes, "revoke_token", self.revoke)
        add(routes, "get_token_keys", self.token_keys)
        add(routes, "get_token_metadata", self.metadata)

    async def issue(self, request: Request) -> web.Response:
        """A token for a client that shows its secret."""
        return await self._answer(request, self._give)

    async def revoke(self, request: Request) -> web.Response:
        """End a token. One that is none, or over, is as good as ended (RFC 7009 2.2)."""
        return await self._answer(request, self._end)

    async def token_keys(self, _request: Request) -> web.Response:
        """The keys that tokens are signed with (RFC 7517), those that will be next included."""
        return json_response({"keys": [_as_jwk(key) for key in await self._tokens.keys.published()]})

    async def metadata(self, request: Request) -> web.Response:
        """Where tokens are had (RFC 8414)."""
        issuer, ways = self._tokens.issuer(request), ["client_secret_basic", "client_secret_post"]
        return json_response(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}/oauth/token",
                "revocation_endpoint": f"{issuer}/oauth/revoke",
                "jwks_uri": f"{issuer}/.well-known/jwks.json",
                "service_documentation": f"{issuer}/v1/reference",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ways,
                "revocation_endpoint_auth_methods_supported": ways,
                "scopes_supported": list(SCOPES),
            }
        )

    async def _answer(self, request: Request, act: _Act) -> web.Response:
        """Find out which client it is, and what it is answered."""
        try:
            form = await self._read(request)
            loaded, client = await self._client_of(request, form)
            request.extra_headers = told = dict(request.extra_headers)
            with self._throttle.enter(loaded, RateClass.TOKEN, told):
                return await act(request, loaded, client, form.fields)
        except _Fault as fault:
            return _answer_of(fault)

    async def _give(
        self, request: Request, loaded: LoadedProfile, client: OAuthClient, fields: dict[str, str]
    ) -> web.Response:
        grant_type = fields.get("grant_type")
        if grant_type is None:
            raise _Fault("invalid_request", "send grant_type=client_credentials")
        if grant_type != "client_credentials":
            raise _Fault("unsupported_grant_type", "the one grant type is client_credentials")
        scope = _granted(client, fields.get("scope"))
        try:
            token = await self._tokens.issue(self._tokens.issuer(request), loaded, client, scope)
        except (SealingUnavailable, SealError) as unavailable:
            detail = "no tokens are given out here now; use another credential, or try again later"
            raise Refused(Reason.STORE_UNAVAILABLE, detail, audit=str(unavailable), retry_after_s=60) from None
        self._edge.credential_uses.note(loaded.id, "oauth", client.client_id, self._edge.now_ms())
        lifetime_s = self._edge.settings.token_lifetime_s
        told = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s, "scope": " ".join(scope)}
        return json_response(told, headers=_UNCACHED)

    async def _end(
        self, request: Request, loaded: LoadedProfile, client: OAuthClient, fields: dict[str, str]
    ) -> web.Response:
        text = fields.get("token")
        if text is None:
            raise _Fault("invalid_request", "send token=TOKEN")
        try:
            token = await self._tokens.read(text, self._tokens.issuer(request))
        except BadToken:
            return _ended()
        if (token.client_id, token.partner_id) != (client.client_id, loaded.id):
            raise _Fault("invalid_request", "the token was given to another client")
        detail = {"client": token.client_id, "jti": token.jti}
        act = audit.Act(self._edge.now_ms(), request.actor, "token.revoke", loaded.id, request.address, detail)
        await self._edge.database.write(partial(_end, token=token, act=act))
        self._tokens.revocations.note(token.jti)
        return _ended()

    async def _read(self, request: Request) -> _Form:
        if request.content_type != FORM:
            raise _Fault("invalid_request", f"send the parameters in the body, as {FORM}")
        body = bytes(await self._bodies.read(request, FORM_BYTES_MAX))
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=FORM_FIELDS_MAX,
            )
        except ValueError:
            what = f"the body is no form of {FORM_FIELDS_MAX} fields at most, written as name=value&name=value"
            raise _Fault("invalid_request", what) from None
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise _Fault("invalid_request", "a parameter came more than once (RFC 6749 3.2)")
        # What came without a value counts as not sent (RFC 6749 3.2).
        fields = {name: value for name, value in pairs if value}
        return _Form(fields, *_credentials(request, fields))

    async def _client_of(self, request: Request, form: _Form) -> tuple[LoadedProfile, OAuthClient]:
        """Whose client it is that shows its secret. Unknown clients and wrong secrets cost and look the same."""
        digest = hashlib.sha256(form.secret.encode("utf-8", "surrogateescape")).hexdigest()
        loaded = self._edge.directory().by_oauth_client(form.client_id)
        client = client_in(loaded, form.client_id) if loaded is not None else None
        is_right = hmac.compare_digest(client.secret_sha256 if client is not None else _NO_DIGEST, digest)
        today = datetime.fromtimestamp(self._edge.now_ms() / 1_000, UTC).date()
        if loaded is None or client is None:
            cause = "no such client"
        elif not is_right:
            cause = "wrong secret"
        elif not client.opens_on(today):
            cause = "not open today"
        elif loaded.profile.status == "draft":
            cause = "the partner is a draft"
        else:
            request.actor = f"partner:{loaded.id}"
            return loaded, client
        detail = "no client of that name has this secret, or none any more"
        # Who takes the one for the other sends the secret as the name: of one that nobody has the beginning will do.
        name = form.client_id
        if client is None and len(name) > UNKNOWN_SHOWN_CHARACTERS:
            name = f"{name[:UNKNOWN_SHOWN_CHARACTERS]}..."
        refused = Refused(Reason.UNAUTHENTICATED, detail, audit=f"OAuth client {name}: {cause}")
        refused = self._strangers.judge(network_of(request.address), refused)
        if refused.reason is not Reason.UNAUTHENTICATED:
            raise refused
        await self._gate.record("edge", request, refused, self._edge.reception.new_id())
        raise _Fault("invalid_client", detail)


def _answer_of(fault: _Fault) -> web.Response:
    told = {"error": fault.error, "error_description": fault.description}
    if fault.error != "invalid_client":
        return json_response(told, status=400, headers=_UNCACHED)
    challenge = {str(hdrs.WWW_AUTHENTICATE): f'Basic realm="{SERVER_NAME}"'}
    return json_response(told, status=401, headers=_UNCACHED | challenge)


def _ended() -> web.Response:
    return web.Response(headers={hdrs.CACHE_CONTROL: "no-store"})


def _end(connection: Connection, token: Token, act: audit.Act) -> None:
    if revoked.add(connection, token.jti, token.expires_at_s * 1_000):
        audit.record(connection, act)


def _credentials(request: Request, fields: dict[str, str]) -> tuple[str, str]:
    """Client identifier and secret, by exactly one of the two ways (RFC 6749 2.3)."""
    authorization = request.single(hdrs.AUTHORIZATION)
    if authorization is None:
        client_id, secret = fields.get("client_id"), fields.get("client_secret")
        if client_id is None or secret is None:
            what = "say who you are: HTTP Basic with client id and secret, or client_id and client_secret in the body"
            raise _Fault("invalid_client", what)
    else:
        if "client_secret" in fields:
            raise _Fault("invalid_request", "send the secret once: by HTTP Basic or in the body")
        client_id, secret = _basic(authorization)
        if fields.get("client_id", client_id) != client_id:
            raise _Fault("invalid_request", "client_id in the body is another than that of HTTP Basic")
    if not _CLIENT_ID.fullmatch(client_id):
        raise _Fault("invalid_client", "a client id has 1 to 128 printable ASCII characters")
    return client_id, secret


def _basic(authorization: str) -> tuple[str, str]:
    """Both parts are form-encoded before they become user name and password (RFC 6749 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id, secret = (unquote_plus(part, errors="strict") for part in (client_id, secret))
    except ValueError:
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _Fault("invalid_client", "Authorization is not `Basic` with the base64 of CLIENT_ID:SECRET")
    return client_id, secret


def _granted(client: OAuthClient, asked: str | None) -> tuple[Scope, ...]:
    """What a token is given for: all that the client may, or the part of it that was asked for."""
    allowed = scopes_of(client)
    if asked is None:
        return allowed
    wanted = set(asked.split(" ")) if _SCOPE.fullmatch(asked) else set()
    if not wanted or not wanted <= set(allowed):
        raise _Fault("invalid_scope", f"this client can have: {' '.join(allowed)}")
    return tuple([scope for scope in allowed if scope in wanted])


def _as_jwk(key: StoredTokenKey) -> dict[str, str]:
    """A JSON Web Key (RFC 8037 2)."""
    x = base64.urlsafe_b64encode(key.public_key).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": key.kid, "x": x}

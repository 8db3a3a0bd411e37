"""Who calls, and what there is to know of this interface."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.parts import Address, Free, Instant, Told
from partners.api_terms import Means


class ShownCredential(Told):
    """A credential that this call showed."""

    means: Means
    """What kind."""
    label: str
    """Its name in your profile."""
    scopes: list[str]
    """What it may be used for; everything when empty."""


class KnownCredential(ShownCredential):
    """A credential of your profile."""

    valid_from: Annotated[str | None, Field(examples=["2026-03-01"])]
    """First day (UTC) on which it opens the door."""
    expires_on: Annotated[str | None, Field(examples=["2027-02-28"])]
    """Last day (UTC) on which it opens the door."""
    last_used_at: Instant | None
    """When it was used last, to the minute or so."""


class KnownRate(Told):
    """How much may be asked for of one kind."""

    per_second: int
    """Calls a second in the long run."""
    burst: int
    """Calls at once after a pause."""


class KnownLimits(Told):
    """How much you may ask for."""

    rates: dict[str, KnownRate]
    """By kind of call."""
    requests_per_second_max: int | None
    """Calls of every kind together, in one second; null: as many as their kinds allow."""
    concurrent_max: int
    """Calls under way at the same time."""
    daily_max: int | None
    """Documents in one day (UTC); null: as many as you like."""
    daily_left: int | None
    """How many of them are left today."""
    body_bytes_max: int
    """Bytes of one document."""


class Caller(Told):
    """Who you are here."""

    partner: str
    """Your id."""
    name: str
    """Your name."""
    status: Annotated[str, Field(examples=["live"])]
    """testing, live or suspended."""
    shown: list[ShownCredential]
    """What this call showed."""
    required: list[Means]
    """What every call must show; empty: any one will do."""
    credentials: list[KnownCredential]
    """Everything that opens the door for you."""
    limits: KnownLimits
    """How much you may ask for."""


class Token(Told):
    """An access token (RFC 6749 5.1)."""

    access_token: str
    """Send it as `Authorization: Bearer TOKEN`."""
    token_type: Literal["Bearer"]
    """How it is sent."""
    expires_in: Annotated[int, Field(gt=0, examples=[900])]
    """Seconds until it ends."""
    scope: Annotated[str, Field(examples=["documents:read documents:write"])]
    """What it may be used for."""


class OAuthFault(Told):
    """Why no token was given (RFC 6749 5.2)."""

    error: Annotated[str, Field(examples=["invalid_client"])]
    """One of the words of RFC 6749."""
    error_description: str | None = None
    """What to do."""
    error_uri: str | None = None
    """More about it."""


class TokenKeys(Told):
    """Keys that access tokens are signed with (RFC 7517)."""

    keys: list[Free]
    """JSON Web Keys."""


class TokenMetadata(Told):
    """Where tokens are had (RFC 8414)."""

    issuer: str
    """Who issues them."""
    token_endpoint: str
    """Where they are asked for."""
    revocation_endpoint: str
    """Where they are ended."""
    jwks_uri: str
    """Keys that they are signed with."""
    service_documentation: str
    """Where it is explained to people."""
    grant_types_supported: Annotated[list[str], Field(examples=[["client_credentials"]])]
    """How they are asked for."""
    response_types_supported: list[str]
    """None: nobody is sent here by a browser."""
    token_endpoint_auth_methods_supported: list[str]
    """How a client says who it is."""
    revocation_endpoint_auth_methods_supported: list[str]
    """The same where tokens are ended."""
    scopes_supported: list[str]
    """What can be asked for."""


class SchemaEntry(Told):
    """One schema."""

    name: Annotated[str, Field(examples=["invoice"])]
    """The type of document."""
    describes: str
    """What it is."""
    links: dict[str, Address]
    """Where the schema stands."""


class SchemaList(Told):
    """The schemas of canonical documents."""

    schemas: list[SchemaEntry]
    """All of them."""


class ProblemKind(Told):
    """A kind of problem."""

    type: Annotated[str, Field(examples=["urn:partner-gateway:problem:invalid-content"])]
    """What programs go by."""
    name: Annotated[str, Field(examples=["invalid-content"])]
    """Its last part."""
    title: str
    """The kind in words."""
    status: int
    """The HTTP status that it comes with."""
    remedy: str
    """What to do about it."""
    as2_modifier: str | None
    """What an AS2 receipt says in its place."""
    documentation: Annotated[str, Field(examples=["/v1/problems/invalid-content"])]
    """A page about it."""


class ProblemCatalogue(Told):
    """Every kind of problem."""

    problems: list[ProblemKind]
    """All of them."""

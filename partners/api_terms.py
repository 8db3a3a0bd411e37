"""What a profile says of the REST interface: who may call it, and what a call must prove."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from partners.fields import (
    DateText,
    FileName,
    KeyId,
    OneOrMany,
    SecretReference,
    Sha256Hex,
    SignedComponent,
    Slug,
    number,
)
from partners.parts import Contradiction, Part, repeated

# What a caller may do; each operation of the interface needs one of these.
Scope = Literal[
    "documents:read",
    "documents:write",
    "orders:read",
    "orders:write",
    "inbox:read",
    "inbox:write",
    "webhooks:read",
    "webhooks:write",
]
Means = Literal["api_key", "oauth", "certificate", "signature"]
SignatureAlgorithm = Literal["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "hmac-sha256"]


class Dated(Part):
    """Something that opens a door on some days."""

    valid_from: Annotated[date, DateText] | None = None
    """First day (UTC) on which it opens the door; from now on when absent."""
    expires_on: Annotated[date, DateText] | None = None
    """Last day (UTC) on which it opens the door."""

    def opens_on(self, today: date) -> bool:
        """Whether it is good on a day."""
        return (self.valid_from is None or self.valid_from <= today) and (
            self.expires_on is None or today <= self.expires_on
        )

    def window_contradictions(self) -> Iterator[Contradiction]:
        """A window that ends before it begins."""
        first, last = self.valid_from, self.expires_on
        if first and last and last < first:
            right = f"expires_on must not lie before {first}"
            yield ("expires_on",), "the window ends before it begins", right


class ApiKey(Dated):
    """A key that the partner's program presents to the REST interface."""

    label: Slug
    """A name for the key, as it appears in the audit."""
    sha256: Sha256Hex
    """SHA-256 of the key in lower-case hex: printf %s KEY | sha256sum. The key itself is never kept."""
    scopes: Annotated[tuple[Scope, ...], OneOrMany()] = ()
    """What it may be used for; everything when empty."""


class OAuthClient(Dated):
    """A program of theirs that gets short-lived tokens at `/oauth/token` (RFC 6749 4.4, client credentials)."""

    client_id: KeyId
    """Its client identifier; no other partner may have the same."""
    secret_sha256: Sha256Hex
    """SHA-256 of its secret in lower-case hex: printf %s SECRET | sha256sum. The secret itself is never kept."""
    scopes: Annotated[tuple[Scope, ...], OneOrMany()] = ()
    """What its tokens may be used for; everything when empty."""


class ClientCertificate(Dated):
    """A TLS certificate that their programs show; exactly this one counts, whoever issued it."""

    label: Slug
    """A name for it, as it appears in the audit."""
    file: FileName
    """The certificate, PEM or DER, a file beside profile.yaml."""
    scopes: Annotated[tuple[Scope, ...], OneOrMany()] = ()
    """What it may be used for; everything when empty."""


class SignatureKey(Dated):
    """A key with which their programs sign requests (RFC 9421)."""

    id: KeyId
    """The `keyid` of their signatures; no other partner may have the same."""
    algorithm: SignatureAlgorithm
    """The one algorithm that this key signs with, whatever a signature says of itself."""
    public_key: FileName | None = None
    """Their public key (PEM, or a certificate), a file beside profile.yaml; not for hmac-sha256."""
    secret: SecretReference | None = None
    """The shared secret of hmac-sha256, by reference: env:VARIABLE or file:/absolute/path. Its text as it stands there
    is the key, at least 32 bytes of UTF-8; nothing is decoded."""
    scopes: Annotated[tuple[Scope, ...], OneOrMany()] = ()
    """What it may be used for; everything when empty."""


class Signatures(Part):
    """HTTP message signatures of their requests (RFC 9421, with digests by RFC 9530)."""

    keys: tuple[SignatureKey, ...] = Field(default=(), max_length=16)
    """Their keys; several may be in force at once, so that an old and a new one overlap."""
    components: Annotated[tuple[SignedComponent, ...], OneOrMany()] = Field(default=(), max_length=32)
    """What a signature must cover beside method, authority, path, query and (where there is a body) its digest and
    media type: names of header fields, such as idempotency-key."""
    tag: KeyId | None = None
    """The `tag` that their signatures bear; any when absent."""
    window_s: Annotated[int, *number(10, 300)] = 300
    """How far `created` may lie from our clock, in seconds."""


class Api(Part):
    """The REST interface with the partner, beside `api_keys`."""

    oauth_clients: tuple[OAuthClient, ...] = Field(default=(), max_length=16)
    """Programs that ask for tokens."""
    certificates: tuple[ClientCertificate, ...] = Field(default=(), max_length=16)
    """Certificates of mutual TLS."""
    signatures: Signatures = Signatures()
    """Signed requests."""
    require: Annotated[tuple[Means, ...], OneOrMany()] = ()
    """What every call must show, all of it: api_key, oauth, certificate, signature; any one of those set up here when
    empty."""

    @property
    def opens(self) -> bool:
        """Whether anything here lets them in."""
        return bool(self.oauth_clients or self.certificates or self.signatures.keys)

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        yield from (item.file for item in self.certificates)
        yield from (key.public_key for key in self.signatures.keys if key.public_key is not None)

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `api`."""
        clients, certificates, keys = self.oauth_clients, self.certificates, self.signatures.keys
        yield from repeated(("oauth_clients",), [item.client_id for item in clients], "client_id", below="api.")
        yield from repeated(("certificates",), [item.label for item in certificates], "label", below="api.")
        yield from repeated(("certificates",), [item.file for item in certificates], "file", below="api.")
        yield from repeated(("signatures", "keys"), [key.id for key in keys], "id", below="api.")
        for name, items in (("oauth_clients", clients), ("certificates", certificates)):
            for index, item in enumerate(items):
                for part, what, right in item.window_contradictions():
                    yield (name, index, *part), what, right
        for index, key in enumerate(keys):
            where = ("signatures", "keys", index)
            for part, what, right in key.window_contradictions():
                yield (*where, *part), what, right
            if key.algorithm == "hmac-sha256" and (key.secret is None or key.public_key is not None):
                right = "write `secret: env:VARIABLE` or `secret: file:/PATH`, and no `public_key`"
                yield (*where, "secret"), "hmac-sha256 works with a shared secret alone", right
            if key.algorithm != "hmac-sha256" and (key.public_key is None or key.secret is not None):
                right = "write `public_key: FILE`, and no `secret`"
                yield (*where, "public_key"), f"{key.algorithm} is verified with their public key alone", right
        for means, there, name in (
            ("oauth", clients, "oauth_clients"),
            ("certificate", certificates, "certificates"),
            ("signature", keys, "signatures.keys"),
        ):
            if means in self.require and not there:
                yield ("require",), f"{means} is required, and none is set up", f"add `{name}`, or take it out here"
        yield from repeated(("require",), list(self.require), "", below="api.")

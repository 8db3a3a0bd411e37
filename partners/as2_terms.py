"""What a profile says of AS2: who they are, what their messages must be, how ours are made and how they travel."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from partners.fields import (
    As2Id,
    Boolean,
    DateText,
    FileName,
    HeaderText,
    MediaType,
    Network,
    OneOrMany,
    ReceiptTarget,
    SecretReference,
    Slug,
    Url,
    number,
)
from partners.parts import Contradiction, Part, repeated

Digest = Literal["sha-256", "sha-384", "sha-512", "sha-1"]
Cipher = Literal["aes256-cbc", "aes192-cbc", "aes128-cbc", "aes256-gcm", "aes192-gcm", "aes128-gcm", "3des-cbc"]
KeyTransport = Literal["rsa-oaep", "rsa-v1.5"]
SignatureScheme = Literal["rsa-v1.5", "rsa-pss", "ecdsa"]
SAFE_DIGESTS: tuple[Digest, ...] = ("sha-256", "sha-384", "sha-512")
SAFE_CIPHERS: tuple[Cipher, ...] = (
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
    "aes256-gcm",
    "aes192-gcm",
    "aes128-gcm",
)


def _only_name(value: object) -> object:
    return {"file": value} if isinstance(value, str) else value


class CertificateFile(Part):
    """A certificate of the partner and the days we use it on, so that an old and a new one can overlap."""

    file: FileName
    """PEM or DER file beside profile.yaml."""
    use: Literal["signing", "encryption", "both"] = "both"
    """What the partner uses its key for: signing (we verify), encryption (we encrypt to it) or both."""
    valid_from: Annotated[date, DateText] | None = None
    """First day (UTC) on which we use it; the certificate's own start otherwise."""
    not_after: Annotated[date, DateText] | None = None
    """Last day (UTC) on which we use it; the certificate's own end otherwise."""

    def used_on(self, today: date) -> bool:
        """Whether this profile lets the certificate be used on a day; its own dates are checked with its bytes."""
        return (self.valid_from is None or self.valid_from <= today) and (
            self.not_after is None or today <= self.not_after
        )


class As2Sending(Part):
    """How the AS2 messages that we send to them are made, and which receipt they owe us."""

    sign: Boolean = True
    """Sign with our key."""
    signature: SignatureScheme | None = None
    """The signature scheme; what our key does by itself when absent: rsa-v1.5 for RSA, ecdsa for elliptic curves."""
    digest: Digest | None = None
    """The digest we sign with; the first of `digests` when absent."""
    encrypt: Boolean = True
    """Encrypt to their newest certificate."""
    cipher: Cipher | None = None
    """The cipher we encrypt with; the first of `ciphers` when absent."""
    key_transport: KeyTransport = "rsa-v1.5"
    """How the content key travels: rsa-v1.5, which every product reads, or rsa-oaep where theirs does."""
    compress: Literal["none", "before-signing", "after-signing"] = "none"
    """Compress, and on which side of the signature (RFC 5402)."""
    receipt: Literal["signed", "unsigned", "none"] = "signed"
    """The receipt (MDN) that proves delivery. none: what HTTP answers is all that is known."""
    receipt_by: Literal["response", "request"] = "response"
    """response: the receipt is the answer to our request (synchronous); request: they send it to our `public_url` later
    (asynchronous)."""
    receipt_digests: Annotated[tuple[Digest, ...], OneOrMany()] = Field(default=SAFE_DIGESTS, min_length=1)
    """Digests that we name for the MIC of the receipt, and accept in its signature."""
    receipt_within_minutes: Annotated[int, *number(1, 10_080)] = 240
    """How long an asynchronous receipt may take before the message is sent again."""
    restart: Boolean = False
    """Go on with a large transfer where it broke off; only where their product speaks AS2 Restart."""
    content_type: MediaType | None = None
    """The media type of what we send; by its syntax (application/edi-x12, application/xml, ...) when absent."""
    subject: HeaderText | None = None
    """The subject of our messages; what is sent, in words, when absent."""
    timeout_s: Annotated[int, *number(1, 3_600)] = 120
    """How long their server may take for its answer once it has everything, in seconds."""


class As2Connection(Part):
    """How we reach their server, beside its `url`."""

    username: HeaderText | None = None
    """User for HTTP basic authentication."""
    password: SecretReference | None = None
    """Its password, by reference: env:VARIABLE or file:/absolute/path."""
    server_certificate: FileName | None = None
    """Their server's TLS certificate, pinned: nothing else is accepted, whoever signed it. PEM or DER beside
    profile.yaml."""
    authorities: FileName | None = None
    """Certificate authorities for their server's TLS certificate, in place of those of the machine; a PEM file."""
    client_certificate: Slug | None = None
    """The identity whose signing key and certificate we show as TLS client; none when absent."""
    proxy: Url | None = None
    """The HTTP proxy on the way out."""
    proxy_username: HeaderText | None = None
    """User at the proxy."""
    proxy_password: SecretReference | None = None
    """Its password, by reference: env:VARIABLE or file:/absolute/path."""
    private_networks: Annotated[tuple[Network, ...], OneOrMany()] = Field(default=(), max_length=16)
    """Addresses of private networks that we may connect to for this partner, such as 10.20.0.0/16; without any only
    public addresses."""


class As2(Part):
    """AS2 with the partner (RFC 4130)."""

    id: As2Id
    """Their AS2 identifier: AS2-From of their messages."""
    our_identity: Slug | None = None
    """Which of our identities they know, by its name in gateway.yaml; needed when there are several with an AS2 id."""
    certificate: FileName | None = None
    """Their certificate, when there is one: a PEM or DER file beside profile.yaml."""
    certificates: tuple[
        Annotated[CertificateFile, BeforeValidator(_only_name, json_schema_input_type=FileName | CertificateFile)], ...
    ] = Field(default=(), max_length=8)
    """Their certificates, when there are several or one is to be rolled over."""
    trust: Literal["pinned", "chain"] = "pinned"
    """pinned: their signatures are made with one of the certificates here; chain: also with a certificate inside the
    message that one of `authorities` issued for a subject of those here."""
    authorities: Annotated[tuple[FileName, ...], OneOrMany()] = Field(default=(), max_length=8)
    """Certificate authorities of theirs: their certificates must have been issued by one of these. PEM or DER files."""
    revocation_lists: Annotated[tuple[FileName, ...], OneOrMany()] = Field(default=(), max_length=8)
    """Revocation lists of those authorities: a certificate listed is refused, and so are all once a list is overdue."""
    url: Url | None = None
    """Where we send to; without it they only send to us."""
    require_signed: Boolean = True
    """Refuse a message that is not signed with one of their certificates."""
    require_encrypted: Boolean = True
    """Refuse a message that is not encrypted to our certificate."""
    digests: Annotated[tuple[Digest, ...], OneOrMany()] = Field(default=SAFE_DIGESTS, min_length=1)
    """Digests we accept in their signatures, the first is the one we sign with; sha-1 only where it is named here."""
    ciphers: Annotated[tuple[Cipher, ...], OneOrMany()] = Field(default=SAFE_CIPHERS, min_length=1)
    """Ciphers we accept, the first is the one we encrypt with; 3des-cbc only where it is named, never first."""
    key_transports: Annotated[tuple[KeyTransport, ...], OneOrMany()] = Field(
        default=("rsa-oaep", "rsa-v1.5"), min_length=1
    )
    """How the content key of their messages may travel."""
    signatures: Annotated[tuple[SignatureScheme, ...], OneOrMany()] = Field(
        default=("rsa-v1.5", "rsa-pss", "ecdsa"), min_length=1
    )
    """Signature schemes we accept."""
    receipts_to: Annotated[tuple[ReceiptTarget, ...], OneOrMany()] = Field(default=(), max_length=16)
    """Where their asynchronous receipts may go beside the host of `url`: hosts (edi.acme.example) or URLs."""
    receive_restarts: Boolean = False
    """Keep what came of a large message whose transfer broke off, so that they go on there (AS2 Restart); only where
    their product speaks it."""
    certificate_exchange: Literal["refuse", "ask", "accept"] = "refuse"
    """Certificate exchange messages (CEM) of theirs. refuse: none; ask: a person decides on each new certificate;
    accept: one that comes under a signature that is trusted already is taken over."""
    sending: As2Sending = As2Sending()
    """How our messages to them are made."""
    connection: As2Connection = As2Connection()
    """How we reach their server."""

    @property
    def certificate_files(self) -> tuple[CertificateFile, ...]:
        """The certificates in either spelling."""
        return self.certificates or ((CertificateFile(file=self.certificate),) if self.certificate else ())

    def files(self) -> Iterator[str]:
        """The files beside the profile that are named here."""
        yield from (item.file for item in self.certificate_files)
        yield from self.authorities
        yield from self.revocation_lists
        yield from (file for file in (self.connection.server_certificate, self.connection.authorities) if file)

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `as2`."""
        files = self.certificate_files
        if self.certificate and self.certificates:
            yield ("certificate",), "`certificate` and `certificates` at once", "list all of them in `certificates`"
        elif self.require_signed and not any(item.use != "encryption" for item in files):
            right = "add `certificate: FILE`, or set `require_signed: false`"
            yield (), "signatures are required, but there is no certificate to verify them with", right
        if self.ciphers[0] == "3des-cbc" and self.sending.cipher is None:
            right = "name another first, such as aes256-cbc"
            yield ("ciphers",), "the first cipher is the one we encrypt with, and 3DES is only read", right
        yield from repeated(("certificates",), [item.file for item in self.certificates], "file", below="as2.")
        for index, certificate in enumerate(self.certificates):
            first, last = certificate.valid_from, certificate.not_after
            if first and last and last < first:
                right = f"not_after must not lie before {first}"
                yield ("certificates", index, "not_after"), "the window ends before it begins", right
        if self.trust == "chain" and not self.authorities:
            right = "name their certificate authority in `authorities`, or leave `trust: pinned`"
            yield ("trust",), "a chain of certificates, but no authority that it could end in", right
        if self.revocation_lists and not self.authorities:
            right = "name the authorities that signed them in `authorities`"
            yield ("revocation_lists",), "revocation lists without an authority", right
        yield from self._sending_contradictions()

    def _sending_contradictions(self) -> Iterator[Contradiction]:
        sending, way = self.sending, self.connection
        if self.url is not None and sending.encrypt and not any(x.use != "signing" for x in self.certificate_files):
            right = "add a certificate of theirs for encryption, or set `sending: {encrypt: false}`"
            yield ("sending",), "we are to encrypt, but there is no certificate of theirs to encrypt to", right
        if sending.cipher == "3des-cbc":
            yield ("sending", "cipher"), "3DES is only read", "name another, such as aes256-cbc"
        if self.url is not None and sending.sign and (sending.digest or self.digests[0]) == "sha-1":
            right = "name a better one in `sending: {digest: sha-256}`"
            yield ("sending", "digest"), "we would sign with SHA-1, which is only read", right
        if sending.receipt == "none" and sending.receipt_by == "request":
            yield ("sending", "receipt_by"), "no receipt is asked for", "remove `receipt_by`, or ask for one"
        for user, password in (("username", "password"), ("proxy_username", "proxy_password")):
            if (getattr(way, user) is None) != (getattr(way, password) is None):
                yield ("connection", user), f"`{user}` and `{password}` belong together", "give both or neither"
        if way.proxy is None and way.proxy_username is not None:
            yield ("connection", "proxy_username"), "a user at a proxy, but no proxy", "name it in `proxy`"
        if way.server_certificate is not None and way.authorities is not None:
            right = "keep one of the two"
            yield ("connection", "authorities"), "a pinned certificate needs no authorities", right

"""How their programs show who they are: each way that their profile sets up, and what is shown together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from certs.certificates import Certificate, CertificateError, read_certificate
from gateway.onboarding.certificate_facts import colons
from gateway.onboarding.guide.endpoint import TO_BE_TOLD, base_url, certificate_url, url
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Curl, Fact, FactTable
from gateway.onboarding.guide.words import counted, day_words, listed
from gateway.signatures import HOUSE_POLICY
from gateway.signatures.verifying import NONCE_CHARACTERS_MAX, NONCE_CHARACTERS_MIN
from partners.api_terms import ApiKey, ClientCertificate, Dated, Means, OAuthClient, Scope, SignatureKey

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105  # an address, no password
SIGNATURE_FILE: Final = "signature.txt"
_A: Final[dict[Means, str]] = {
    "api_key": "an API key",
    "oauth": "an access token",
    "certificate": "a client certificate",
    "signature": "a signature",
}
_MINUTE_S: Final = 60
_QUERY: Final = "@query"


@dataclass(frozen=True, slots=True)
class Access:
    """What a profile sets up, as far as it opens the door now or will."""

    api_keys: tuple[ApiKey, ...]
    clients: tuple[OAuthClient, ...]
    certificates: tuple[ClientCertificate, ...]
    keys: tuple[SignatureKey, ...]
    require: tuple[Means, ...]

    @property
    def means(self) -> tuple[Means, ...]:
        """Every way."""
        held: tuple[tuple[Means, tuple[Dated, ...]], ...] = (
            ("api_key", self.api_keys),
            ("oauth", self.clients),
            ("certificate", self.certificates),
            ("signature", self.keys),
        )
        return tuple(name for name, items in held if items)

    @property
    def shown(self) -> tuple[Means, ...]:
        """What the calls of the guide show: what is required, else the first of the ways."""
        return self.require or self.means[:1] or ("api_key",)


def access_of(facts: Facts) -> Access:
    """What the profile sets up; what is over is left out."""
    profile, today = facts.profile, facts.at.date()
    api = profile.api
    return Access(
        tuple(item for item in profile.api_keys if _opens(item, today)),
        tuple(item for item in api.oauth_clients if _opens(item, today)),
        tuple(item for item in api.certificates if _opens(item, today)),
        tuple(item for item in api.signatures.keys if _opens(item, today)),
        api.require,
    )


def access_table(facts: Facts) -> FactTable:
    """The ways, and what of them is shown together."""
    return FactTable("Who you are", tuple(_rows(facts, access_of(facts))))


def options_of(facts: Facts) -> tuple[str, ...]:
    """What a call with curl shows."""
    shown = access_of(facts).shown
    options = {
        # One Authorization has room for one of them.
        "api_key": '-H "X-API-Key: $KEY"' if "oauth" in shown else '-H "Authorization: Bearer $KEY"',
        "oauth": '-H "Authorization: Bearer $TOKEN"',
        "certificate": "--cert client.pem --key client.key",
        "signature": f"-H @{SIGNATURE_FILE}",
    }
    return tuple(options[means] for means in shown)


def base_of(facts: Facts) -> str:
    """What the addresses of calls with curl begin with."""
    where = certificate_url(facts) if "certificate" in access_of(facts).shown else None
    return where or base_url(facts)


def preparations(facts: Facts) -> Iterator[Curl]:
    """What comes before the first call."""
    shown = access_of(facts).shown
    if "oauth" in shown:
        yield Curl(
            "Get a token; `access_token` in the answer is $TOKEN below:",
            f"curl --fail-with-body {base_url(facts)}{TOKEN_PATH} \\\n"
            '  -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials',
        )


def signing_words(facts: Facts) -> str:
    """What to mind in the calls below where they are signed; empty where they are not."""
    if "signature" not in access_of(facts).shown:
        return ""
    return (
        f" In the calls below {SIGNATURE_FILE} holds what your program writes for each call anew: Signature-Input, "
        "Signature and, with a body, Content-Digest."
    )


def _rows(facts: Facts, access: Access) -> Iterator[Fact]:
    if access.require:
        together = listed([_A[means] for means in access.require])
        yield Fact("With each call", f"{together}{', all of it' if len(access.require) > 1 else ''}", _ALL_RIGHT)
    elif len(access.means) > 1:
        yield Fact("With each call", f"any one: {listed([_A[means] for means in access.means], 'or')}", _ALL_RIGHT)
    if access.api_keys:
        labels = tuple(_named(key.label, key, key.scopes, facts) for key in access.api_keys)
        beside = "X-API-Key: KEY" if "oauth" in access.require else "Authorization: Bearer KEY"
        also = "" if "oauth" in access.require else "or the header field X-API-Key: KEY"
        yield Fact("API key", beside, also, is_code=True)
        yield Fact("Your keys", labels, "by label; the key itself was handed over once and is kept nowhere here")
    if access.clients:
        yield from _tokens(facts, access)
    if access.certificates:
        yield from _certificates(facts, access)
    if access.keys:
        yield from _signatures(facts, access)
    if not access.means:
        yield Fact("Credentials", TO_BE_TOLD, is_open=True)


_ALL_RIGHT: Final = "whatever a call shows must be right, all of it"


def _tokens(facts: Facts, access: Access) -> Iterator[Fact]:
    how = "POST with grant_type=client_credentials; client id and secret by HTTP basic, or in the form (RFC 6749 4.4)"
    yield url(facts, TOKEN_PATH, "Token endpoint", how)
    clients = tuple(_named(item.client_id, item, item.scopes, facts) for item in access.clients)
    yield Fact("Your clients", clients, "by client id; the secret was handed over once and is kept nowhere here")
    lifetime_s = facts.settings.token_lifetime_s
    minutes, seconds = divmod(lifetime_s, _MINUTE_S)
    good = counted(lifetime_s, "second") if seconds else counted(minutes, "minute")
    yield Fact("A token", f"Authorization: Bearer TOKEN, good for {good}", "then ask for the next one")


def _certificates(facts: Facts, access: Access) -> Iterator[Fact]:
    yield Fact(
        "Your client certificates",
        tuple(_certificate(facts, item) for item in access.certificates),
        "exactly these, whoever issued them; send us the next one before they end",
    )
    where = certificate_url(facts)
    if where is None:
        yield Fact("Show them at", TO_BE_TOLD, is_open=True)
    else:
        yield Fact("Show them at", where, "the same calls as everywhere; TLS asks for certificates there", is_code=True)


def _certificate(facts: Facts, item: ClientCertificate) -> str:
    certificate: Certificate | None
    try:
        certificate = read_certificate(facts.loaded.file(item.file))
    except CertificateError:
        return f"{item.label}: the certificate cannot be read"
    last = min(item.expires_on or certificate.not_after.date(), certificate.not_after.date())
    named = _named(item.label, item.model_copy(update={"expires_on": last}), item.scopes, facts)
    return f"{named}: SHA-256 {colons(certificate.fingerprint)}"


def _signatures(facts: Facts, access: Access) -> Iterator[Fact]:
    terms = facts.profile.api.signatures
    keys = tuple(_named(f"{key.id} ({key.algorithm})", key, key.scopes, facts) for key in access.keys)
    yield Fact("Your keys that sign", keys, "by `keyid`, each with its one algorithm (RFC 9421)")
    if any(key.secret is not None for key in access.keys):
        text = "its text as it was handed over, in UTF-8"
        yield Fact("The shared secret of hmac-sha256", text, "nothing of it is decoded")
    always = [name for name in HOUSE_POLICY.components if name != _QUERY]
    covered = [f"{', '.join(always)}; {_QUERY} where there is one"]
    covered.append(f"with a body: {', '.join(HOUSE_POLICY.body_components)}")
    covered.append(
        f"where you send them: {', '.join(dict.fromkeys((*HOUSE_POLICY.present_components, *terms.components)))}"
    )
    yield Fact("A signature covers", tuple(covered), "Content-Digest by RFC 9530: sha-256 or sha-512 of the body", True)
    tag = f', tag="{terms.tag}"' if terms.tag is not None else ""
    yield Fact(
        "Its parameters",
        f"created, keyid, nonce{tag}",
        f"`created` within {counted(terms.window_s, 'second')} of our clock; a `nonce` has {NONCE_CHARACTERS_MIN} to "
        f"{NONCE_CHARACTERS_MAX} characters and is good once: sign each attempt anew",
        is_code=True,
    )


def _opens(item: Dated, today: date) -> bool:
    return item.expires_on is None or today <= item.expires_on


def _named(name: str, item: Dated, scopes: tuple[Scope, ...], facts: Facts) -> str:
    """A credential with its days and what it is for."""
    begins = item.valid_from is not None and item.valid_from > facts.at.date()
    days = f", from {day_words(item.valid_from)}" if begins and item.valid_from is not None else ""
    days += f", until {day_words(item.expires_on)}" if item.expires_on is not None else ""
    return f"{name}{days}{f', for {listed(scopes)} alone' if scopes else ''}"

"""What a profile asks of the gateway that it is for: a passphrase, a port that asks for certificates, secrets."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.certificates import Certificate, CertificateError, read_certificate
from gateway.carriers import webhook_keys
from gateway.carriers.credentials import SecretMissing, read_secret
from gateway.flow.credentials import read_signature_key
from gateway.onboarding.checking.remote_servers import NamesOfKeys, nobody_knows, remote_login_problems
from gateway.settings import Settings
from gateway.signatures import KeyUnusable
from partners.api_terms import ClientCertificate
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, shown

EXPIRY_WARNING = timedelta(days=30)
_FOR_CLIENTS = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How a gateway is set up, as far as profiles depend on it.

    Attributes:
        has_passphrase: so that access tokens can be signed.
        sees_certificates: its own port asks for them, or a proxy of ours tells of them.
        has_address: it knows what partners reach it under.
        ssh_keys: asks for the names of our SSH keys; None where they are not known.
        hides_mailboxes: other machines reach the partner port, and not that of mailboxes.
    """

    has_passphrase: bool
    sees_certificates: bool
    has_address: bool
    ssh_keys: NamesOfKeys = nobody_knows
    hides_mailboxes: bool = False

    @classmethod
    def of(cls, settings: Settings, ssh_keys: NamesOfKeys = nobody_knows) -> "Surroundings":
        """Those of a gateway with these settings, and who knows of the SSH keys in its store."""
        has_passphrase = settings.key_passphrase is not None or settings.key_passphrase_file is not None
        sees_certificates = settings.edge_mtls_port is not None or bool(settings.trusted_proxies)
        has_address = settings.public_url is not None
        return cls(has_passphrase, sees_certificates, has_address, ssh_keys, _hides_mailboxes(settings))


def _hides_mailboxes(settings: Settings) -> bool:
    """Whether SFTP was forgotten where the partner port was opened; a proxy on this machine may stand before it."""
    by_proxy = any(network.is_loopback for network in map(ipaddress.ip_network, settings.trusted_proxies))
    return _is_loopback(settings.sftp_host) and not _is_loopback(settings.edge_host) and not by_proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def surroundings_problems(loaded: LoadedProfile, surroundings: Surroundings | None, now: datetime) -> Iterator[Problem]:
    """What would keep credentials of a profile from working here; warnings, where another machine may be meant."""
    api = loaded.profile.api
    if surroundings is not None and api.oauth_clients and not surroundings.has_passphrase:
        what = "no OAuth client gets a token: the keys that sign tokens are kept sealed, and there is no passphrase"
        right = "set `key_passphrase_file` in gateway.yaml, or the variable GATEWAY_KEY_PASSPHRASE"
        yield loaded.problem(("api", "oauth_clients"), what, right, warning=True)
    if surroundings is not None and api.certificates and not surroundings.sees_certificates:
        what = "no certificate of theirs is ever seen: `edge_port` does not ask for any"
        right = "set `edge_mtls_port` in gateway.yaml, or `trusted_proxies` where a proxy ends their TLS"
        yield loaded.problem(("api", "certificates"), what, right, warning=True)
    if surroundings is not None and not surroundings.has_address:
        right = "set `public_url` in gateway.yaml to the address under which partners reach `edge_port`"
        if api.oauth_clients:
            what = "tokens name as issuer whatever host the client calls: one asked for under another name is refused"
            yield loaded.problem(("api", "oauth_clients"), what, right, warning=True)
        if api.signatures.keys:
            what = "a request that was signed for another host, by the same key, is taken here, too"
            yield loaded.problem(("api", "signatures"), what, right, warning=True)
    if surroundings is not None and loaded.profile.sftp is not None and surroundings.hides_mailboxes:
        what = "no other machine reaches the mailbox: `edge_host` is open to them, `sftp_host` is this machine alone"
        right = "set `sftp_host` in gateway.yaml, to 0.0.0.0 or the address that partners' SFTP comes in at"
        yield loaded.problem(("sftp",), what, right, warning=True)
    yield from _secrets(loaded)
    yield from _webhook_secrets(loaded)
    yield from remote_login_problems(
        loaded,
        has_passphrase=surroundings.has_passphrase if surroundings is not None else None,
        ssh_keys=surroundings.ssh_keys if surroundings is not None else nobody_knows,
    )
    for index, item in enumerate(api.certificates):
        yield from _certificate(loaded, item, ("api", "certificates", index, "file"), now)


def _secrets(loaded: LoadedProfile) -> Iterator[Problem]:
    for index, key in enumerate(loaded.profile.api.signatures.keys):
        if key.secret is None:
            continue
        where: Location = ("api", "signatures", "keys", index, "secret")
        try:
            read_signature_key(loaded, key)
        except SecretMissing as missing:
            right = "see that the gateway finds it where it runs"
            yield loaded.problem(where, f"it cannot be read here: {missing}", right, warning=True)
        except KeyUnusable as unusable:
            right = f"make one with `gateway partner key {loaded.id} --for signature`, and give it to the partner"
            yield loaded.problem(where, str(unusable), right)


def _webhook_secrets(loaded: LoadedProfile) -> Iterator[Problem]:
    webhooks = loaded.profile.webhooks
    for index, named in enumerate(webhooks.subscriptions if webhooks is not None else ()):
        for number, reference in enumerate(named.secrets):
            where: Location = ("webhooks", "subscriptions", index, "secrets", number)
            try:
                webhook_keys.read_key(read_secret(reference))
            except SecretMissing as missing:
                right = "see that the gateway finds it where it runs; until then nothing is told there"
                yield loaded.problem(where, f"it cannot be read here: {missing}", right, warning=True)
            except webhook_keys.KeyUnusable as unusable:
                right = "make one with `gateway webhooks key --out FILE`, and give the partner what verifies it"
                yield loaded.problem(where, str(unusable), right)


def _certificate(loaded: LoadedProfile, item: ClientCertificate, where: Location, now: datetime) -> Iterator[Problem]:
    certificate = _readable(loaded, item)
    if certificate is None:
        return
    if not _shows_clients(certificate):
        what = f"{shown(item.file)} is not for clients of TLS (its extended key usage leaves them out)"
        right = "ask the partner for one with clientAuth"
        yield loaded.problem(where, f"{what}: handshakes with it are refused", right, warning=True)
    left = certificate.not_after - now
    if timedelta(0) <= left <= EXPIRY_WARNING and not _followed(loaded, item, now):
        what = f"{shown(item.file)} expires on {certificate.not_after:%Y-%m-%d}"
        yield loaded.problem(where, what, "add its successor beside it, as soon as they have one", warning=True)


def _shows_clients(certificate: Certificate) -> bool:
    try:
        usage = certificate.parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return True
    return bool(_FOR_CLIENTS & set(usage.value))


def _followed(loaded: LoadedProfile, item: ClientCertificate, now: datetime) -> bool:
    """Whether another certificate will stand in when this one ends."""
    others = (_readable(loaded, other) for other in loaded.profile.api.certificates if other is not item)
    return any(other is not None and other.not_after - now > EXPIRY_WARNING for other in others)


def _readable(loaded: LoadedProfile, item: ClientCertificate) -> Certificate | None:
    try:
        return read_certificate(loaded.file(item.file))
    except CertificateError:
        return None  # said in `credentials`

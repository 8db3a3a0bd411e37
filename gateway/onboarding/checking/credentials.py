"""What is wrong with the credentials of the REST interface: keys that are none, days that are over or soon will be."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from certs.certificates import CertificateError, read_certificate
from gateway.signatures import Algorithm, KeyUnusable, read_public_key
from partners.api_terms import Dated
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, shown

EXPIRY_WARNING = timedelta(days=30)
_LISTS = {
    "oauth": (("api", "oauth_clients"), "client_id", "the OAuth client"),
    "certificate": (("api", "certificates"), "label", "the TLS certificate"),
    "signature": (("api", "signatures", "keys"), "id", "the signature key"),
}


def credential_problems(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    """Of what stands below `api`; API keys are looked at where they always were."""
    yield from _unreadable_keys(loaded)
    yield from _unreadable_certificates(loaded, now)
    yield from _days(loaded, now.date())
    yield from _demands(loaded, now.date())


def _unreadable_keys(loaded: LoadedProfile) -> Iterator[Problem]:
    for index, key in enumerate(loaded.profile.api.signatures.keys):
        if key.public_key is None or not loaded.file(key.public_key):
            continue
        try:
            read_public_key(key.id, loaded.file(key.public_key), Algorithm(key.algorithm))
        except KeyUnusable as unusable:
            where: Location = ("api", "signatures", "keys", index, "public_key")
            right = f"put a public key for {key.algorithm} there, in PEM"
            yield loaded.problem(where, f"{shown(key.public_key)}: {unusable}", right)


def _unreadable_certificates(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    for index, item in enumerate(loaded.profile.api.certificates):
        data = loaded.file(item.file)
        if not data:
            continue
        where: Location = ("api", "certificates", index, "file")
        try:
            certificate = read_certificate(data)
        except CertificateError as error:
            yield loaded.problem(where, f"{shown(item.file)}: {error}", "put their certificate there, in PEM or DER")
            continue
        if not certificate.valid_at(now) and item.opens_on(now.date()):
            days = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
            what = f"{shown(item.file)} is valid from {days}"
            yield loaded.problem(where, what, "ask the partner for the certificate that they show now", warning=True)


def _days(loaded: LoadedProfile, today: date) -> Iterator[Problem]:
    api = loaded.profile.api
    lists: dict[str, tuple[Dated, ...]] = {
        "oauth": api.oauth_clients,
        "certificate": api.certificates,
        "signature": api.signatures.keys,
    }
    for means, items in lists.items():
        place, name, words = _LISTS[means]
        for index, item in enumerate(items):
            if item.expires_on is None:
                continue
            where: Location = (*place, index, "expires_on")
            called = f"{words} {shown(getattr(item, name))}"
            if today > item.expires_on:
                what = f"{called} expired on {item.expires_on}"
                yield loaded.problem(where, what, "add its successor, or remove it", warning=True)
            elif item.expires_on - today <= EXPIRY_WARNING and not _lasting(items, today):
                what = f"{called} expires on {item.expires_on}"
                yield loaded.problem(where, what, "add its successor and have the partner change over", warning=True)


def _lasting(items: tuple[Dated, ...], today: date) -> bool:
    return any(item.expires_on is None or item.expires_on - today > EXPIRY_WARNING for item in items)


def _demands(loaded: LoadedProfile, today: date) -> Iterator[Problem]:
    """What every call must show, and nothing in force can."""
    profile = loaded.profile
    if not profile.is_active:
        return
    in_force: dict[str, tuple[Dated, ...]] = {
        "api_key": profile.api_keys,
        "oauth": profile.api.oauth_clients,
        "certificate": profile.api.certificates,
        "signature": profile.api.signatures.keys,
    }
    for index, means in enumerate(profile.api.require):
        items = in_force[means]
        if items and not any(item.opens_on(today) for item in items):
            what = f"every call must show {shown(means)}, and none is in force today: they cannot call at all"
            yield loaded.problem(("api", "require", index), what, "give them a new one, or do not demand it")

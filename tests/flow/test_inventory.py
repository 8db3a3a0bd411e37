"""The inventory: every certificate of a profile and of an exchange, with its window and what takes over from it."""

from datetime import timedelta

import pytest

from certs.lives import Life
from gateway.flow.certificates.inventory import Entry, take_inventory
from gateway.store.partners.certificates import StoredCertificate
from partners.loader import LoadedProfile, parse_profile
from tests.certs.pairs import NOW, curve_pair, pair

DAY = timedelta(days=1)


def pem(number: int, days: int = 730) -> bytes:
    return pair(number, days=days).certificate.pem()


def profile(as2: str, **files: bytes) -> LoadedProfile:
    named = {f"{name}.pem": content for name, content in files.items()}
    text = f"id: acme\nname: ACME\nas2:\n  id: ACME\n{as2}"
    loaded = parse_profile({"profile.yaml": text.encode(), **named})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def exchanged(number: int, usages: str, **fields: object) -> StoredCertificate:
    certificate = pair(number).certificate
    fixed: dict[str, object] = {
        "id": f"c{number}",
        "partner_id": "acme",
        "identity": "plant",
        "fingerprint": certificate.fingerprint,
        "certificate": certificate.der,
        "beside": b"",
        "serial_number": "1",
        "issuer": "",
        "usages": usages,
        "valid_from_ms": None,
        "request_id": "r",
        "message_id": "m",
        "respond_by_ms": None,
        "state": "accepted",
        "reason": "",
        "decided_by": "",
        "decided_at_ms": None,
        "created_at_ms": 0,
    }
    return StoredCertificate(**(fixed | fields))  # type: ignore[arg-type]


def entries(loaded: LoadedProfile, *more: StoredCertificate, days: float = 10) -> dict[str, Entry]:
    found = take_inventory([], [loaded], more, NOW + timedelta(days=days))
    assert found.problems == ()
    return {entry.certificate.subject: entry for entry in found.entries}


def test_every_place_of_a_profile_is_in_it():
    loaded = profile(
        "  url: https://acme.example/as2\n"
        "  certificates: [{file: a.pem, use: signing}, {file: b.pem, use: encryption}]\n"
        "  authorities: [ca.pem]\n  connection: {server_certificate: tls.pem}\n",
        a=pem(0),
        b=pem(1),
        ca=pem(2) + pem(3),
        tls=pem(4),
    )
    found = entries(loaded)
    assert {subject: entry.purposes for subject, entry in found.items()} == {
        "CN=us 0": ("signing",),
        "CN=us 1": ("encryption",),
        "CN=us 2": ("authority",),
        "CN=us 3": ("authority",),
        "CN=us 4": ("tls",),
    }
    assert {entry.source for entry in found.values()} == {f"profile: {name}.pem" for name in ("a", "b", "ca", "tls")}
    assert not any(entry.succeeded for entry in found.values())
    assert {entry.owner_key for entry in found.values()} == {"partner:acme"}


def test_the_window_of_the_profile_counts_to_its_last_day():
    loaded = profile("  certificates: [{file: a.pem, valid_from: 2026-03-20, not_after: 2026-04-01}]\n", a=pem(0))
    (entry,) = entries(loaded).values()
    assert (entry.begins.isoformat(), entry.ends.isoformat()) == (
        "2026-03-20T00:00:00+00:00",
        "2026-04-02T00:00:00+00:00",
    )
    assert (entry.in_use, entry.role) == (False, "from 2026-03-20")
    (entry,) = entries(loaded, days=25).values()
    assert (entry.in_use, entry.role, entry.days_left(NOW + 25 * DAY)) == (True, "in force", 6)
    (entry,) = entries(loaded, days=40).values()
    assert (entry.in_use, entry.role) == (True, "ended")


def test_an_exchanged_certificate_takes_over_from_its_day_on():
    loaded = profile("  certificate: a.pem\n", a=pem(0, days=100))
    alone = exchanged(5, "digitalSignature keyEncipherment")
    assert entries(loaded, alone)["CN=us 0"].succeeded
    assert entries(loaded, alone)["CN=us 5"].source == "exchanged"
    late = exchanged(5, "digitalSignature keyEncipherment", valid_from_ms=round((NOW + 200 * DAY).timestamp() * 1_000))
    assert not entries(loaded, late)["CN=us 0"].succeeded
    half = exchanged(5, "digitalSignature tlsClient tlsServer")
    assert not entries(loaded, half)["CN=us 0"].succeeded
    assert entries(loaded, half)["CN=us 5"].purposes == ("signing", "tls")


def test_an_exchanged_certificate_that_cannot_be_read_is_said():
    loaded = profile("  certificate: a.pem\n", a=pem(0))
    found = take_inventory([], [loaded], [exchanged(5, "digitalSignature", certificate=b"nothing")], NOW)
    assert len(found.entries) == 1
    assert "that was exchanged" in found.problems[0]


def test_another_authority_is_no_successor():
    loaded = profile("  certificate: a.pem\n  authorities: [old.pem, new.pem]\n", a=pem(0), old=pem(1, 90), new=pem(2))
    assert not entries(loaded)["CN=us 1"].succeeded


@pytest.mark.parametrize(
    ("fields", "role", "purposes"),
    [
        ({"signs_from": NOW}, "signs and decrypts", ("signing", "encryption")),
        ({"signs_from": NOW + 99 * DAY}, "decrypts, signs from 2026-06-08 12:00 UTC", ("signing", "encryption")),
        ({"decrypts_until": NOW + 99 * DAY}, "decrypts until 2026-06-08 12:00 UTC", ("encryption",)),
        ({"decrypts_until": NOW}, "does nothing any more", ()),
        ({"retired_at": NOW}, "retired on 2026-03-01 12:00 UTC", ()),
        ({"retired_at": NOW, "erased": True}, "erased", ()),
    ],
)
def test_what_our_pairs_do_is_said_in_words(fields, role, purposes):
    first = Life("plant", pair(0).certificate, (), NOW, signs_from=NOW - DAY)
    life = Life("plant", pair(1).certificate, (), NOW, **fields)
    _, entry = take_inventory([first, life], [], [], NOW + 10 * DAY).entries
    assert (entry.role, entry.purposes) == (role, purposes)
    assert entry.is_retired == ("retired_at" in fields)


def test_a_curve_that_does_not_sign_yet_waits_for_it():
    first = Life("plant", pair(0).certificate, (), NOW, signs_from=NOW - DAY)
    curve = Life("plant", curve_pair(1).certificate, (), NOW)
    roles = {one.role for one in take_inventory([first, curve], [], [], NOW).entries}
    assert roles == {"signs and decrypts", "signs once you change over to it"}


def test_a_curve_only_signs():
    first = Life("plant", curve_pair(1).certificate, (), NOW)
    second = Life("plant", curve_pair(2).certificate, (), NOW + DAY, signs_from=NOW + 9 * DAY)
    found = take_inventory([first, second], [], [], NOW + 2 * DAY).entries
    assert [(entry.role, entry.purposes) for entry in found] == [
        ("signs", ("signing",)),
        ("signs from 2026-03-10 12:00 UTC", ("signing",)),
    ]


def test_certificates_of_their_programs_are_in_it_with_their_windows():
    text = (
        "id: acme\nname: ACME\napi:\n  certificates:\n"
        "    - {label: old, file: a.pem, expires_on: 2026-03-31}\n    - {label: new, file: b.pem}\n"
    )
    loaded = parse_profile({"profile.yaml": text.encode(), "a.pem": pem(0), "b.pem": pem(1)})
    assert isinstance(loaded, LoadedProfile), loaded
    old, new = entries(loaded).values()
    assert old.purposes == new.purposes == ("client",)
    assert (old.succeeded, new.succeeded) == (True, False)
    assert old.ends.date().isoformat() == "2026-04-01"
    assert new.source == "profile: b.pem"

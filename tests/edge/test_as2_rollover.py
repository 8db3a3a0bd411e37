"""Certificates and keys that change, theirs and ours, while messages and receipts are under way (faults 25 and 26)."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from certs.certificates import KeyPair
from certs.creation import certify
from certs.keyring import IdentityKeys
from gateway.as2.mdn import read_mdn
from gateway.as2.message import Encryption, Signing
from tests.edge.acmes import await_receipt, delivery, mdn_for, nothing_else_changed, post, send
from tests.edge.house import acme_keys, message, open_house, our_keys, profile, stranger_keys
from tests.edge.test_as2 import receipt

BEGAN = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)


def pair_of(made: KeyPair, name: str, *, valid_days: int = 400) -> KeyPair:
    return certify(made.private_key, name, now=BEGAN - DAY, valid_days=valid_days)


@cache
def old() -> KeyPair:
    return pair_of(acme_keys(), "acme")


@cache
def new() -> KeyPair:
    return pair_of(stranger_keys(), "acme")


@pytest.fixture
def changing(tmp_path):
    """A house whose clock stands so many days after the beginning, and an ACME with these certificates."""

    @asynccontextmanager
    async def changing(certificates, **files):
        clock = [BEGAN]
        loaded = profile(
            "id: acme\nname: ACME\nas2:\n  id: ACME-AS2\n  url: https://edi.acme.example/as2\n"
            f"  require_encrypted: false\n  certificates: {certificates}\n",
            **{name: pair.certificate.pem() for name, pair in files.items()},
        )
        now_ms = lambda: int(clock[0].timestamp() * 1_000)  # noqa: E731  # shorter than a function
        async with open_house(tmp_path, profiles=[loaded], now_ms=now_ms) as house:

            def on_day(number):
                clock[0] = BEGAN + number * DAY

            yield house, on_day

    return changing


def day(number: int) -> str:
    return (BEGAN + number * DAY).date().isoformat()


async def outcome(house, client, **choices) -> str:
    """What the receipt for a message says; nothing for one that is taken."""
    _, headers, body = await send(house, client, message(**choices))
    return receipt(headers, body).disposition.text


OVERLAP = f"[{{file: old.pem, not_after: '{day(20)}'}}, {{file: new.pem, valid_from: '{day(10)}'}}]"
WINDOWS = [(0, True, False), (10, True, True), (20, True, True), (21, False, True)]


@pytest.mark.parametrize(("days", "old_counts", "new_counts"), WINDOWS)
async def test_their_old_and_new_certificate_overlap(changing, client, days, old_counts, new_counts):
    async with changing(OVERLAP, old_pem=old(), new_pem=new()) as (house, on_day):
        on_day(days)
        for pair, counts in ((old(), old_counts), (new(), new_counts)):
            before = len(house.arrived)
            said = await outcome(house, client, signing=Signing(pair), encryption=None)
            assert said == ("" if counts else "authentication-failed")
            assert len(house.arrived) == before + counts
        refused = await house.acts("refused.authentication-failed")
        assert len(refused) == (not old_counts) + (not new_counts)


@pytest.mark.parametrize(("days", "old_counts", "new_counts"), WINDOWS)
async def test_their_receipts_change_with_their_certificates(changing, client, days, old_counts, new_counts):
    """What counts is the certificate on the day on which the receipt comes, not on the day of the message."""
    async with changing(OVERLAP, old_pem=old(), new_pem=new()) as (house, on_day):
        for number, (pair, counts) in enumerate(((old(), old_counts), (new(), new_counts)), start=1):
            on_day(0)
            sent = await await_receipt(house, number=number)
            on_day(days)
            status, _ = await post(house, client, mdn_for(sent, signing=Signing(pair)))
            assert status == (200 if counts else 400)
            assert (await delivery(house, number)).state == ("delivered" if counts else "awaiting_receipt")


async def test_their_certificate_ends_and_a_warning_is_not_enough(changing, client):
    short = pair_of(acme_keys(), "acme", valid_days=11)
    async with changing("[short.pem]", short_pem=short) as (house, on_day):
        on_day(9)
        assert await outcome(house, client, signing=Signing(short), encryption=None) == ""
        sent = await await_receipt(house)
        on_day(11)
        house.arrived.clear()
        assert await outcome(house, client, signing=Signing(short), encryption=None) == "authentication-failed"
        (act,) = await house.acts("refused.authentication-failed")
        assert "is not valid on" in act.detail["cause"]
        assert not house.arrived
        assert (await post(house, client, mdn_for(sent, signing=Signing(short))))[0] == 400
        assert (await delivery(house)).state == "awaiting_receipt"


async def test_our_old_and_new_key_overlap(changing, client):
    """Partners change over when they like: both decrypt from the first day on, the cut-over changes who signs."""
    ours = {"old": our_keys(), "new": pair_of(stranger_keys(), "bigcorp")}
    stages = [
        # who signs, who decrypts
        ("old", ("old",)),
        ("old", ("new", "old")),
        ("new", ("new", "old")),
        ("new", ("new",)),
    ]
    async with changing("[old.pem]", old_pem=old()) as (house, _):
        for signs, decrypt in stages:
            house.edge.keyring().identities["bigcorp"] = IdentityKeys(
                "bigcorp", ours[signs], tuple(ours[name] for name in decrypt)
            )
            for name, pair in ours.items():
                sent = message(signing=Signing(old()), encryption=Encryption([pair.certificate]))
                _, headers, body = await send(house, client, sent)
                mdn = read_mdn(
                    headers,
                    body,
                    partner_certificates=[ours[signs].certificate],
                    now=datetime.now(UTC),
                    require_signed=True,
                )
                assert mdn.disposition.text == ("" if name in decrypt else "decryption-failed")
        causes = [act.detail["cause"] for act in await house.acts("refused.decryption-failed")]
        assert len(causes) == 2


async def test_the_end_of_our_own_certificate_locks_nobody_out(changing, client):
    """They pinned it, so it is theirs to refuse; what they sent can still be read, and is not lost."""
    ended = certify(our_keys().private_key, "bigcorp", now=BEGAN - 100 * DAY, valid_days=10)
    async with changing("[old.pem]", old_pem=old()) as (house, _):
        house.edge.keyring().identities["bigcorp"] = IdentityKeys("bigcorp", ended, (ended,))
        sent = message(signing=Signing(old()), encryption=Encryption([ended.certificate]))
        status, headers, _ = await send(house, client, sent)
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, "multipart/signed")
        assert len(house.arrived) == 1


async def test_without_a_key_of_ours_it_is_our_fault(changing, client):
    async with changing("[old.pem]", old_pem=old()) as (house, _):
        house.edge.keyring().identities.clear()
        status, _, body = await send(house, client, message(signing=Signing(old())))
        assert (status, b"fault is ours" in body) == (500, True)
        await nothing_else_changed(house)

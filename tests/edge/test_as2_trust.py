"""Authorities and revocation lists of a profile at the real door: the receipt, the audit, and nothing kept."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from certs.certificates import KeyPair
from gateway.as2.message import Signing
from partners.loader import LoadedProfile
from tests.certs.authorities import family, issue, revoke, rsa_key
from tests.edge.house import House, message, open_house, profile
from tests.edge.test_as2 import receipt, send

NOW = datetime.now(UTC)
THEM = family(NOW)
LEAF = issue("acme", THEM.middle, NOW, key=rsa_key("partner"))
RENEWED = issue("acme", THEM.middle, NOW, key=rsa_key("renewed"))
LOOK_ALIKE = issue("acme", None, NOW, key=rsa_key("attacker"))


def trusting(*, chain: bool = True, lists: bytes | None = None) -> LoadedProfile:
    text = "id: acme\nname: ACME\nas2:\n  id: ACME-AS2\n  certificate: acme.pem\n  authorities: root.pem\n"
    text += "  trust: chain\n" if chain else ""
    text += "  revocation_lists: list.pem\n" if lists is not None else ""
    return profile(
        text,
        acme_pem=LEAF.certificate.pem() + THEM.middle.certificate.pem(),
        root_pem=THEM.root.certificate.pem(),
        **({"list_pem": lists} if lists is not None else {}),
    )


async def disposition(house: House, pair: KeyPair) -> str:
    async with aiohttp.ClientSession() as client:
        status, headers, body = await send(house, client, message(signing=Signing(pair)))
    assert status == 200
    return str(receipt(headers, body).disposition)


async def test_the_renewed_certificate_of_the_same_name_is_let_in_under_chain(tmp_path):
    async with open_house(tmp_path, profiles=[trusting()]) as house:
        assert (await disposition(house, LEAF)).endswith("processed")
        assert (await disposition(house, RENEWED)).endswith("processed")
        assert len(house.arrived) == 2


@pytest.mark.parametrize(
    ("loaded", "pair", "told", "audited"),
    [
        (trusting(), LOOK_ALIKE, "decryption-failed", "none of those agreed"),
        (trusting(chain=False), RENEWED, "decryption-failed", "none of those agreed"),
        (
            trusting(lists=revoke(THEM.middle, NOW, [LEAF.certificate])),
            LEAF,
            "authentication-failed",
            "was revoked by CN=middle",
        ),
        (
            trusting(lists=revoke(THEM.middle, NOW - timedelta(days=2), ends=timedelta(days=1))),
            LEAF,
            "authentication-failed",
            "is overdue",
        ),
        (trusting(lists=b"nonsense"), LEAF, "authentication-failed", "list.pem beside the profile cannot be used"),
    ],
    ids=["look-alike", "pinned", "revoked", "overdue", "unreadable list"],
)
async def test_what_is_not_trusted_is_refused_audited_and_not_kept(tmp_path, loaded, pair, told, audited):
    async with open_house(tmp_path, profiles=[loaded]) as house:
        assert told in await disposition(house, pair)
        assert not house.arrived
        (act,) = [act for act in await house.acts() if act.action.startswith("refused.")]
        assert audited in str(act.detail)

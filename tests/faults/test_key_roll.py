"""A key is rolled beside a running gateway: it signs with the new one within seconds, and opens what either was for."""

import asyncio
from datetime import UTC, datetime

from certs.certificates import read_certificate
from gateway.as2.mdn import MdnError, read_mdn
from gateway.as2.message import Encryption
from tests.site import RunningGateway, Site, acknowledgment_855

WITHIN_S = 60


async def signed_with(http, gateway, site, number, certificate, to):
    """Whether the receipt of a message that is encrypted to one certificate is signed with another."""
    sent = site.as2_message(acknowledgment_855(number), f"<roll-{number}@acme>", encryption=Encryption([to]))
    async with http.post(f"{gateway.edge_url}/as2", data=sent.body, headers=list(sent.headers)) as answer:
        assert answer.status == 200
        body = await answer.read()
        try:
            mdn = read_mdn(
                answer.headers,
                body,
                partner_certificates=[certificate],
                now=datetime.now(UTC),
                require_signed=True,
            )
        except MdnError:
            return False
    assert mdn.disposition.successful
    return True


async def test_a_roll_is_in_force_without_a_restart(http, tmp_path):
    site = Site(tmp_path / "site", {"profiles_reload_s": 0.2})
    old = site.ours.certificate
    with RunningGateway(site) as gateway:
        assert await signed_with(http, gateway, site, 1, old, old)
        await asyncio.to_thread(gateway.command, "certs", "roll", "bigcorp", "--new")
        rows = await asyncio.to_thread(gateway.command, "certs", "export", "bigcorp")
        new = read_certificate(rows.encode())
        assert new != old
        async with asyncio.timeout(WITHIN_S):
            number = 2
            while not await signed_with(http, gateway, site, number, new, old):
                number += 1
                await asyncio.sleep(0.1)
        assert await signed_with(http, gateway, site, number + 1, new, new)
        assert gateway.stop() == 0
    shown = gateway.command("certs", "list", "bigcorp", "--format", "json")
    assert shown.count('"decryption":') == 2, "the last use of the old pair and of the new one"

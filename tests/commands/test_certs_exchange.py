"""`gateway certs exchange`: what partners sent, what a person decides, what we send, and who accepted it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.commands.program import main
from gateway.store import messages
from gateway.store.partners import certificates as partner_certificates
from tests.flow.test_certificate_exchange import in_state, post, request_of
from tests.flow.two_houses import House, two_houses, until
from tests.site import key_pair


@pytest.fixture
async def houses(tmp_path):
    asking = {"certificate_exchange": "ask"}
    async with two_houses(tmp_path / "houses", ours=asking, theirs=asking) as both:
        yield both


def renewed(name: str) -> KeyPair:
    return certify(key_pair("renewed").private_key, name, now=datetime.now(UTC) + timedelta(minutes=1))


class Ends:
    """Runs commands beside a running gateway."""

    def __init__(self, house: House, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._house = house
        self._captured = capfdbinary

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        self._captured.readouterr()
        config = str(self._house.root / "gateway.yaml")
        code = await asyncio.to_thread(main, [*words, "--config", config])
        said = self._captured.readouterr()
        return code, said.out.decode(), said.err.decode()

    async def rows(self, *words: str) -> list[dict[str, Any]]:
        _, out, err = await self(*words, "--format", "json")
        assert "failed" not in err, err
        return [json.loads(line) for line in out.splitlines()]


async def test_a_person_sees_compares_and_decides(houses, capfdbinary):
    us, them = houses
    gateway = Ends(us, capfdbinary)
    new = renewed("acme-supply")
    assert (await gateway("certs", "exchange", "list"))[1] == "no partner sent a certificate by message\n"
    await post(us, request_of(new), them.pair)
    await in_state(us, "published")
    (row,) = await gateway.rows("certs", "exchange", "list", "--state", "pending", "--partner", "acme")
    assert (row["partner"], row["state"], row["fingerprint"]) == ("acme", "pending", new.certificate.fingerprint)
    assert row["usages"] == ["digitalSignature", "keyEncipherment"]
    _, shown, _ = await gateway("certs", "exchange", "show", row["id"])
    assert new.certificate.fingerprint in shown
    assert "BEGIN CERTIFICATE" in shown
    assert f"gateway certs exchange accept {row['id']}" in shown
    code, said, _ = await gateway("certs", "exchange", "accept", row["id"], "--from", "2099-01-31")
    assert code == 0
    assert f"{row['id']} of acme is accepted" in said
    (stored,) = await us.read(partner_certificates.in_force)
    assert stored.decided_by.startswith("command:")
    assert datetime.fromtimestamp((stored.valid_from_ms or 0) / 1_000, UTC) == datetime(2099, 1, 31, tzinfo=UTC)
    (profile,) = await gateway.rows("partner", "show", "acme")
    assert [one["fingerprint"] for one in profile["certificates"]][-1] == new.certificate.fingerprint
    code, _, problem = await gateway("certs", "exchange", "accept", row["id"])
    assert (code, "is accepted already" in problem) == (2, True)
    code, said, warned = await gateway("certs", "exchange", "reject", row["id"], "--reason", "the key leaked")
    assert (code, "is withdrawn" in said, "told before" in warned) == (0, True, True)
    assert await us.read(partner_certificates.in_force) == []


async def test_a_request_goes_to_all_and_the_cut_over_is_seen_to_be_safe(houses, capfdbinary):
    us, them = houses
    ours, theirs = Ends(us, capfdbinary), Ends(them, capfdbinary)
    new = renewed("bigcorp")
    await us.hold(new)
    code, said, _ = await ours("certs", "exchange", "status", "bigcorp")
    assert code == 1
    assert "acme was not asked by message" in said
    code, said, _ = await ours("certs", "exchange", "send", "bigcorp", "--all", "--respond-by", "2099-01-31")
    assert code == 0, said
    assert "acme is sent" in said
    assert us.gateway is not None
    us.gateway.sending.wake()

    async def arrived() -> Any:
        return await them.read(partner_certificates.find)

    (row,) = await until(arrived)
    assert row.fingerprint == new.certificate.fingerprint
    (standing,) = await ours.rows("certs", "exchange", "status", "bigcorp")
    assert standing["progress"] in ("delivered", "under way")
    (again,) = await ours.rows("certs", "exchange", "send", "bigcorp", "--partner", "acme")
    assert again["new"] is False
    await in_state(them, "published")
    assert (await theirs("certs", "exchange", "accept", row.id))[0] == 0

    async def answered() -> bool:
        return len(await us.read(messages.find)) > 0 and (await us.read(partner_certificates.requests))[0].state == (
            "accepted"
        )

    assert await until(answered)
    code, said, _ = await ours("certs", "exchange", "status", "bigcorp")
    assert (code, "the cut-over is safe" in said) == (0, True)


async def test_what_makes_no_sense_is_said_in_words(houses, capfdbinary):
    us, _ = houses
    gateway = Ends(us, capfdbinary)
    for words, problem in (
        (("show", "nothing"), "there is no exchanged certificate 'nothing'"),
        (("accept", "nothing"), "there is no exchanged certificate nothing"),
        (("send", "bigcorp", "--partner", "nobody"), "there is no partner 'nobody'"),
        (("send", "elsewhere", "--all"), "the settings have no identity 'elsewhere'"),
        (("send", "bigcorp", "--all", "--certificate", "ffff"), "no pair of bigcorp begin"),
    ):
        code, _, err = await gateway("certs", "exchange", *words)
        assert (code, problem in err) == (2, True), err

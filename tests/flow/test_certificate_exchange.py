"""Certificate exchange from end to end: the real edge, the real line, the real carrier, another gateway as partner."""

from datetime import UTC, datetime, timedelta
from functools import partial

import aiohttp
import pytest

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.as2.certificate_exchange import (
    CertUsage,
    ExchangeRequest,
    ExchangeResponse,
    TrustRequest,
    content_id_of,
    read_bundle,
    read_exchange,
    reference_to,
    write_exchange,
    write_message,
)
from gateway.as2.message import Encryption, MdnRequest, Signing
from gateway.as2.message import write_message as write_as2
from gateway.flow.certificates import decisions, requests
from gateway.flow.certificates.requests import Progress
from gateway.model.certificate_exchange import CertificateEvent
from gateway.store import deliveries, messages
from gateway.store.oversight import audit, cases, timeline
from gateway.store.partners import certificates as partner_certificates
from tests.certs.authorities import curve_key
from tests.flow.two_houses import House, two_houses, until
from tests.site import acknowledgment_855, key_pair

USAGES = (CertUsage.DIGITAL_SIGNATURE, CertUsage.KEY_ENCIPHERMENT)


def renewed(name: str = "acme-supply", *, days: int = 0) -> KeyPair:
    """A new key of theirs, valid from `days` on; the key of another, since making one takes a while."""
    return certify(key_pair("renewed").private_key, name, now=datetime.now(UTC) + timedelta(days=days, minutes=1))


def request_of(pair: KeyPair, *, usages=USAGES, name: str = "ACME", request_id: str = "request-1") -> tuple[str, bytes]:
    content_id = content_id_of(pair.certificate, "acme")
    asked = TrustRequest(usages, reference_to(pair.certificate), None, "https://acme.example/as2", content_id)
    said = ExchangeRequest(request_id, name, (asked,), datetime.now(UTC))
    return write_message(write_exchange(said), [(content_id, pair.certificate)], request_id)


async def post(us: House, content: tuple[str, bytes], pair: KeyPair | None, message_id: str = "<1@acme>") -> str:
    """Send an AS2 message of ACME to us; what the receipt says."""
    content_type, body = content
    written = write_as2(
        body,
        as2_from="ACME",
        as2_to="BIGCORP",
        message_id=message_id,
        content_type=content_type,
        now=datetime.now(UTC),
        signing=Signing(pair) if pair is not None else None,
        encryption=Encryption([us.pair.certificate]),
        mdn_request=MdnRequest("edi@acme", signed=True, micalgs=("sha-256",)),
    )
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{us.port}/as2"
        async with session.post(url, data=bytes(written.body), headers=dict(written.headers)) as response:
            return (await response.read()).decode("utf-8", "replace")


async def in_state(house: House, state: str) -> messages.StoredMessage:
    async def look() -> messages.StoredMessage | None:
        found = await house.read(messages.find)
        return found[0] if found and found[0].state == state else None

    return await until(look)


async def steps(house: House, subject: str) -> list[str]:
    return [step.step for step in await house.read(timeline.of_message, message_id=subject)]


async def test_what_is_accepted_is_in_force_at_once_and_the_partner_is_told(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        new = renewed()
        await them.hold(new)
        x12 = ("application/edi-x12", acknowledgment_855(1))
        assert "processed/error" in await post(us, x12, new, "<0@acme>")
        assert "processed\r\n" in await post(us, request_of(new), them.pair)
        message = await in_state(us, "published")
        (row,) = await us.read(partner_certificates.of_message, message_id=message.id)
        assert (row.state, row.fingerprint, row.decided_by) == ("accepted", new.certificate.fingerprint, "gateway")
        assert "certificate-request" in await steps(us, message.id)
        acts = await us.read(audit.find, action="certificate.accepted")
        assert acts[0].detail["fingerprint"] == new.certificate.fingerprint
        # Signed with the new certificate as with the old: both count.
        assert "processed\r\n" in await post(us, x12, new, "<2@acme>")
        assert "processed\r\n" in await post(us, x12, them.pair, "<3@acme>")
        # We encrypt to it, and they hear of it by message.
        assert us.gateway is not None
        loaded = us.gateway.directory().by_id("acme")
        now = datetime.now(UTC) + timedelta(minutes=2)
        chosen = us.gateway._as2._bench.certificates(loaded, "encryption", now)
        assert next(one.fingerprint for one in chosen) == new.certificate.fingerprint
        received = await until(partial(_received_response, them))
        assert isinstance(received, ExchangeResponse)
        assert received.request_id == "request-1"
        (answered,) = received.trust_responses
        assert (answered.status, answered.certificate.serial_number) == ("Accepted", new.certificate.serial_number)


async def _received_response(house: House) -> object:
    for message in await house.read(messages.find):
        if message.content_type.startswith("multipart/related"):
            payload = await house.read(messages.body, message_id=message.id, part="payload")
            return read_exchange(read_bundle(payload).xml)
    return None


async def test_with_ask_a_person_decides_and_nothing_is_in_force_before(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "ask"}) as (us, them):
        new = renewed()
        await them.hold(new)
        assert "processed\r\n" in await post(us, request_of(new), them.pair)
        message = await in_state(us, "published")
        (row,) = await us.read(partner_certificates.of_message, message_id=message.id)
        assert row.state == "pending"
        (case,) = await us.read(cases.find)
        assert (case.kind, case.message_id) == ("certificate", message.id)
        assert f"certs exchange accept {row.id}" in case.reason
        x12 = ("application/edi-x12", acknowledgment_855(1))
        assert "processed/error" in await post(us, x12, new, "<2@acme>")
        assert await us.read(deliveries.find) == []
        decided = await us.write(
            decisions.settle,
            row.id,
            CertificateEvent.ACCEPT,
            10**12,
            actor="command:anna",
            identities=us.settings.identities,
        )
        assert decided.delivery_id == f"{message.id}-response"
        assert await us.read(cases.find) == []
        act = (await us.read(audit.find, action="certificate.accepted"))[0]
        assert act.actor == "command:anna"

        async def taken() -> bool:
            return "processed\r\n" in await post(us, x12, new, "<2@acme>")

        assert await until(taken)
        assert await until(partial(_received_response, them))
        with pytest.raises(decisions.NotPossible, match="accepted already"):
            await us.write(
                decisions.settle,
                row.id,
                CertificateEvent.ACCEPT,
                10**12,
                actor="command:anna",
                identities=us.settings.identities,
            )


async def test_what_was_accepted_can_be_withdrawn(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        new = renewed()
        await post(us, request_of(new), them.pair)
        message = await in_state(us, "published")
        (row,) = await us.read(partner_certificates.of_message, message_id=message.id)
        decided = await us.write(
            decisions.settle,
            row.id,
            CertificateEvent.REJECT,
            10**12,
            actor="command:anna",
            identities=us.settings.identities,
            reason="the key leaked",
        )
        assert (decided.certificate.state, decided.delivery_id) == ("withdrawn", None)
        x12 = ("application/edi-x12", acknowledgment_855(1))

        async def refused() -> bool:
            return "processed/error" in await post(us, x12, new, "<2@acme>")

        assert await until(refused)
        # Somebody recorded the message of then, and sends it under another Message-ID: the signature is as good.
        await post(us, request_of(new), them.pair, "<3@acme>")

        async def taken() -> list[partner_certificates.StoredCertificate]:
            rows = await us.read(partner_certificates.find)
            return rows if len(rows) == 2 else []

        assert [row.state for row in await until(taken)] == ["pending", "withdrawn"]
        assert await until(refused)


@pytest.mark.parametrize("mode", ["refuse", "ask", "accept"])
async def test_what_a_stranger_or_nobody_signed_changes_nothing(tmp_path, mode):
    async with two_houses(tmp_path, ours={"certificate_exchange": mode, "require_signed": False}) as (us, _):
        new = renewed()
        # Signed with the very key that it is about: whoever holds any key could do that.
        assert "processed/error" in await post(us, request_of(new), new)
        assert "processed/error" in await post(us, request_of(new), None, "<2@acme>")
        assert await us.read(messages.find) == []
        assert await us.read(partner_certificates.find) == []
        reasons = [str(act.detail) for act in await us.read(audit.find)]
        assert any("certificate exchange message that is not signed" in reason for reason in reasons)


async def test_where_the_profile_refuses_them_the_partner_is_told_why(tmp_path):
    async with two_houses(tmp_path) as (us, them):
        await post(us, request_of(renewed()), them.pair)
        message = await in_state(us, "rejected")
        assert "not exchanged by message here" in message.reason
        assert await us.read(audit.find, action="refused.certificate-exchange")
        received = await until(partial(_received_response, them))
        assert received.trust_responses[0].status == "Rejected"
        assert "not exchanged by message" in received.trust_responses[0].reason


async def test_what_makes_no_sense_is_rejected_with_the_reason(tmp_path):
    nowhere = TrustRequest(USAGES, reference_to(key_pair("bigcorp").certificate))
    senseless = [
        (request_of(renewed(), name="SOMEBODY"), "speaks for 'SOMEBODY'"),
        (request_of(renewed(days=-900)), "expired"),
        (request_of(certify(curve_key("acme"), "acme", now=datetime.now(UTC))), "has no RSA key"),
        (write_message(b"<a/>", (), "x"), "neither"),
        (write_message(b"no xml", (), "x"), "well-formed"),
        (write_message(write_exchange(ExchangeRequest("r", "ACME", (nowhere,))), (), "x"), "no certificate of this"),
    ]
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        for number, (content, reason) in enumerate(senseless):
            await post(us, content, them.pair, f"<{number}@acme>")
            message = await in_state(us, "rejected")
            assert message.transport_id == f"<{number}@acme>"
            assert reason in message.reason
        assert await us.read(partner_certificates.in_force) == []


async def test_a_certificate_for_tls_alone_is_for_a_person_to_take_over(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        await post(us, request_of(renewed(), usages=(CertUsage.TLS_SERVER,)), them.pair)
        message = await in_state(us, "published")
        (row,) = await us.read(partner_certificates.of_message, message_id=message.id)
        assert (row.state, row.usages) == ("pending", "tlsServer")


async def test_a_repetition_of_the_message_changes_nothing(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        content = request_of(renewed())
        first = await post(us, content, them.pair)
        await in_state(us, "published")
        assert await post(us, content, them.pair) == first
        assert len(await us.read(partner_certificates.find)) == 1


async def ask(us: House, pair: KeyPair, delivery_id: str = "01ASK") -> requests.Asked:
    assert us.gateway is not None
    loaded = us.gateway.directory().by_id("acme")
    asked = await us.write(
        requests.ask,
        loaded,
        us.settings.identities[0],
        pair.certificate,
        respond_by=datetime.now(UTC) + timedelta(days=14),
        response_url="http://127.0.0.1/as2",
        delivery_id=delivery_id,
        now_ms=int(datetime.now(UTC).timestamp() * 1_000),
        actor="command:anna",
    )
    us.gateway.sending.wake()
    return asked


async def progress(us: House, pair: KeyPair, now: datetime | None = None) -> Progress:
    at_ms = int((now or datetime.now(UTC)).timestamp() * 1_000)
    (standing,) = await us.read(
        requests.standings,
        partners=["acme"],
        identity="bigcorp",
        fingerprint=pair.certificate.fingerprint,
        now_ms=at_ms,
    )
    return standing.progress


async def test_our_request_goes_out_and_the_answer_is_tracked(tmp_path):
    mode = {"certificate_exchange": "accept"}
    async with two_houses(tmp_path, ours=mode, theirs=mode) as (us, them):
        new = renewed("bigcorp")
        await us.hold(new)
        assert await progress(us, new) is Progress.NOT_ASKED
        asked = await ask(us, new)
        assert asked.is_new

        async def accepted() -> bool:
            return await progress(us, new) is Progress.ACCEPTED

        assert await until(accepted)
        (row,) = await them.read(partner_certificates.in_force)
        assert row.fingerprint == new.certificate.fingerprint
        assert "certificate-response" in await steps(us, asked.request.delivery_id)
        assert not (await ask(us, new, "01AGAIN")).is_new


async def test_a_partner_that_refuses_or_does_not_answer_is_seen(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "ask"}) as (us, _):
        new = renewed("bigcorp")
        await us.hold(new)
        await ask(us, new)

        async def rejected() -> bool:
            return await progress(us, new) is Progress.REJECTED

        assert await until(rejected)
        stored = (await us.read(partner_certificates.requests))[0]
        assert "not exchanged by message" in stored.reason
        assert (await ask(us, new, "01AGAIN")).is_new
        late = datetime.now(UTC) + timedelta(days=15)

        async def answered_again() -> bool:
            return await progress(us, new, late) in (Progress.REJECTED, Progress.OVERDUE)

        assert await until(answered_again)


async def test_an_answer_of_another_partner_or_to_nothing_is_refused(tmp_path):
    async with two_houses(tmp_path, ours={"certificate_exchange": "accept"}) as (us, them):
        response = ExchangeResponse("request-of-nobody", "ACME", (), datetime.now(UTC))
        xml = write_exchange(response).replace(
            b"</EDIINT",
            b"<TrustResponse><CertStatus>Accepted</CertStatus><CertificateReference>"
            b"<ds:X509SerialNumber>5</ds:X509SerialNumber></CertificateReference></TrustResponse></EDIINT",
        )
        await post(us, write_message(xml, (), "x"), them.pair)
        message = await in_state(us, "rejected")
        assert "never got from us" in message.reason

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.as2.certificate_exchange import (
    MEDIA_TYPE,
    NAMESPACE,
    TRUSTS_MAX,
    XML_BYTES_MAX,
    CertificateReference,
    CertStatus,
    CertUsage,
    ExchangeError,
    ExchangeRequest,
    ExchangeResponse,
    TrustRequest,
    TrustResponse,
    bundle_of,
    content_id_of,
    is_exchange,
    keep_bundle,
    read_bundle,
    read_exchange,
    reference_to,
    write_exchange,
    write_message,
)
from gateway.as2.mime import Attachment, read_entity, split_multipart
from tests.as2.parties import partner, stranger

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

# As a widely used product writes it: usages first, a date with an offset, the serial number in decimal.
SEEN_REQUEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<EDIINTCertificateExchangeRequest xmlns="urn:ietf:params:xml:ns:ediintcertificateexchange" \
xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
requestId="abc-1@them">
	<TradingPartnerInfo>
		<Name qualifier="AS2">them</Name>
		<MessageOriginated>2026-03-01T14:00:00+02:00</MessageOriginated>
	</TradingPartnerInfo>
	<TrustRequest>
		<CertUsage>keyEncipherment</CertUsage>
		<CertUsage>digitalSignature</CertUsage>
		<RespondByDate>2026-04-01T00:00:00Z</RespondByDate>
		<ResponseURL>https://them.example/as2</ResponseURL>
		<EndEntity>
			<CertificateIdentifier>
				<ds:X509IssuerName>CN=them, O=Them</ds:X509IssuerName>
				<ds:X509SerialNumber>1234567890123456789012</ds:X509SerialNumber>
			</CertificateIdentifier>
			<CertificateContentID>cert-1@them</CertificateContentID>
		</EndEntity>
		<TrustChain><CertificateReference><ds:X509IssuerName>CN=root</ds:X509IssuerName>\
<ds:X509SerialNumber>1</ds:X509SerialNumber></CertificateReference></TrustChain>
	</TrustRequest>
</EDIINTCertificateExchangeRequest>"""
SEEN_RESPONSE = b"""<?xml version="1.0" encoding="UTF-8"?>
<EDIINTCertificateExchangeResponse xmlns="urn:ietf:params:xml:ns:ediintcertificateexchange" \
xmlns:ds="http://www.w3.org/2000/09/xmldsig#" requestId="r-1">
<TradingPartnerInfo><Name qualifier="AS2">them</Name><MessageOriginated>2026-03-01T12:00:00</MessageOriginated>
</TradingPartnerInfo><TrustResponse><CertStatus>Rejected</CertStatus>
<ReasonForRejection><![CDATA[not <now>]]></ReasonForRejection>
<CertificateReference><ds:X509IssuerName>CN=us</ds:X509IssuerName><ds:X509SerialNumber>77</ds:X509SerialNumber>
</CertificateReference></TrustResponse></EDIINTCertificateExchangeResponse>"""


def test_a_request_as_products_write_it_is_read():
    assert read_exchange(SEEN_REQUEST) == ExchangeRequest(
        request_id="abc-1@them",
        name="them",
        originated=NOW,
        trust_requests=(
            TrustRequest(
                usages=(CertUsage.KEY_ENCIPHERMENT, CertUsage.DIGITAL_SIGNATURE),
                certificate=CertificateReference("CN=them, O=Them", 1234567890123456789012),
                respond_by=datetime(2026, 4, 1, tzinfo=UTC),
                response_url="https://them.example/as2",
                content_id="cert-1@them",
            ),
        ),
    )


def test_a_response_as_products_write_it_is_read():
    rejected = TrustResponse(CertStatus.REJECTED, CertificateReference("CN=us", 77), "not <now>")
    assert read_exchange(SEEN_RESPONSE) == ExchangeResponse("r-1", "them", (rejected,), NOW)


texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40).map(
    str.strip
)
ids = texts.filter(bool)
references = st.builds(CertificateReference, texts, st.integers(0, 2**160))
moments = st.none() | st.integers(0, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
usages = st.lists(st.sampled_from(CertUsage), min_size=1, unique=True).map(tuple)
requests = st.builds(
    TrustRequest, usages, references, moments, texts, ids.map(lambda text: text.strip("<>")).filter(str.strip)
)
responses = st.builds(
    lambda reference, reason: TrustResponse(CertStatus.REJECTED if reason else CertStatus.ACCEPTED, reference, reason),
    references,
    texts,
)
messages = st.builds(
    ExchangeRequest, ids, texts, st.lists(requests, min_size=1, max_size=3).map(tuple), moments
) | st.builds(ExchangeResponse, ids, texts, st.lists(responses, min_size=1, max_size=3).map(tuple), moments)


@given(messages)
def test_what_is_written_is_read_again(message):
    written = write_exchange(message)
    found = read_exchange(written)
    assert found.request_id == message.request_id
    assert write_exchange(found) == write_exchange(read_exchange(write_exchange(found)))
    for ours, theirs in zip(
        getattr(message, "trust_requests", ()) or message.trust_responses,
        getattr(found, "trust_requests", ()) or found.trust_responses,
        strict=True,
    ):
        assert ours.certificate.serial_number == theirs.certificate.serial_number


@given(st.binary(max_size=300), st.sampled_from([SEEN_REQUEST, SEEN_RESPONSE]), st.integers(0, 1_500))
def test_no_bytes_make_the_reader_fail_otherwise(noise, seen, at):
    for data in (noise, seen[:at] + noise, seen[:at] + noise + seen[at + len(noise) :]):
        try:
            read_exchange(data)
        except ExchangeError:
            continue


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_of_bundles_fail_otherwise(noise):
    content_type, entity = keep_bundle(SEEN_REQUEST, [Attachment(noise, "application/pkcs7-mime", None)], "x")
    assert is_exchange(content_type)
    read_bundle(entity)
    try:
        read_bundle(noise)
    except ExchangeError:
        return


@pytest.mark.parametrize(
    ("replaced", "by", "reason"),
    [
        (b'requestId="abc-1@them"', b"", "no requestId"),
        (b"digitalSignature", b"codeSigning", "'codeSigning' is not known"),
        (b"1234567890123456789012", b"0xABC", "without a readable serial number"),
        (b"1234567890123456789012", b"9" * 200, "without a readable serial number"),
        (b"<TrustRequest>", b"<Other>", "no well-formed XML"),
        (b"EDIINTCertificateExchangeRequest", b"Order", "the document is Order"),
        (b"urn:ietf:params:xml:ns:ediintcertificateexchange", b"urn:other", "neither"),
        (b"cert-1@them", b"x" * 1_001, "more than 1000 characters"),
        (b"<ResponseURL>", b"<ResponseURL>a</ResponseURL><ResponseURL>", "ResponseURL is repeated"),
        (b"<?xml version", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><?xml version', "DOCTYPE"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(replaced, by, reason):
    with pytest.raises(ExchangeError, match=reason):
        read_exchange(SEEN_REQUEST.replace(replaced, by))


def test_entities_are_never_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>' + SEEN_REQUEST.partition(b"?>")[2]
    with pytest.raises(ExchangeError, match="DOCTYPE"):
        read_exchange(bomb)


def test_more_than_the_limits_is_refused():
    with pytest.raises(ExchangeError, match="larger than"):
        read_exchange(SEEN_REQUEST + b" " * XML_BYTES_MAX)
    asked = read_exchange(SEEN_REQUEST).trust_requests[0]
    with pytest.raises(ExchangeError, match=f"more than {TRUSTS_MAX} times TrustRequest"):
        read_exchange(write_exchange(ExchangeRequest("r", "n", (asked,) * (TRUSTS_MAX + 1))))
    with pytest.raises(ExchangeError, match="asks for no certificate"):
        read_exchange(write_exchange(ExchangeRequest("r", "n", ())))
    with pytest.raises(ExchangeError, match="answers nothing"):
        read_exchange(write_exchange(ExchangeResponse("r", "n", ())))


def test_a_written_message_is_a_multipart_related_with_certs_only_parts():
    ours = partner().certificate
    content_id = content_id_of(ours, "bigcorp")
    asked = TrustRequest((CertUsage.DIGITAL_SIGNATURE,), reference_to(ours), NOW, "https://us.example/as2", content_id)
    xml = write_exchange(ExchangeRequest("r-1", "us", (asked,), NOW))
    content_type, body = write_message(xml, [(content_id, ours)], "r-1")
    assert write_message(xml, [(content_id, ours)], "r-1") == (content_type, body)
    entity = read_entity(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    assert entity.content_type.value == "multipart/related"
    assert entity.content_type.parameters["type"] == MEDIA_TYPE
    described, attached = split_multipart(entity).parts
    assert described.content_type.value == MEDIA_TYPE
    assert attached.content_type.parameters["smime-type"] == "certs-only"
    assert attached.headers.get("content-id") == f"<{content_id}>"
    data, start, end = attached.decoded()
    bundle = bundle_of(xml, [Attachment(bytes(data[start:end]), "application/pkcs7-mime", None)])
    assert bundle.certificate_of(asked.certificate) == ours
    assert etree.fromstring(xml).tag == f"{{{NAMESPACE}}}EDIINTCertificateExchangeRequest"


@pytest.mark.parametrize("encoding", [serialization.Encoding.DER, serialization.Encoding.PEM])
def test_what_was_received_is_kept_in_one_piece_and_read_again(encoding):
    theirs = partner().certificate.parsed.public_bytes(encoding)
    parts = [Attachment(theirs, "application/pkcs7-mime", "a.p7c"), Attachment(b"nonsense", "text/plain", None)]
    _, entity = keep_bundle(SEEN_REQUEST, parts, "01J")
    bundle = read_bundle(entity)
    assert bundle.xml == SEEN_REQUEST
    assert bundle.certificates == (partner().certificate,)
    assert len(bundle.unreadable) == 1


def test_a_reference_that_fits_no_certificate_or_several_names_none():
    both = (partner().certificate, stranger().certificate)
    bundle = bundle_of(b"", [Attachment(one.der, "application/pkix-cert", None) for one in both])
    assert bundle.certificate_of(reference_to(both[1])) == both[1]
    assert bundle.certificate_of(CertificateReference("CN=x", 1)) is None

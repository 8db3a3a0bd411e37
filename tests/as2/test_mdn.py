"""Receipts: written so that any peer reads them, and believed only when they prove something."""

import email

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2.cms.algorithms import ENVELOPED_DATA, Digest
from gateway.as2.cms.content_info import write_content_info
from gateway.as2.cms.signed_data import Content, sign
from gateway.as2.disposition import PROCESSED, Disposition, Modifier, disposition_of
from gateway.as2.mdn import MdnError, Verdict, holds_mdn, judge_mdn, objection, read_mdn, signing_digest, write_mdn
from gateway.as2.mic import Mic
from gateway.as2.writing import Part, multipart_body
from tests.as2.parties import NOW, PAYLOAD, renewed, signing, stranger, us, write

MESSAGE = write(signing=signing())
GOOD = next(mic for mic in MESSAGE.mics if mic.algorithm is Digest.SHA256)


def receipt(**choices):
    fixed = {
        "as2_from": "us",
        "as2_to": "partner",
        "message_id": "<2@us>",
        "original_message_id": "<1@partner>",
        "now": NOW,
        "reporting_ua": "us; gateway",
        "mic": GOOD,
        "signing": signing(us()),
    }
    return write_mdn(**(fixed | choices))


def read(written, *, require_signed=True, certificates=None, body=None):
    return read_mdn(
        written.headers,
        written.body if body is None else body,
        partner_certificates=[pair.certificate for pair in (certificates or [us()])],
        now=NOW,
        require_signed=require_signed,
    )


def complaint(mdn, **choices):
    fixed = {"message_id": "<1@partner>", "as2_from": "partner", "as2_to": "us", "mics": MESSAGE.mics}
    return objection(mdn, **(fixed | choices))


def test_a_good_receipt():
    mdn = read(receipt(text="Danke.\nBis bald."))
    assert complaint(mdn) is None
    assert (mdn.text, mdn.final_recipient, mdn.mic, mdn.disposition) == ("Danke.\r\nBis bald.", "us", GOOD, PROCESSED)
    assert mdn.signature is not None
    assert mdn.signature.certificate == us().certificate


@pytest.mark.parametrize(
    ("choices", "word"),
    [
        ({"original_message_id": "<3@partner>"}, "another message"),
        ({"as2_from": "other"}, "another partner"),
        ({"as2_to": "other"}, "another partner"),
        ({"mic": None}, "no MIC"),
        ({"mic": Mic(b"x" * 32, Digest.SHA256, "sha-256")}, "something else arrived"),
        ({"mic": Mic(GOOD.digest, Digest.SHA384, "sha-384")}, "something else arrived"),
        ({"mic": Mic(GOOD.digest, None, "md5")}, "something else arrived"),
        ({"disposition": disposition_of(Modifier.DECRYPTION_FAILED)}, "decryption-failed"),
        ({"disposition": disposition_of(Modifier.UNSUPPORTED_FORMAT)}, "failed/Failure: unsupported format"),
        ({"disposition": Disposition("processed", "strange", "thing")}, "strange"),
        ({"disposition": Disposition("displayed")}, "displayed"),
    ],
)
def test_a_receipt_that_proves_nothing(choices, word):
    assert word in complaint(read(receipt(**choices)))


@pytest.mark.parametrize(
    ("mic", "verdict"),
    [
        (None, Verdict.DELIVERED),
        (GOOD, Verdict.DELIVERED),
        (Mic(b"x" * 32, Digest.SHA256, "sha-256"), Verdict.WORTHLESS),
    ],
)
def test_an_unsigned_receipt_may_leave_the_mic_out_but_not_state_another(mic, verdict):
    names = {"message_id": "<1@partner>", "as2_from": "partner", "as2_to": "us"}
    judged = judge_mdn(read(receipt(mic=mic)), **names, mics=MESSAGE.mics, mic_wanted=False)
    assert judged.verdict is verdict


@pytest.mark.parametrize("disposition", [PROCESSED, disposition_of(Modifier.DUPLICATE_DOCUMENT)])
def test_a_warning_is_a_success(disposition):
    assert complaint(read(receipt(disposition=disposition))) is None


@pytest.mark.parametrize("label", ["sha256", "SHA-256", "rsa-sha256", "sha_256", ""])
def test_the_label_in_other_spellings(label):
    assert complaint(read(receipt(mic=Mic(GOOD.digest, Digest.SHA256, label)))) is None


@pytest.mark.parametrize("disposition", [PROCESSED, disposition_of(Modifier.AUTHENTICATION_FAILED)])
def test_a_failure_is_signed_like_a_success(disposition):
    assert read(receipt(disposition=disposition)).signature is not None


def test_an_unsigned_receipt_where_a_signed_one_is_required():
    unsigned = receipt(signing=None)
    assert read(unsigned, require_signed=False).signature is None
    with pytest.raises(MdnError, match="not signed"):
        read(unsigned)


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("pair", "accepted", "word"),
    [(stranger, us, "none of those agreed"), (renewed, renewed, "not valid now")],
)
def test_a_signature_that_is_there_must_be_good(required, pair, accepted, word):
    with pytest.raises(MdnError, match=word):
        read(receipt(signing=signing(pair())), require_signed=required, certificates=[accepted()])


def test_empty_signer_infos():
    written = receipt()
    boundary = dict(written.headers)["Content-Type"].rpartition("boundary=")[2].strip('"').encode()
    report = written.body.split(b"--" + boundary)[1][2:-2]
    nobody = bytes.fromhex(
        "3023 0609 2a864886f70d010702 a016 3014 020101 3100 300b 0609 2a864886f70d010701 3100".replace(" ", "")
    )
    for signature, word in (
        (nobody, "SignerInfos is empty"),
        (write_content_info(ENVELOPED_DATA, b"\x30\x00"), "no SignedData"),
        (
            sign(Content(report), us(), digest=Digest.SHA256, scheme=signing().scheme, now=NOW, encapsulate=True),
            "detached",
        ),
    ):
        part = Part((("Content-Type", "application/pkcs7-signature"),), signature).encoded()
        body = multipart_body([report, part], boundary.decode())
        with pytest.raises(MdnError, match=word):
            read(written, body=body)
    with pytest.raises(MdnError, match="two parts"):
        read(written, body=multipart_body([report], boundary.decode()))


def test_a_changed_receipt():
    written = receipt(disposition=disposition_of(Modifier.DECRYPTION_FAILED))
    with pytest.raises(MdnError, match="not the one that was signed"):
        read(written, body=written.body.replace(b"processed/error: decryption-failed", b"processed"))


def unsigned(body, kind="multipart/report; boundary=b"):
    return (*receipt(signing=None).headers[:7], ("Content-Type", kind)), body


NOTIFICATION = b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [
        ("text/plain", b"OK", "text/plain is no receipt"),
        ("multipart/report", b"", "boundary"),
        ("multipart/report; boundary=b", b"--b\r\n\r\nx\r\n--b--", "without a disposition notification"),
        ("multipart/report; boundary=b", NOTIFICATION + b"Original-Message-ID: x\r\n\r\n--b--", "no disposition"),
        (
            "multipart/report; boundary=b",
            NOTIFICATION + b"Disposition: a; processed\r\nDISPOSITION: b; failed\r\n\r\n--b--",
            "repeated",
        ),
        ("multipart/report; boundary=b", NOTIFICATION + b"nonsense\r\n\r\n--b--", "header fields"),
    ],
)
def test_what_is_no_receipt(kind, body, word):
    headers, _ = unsigned(body, kind)
    with pytest.raises(MdnError, match=word):
        read_mdn(headers, body, partner_certificates=[], now=NOW, require_signed=False)


def test_a_web_page_is_told_as_what_it_is_though_a_signed_receipt_was_required():
    headers, _ = unsigned(b"", "text/html")
    with pytest.raises(MdnError, match="text/html is no receipt"):
        read_mdn(headers, b"<html>Sign in</html>", partner_certificates=[], now=NOW, require_signed=True)


def test_a_bare_receipt_of_another_making():
    body = (
        NOTIFICATION
        + b"Disposition: automatic-action/MDN-sent-automatically;processed\nReceived-content-MIC: ?\n\n--b--"
    )
    headers, _ = unsigned(body)
    mdn = read_mdn(headers, body, partner_certificates=[], now=NOW, require_signed=False)
    assert (mdn.original_message_id, mdn.mic, mdn.final_recipient) == ("", None, "")
    assert mdn.disposition.successful


@pytest.mark.parametrize(
    "message_id", ["<1@partner>", "no brackets", '<"quoted \\" one"@x>', "<ümlaut@x>", "<\udcfc@x>"]
)
def test_the_original_message_id_is_echoed_byte_for_byte(message_id):
    written = receipt(original_message_id=message_id)
    line = b"Original-Message-ID: " + message_id.encode("utf-8", "surrogateescape") + b"\r\n"
    assert line in written.body
    assert read(written).original_message_id == message_id


def test_nothing_can_be_injected():
    evil = "x\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\n\r\nbody"
    written = receipt(
        as2_from=evil,
        as2_to='"' + evil,
        original_message_id=evil,
        reporting_ua=evil,
        disposition=Disposition("failed", "failure", evil),
        text="a\r\n--boundary\x00\r\nb",
        mic=Mic(b"x", None, evil),
    )
    mdn = read(written)
    assert not mdn.disposition.successful
    assert (mdn.as2_from, mdn.as2_to) == ("unknown", "unknown")
    assert "\x00" not in mdn.text


@pytest.mark.parametrize("name", ["us", "a b", '"quoted"', "back\\slash"])
def test_names_come_back_as_they_were(name):
    mdn = read(receipt(as2_from=name, as2_to=name))
    assert (mdn.as2_from, mdn.as2_to) == (name, name)


def test_the_standard_library_reads_it_too():
    written = receipt()
    lines = "".join(f"{name}: {value}\r\n" for name, value in written.headers).encode()
    parsed = email.message_from_bytes(lines + b"\r\n" + written.body)
    assert parsed.defects == []
    report, signature = parsed.get_payload()
    assert report.get_content_type() == "multipart/report"
    assert signature.get_content_type() == "application/pkcs7-signature"
    assert parsed.get_param("micalg") == "sha-256"
    assert report.get_payload()[1].get_content_type() == "message/disposition-notification"


@pytest.mark.parametrize(
    ("requested", "used"),
    [(Digest.SHA512, Digest.SHA512), (Digest.SHA1, Digest.SHA256), (None, Digest.SHA256)],
)
def test_a_receipt_is_never_signed_with_a_weak_digest(requested, used):
    assert signing_digest(requested) is used


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (receipt().headers, receipt().body, True),
        (receipt(signing=None).headers, receipt(signing=None).body, True),
        (MESSAGE.headers, MESSAGE.body, False),
        ((("Content-Type", "application/edi-x12"),), PAYLOAD, False),
        ((("Content-Type", "multipart/signed"),), b"", False),
        ((("Content-Type", "multipart/signed; boundary=b"),), b"--b--\r\n", False),
    ],
)
def test_telling_receipts_from_messages(headers, body, expected):
    assert holds_mdn(headers, body) is expected


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_comes_back_is_a_receipt_or_an_error(data):
    written = data.draw(st.sampled_from([receipt(), receipt(signing=None)]))
    body = bytearray(written.body)
    position = data.draw(st.integers(0, len(body) - 1))
    body[position : position + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        mdn = read(written, body=bytes(body), require_signed=False)
    except MdnError:
        return
    if mdn.signature is not None:
        assert complaint(mdn) is None

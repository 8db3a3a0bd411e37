"""Dispositions and MICs: one table each, written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.as2.cms.algorithms import Digest
from gateway.as2.disposition import (
    EXPLANATIONS,
    MEANINGS,
    PROCESSED,
    As2Refused,
    Disposition,
    Modifier,
    disposition_of,
    may_pass,
    parse_disposition,
    remedy_for,
)
from gateway.as2.message import Attachment, Policy, read_envelope
from gateway.as2.mic import Mic, agrees, choose_algorithm, parse_mic
from tests.as2.parties import PAYLOAD, encryption, enveloped, open_, signing, write

ACTION = "automatic-action/MDN-sent-automatically; "
DISPOSITIONS = [
    (PROCESSED, ACTION + "processed", True),
    (disposition_of(Modifier.DUPLICATE_DOCUMENT), ACTION + "processed/warning: duplicate-document", True),
    (disposition_of(Modifier.DECRYPTION_FAILED), ACTION + "processed/error: decryption-failed", False),
    (disposition_of(Modifier.UNSUPPORTED_FORMAT), ACTION + "failed/Failure: unsupported format", False),
    (Disposition("failed", action=ACTION[:-2]), ACTION + "failed", False),
]


@pytest.mark.parametrize(("disposition", "text", "successful"), DISPOSITIONS)
def test_dispositions(disposition, text, successful):
    assert str(disposition) == text
    assert parse_disposition(text) == disposition
    assert disposition.successful is successful


@pytest.mark.parametrize(
    ("text", "disposition"),
    [
        ("processed", Disposition("processed", action="")),
        (
            "AUTOMATIC-ACTION/MDN-SENT-AUTOMATICALLY;Processed/Error:x",
            Disposition("processed", "error", "x", "AUTOMATIC-ACTION/MDN-SENT-AUTOMATICALLY"),
        ),
        ("a; processed/error", Disposition("processed", "error", "", "a")),
        ("a; processed/Error,Warning: x", Disposition("processed", "error,warning", "x", "a")),
        ("", None),
        ("a;", None),
        ("; /error: x", None),
    ],
)
def test_dispositions_of_others(text, disposition):
    assert parse_disposition(text) == disposition


def test_only_processed_and_a_warning_are_successes():
    assert not Disposition("processed", "error,warning", "x").successful
    assert not Disposition("deleted").successful


@pytest.mark.parametrize("modifier", Modifier)
def test_every_modifier_means_something_to_a_sender(modifier):
    assert MEANINGS[modifier].remedy
    assert remedy_for(Disposition("processed", "error", modifier.value.upper())) == MEANINGS[modifier].remedy


def test_what_somebody_must_change_does_not_pass_by_itself():
    assert {modifier for modifier in Modifier if may_pass(disposition_of(modifier))} == {
        Modifier.INTEGRITY_CHECK_FAILED,
        Modifier.UNEXPECTED_PROCESSING_ERROR,
    }
    in_their_own_words = Disposition("processed", "error", "sender-equals-receiver")
    assert may_pass(in_their_own_words)
    assert remedy_for(in_their_own_words)


@given(st.text(max_size=1_200))
def test_no_disposition_raises(text):
    read = parse_disposition(text)
    assert read is None or read.type


@pytest.mark.parametrize("modifier", Modifier)
def test_every_refusal_carries_its_answer(modifier):
    refused = As2Refused(modifier, "the secret reason")
    assert refused.disposition == disposition_of(modifier)
    assert refused.explanation == EXPLANATIONS[modifier]
    assert "secret" not in refused.explanation + str(refused.disposition)


MICS = [
    ("YWJj, sha-256", Mic(b"abc", Digest.SHA256, "sha-256")),
    ("YWJj,SHA1", Mic(b"abc", Digest.SHA1, "SHA1")),
    (' YW Jj , "sha512" ', Mic(b"abc", Digest.SHA512, "sha512")),
    ("YWJj, md5", Mic(b"abc", None, "md5")),
    ("YWJj", Mic(b"abc", None, "")),
    ("", None),
    (", sha1", None),
    ("!, sha1", None),
    ("ä, sha1", None),
    ("YWJ, sha1", None),
    ("YWJj" * 100, None),
]


@pytest.mark.parametrize(("text", "mic"), MICS)
def test_mics(text, mic):
    assert parse_mic(text) == mic


@given(st.binary(min_size=1, max_size=64), st.sampled_from(list(Digest)))
def test_a_written_mic_is_read_again(digest, algorithm):
    mic = Mic(digest, algorithm, algorithm.value)
    assert parse_mic(str(mic)) == mic


@given(st.text(max_size=300))
def test_no_mic_raises(text):
    parse_mic(text)


REQUESTS = [
    (("sha1", "sha-256", "SHA512", "md5"), (Digest.SHA512, "SHA512")),
    (("sha256", "sha-256"), (Digest.SHA256, "sha256")),
    (("sha1",), (Digest.SHA1, "sha1")),
    (("md5",), (Digest.SHA256, "sha-256")),
    ((), (Digest.SHA256, "sha-256")),
]


@pytest.mark.parametrize(("requested", "chosen"), REQUESTS)
def test_the_strongest_requested_digest_in_the_sender_s_spelling(requested, chosen):
    assert choose_algorithm(requested, frozenset(Digest)) == chosen


def test_policy_limits_the_choice():
    assert choose_algorithm(("sha1", "sha-512"), {Digest.SHA1}) == (Digest.SHA1, "sha1")
    assert choose_algorithm(("sha1",), {Digest.SHA256}, Digest.SHA384) == (Digest.SHA384, "sha-384")


def test_agreement_is_by_label():
    expected = [Mic(b"abc", Digest.SHA256, "sha-256")]
    assert agrees(Mic(b"abc", Digest.SHA256, "sha256"), expected)
    assert agrees(Mic(b"abc", None, ""), expected)
    assert not agrees(Mic(b"abc", Digest.SHA512, "sha512"), expected)
    assert not agrees(Mic(b"abc", None, "md5"), expected)
    assert not agrees(Mic(b"abd", Digest.SHA256, "sha256"), expected)


# -- what is around the payload -----------------------------------------------------------------------------------

PLAIN = Policy(require_signed=False, require_encrypted=False)
RELATED = (
    b"--b\r\nContent-Type: application/pdf; name=b.pdf\r\nContent-ID: <two>\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nYWJj"
    b"\r\n--b\r\nContent-Type: application/edi-x12; name=a.edi\r\nContent-ID: <one>\r\n\r\n"
    + PAYLOAD
    + b"\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("content_type", "payload", "attachment"),
    [
        ('multipart/related; boundary=b; start="<one>"', PAYLOAD, b"abc"),
        ("multipart/related; boundary=b", b"abc", PAYLOAD),
        ("multipart/mixed; boundary=b; start=nothing", b"abc", PAYLOAD),
    ],
)
def test_attachments(content_type, payload, attachment):
    opened = open_(enveloped(content_type, RELATED), PLAIN)
    assert opened.payload == payload
    assert [item.content for item in opened.attachments] == [attachment]
    assert {opened.filename, opened.attachments[0].filename} == {"a.edi", "b.pdf"}
    assert opened.attachments[0].content_type in ("application/pdf", "application/edi-x12")


@pytest.mark.parametrize(
    "protection", [{}, {"signing": signing(), "encryption": encryption(), "compression": "before-signing"}]
)
def test_attachments_of_our_own(protection):
    attachments = (Attachment(b"\x00pdf", "application/pdf", "drawing 1.pdf"), Attachment(b"", "text/plain", None))
    message = write(attachments=attachments, filename="a.edi", **protection)
    opened = open_(message, PLAIN)
    assert (opened.payload, opened.filename, opened.attachments) == (PAYLOAD, "a.edi", attachments)
    assert agrees(opened.mic, message.mics)
    assert read_envelope(message.headers).features == {"multiple-attachments", "cem"}


def test_the_mic_of_a_plain_message_is_over_the_decoded_content():
    binary, base64 = (
        open_(enveloped("text/plain", b"abc"), PLAIN),
        open_(enveloped("text/plain", b"YWJj", "base64"), PLAIN),
    )
    assert binary.mic == base64.mic
    assert binary.signer_fingerprint is None

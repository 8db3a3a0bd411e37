"""The AS2 headers in all the shapes that products send them in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import MdnRequest, quote_name, read_envelope, read_options, unquote_name, write_options

HEADERS = {"AS2-From": "partner", "AS2-To": "us", "Message-ID": "<1@partner>"}


def envelope(**changes):
    fields = HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    return read_envelope({name: value for name, value in fields.items() if value is not None})


def test_the_least_that_is_enough():
    read = envelope()
    assert (read.as2_from, read.as2_to, read.message_id, read.version) == ("partner", "us", "<1@partner>", "1.0")
    assert (read.mdn_request, read.refusal, read.features, read.subject) == (None, None, frozenset(), "")


def test_everything_that_may_be_said():
    read = envelope(
        **{
            "as2-version": "1.2",
            "SUBJECT": "orders",
            "EDIINT-Features": "multiple-attachments, CEM",
            "disposition-notification-to": "edi@partner",
            "Receipt-Delivery-Option": "https://partner/mdn",
        }
    )
    assert (read.version, read.subject, read.features) == ("1.2", "orders", {"multiple-attachments", "cem"})
    assert read.mdn_request == MdnRequest("edi@partner", delivery_url="https://partner/mdn")


NAMES = [
    ("partner", "partner"),
    ('"a b"', "a b"),
    ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
    ("a b", "a b"),
    ("Partner", "Partner"),
    ("x" * 128, "x" * 128),
]


@pytest.mark.parametrize(("raw", "name"), NAMES)
def test_names(raw, name):
    assert unquote_name(raw) == name
    assert unquote_name(quote_name(name)) == name
    assert envelope(**{"AS2-From": raw}).as2_from == name


@pytest.mark.parametrize("raw", ["", " ", '""', '"', '"open', "x" * 129, "ä", "a\tb", "\x7f", '"  "'])
@pytest.mark.parametrize("header", ["AS2-From", "AS2-To"])
def test_what_is_no_name(raw, header):
    read = envelope(**{header: raw})
    assert read.refusal is not None
    assert read.refusal.modifier is Modifier.UNKNOWN_TRADING_RELATIONSHIP
    assert header in read.refusal.audit_reason


@pytest.mark.parametrize("name", ["AS2-From", "AS2-To"])
def test_an_absent_name(name):
    assert envelope(**{name: None}).refusal.modifier is Modifier.UNKNOWN_TRADING_RELATIONSHIP


@pytest.mark.parametrize("message_id", [None, "", "x" * 999, "a\x00b", "a\r\nb"])
def test_what_is_no_message_id(message_id):
    assert envelope(**{"Message-ID": message_id}).refusal.modifier is Modifier.UNEXPECTED_PROCESSING_ERROR


OPTIONS = [
    ("signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=optional, sha-256", True, ("sha-256",)),
    ("signed-receipt-micalg=optional,sha1,md5;signed-receipt-protocol=optional,pkcs7-signature", True, ("sha1", "md5")),
    (
        'signed-receipt-protocol="optional", "pkcs7-signature"; signed-receipt-micalg="required","SHA256"',
        True,
        ("SHA256",),
    ),
    (
        "SIGNED-RECEIPT-PROTOCOL = Optional , PKCS7-Signature ;Signed-Receipt-MicAlg= Optional ,sha512 ;",
        True,
        ("sha512",),
    ),
    ("signed-receipt-protocol=pkcs7-signature; signed-receipt-micalg=sha-384", True, ("sha-384",)),
    ("signed-receipt-protocol=optional, x-pkcs7-signature", True, ()),
    ("signed-receipt-protocol=optional, pgp-signature", False, ()),
    ("", False, ()),
    (";;;=,=;", False, ()),
]


@pytest.mark.parametrize(("options", "signed", "micalgs"), OPTIONS)
def test_receipt_options(options, signed, micalgs):
    read = envelope(**{"Disposition-Notification-To": "x", "Disposition-Notification-Options": options})
    assert read.refusal is None
    assert (read.mdn_request.signed, read.mdn_request.micalgs) == (signed, micalgs)


@pytest.mark.parametrize(
    ("options", "modifier"),
    [
        ("signed-receipt-protocol=required, pgp-signature", Modifier.UNSUPPORTED_FORMAT),
        ("signed-receipt-micalg=required, md5, whirlpool", Modifier.UNSUPPORTED_MIC_ALGORITHMS),
        ("signed-receipt-micalg=required, md5, sha1", None),
        ("signed-receipt-micalg=optional, md5", None),
        ("signed-receipt-micalg=required", None),
    ],
)
def test_options_that_cannot_be_met(options, modifier):
    read = envelope(**{"Disposition-Notification-To": "x", "Disposition-Notification-Options": options})
    assert (read.refusal.modifier if read.refusal else None) is modifier


def test_options_without_a_request_ask_for_nothing():
    assert envelope(**{"Disposition-Notification-Options": OPTIONS[0][0]}).mdn_request is None


@pytest.mark.parametrize("micalgs", [(), ("sha-512",), ("sha1", "sha-256")])
@pytest.mark.parametrize("required", [True, False])
def test_our_options_are_read_as_meant(micalgs, required):
    request = MdnRequest("x", signed=True, micalgs=micalgs, micalg_required=required, format_required=required)
    options = read_options(write_options(request))
    importance = "required" if required else "optional"
    assert options["signed-receipt-protocol"] == (importance, ("pkcs7-signature",))
    assert options["signed-receipt-micalg"] == (importance, micalgs or ("sha-256", "sha-384", "sha-512"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_options_never_raise(value):
    read_options(value)
    envelope(**{"Disposition-Notification-To": value, "Disposition-Notification-Options": value})


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AS2-From", "as2-to", "Message-ID", "EDIINT-Features", "Receipt-Delivery-Option", "X"]),
            st.text(max_size=140),
        ),
        max_size=8,
    )
)
def test_no_headers_raise(fields):
    read = read_envelope(fields)
    assert read.refusal is None or isinstance(read.refusal, As2Refused)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_every_printable_name_survives_quoting(name):
    if name.strip():
        assert unquote_name(quote_name(name)) == name

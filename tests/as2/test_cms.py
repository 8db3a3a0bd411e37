"""The corners of CMS that no peer at hand writes, built by hand."""

import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.certificates import KeyPair, certificate_of
from gateway.as2.cms.algorithms import (
    ALGORITHM_PROTECTION,
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    CONTENT_TYPE,
    DATA,
    DIGESTS,
    ENVELOPED_DATA,
    MESSAGE_DIGEST,
    NULL,
    RSA_ENCRYPTION,
    RSA_OAEP,
    RSA_PSS,
    SIGNED_DATA,
    ZLIB,
    Cipher,
    Digest,
    SignatureScheme,
    algorithm,
    digest_named,
    oid,
)
from gateway.as2.cms.ber import (
    CONTEXT_0,
    CONTEXT_1,
    CONTEXT_2,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    der,
    der_integer,
    read_element,
)
from gateway.as2.cms.compressed_data import compress, decompress
from gateway.as2.cms.content_info import CmsError, Fault, read_content_info, write_content_info
from gateway.as2.cms.enveloped_data import decrypt, encrypt
from gateway.as2.cms.identifiers import issuer_and_serial
from gateway.as2.cms.signed_data import Content, read_signed_data, sign, verify
from tests.as2.parties import NOW, elliptic, partner, renewed, us

SHA256 = algorithm(DIGESTS[Digest.SHA256].identifier)
MD5 = oid("1.2.840.113549.2.5")
CONTENT = b"Content-Type: text/plain\r\n\r\nhello"
ALL = frozenset(Digest)


def attribute(kind, *values):
    return der(SEQUENCE, der(OBJECT_IDENTIFIER, kind), der(SET, *values))


TYPE = attribute(CONTENT_TYPE, der(OBJECT_IDENTIFIER, DATA))
DIGEST = attribute(MESSAGE_DIGEST, der(OCTET_STRING, Content(CONTENT).digest(Digest.SHA256)))


def protection(digest=SHA256, signature=RSA_ENCRYPTION):
    return attribute(
        ALGORITHM_PROTECTION,
        der(SEQUENCE, digest, der(CONTEXT_1, der(OBJECT_IDENTIFIER, signature))),
    )


def signer_info(
    attributes=(TYPE, DIGEST), digest=SHA256, signature_algorithm=None, sid=None, indefinite=False, signature=None
):
    covered = b"".join(attributes)
    if signature is None:
        signature = der(
            OCTET_STRING, partner().private_key.sign(der(SET, covered), padding.PKCS1v15(), hashes.SHA256())
        )
    held = bytes((CONTEXT_0, 0x80)) + covered + b"\x00\x00" if indefinite else der(CONTEXT_0, covered)
    return der(
        SEQUENCE,
        b"\x02\x01\x01",
        sid or issuer_and_serial(partner().certificate),
        digest,
        held,
        signature_algorithm or algorithm(RSA_ENCRYPTION, NULL),
        signature,
    )


def check(*infos, content=CONTENT, content_type=DATA, certificates=None, digests=ALL):
    body = der(
        SEQUENCE,
        b"\x02\x01\x01",
        der(SET, SHA256),
        der(SEQUENCE, der(OBJECT_IDENTIFIER, content_type)),
        der(SET, *infos),
    )
    signed = read_signed_data(read_element(body))
    pinned = [pair.certificate for pair in certificates or [partner()]]
    return verify(signed, Content(content), certificates=pinned, digests=digests)


def fault(read, *arguments, **options):
    with pytest.raises(CmsError) as failed:
        read(*arguments, **options)
    return failed.value.fault


def test_a_signature_made_by_hand():
    assert check(signer_info()).certificate == partner().certificate


def test_attributes_of_indefinite_length():
    assert check(signer_info(indefinite=True)).digest is Digest.SHA256


@pytest.mark.parametrize("attributes", [(TYPE, DIGEST, protection()), (attribute(SIGNED_DATA), TYPE, DIGEST)])
def test_further_attributes(attributes):
    assert check(signer_info(attributes)).scheme is SignatureScheme.RSA_V1_5


SPKI_STRANGER = der(0x80, b"nobody's key identifier")


@pytest.mark.parametrize(
    ("infos", "expected"),
    [
        ((), Fault.UNKNOWN_SIGNER),
        ((signer_info(sid=SPKI_STRANGER),), Fault.UNKNOWN_SIGNER),
        ((signer_info((TYPE,)),), Fault.MALFORMED),
        ((signer_info((DIGEST,)),), Fault.MALFORMED),
        ((signer_info((TYPE, DIGEST, DIGEST)),), Fault.MALFORMED),
        ((signer_info((TYPE, attribute(MESSAGE_DIGEST))),), Fault.MALFORMED),
        ((signer_info((TYPE, attribute(MESSAGE_DIGEST, b"\x04\x01x", b"\x04\x01y"))),), Fault.MALFORMED),
        ((signer_info((TYPE, DIGEST) * 40),), Fault.MALFORMED),
        ((signer_info((*[attribute(SIGNED_DATA)] * 65, TYPE, DIGEST)),), Fault.MALFORMED),
        ((signer_info((b"\x02\x01\x01",)),), Fault.MALFORMED),
        ((signer_info((attribute(CONTENT_TYPE, der(OBJECT_IDENTIFIER, SIGNED_DATA)), DIGEST)),), Fault.BAD_SIGNATURE),
        ((signer_info((TYPE, DIGEST, protection(algorithm(MD5)))),), Fault.BAD_SIGNATURE),
        ((signer_info((TYPE, DIGEST, protection(signature=RSA_PSS))),), Fault.BAD_SIGNATURE),
        ((signer_info(digest=algorithm(MD5)),), Fault.UNSUPPORTED),
        ((signer_info(signature_algorithm=algorithm(MD5)),), Fault.UNSUPPORTED),
        ((signer_info(signature_algorithm=algorithm(DIGESTS[Digest.SHA512].rsa_signature)),), Fault.BAD_SIGNATURE),
        ((signer_info(signature_algorithm=algorithm(DIGESTS[Digest.SHA256].ecdsa_signature)),), Fault.BAD_SIGNATURE),
        ((signer_info(signature=der(OCTET_STRING, b"x")),), Fault.BAD_SIGNATURE),
        ((signer_info(signature=der(SEQUENCE)),), Fault.MALFORMED),
        ((b"\x02\x01\x01",), Fault.MALFORMED),
        ((der(SEQUENCE, b"\x02\x01\x01"),), Fault.MALFORMED),
        ((signer_info(sid=SPKI_STRANGER), signer_info((TYPE,))), Fault.MALFORMED),
    ],
)
def test_signers_that_do_not_count(infos, expected):
    assert fault(check, *infos) is expected


def test_another_content_is_told_from_another_signer():
    assert fault(check, signer_info(), content=b"other") is Fault.BAD_DIGEST


def test_a_good_signer_among_bad_ones():
    bad = (signer_info(sid=SPKI_STRANGER), b"\x02\x01\x01", signer_info((TYPE,)))
    assert check(*bad, signer_info()).certificate == partner().certificate
    assert fault(check, *[signer_info()] * 17) is Fault.UNSUPPORTED


def same_name_and_serial(pair):
    """Another key under the name and serial number of this certificate, as a careless renewal makes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    original = pair.certificate.parsed
    builder = (
        x509.CertificateBuilder()
        .subject_name(original.subject)
        .issuer_name(original.issuer)
        .serial_number(original.serial_number)
        .public_key(key.public_key())
        .not_valid_before(original.not_valid_before_utc)
        .not_valid_after(original.not_valid_after_utc)
    )
    return KeyPair(certificate_of(builder.sign(key, hashes.SHA256())), key)


def test_two_certificates_of_one_name_and_serial_number():
    assert (
        check(signer_info(), certificates=[same_name_and_serial(partner()), partner()]).certificate
        == partner().certificate
    )
    assert fault(check, signer_info((TYPE,)), certificates=[same_name_and_serial(partner())]) is Fault.BAD_SIGNATURE


def test_a_key_identifier_where_the_certificate_has_none():
    bare = same_name_and_serial(partner())
    assert bare.certificate.subject_key_identifier is None
    assert fault(check, signer_info(sid=SPKI_STRANGER), certificates=[bare]) is Fault.UNKNOWN_SIGNER


def pss(*members):
    return algorithm(RSA_PSS, der(SEQUENCE, *members))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (algorithm(RSA_PSS), Fault.BAD_SIGNATURE),
        (pss(der(CONTEXT_0, SHA256)), Fault.BAD_SIGNATURE),
        (pss(der(CONTEXT_0, SHA256), der(CONTEXT_2, der_integer(-1))), Fault.BAD_SIGNATURE),
        (pss(der(CONTEXT_0, algorithm(MD5))), Fault.UNSUPPORTED),
        (pss(der(CONTEXT_0, SHA256), der(CONTEXT_1, algorithm(MD5))), Fault.UNSUPPORTED),
        (pss(der(CONTEXT_0)), Fault.MALFORMED),
    ],
)
def test_pss_parameters(parameters, expected):
    assert fault(check, signer_info(signature_algorithm=parameters)) is expected


def test_pss_with_the_standard_s_default_of_sha1():
    attributes = TYPE + attribute(MESSAGE_DIGEST, der(OCTET_STRING, Content(CONTENT).digest(Digest.SHA1)))
    scheme = padding.PSS(padding.MGF1(hashes.SHA1()), 20)
    signature = der(OCTET_STRING, partner().private_key.sign(der(SET, attributes), scheme, hashes.SHA1()))
    info = signer_info(
        (attributes,),
        digest=algorithm(DIGESTS[Digest.SHA1].identifier),
        signature_algorithm=algorithm(RSA_PSS),
        signature=signature,
    )
    assert check(info).scheme is SignatureScheme.RSA_PSS
    assert fault(check, info, digests={Digest.SHA256}) is Fault.UNSUPPORTED


@pytest.mark.parametrize("content", [CONTENT, b"1: a\r\n\r\n"])
@pytest.mark.parametrize("content_type", [DATA, SIGNED_DATA])
def test_without_signed_attributes(content, content_type):
    signature = partner().private_key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    info = der(
        SEQUENCE,
        b"\x02\x01\x01",
        issuer_and_serial(partner().certificate),
        SHA256,
        algorithm(RSA_ENCRYPTION, NULL),
        der(OCTET_STRING, signature),
    )
    if content is CONTENT and content_type is DATA:
        assert check(info, content=content, content_type=content_type)
    else:
        assert fault(check, info, content=content, content_type=content_type) is Fault.BAD_SIGNATURE


def test_an_elliptic_key_identified_by_its_algorithm_alone():
    key = elliptic().private_key
    signature = der(OCTET_STRING, key.sign(der(SET, TYPE + DIGEST), ec.ECDSA(hashes.SHA256())))
    info = signer_info(
        sid=issuer_and_serial(elliptic().certificate),
        signature_algorithm=algorithm(oid("1.2.840.10045.2.1")),
        signature=signature,
    )
    assert check(info, certificates=[elliptic()]).scheme is SignatureScheme.ECDSA


@pytest.mark.parametrize(
    "members",
    [
        (b"\x02\x01\x01",),
        (b"\x02\x01\x01", der(SET), der(SEQUENCE), der(SET)),
        (
            b"\x02\x01\x01",
            der(SET),
            der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, b"\x02\x01\x01")),
            der(SET),
        ),
        (b"\x02\x01\x01", der(SET), der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA)), der(SEQUENCE)),
    ],
)
def test_what_is_no_signed_data(members):
    assert fault(read_signed_data, read_element(der(SEQUENCE, *members))) is Fault.MALFORMED


def test_signing_times_before_and_after_2050():
    for year, tag in ((2049, b"\x17\x0d49"), (2050, b"\x18\x0f2050")):
        signed = sign(
            Content(b""), partner(), digest=Digest.SHA256, scheme=SignatureScheme.RSA_V1_5, now=NOW.replace(year=year)
        )
        assert tag in signed


# -- enveloped ----------------------------------------------------------------------------------------------------


def open_sealed(sealed, keys=None, ciphers=frozenset(Cipher)):
    kind, element = read_content_info(sealed)
    return decrypt(kind, element, keys=[us()] if keys is None else keys, ciphers=ciphers)


def recipient(rid=None, transport=None, key=b"", tag=SEQUENCE):
    transport = transport or algorithm(RSA_ENCRYPTION, NULL)
    return der(tag, b"\x02\x01\x00", rid or issuer_and_serial(us().certificate), transport, der(OCTET_STRING, key))


AES = algorithm(oid("2.16.840.1.101.3.4.1.2"), der(OCTET_STRING, bytes(16)))
GCM_ID = oid("2.16.840.1.101.3.4.1.6")


def gcm(nonce=bytes(12), *rest):
    return algorithm(GCM_ID, der(SEQUENCE, der(OCTET_STRING, nonce), *rest))


def envelope(*recipients, cipher=AES, content=None, kind=ENVELOPED_DATA, before=b"", after=b""):
    inner = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), cipher, der(0x80, bytes(16)) if content is None else content)
    return write_content_info(kind, der(SEQUENCE, b"\x02\x01\x00", before, der(SET, *recipients), inner, after))


OAEP_ODD = [
    der(CONTEXT_0, algorithm(MD5)),
    der(CONTEXT_1, algorithm(MD5, SHA256)),
    der(CONTEXT_1, algorithm(oid("1.2.840.113549.1.1.8"), algorithm(MD5))),
    der(CONTEXT_2, algorithm(MD5, der(OCTET_STRING))),
]


@pytest.mark.parametrize(
    ("sealed", "expected"),
    [
        (envelope(), Fault.NO_RECIPIENT),
        (envelope(recipient(tag=CONTEXT_1)), Fault.NO_RECIPIENT),
        (envelope(recipient(issuer_and_serial(partner().certificate))), Fault.NO_RECIPIENT),
        (envelope(*[recipient(tag=CONTEXT_1)] * 257), Fault.UNSUPPORTED),
        (envelope(der(SEQUENCE)), Fault.MALFORMED),
        (envelope(recipient(transport=algorithm(MD5))), Fault.UNSUPPORTED),
        *[
            (envelope(recipient(transport=algorithm(RSA_OAEP, der(SEQUENCE, odd)))), Fault.UNSUPPORTED)
            for odd in OAEP_ODD
        ],
        (envelope(recipient(), cipher=algorithm(MD5, NULL)), Fault.UNSUPPORTED),
        (envelope(recipient(), cipher=algorithm(MD5)), Fault.MALFORMED),
        (envelope(recipient(), cipher=gcm()), Fault.UNSUPPORTED),
        (
            envelope(recipient(), cipher=algorithm(oid("2.16.840.1.101.3.4.1.2"), der(OCTET_STRING, b"x"))),
            Fault.MALFORMED,
        ),
        (envelope(recipient(), content=der(OCTET_STRING, b"")), Fault.MALFORMED),
        (envelope(recipient(), content=b""), Fault.MALFORMED),
        (envelope(recipient(), kind=AUTH_ENVELOPED_DATA), Fault.UNSUPPORTED),
        (envelope(recipient(), kind=AUTH_ENVELOPED_DATA, cipher=gcm()), Fault.MALFORMED),
        (envelope(recipient(), kind=AUTH_ENVELOPED_DATA, cipher=gcm(b"short")), Fault.MALFORMED),
        (envelope(recipient(), kind=AUTH_ENVELOPED_DATA, cipher=gcm(bytes(12), der_integer(4))), Fault.MALFORMED),
        (write_content_info(ENVELOPED_DATA, der(SEQUENCE)), Fault.MALFORMED),
        (write_content_info(ENVELOPED_DATA, der(SEQUENCE, b"\x02\x01\x00", der(CONTEXT_0), der(SET))), Fault.MALFORMED),
    ],
)
def test_envelopes_that_anyone_can_see_are_wrong(sealed, expected):
    assert fault(open_sealed, sealed) is expected


@pytest.mark.parametrize("content", [b"", bytes(15)])
def test_ciphertext_that_is_no_whole_blocks(content):
    opened = open_sealed(envelope(recipient(key=bytes(256)), content=der(0x80, content)))
    assert (opened.intact, opened.content) == (False, b"")


@pytest.mark.parametrize("key", [b"", b"x", bytes(256), b"\xff" * 256, bytes(300)])
@pytest.mark.parametrize("transport", [None, algorithm(RSA_OAEP)])
def test_no_wrapped_key_says_why_it_does_not_unwrap(key, transport):
    opened = open_sealed(envelope(recipient(key=key, transport=transport)))
    assert (opened.intact, opened.reason) == (False, "the content key could not be unwrapped")


def test_originator_info_and_a_stranger_are_skipped():
    sealed = encrypt(b"hello", [partner().certificate, us().certificate])
    _, element = read_content_info(sealed)
    version, recipients, inner = (bytes(member.encoded) for member in element.children())
    again = write_content_info(ENVELOPED_DATA, der(SEQUENCE, version, der(CONTEXT_0), recipients, inner))
    opened = open_sealed(again, keys=[elliptic(), us()])
    assert opened.content[: opened.size] == b"hello"


def test_gcm_with_authenticated_attributes_and_a_short_tag():
    key, nonce = bytes(16), bytes(12)
    attributes = TYPE
    sealer = Primitive(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    sealer.authenticate_additional_data(der(SET, attributes))
    sealed = sealer.update(b"hello") + sealer.finalize()
    wrapped = us().certificate.public_key.encrypt(key, padding.PKCS1v15())
    for tag, intact in ((sealer.tag[:12], True), (b"x" * 12, False)):
        after = der(CONTEXT_1, attributes) + der(OCTET_STRING, tag)
        body = envelope(
            recipient(key=wrapped),
            cipher=gcm(nonce),
            kind=AUTH_ENVELOPED_DATA,
            content=der(0x80, sealed),
            after=after,
        )
        opened = open_sealed(body)
        assert (opened.content[: opened.size], opened.intact) == (b"hello" if intact else b"", intact)
        assert opened.reason == ("" if intact else "wrong authentication tag")


def test_encrypted_for_nobody():
    with pytest.raises(ValueError, match="nobody"):
        encrypt(b"", [])


# -- compressed ---------------------------------------------------------------------------------------------------


def compressed(octets, kind=ZLIB):
    held = der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, octets))
    return read_element(der(SEQUENCE, b"\x02\x01\x00", algorithm(kind), held))


def inflate(octets, kind=ZLIB):
    return decompress(compressed(octets, kind), bytes_max=10_000_000, ratio_max=200)


PLAIN = bytes(range(256)) * 4_000
DEFLATED = zlib.compress(PLAIN)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_compressed_data_in_pieces(size):
    deflated = DEFLATED[: len(DEFLATED)]
    pieces = [deflated[at : at + size] for at in range(0, len(deflated), size)]
    octets = der(0x24, *(der(OCTET_STRING, piece) for piece in pieces), der(OCTET_STRING))
    assert inflate(octets) == PLAIN


def test_output_that_fills_a_piece_exactly():
    plain = b"x" * 262_144
    assert inflate(der(OCTET_STRING, zlib.compress(plain))) == plain


@pytest.mark.parametrize(
    ("octets", "kind", "expected"),
    [
        (der(OCTET_STRING, DEFLATED), MD5, Fault.UNSUPPORTED),
        (der(OCTET_STRING, b""), ZLIB, Fault.MALFORMED),
        (der(OCTET_STRING, b"nonsense"), ZLIB, Fault.MALFORMED),
        (der(OCTET_STRING, DEFLATED[:-1]), ZLIB, Fault.MALFORMED),
        (der(OCTET_STRING, DEFLATED + b"x"), ZLIB, Fault.MALFORMED),
        (der(0x24, der(OCTET_STRING, DEFLATED), der(OCTET_STRING, b"x")), ZLIB, Fault.MALFORMED),
        (der(0x02, b"x"), ZLIB, Fault.MALFORMED),
    ],
)
def test_what_does_not_decompress(octets, kind, expected):
    assert fault(inflate, octets, kind) is expected


# -- ContentInfo and names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\n"])
def test_a_line_end_behind_is_allowed(tail):
    assert read_content_info(compress(b"x") + tail)[0] == COMPRESSED_DATA


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        der(SEQUENCE),
        compress(b"x") + b" ",
        der(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), der(CONTEXT_0, b"\x02\x01\x01")),
    ],
)
def test_what_is_no_content_info(data):
    assert fault(read_content_info, data) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("name", "digest"),
    [("SHA1", Digest.SHA1), ('"sha-256"', Digest.SHA256), ("rsa-sha512", Digest.SHA512), ("md5", None), ("", None)],
)
def test_names_of_digests(name, digest):
    assert digest_named(name) is digest


def test_the_renewed_certificate_is_another_one():
    assert renewed().certificate != partner().certificate


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_of_a_structure_breaks_a_reader(data):
    sealed = bytearray(data.draw(st.sampled_from(STRUCTURES)))
    for _ in range(data.draw(st.integers(1, 3))):
        sealed[data.draw(st.integers(0, len(sealed) - 1))] = data.draw(st.integers(0, 255))
    try:
        kind, element = read_content_info(bytes(sealed))
        if kind == SIGNED_DATA:
            signed = read_signed_data(element)
            verify(signed, Content(signed.content or b""), certificates=[partner().certificate], digests=ALL)
        elif kind == COMPRESSED_DATA:
            decompress(element, bytes_max=1_000, ratio_max=10)
        else:
            decrypt(kind, element, keys=[us()], ciphers=frozenset(Cipher))
    except CmsError:
        return


STRUCTURES = [
    sign(Content(CONTENT), partner(), digest=Digest.SHA256, scheme=SignatureScheme.RSA_PSS, now=NOW, encapsulate=True),
    encrypt(CONTENT, [us().certificate]),
    encrypt(CONTENT, [us().certificate], cipher=Cipher.AES128_GCM),
    compress(CONTENT),
]

"""Keys as people have them: what the openssl command line makes is read, in any order and mixture."""

import itertools
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs.certificates import CertificateError, certificate_of
from certs.importing import choose_pair, read_heap
from certs.keyring import KeyRingError
from tests.certs.pairs import NOW, curve_pair, pair, rsa_key

SECRET = "a passphrase of the import tests"


def issued(subject, issuer, issuer_key, public_key, *, ca):
    name = x509.Name.from_rfc4514_string
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=700))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256())


@cache
def chain():
    """(key of the leaf, leaf, intermediate, root)."""
    root_key, middle_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = issued("CN=root", "CN=root", root_key, root_key.public_key(), ca=True)
    middle = issued("CN=middle", "CN=root", root_key, middle_key.public_key(), ca=True)
    leaf = issued("CN=leaf", "CN=middle", middle_key, rsa_key(0).public_key(), ca=False)
    return rsa_key(0), leaf, middle, root


def key_pem(key, *, secret=None, form=serialization.PrivateFormat.PKCS8):
    guard = serialization.BestAvailableEncryption(secret.encode()) if secret else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, guard)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The leaf with its key and its issuers, as openssl writes them in every form."""
    folder = tmp_path_factory.mktemp("files")
    key, leaf, middle, root = chain()
    (folder / "key.pem").write_bytes(key_pem(key))
    (folder / "secret").write_text(SECRET)
    for name, certificate in (("leaf", leaf), ("middle", middle), ("root", root)):
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "issuers.pem").write_bytes((folder / "root.pem").read_bytes() + (folder / "middle.pem").read_bytes())
    guarded = ("-aes256", "-passout", "file:secret")
    p12 = ("pkcs12", "-export", "-inkey", "key.pem", "-in", "leaf.pem", "-certfile", "issuers.pem")
    calls = [
        ("x509", "-in", "leaf.pem", "-outform", "DER", "-out", "leaf.der"),
        ("x509", "-in", "leaf.pem", "-text", "-out", "leaf-with-text.pem"),
        ("x509", "-in", "leaf.pem", "-trustout", "-addtrust", "emailProtection", "-out", "leaf-trusted.pem"),
        ("pkey", "-in", "key.pem", "-outform", "DER", "-out", "key.der"),
        ("pkcs8", "-topk8", "-in", "key.pem", "-outform", "DER", "-out", "key-guarded.der", "-passout", "file:secret"),
        ("rsa", "-in", "key.pem", "-traditional", *guarded, "-out", "key-traditional.pem"),
        ("crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-certfile", "issuers.pem", "-out", "all.p7b"),
        ("crl2pkcs7", "-nocrl", "-certfile", "issuers.pem", "-outform", "DER", "-out", "issuers.p7b"),
        (*p12, "-passout", "file:secret", "-out", "all.p12"),
        (*p12, "-passout", "file:secret", "-legacy", "-out", "legacy.p12"),
        (*p12, "-passout", "pass:", "-out", "open.p12"),
    ]
    for call in calls:
        subprocess.run(["openssl", *call], cwd=folder, check=True, capture_output=True)
    return folder


def imported(files, *names, secret=None):
    return choose_pair(read_heap([(name, (files / name).read_bytes()) for name in names], secret))


# (files, whether they are guarded, how many issuers come along)
MIXTURES = [
    (("key.pem", "leaf.pem"), False, 0),
    (("key.der", "leaf.der", "issuers.p7b"), False, 2),
    (("key-guarded.der", "leaf-with-text.pem", "middle.pem"), True, 1),
    (("key-traditional.pem", "all.p7b"), True, 2),
    (("all.p12",), True, 2),
    (("legacy.p12",), True, 2),
    (("key.pem", "leaf-trusted.pem", "issuers.pem"), False, 2),
    (("all.p12", "key.pem", "all.p7b", "leaf.der"), True, 2),
    (("root.pem", "key.pem", "leaf.pem"), False, 0),
]


@pytest.mark.parametrize(("names", "guarded", "issuers"), MIXTURES)
def test_every_mixture_in_every_order(files, names, guarded, issuers):
    secret = SECRET.encode() if guarded else None
    for order in itertools.islice(itertools.permutations(names), 6):
        found = imported(files, *order, secret=secret)
        assert found.pair.certificate.subject == "CN=leaf"
        assert found.pair.private_key.public_key() == found.pair.certificate.public_key
        assert [one.subject for one in found.chain] == ["CN=middle", "CN=root"][:issuers]


def test_a_file_without_a_passphrase_opens_with_none_or_an_empty_one(files):
    data = (files / "open.p12").read_bytes()
    for secret in (None, b""):
        assert choose_pair(read_heap([("open.p12", data)], secret)).pair.certificate.subject == "CN=leaf"


def test_an_elliptic_curve_in_the_form_that_openssl_writes(tmp_path):
    call = ["ecparam", "-name", "secp384r1", "-genkey", "-out", "key.pem"]
    subprocess.run(["openssl", *call], cwd=tmp_path, check=True, capture_output=True)
    call = ["req", "-x509", "-new", "-key", "key.pem", "-subj", "/CN=curve", "-days", "30", "-out", "leaf.pem"]
    subprocess.run(["openssl", *call], cwd=tmp_path, check=True, capture_output=True)
    both = (tmp_path / "key.pem").read_bytes() + (tmp_path / "leaf.pem").read_bytes()
    assert choose_pair(read_heap([("both.pem", both)], None)).pair.certificate.subject == "CN=curve"


@pytest.mark.parametrize("name", ["all.p12", "legacy.p12", "key-guarded.der", "key-traditional.pem"])
def test_a_wrong_or_missing_passphrase_is_said_and_never_shown(files, name):
    for secret in (None, b"wrong horse"):
        with pytest.raises(KeyRingError, match=f"{name}: .*passphrase") as failed:
            imported(files, name, "leaf.pem", secret=secret)
        assert "horse" not in str(failed.value)


def test_what_does_not_belong_together_is_refused(files):
    with pytest.raises(KeyRingError, match="no private key"):
        imported(files, "leaf.pem")
    with pytest.raises(KeyRingError, match=r"No certificate is that of the private key \(CN=middle; CN=root\)"):
        imported(files, "key.pem", "middle.pem", "root.pem")
    with pytest.raises(KeyRingError, match="none at all"):
        imported(files, "key.pem")
    other = curve_pair(1)
    second = key_pem(other.private_key) + other.certificate.pem()
    heap = [("both.pem", second), *((name, (files / name).read_bytes()) for name in ("key.pem", "leaf.pem"))]
    with pytest.raises(KeyRingError, match="several pairs"):
        choose_pair(read_heap(heap, None))


def test_of_several_certificates_on_one_key_the_youngest_is_taken():
    old, new = pair(0), pair(3)
    data = key_pem(old.private_key) + new.certificate.pem() + old.certificate.pem()
    assert choose_pair(read_heap([("x", data)], None)).pair == new


def test_a_chain_that_goes_in_a_circle_ends():
    one, two = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    first = issued("CN=one", "CN=two", two, one.public_key(), ca=True)
    second = issued("CN=two", "CN=one", one, two.public_key(), ca=True)
    data = key_pem(one) + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (first, second))
    found = choose_pair(read_heap([("x", data)], None))
    assert found.chain == (certificate_of(second),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing at all",
        b"-----BEGIN CERTIFICATE-----\nAAAA",
        b"-----BEGIN ",
        b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
        b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"\x30\x82\x01\x00\x02\x01\x03",
    ],
)
def test_what_is_none_of_the_forms_is_said(data):
    with pytest.raises(KeyRingError, match=r"file\.x: "):
        read_heap([("file.x", data)], b"x")


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"-----BEGIN PRIVATE KEY-----\n" + tail))
def test_any_bytes_are_refused_in_words(data):
    with pytest.raises((KeyRingError, CertificateError)):
        choose_pair(read_heap([("file", data)], None))


def test_any_cut_of_a_real_file_is_refused_or_read(files):
    whole = (files / "all.p12").read_bytes()
    for end in range(0, len(whole), 97):
        with pytest.raises(KeyRingError):
            read_heap([("file", whole[:end])], SECRET.encode())

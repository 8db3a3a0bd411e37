"""The key ring: what is sealed opens again, secrets stay secret, and which pair does what is a matter of the moment."""

import base64
import subprocess
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from certs.certificates import CertificateError
from certs.key_folder import TAKEN_OVER_FILE, holds_keys, read_key_folder
from certs.keyring import HeldPair, KeyRing, KeyRingError, ring_at, seal, unseal
from certs.lives import Life
from certs.wrapping import ROUNDS, wrap
from tests.certs.pairs import NOW, curve_pair, pair

PASSPHRASE = b"correct horse battery staple"
DAY = timedelta(days=1)


def held(one, **life):
    fixed = {"identity": "plant", "certificate": one.certificate, "chain": (), "created_at": NOW}
    return HeldPair(Life(**(fixed | life)), one)


@cache
def sealed(number):
    return seal(pair(number).private_key, PASSPHRASE)


def write(folder, identity, number, *, signing=False):
    (folder / identity).mkdir(parents=True, exist_ok=True)
    stem = pair(number).certificate.fingerprint
    (folder / identity / f"{stem}.key").write_bytes(sealed(number))
    (folder / identity / f"{stem}.crt").write_bytes(pair(number).certificate.pem())
    if signing:
        (folder / identity / "signing").write_text(stem)


# --- sealed keys -----------------------------------------------------------------------------------------------------


def test_what_is_sealed_opens_again_with_its_passphrase_alone():
    opened = unseal(sealed(1), pair(1).certificate.pem(), PASSPHRASE)
    assert opened.private_key.private_numbers() == pair(1).private_key.private_numbers()
    assert sealed(1).startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(KeyRingError) as failed:
        unseal(sealed(1), pair(1).certificate.pem(), b"wrong")
    assert "wrong passphrase" in str(failed.value)
    assert "horse" not in str(failed.value)


def test_openssl_opens_what_is_sealed_and_guessing_takes_its_time(tmp_path):
    (tmp_path / "sealed.pem").write_bytes(sealed(1))
    call = ["openssl", "pkey", "-in", "sealed.pem", "-passin", f"pass:{PASSPHRASE.decode()}", "-pubout"]
    shown = subprocess.run(call, cwd=tmp_path, check=True, capture_output=True).stdout
    assert serialization.load_pem_public_key(shown) == pair(1).certificate.public_key
    parsed = subprocess.run(["openssl", "asn1parse"], input=sealed(1), check=True, capture_output=True).stdout.decode()
    for word in ("PBES2", "PBKDF2", f"INTEGER           :{ROUNDS:06X}", "hmacWithSHA256", "aes-256-cbc"):
        assert word in parsed
    assert seal(pair(1).private_key, PASSPHRASE) != sealed(1), "another salt each time"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 100, 127, 128, 255, 256, 5_000])
def test_any_length_is_written_in_der(size):
    with pytest.raises(KeyRingError, match="wrong passphrase, or no PKCS#8 key"):
        unseal(wrap(bytes(size), b"x"), pair(1).certificate.pem(), b"x")
    body = base64.b64decode(b"".join(wrap(bytes(size), b"x").splitlines()[1:-1]))
    parsed = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=body, check=True, capture_output=True)
    assert b"Error" not in parsed.stderr


def test_a_key_and_the_certificate_of_another():
    with pytest.raises(KeyRingError, match="not that of the private key"):
        unseal(sealed(1), pair(2).certificate.pem(), PASSPHRASE)
    with pytest.raises(CertificateError):
        unseal(sealed(1), b"nothing", PASSPHRASE)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_keys_come_open_and_closed(encoding):
    plain = pair(1).private_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert unseal(plain, pair(1).certificate.pem(), None) == pair(1)
    with pytest.raises(KeyRingError, match="is not encrypted"):
        unseal(plain, pair(1).certificate.pem(), PASSPHRASE)
    with pytest.raises(KeyRingError, match="needs its passphrase"):
        unseal(sealed(1), pair(1).certificate.pem(), None)
    with pytest.raises(KeyRingError, match="cannot be read"):
        unseal(plain[:100], pair(1).certificate.pem(), None)


def test_a_key_of_another_kind():
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyRingError, match="neither RSA nor elliptic curve"):
        unseal(key, pair(1).certificate.pem(), None)


def test_nothing_prints_a_secret():
    ring, _ = ring_at([held(pair(1), signs_from=NOW)], NOW)
    for shown in (repr(ring), repr(held(pair(1)))):
        assert "private_key" not in shown
        assert "PRIVATE" not in shown


# --- the ring of a moment --------------------------------------------------------------------------------------------


def test_the_cut_over_changes_the_signer_and_both_decrypt():
    old, new = held(pair(1), signs_from=NOW), held(pair(2), signs_from=NOW + 7 * DAY)
    before, until = ring_at([old, new], NOW + DAY)
    assert before.keys_of("plant").signing == pair(1)
    assert before.keys_of("plant").decryption == (pair(2), pair(1))
    assert until == NOW + 7 * DAY
    after, _ = ring_at([old, new], until)
    assert after.keys_of("plant").signing == pair(2)
    assert after.keys_of("plant").decryption == (pair(2), pair(1))


def test_the_old_pair_decrypts_until_its_last_moment():
    old = held(pair(1), signs_from=NOW, decrypts_until=NOW + 9 * DAY)
    new = held(pair(2), signs_from=NOW + DAY)
    at_the_end, _ = ring_at([old, new], NOW + 9 * DAY)
    assert pair(1) in at_the_end.keys_of("plant").decryption
    behind, until = ring_at([old, new], NOW + 9 * DAY + timedelta(milliseconds=1))
    assert behind.keys_of("plant").decryption == (pair(2),)
    assert until is None


def test_a_pair_that_signs_decrypts_whatever_was_planned():
    only = held(pair(1), signs_from=NOW, decrypts_until=NOW + DAY)
    ring, _ = ring_at([only], NOW + 9 * DAY)
    assert ring.keys_of("plant").decryption == (pair(1),)


def test_an_elliptic_curve_signs_and_does_not_decrypt():
    ring, _ = ring_at([held(pair(1)), held(curve_pair(1), signs_from=NOW)], NOW)
    assert ring.keys_of("plant").signing == curve_pair(1)
    assert ring.keys_of("plant").decryption == (pair(1),)


def test_identities_do_not_know_each_others_keys():
    ring, _ = ring_at([held(pair(1)), held(pair(2), identity="office")], NOW)
    assert ring.keys_of("office").decryption == (pair(2),)
    with pytest.raises(KeyRingError, match="there are keys for: office, plant"):
        ring.keys_of("shop")
    with pytest.raises(KeyRingError, match="there are keys for: none"):
        KeyRing().keys_of("plant")


# --- the folder of earlier versions ----------------------------------------------------------------------------------


def test_the_folder_of_an_earlier_version_is_read(tmp_path):
    write(tmp_path, "plant", 1, signing=True)
    write(tmp_path, "plant", 2)
    write(tmp_path, "office", 1)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "plant" / "left-over.key").write_text("")
    assert holds_keys(tmp_path)
    found = {(one.identity, one.pair.certificate.subject, one.signs) for one in read_key_folder(tmp_path, PASSPHRASE)}
    assert found == {("plant", "CN=us 1", True), ("plant", "CN=us 2", False), ("office", "CN=us 1", True)}
    (tmp_path / TAKEN_OVER_FILE).write_text("")
    assert not holds_keys(tmp_path)


def test_an_absent_folder_holds_nothing(tmp_path):
    assert not holds_keys(tmp_path / "keys")
    assert read_key_folder(tmp_path / "keys", PASSPHRASE) == ()


@pytest.mark.parametrize("marker", [b"nonsense", b"\xff"])
def test_mishaps_in_the_folder_name_their_remedy(tmp_path, marker):
    write(tmp_path, "plant", 1)
    with pytest.raises(KeyRingError, match="wrong passphrase"):
        read_key_folder(tmp_path, b"wrong")
    (tmp_path / "plant" / "signing").write_bytes(marker)
    with pytest.raises(KeyRingError, match="names no pair"):
        read_key_folder(tmp_path, PASSPHRASE)
    (tmp_path / "plant" / "signing").unlink()
    stem = pair(1).certificate.fingerprint
    (tmp_path / "plant" / f"{stem}.crt").write_text("nothing")
    with pytest.raises(KeyRingError, match="no readable certificate"):
        read_key_folder(tmp_path, PASSPHRASE)
    (tmp_path / "plant" / f"{stem}.key").unlink()
    with pytest.raises(KeyRingError, match="Restore it from the backup"):
        read_key_folder(tmp_path, PASSPHRASE)


def test_a_curve_that_certificates_have():
    key = ec.generate_private_key(ec.SECP384R1())
    assert serialization.load_pem_private_key(seal(key, b"x"), b"x").private_numbers() == key.private_numbers()

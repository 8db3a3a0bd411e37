"""The key ring on disk: what is stored comes back, secrets stay secret, and every mishap names its remedy."""

import stat
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from certs import keyring
from certs.certificates import CertificateError
from certs.creation import certify
from certs.keyring import (
    KeyRing,
    KeyRingError,
    choose_signing_key,
    load_key_ring,
    read_passphrase,
    seal,
    store_key_pair,
    unseal,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PASSPHRASE = b"correct horse battery staple"


@cache
def pair(number: int):
    return certify(ec.generate_private_key(ec.SECP256R1()), f"us {number}", now=NOW + timedelta(days=number))


@pytest.fixture
def ring(tmp_path):
    return tmp_path / "keys"


def signer(ring):
    return load_key_ring(ring, PASSPHRASE).keys_of("plant").signing


def test_what_is_stored_comes_back(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    store_key_pair(ring, "plant", pair(2), PASSPHRASE)
    store_key_pair(ring, "office", pair(1), PASSPHRASE)
    loaded = load_key_ring(ring, PASSPHRASE)
    assert set(loaded.identities) == {"plant", "office"}
    assert loaded.keys_of("plant").signing == pair(2)
    assert loaded.keys_of("plant").decryption == (pair(2), pair(1))
    assert loaded.keys_of("office").decryption == (pair(1),)
    found = loaded.keys_of("plant").signing.private_key
    assert found.private_numbers() == pair(2).private_key.private_numbers()


def test_a_pair_that_waits_for_its_day(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    store_key_pair(ring, "plant", pair(2), PASSPHRASE, signing=False)
    assert signer(ring) == pair(1)
    choose_signing_key(ring, "plant", pair(2).certificate.fingerprint)
    assert signer(ring) == pair(2)


def test_the_newest_signs_while_nothing_is_chosen(ring):
    store_key_pair(ring, "plant", pair(2), PASSPHRASE, signing=False)
    assert signer(ring) == pair(2)
    store_key_pair(ring, "plant", pair(3), PASSPHRASE, signing=False)
    assert signer(ring) == pair(2)


def test_files_are_for_their_owner_and_encrypted(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    files = [path for path in ring.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".key", ".crt", ""}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (ring, ring / "plant")} == {0o700}
    key = next(path for path in files if path.suffix == ".key").read_bytes()
    assert key.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_nothing_prints_a_secret(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    loaded = load_key_ring(ring, PASSPHRASE)
    assert "private_key" not in repr(loaded)
    assert "PRIVATE" not in repr(loaded)
    with pytest.raises(KeyRingError) as failed:
        load_key_ring(ring, b"wrong")
    assert "wrong passphrase" in str(failed.value)
    assert "horse" not in str(failed.value)


def test_an_absent_ring_is_empty(ring):
    assert load_key_ring(ring, PASSPHRASE) == KeyRing()
    with pytest.raises(KeyRingError, match="there are keys for: none"):
        KeyRing().keys_of("plant")


def test_other_things_in_the_folder_are_left_alone(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    (ring / ".hidden").mkdir()
    (ring / "empty").mkdir()
    (ring / "file").write_text("")
    (ring / "plant" / "left-over.key").write_text("")
    assert set(load_key_ring(ring, PASSPHRASE).identities) == {"plant"}


@pytest.mark.parametrize("identity", ["", "..", ".x", "a/b", "x" * 65, "a b"])
def test_identities_that_are_no_folder(ring, identity):
    with pytest.raises(KeyRingError, match="cannot name an identity"):
        store_key_pair(ring, identity, pair(1), PASSPHRASE)


def test_mishaps_name_their_remedy(ring):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    folder, stem = ring / "plant", pair(1).certificate.fingerprint
    (folder / "signing").write_text("nonsense")
    with pytest.raises(KeyRingError, match="certs roll"):
        load_key_ring(ring, PASSPHRASE)
    (folder / "signing").write_bytes(b"\xff")
    with pytest.raises(KeyRingError, match="certs roll"):
        load_key_ring(ring, PASSPHRASE)
    (folder / "signing").unlink()
    (folder / f"{stem}.crt").write_bytes(pair(2).certificate.pem())
    with pytest.raises(KeyRingError, match="not that of the private key"):
        load_key_ring(ring, PASSPHRASE)
    (folder / f"{stem}.crt").write_bytes(b"nonsense")
    with pytest.raises(KeyRingError, match="no readable certificate"):
        load_key_ring(ring, PASSPHRASE)
    (folder / f"{stem}.key").unlink()
    with pytest.raises(KeyRingError, match="Restore it from the backup"):
        load_key_ring(ring, PASSPHRASE)


@pytest.mark.parametrize("fingerprint", ["", "ab", "../plant/x"])
def test_choosing_a_pair_that_is_not_there(ring, fingerprint):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    with pytest.raises(KeyRingError, match="has no pair"):
        choose_signing_key(ring, "plant", fingerprint)


def test_a_ring_that_is_a_file(ring):
    ring.write_text("")
    with pytest.raises(KeyRingError, match="cannot be read"):
        load_key_ring(ring, PASSPHRASE)
    with pytest.raises(KeyRingError, match="cannot be written"):
        store_key_pair(ring, "plant", pair(1), PASSPHRASE)


def test_a_write_that_fails_leaves_what_was(ring, monkeypatch):
    store_key_pair(ring, "plant", pair(1), PASSPHRASE)
    before = sorted(path.name for path in (ring / "plant").iterdir())

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyring.os, "fsync", full)
    with pytest.raises(KeyRingError, match="No space left"):
        store_key_pair(ring, "plant", pair(2), PASSPHRASE)
    with pytest.raises(KeyRingError, match="No space left"):
        choose_signing_key(ring, "plant", pair(1).certificate.fingerprint)
    assert sorted(path.name for path in (ring / "plant").iterdir()) == before
    assert signer(ring) == pair(1)


def test_keys_from_elsewhere():
    certificate = pair(1).certificate.pem()
    der = pair(1).private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert unseal(der, certificate, None) == pair(1)
    assert unseal(seal(pair(1).private_key, b"x"), certificate, b"x") == pair(1)
    edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for key, passphrase, word in (
        (der, b"x", "is not encrypted"),
        (seal(pair(1).private_key, b"x"), None, "needs its passphrase"),
        (b"nonsense", None, "cannot be read"),
        (edwards, None, "neither RSA nor"),
    ):
        with pytest.raises(KeyRingError, match=word):
            unseal(key, certificate, passphrase)
    with pytest.raises(CertificateError):
        unseal(der, b"nonsense", None)


def test_the_passphrase_from_environment_or_file(tmp_path):
    file = tmp_path / "passphrase"
    file.write_bytes(b"from file\r\n")
    assert read_passphrase({"GATEWAY_KEY_PASSPHRASE": "from environment"}) == b"from environment"
    assert read_passphrase({"GATEWAY_KEY_PASSPHRASE_FILE": str(file)}) == b"from file"
    file.write_bytes(b"\n")
    for environment, word in (
        ({}, "no passphrase is given"),
        ({"GATEWAY_KEY_PASSPHRASE": "x", "GATEWAY_KEY_PASSPHRASE_FILE": "y"}, "Unset one"),
        ({"GATEWAY_KEY_PASSPHRASE_FILE": str(tmp_path / "absent")}, "cannot be read"),
        ({"GATEWAY_KEY_PASSPHRASE_FILE": str(file)}, "0 bytes"),
        ({"GATEWAY_KEY_PASSPHRASE": "x" * 1_024}, "1024 bytes"),
    ):
        with pytest.raises(KeyRingError, match=word):
            read_passphrase(environment)

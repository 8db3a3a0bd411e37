"""Requests that were damaged, in every way we know of: what must hold for any bytes holds for them."""

import base64
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.as2.cms.algorithms import COMPRESSED_DATA
from gateway.as2.cms.ber import DEPTH_MAX
from tests.fuzz.as2_properties import AS2_PROPERTIES
from tests.fuzz.as2_seeds import FOUND_IN_AS2, WORDS, as2_seeds, messages
from tests.fuzz.mutations import MUTATIONS, mutated

SEEDS = list(as2_seeds())


def holds(data: bytes) -> None:
    for check in AS2_PROPERTIES.values():
        check(data)


def test_what_was_found_once_is_not_found_again():
    for path in sorted(FOUND_IN_AS2.glob("*.bin")):
        holds(path.read_bytes())


@pytest.mark.parametrize("name", AS2_PROPERTIES)
def test_sound_messages_and_receipts(name):
    for data in SEEDS:
        AS2_PROPERTIES[name](data)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_damaged_in_one_way(mutate):
    chance = random.Random(mutate.__name__)
    for data in chance.sample(SEEDS, 30):
        holds(mutate(data, chance))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_damaged_in_several_ways(data, chance):
    holds(mutated(data, chance))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=12)), max_size=24))
def test_words_of_the_formats_in_any_order(words):
    holds(b"".join(words))


def test_cut_off_everywhere():
    shortest = min(messages(), key=len)
    for end in range(len(shortest)):
        holds(shortest[:end])


def test_a_signed_and_encrypted_message_is_refused_with_any_one_bit_changed():
    """What an attacker can do to the ciphertext has one answer (see `as2_properties.oracle_stays_silent`)."""
    sealed = list(messages())[12]
    at = sealed.index(b"\r\n\r\n") + 4
    chance = random.Random(4_711)
    for _ in range(300):
        changed = bytearray(sealed)
        changed[chance.randrange(at, len(sealed))] ^= 1 << chance.randrange(8)
        AS2_PROPERTIES["as2-oracle"](bytes(changed))


HEAD = b"AS2-From: partner\r\nAS2-To: us\r\nMessage-ID: <1@partner>\r\nContent-Type: "
PKCS7 = HEAD + b"application/pkcs7-mime; smime-type=compressed-data\r\n\r\n"


def _compressed(content: bytes) -> bytes:
    """A CompressedData of indefinite lengths."""
    octets = b"\x04\x84" + len(content).to_bytes(4, "big") + content
    encapsulated = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80" + octets + bytes(4)
    zlib_algorithm = b"\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08"
    kind = b"\x06" + bytes([len(COMPRESSED_DATA)]) + COMPRESSED_DATA
    return b"\x30\x80" + kind + b"\xa0\x80\x30\x80\x02\x01\x00" + zlib_algorithm + encapsulated + bytes(6)


HOSTILE = {
    "constructed without end": b"\x30\x80" * 20_000,
    "as deep as allowed and deeper": b"\x30\x80" * (DEPTH_MAX + 1) + bytes(2 * DEPTH_MAX + 2),
    "octets in octets": b"\x24\x80" * 20_000,
    "many empty elements": b"\x30\x80" + b"\x04\x00" * 60_000 + bytes(2),
    "a length that is a lie": b"\x30\x88" + b"\xff" * 8 + b"x" * 100,
    "boundaries": HEAD + b"multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 30_000,
    "boundaries that are none": HEAD + b"multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"\r\n--bx" * 60_000,
    "parts inside parts": HEAD + b"multipart/mixed; boundary=b\r\n\r\n"
    + b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 3_000,
    "parameters": HEAD + b"a/b" + b"; a*0*=x" * 20_000 + b"\r\n\r\nx",
    "quotes": HEAD + b'a/b; a="' + b'\\"' * 40_000 + b"\r\n\r\nx",
    "header lines": b"A: b\r\n" * 30_000 + b"\r\n",
    "a header line without end": b"A: " + b"b" * 200_000,
    "a bomb": PKCS7 + _compressed(zlib.compress(bytes(64 * 1_048_576), 9)),
    "base64 without end": HEAD + b"application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"\x30\x80" * 40_000),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(20)
def test_what_would_like_to_take_long(name):
    holds(HOSTILE[name])

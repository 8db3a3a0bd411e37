"""Signed requests that were damaged in every way we know of: what must hold for any bytes holds for them."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signatures import SignatureRefused
from gateway.signatures.structured_fields import parse_dictionary
from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.signature_properties import FOUND_IN_SIGNATURES, SIGNATURE_PROPERTIES, WORDS, signature_seeds
from tests.signatures.requests import changed, field, signed, verified
from tests.signatures.requests import post as a_post

SEEDS = list(signature_seeds())


def holds(data: bytes) -> None:
    for check in SIGNATURE_PROPERTIES.values():
        check(data)


def test_what_was_found_once_is_not_found_again():
    for path in sorted(FOUND_IN_SIGNATURES.glob("*.bin")):
        holds(path.read_bytes())


def test_sound_requests():
    for data in SEEDS:
        holds(data)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_damaged_in_one_way(mutate):
    chance = random.Random(mutate.__name__)
    for data in SEEDS:
        for _ in range(4):
            holds(mutate(data, chance))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False))
def test_damaged_in_several_ways(data, chance):
    holds(mutated(data, chance))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=8)), max_size=30))
def test_words_of_the_fields_in_any_order(words):
    holds(b"".join(words))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    holds(data)


def test_cut_off_everywhere():
    for end in range(len(SEEDS[0])):
        holds(SEEDS[0][:end])


@pytest.mark.parametrize("name", ["Signature-Input", "Signature"])
def test_a_request_is_refused_with_any_one_bit_changed(name):
    """What reads as the same fields is the same: a tab for a blank, bits of base64 that no byte is made of."""
    head = signed(a_post())
    assert verified(head).key_id == "ed25519"
    text = field(head, name)
    for at in range(text.index("=") + 1, len(text)):
        for bit in range(7):
            other = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
            with contextlib.suppress(SignatureRefused):
                verified(changed(head, name, other))
                assert parse_dictionary(other) == parse_dictionary(text)

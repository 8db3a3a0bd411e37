"""Sessions that were damaged in every way we know of: what must hold for any bytes holds for them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.sftp_properties import FOUND_IN_SFTP, SFTP_PROPERTIES, WORDS, sftp_seeds
from tests.sftp.packets import INIT

SEEDS = list(sftp_seeds())


def holds(data: bytes) -> None:
    for check in SFTP_PROPERTIES.values():
        check(data)


def test_what_was_found_once_is_not_found_again():
    for path in sorted(FOUND_IN_SFTP.glob("*.bin")):
        holds(path.read_bytes())


def test_sound_sessions():
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
def test_words_in_any_order(words):
    holds(INIT + b"".join(words))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    holds(data)
    holds(INIT + data)

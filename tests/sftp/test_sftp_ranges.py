"""Which bytes have come is known in any order, without keeping account of more holes than the limit says."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import Coverage, Declined, Status


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=40), st.integers(0, 20))
def test_the_same_as_a_set_of_bytes(pieces, already):
    coverage = Coverage(already)
    model = set(range(already))
    for offset, length in pieces:
        coverage.add(offset, length)
        model |= set(range(offset, offset + length))
        contiguous = next(place for place in range(200) if place not in model)
        assert coverage.contiguous == contiguous
        assert coverage.end == max(model, default=-1) + 1
        assert {byte for start, end in coverage.ranges() for byte in range(start, end)} == model
        assert coverage.has_hole == (len(model) > contiguous)
        assert [coverage.covers(size) for size in range(80)] == [size <= contiguous for size in range(80)]


@given(st.permutations(range(20)))
def test_pieces_in_any_order_make_the_whole(order):
    coverage = Coverage()
    for piece in order:
        assert not coverage.covers(20_000)
        coverage.add(piece * 1_000, 1_000)
    assert coverage.covers(20_000)
    assert not coverage.has_hole


def test_more_holes_than_are_kept_account_of_are_declined():
    coverage = Coverage(ranges_max=3)
    for number in range(1, 4):
        coverage.add(number * 10, 5)
    with pytest.raises(Declined, match="more than 3 separate pieces") as declined:
        coverage.add(100, 1)
    assert declined.value.status is Status.FAILURE
    assert declined.value.words == str(declined.value)
    coverage.add(15, 5)
    coverage.add(100, 1)
    coverage.add(0, 10)
    assert coverage.contiguous == 25
    assert coverage.end == 101


@given(st.lists(st.tuples(st.integers(0, 2**64), st.integers(0, 2**18)), max_size=60))
def test_never_more_ranges_than_the_limit(pieces):
    coverage = Coverage(ranges_max=4)
    for offset, length in pieces:
        with contextlib.suppress(Declined):
            coverage.add(offset, length)
        assert len(coverage._starts) == len(coverage._ends) <= 4
        edges = [
            coverage.contiguous,
            *(edge for pair in zip(coverage._starts, coverage._ends, strict=True) for edge in pair),
        ]
        assert all(one < other for one, other in pairwise(edges))

"""Files damaged at random: whatever the two disagree about is explained."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.second_opinion import second_opinion, temporary_maps
from tests.translators.x12.conftest import FIXTURES

FILES = sorted(
    path.read_bytes().decode("latin-1")
    for path in FIXTURES.glob("*.edi")
    if path.read_bytes().startswith(b"ISA*") and path.read_bytes()[105:106] == b"~"
)
VALUES = [
    *("", "0", "1", "-1", "1.5", "5.", ".5", "-", "1E2", "+1", "1,5", "00001", "12345678901234567890"),
    *("20260230", "20240229", "00110913", "260105", "2400", "2359", "23595", "23595999"),
    *("99", "ZZ", "XX", "EA", "00", "a", "AB ", "  ", " A", "A>B", "A>", ">", "A^B", "A" * 90, "\x01", "\x7f", "é"),
]
EDITS = st.tuples(
    st.sampled_from(["set", "set", "set", "append", "repeat", "move", "drop", "cut", "bare"]),
    st.integers(0, 60),
    st.integers(1, 12),
    st.sampled_from(VALUES),
)


@pytest.fixture(scope="module")
def maps():
    with temporary_maps() as maps:
        yield maps


def damaged(text: str, edits) -> bytes:
    """A file after edits of its segments behind ISA."""
    head, segments = text[:106], text[106:].split("~")
    for edit, place, element, value in edits:
        at = place % len(segments)
        parts = segments[at].split("*")
        match edit:
            case "set":
                parts[min(element, len(parts) - 1) or -1] = value
                segments[at] = "*".join(parts)
            case "append":
                segments[at] += f"*{value}"
            case "repeat":
                segments.insert(at, segments[at])
            case "move":
                segments.insert(element, segments.pop(at))
            case "drop" if len(segments) > 1:
                del segments[at]
            case "cut":
                segments[at] = "*".join(parts[:element])
            case _:
                segments[at] = parts[0]
    return (head + "~".join(segments)).encode("latin-1")


@settings(max_examples=150, deadline=None)
@given(text=st.sampled_from(FILES), edits=st.lists(EDITS, min_size=1, max_size=3))
def test_every_disagreement_about_a_damaged_file_is_explained(maps, text, edits):
    data = damaged(text, edits)
    assert [one for one in second_opinion(data, maps).disagreements if one.explanation is None] == []

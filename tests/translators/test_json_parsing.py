"""The quick parser of sound texts and the careful one agree, and the quick one leaves every fault to the other."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.building import NumberText
from translators.json.parsing import DEPTH_MAX, NotSoundError, _Parser, parse, parse_sound

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def quickly(text):
    try:
        return parse_sound(text)
    except NotSoundError:
        return NotSoundError


def carefully(text):
    try:
        return _Parser(text).whole()
    except Exception:  # noqa: BLE001  # whatever the careful parser says is wrong
        return NotSoundError


@settings(deadline=None, max_examples=150)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_sound_texts_have_the_same_value(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    careful = carefully(text)
    assert quickly(text) in (careful, NotSoundError)
    assert repr(quickly(text)) in (repr(careful), repr(NotSoundError))  # numbers by their text


@settings(deadline=None, max_examples=200)
@given(VALUES, st.data())
def test_a_text_with_a_fault_is_never_taken_as_sound(value, data):
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 2))
    text = (
        text[:at]
        + data.draw(st.sampled_from(["", ",", "}", "]", '"', "\\", "0", ".", "e", "-", "\x01", "\u00a0"]))
        + text[at + cut :]
    )
    quick = quickly(text)
    assert quick is NotSoundError or repr(quick) == repr(carefully(text))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        "[NaN]",
        "[Infinity]",
        '["\\ud800"]',
        '["\\ud83d\\ude00"]',
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        "[" * 100_000,
        "[" + "1" * 101 + "]",
        "[01]",
        "[1.]",
        "[1] 2",
        '["\x00"]',
        "",
    ],
)
def test_what_the_careful_parser_must_judge_is_left_to_it(text):
    assert quickly(text) is NotSoundError


def test_the_deepest_text_allowed_is_sound():
    text = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    assert quickly(text) == carefully(text) != NotSoundError


def test_numbers_keep_their_text():
    [number] = parse(b"[1.500]").tree
    assert number == "1.500"
    assert isinstance(number, NumberText)

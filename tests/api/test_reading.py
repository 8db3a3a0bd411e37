import difflib
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.reading import CONTENT_BYTES_MAX, FAULTS_MAX, FAULTS_WORDED_MAX, read_json
from gateway.model.refusals import Reason, Refused


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    quantity: Decimal = Field(gt=0)
    unit: Literal["EA", "CA"]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=5)
    on: date | None = None
    lines: tuple[Line, ...] = Field(default=(), max_length=100)
    either: "int | Line | None" = None


def faults_of(body: bytes) -> list[dict[str, Any]]:
    with pytest.raises(Refused) as refused:
        read_json(body, Answer)
    assert refused.value.reason is Reason.INVALID_CONTENT
    errors = refused.value.extra["errors"]
    assert isinstance(errors, list)
    return errors


@pytest.mark.parametrize(
    "body", [b"name=a", b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--x--\r\n']
)
def test_a_form_is_told_that_it_is_none_of_ours(body):
    (error,) = faults_of(body)
    assert "a JSON object, {...}, and no form" in error["message"]
    assert "form" not in faults_of(b'{"name": a}')[0]["message"]


def test_what_is_right_becomes_the_model_without_rounding():
    read = read_json(
        b'{"name":"a","on":"2026-03-01","lines":[{"quantity":0.1,"unit":"EA"},'
        b'{"quantity":"12345678901234567890.123","unit":"CA"}]}',
        Answer,
    )
    assert read.on == date(2026, 3, 1)
    assert [line.quantity for line in read.lines] == [Decimal("0.1"), Decimal("12345678901234567890.123")]


@pytest.mark.parametrize(
    ("body", "pointer", "code", "says"),
    [
        (b'{"nam":"x","name":"a"}', "/nam", "extra-forbidden", "did you mean `name`?"),
        (b'{"name":"a","zzzzzz":1}', "/zzzzzz", "extra-forbidden", "there is `either`, `lines`, `name`, `on`"),
        (b"{}", "/name", "missing", "`name` is missing"),
        (b"[]", "", "model-type", "write {...}"),
        (b'{"name":3}', "/name", "string-type", "write it in quotes"),
        (b'{"name":"abcdef"}', "/name", "string-too-long", "5 characters at most"),
        (b'{"name":"a","on":"1.3.2026"}', "/on", "date-parsing", "2026-03-01"),
        (b'{"name":"a","lines":{}}', "/lines", "tuple-type", "write [...]"),
        (b'{"name":"a","lines":[{"quantity":0,"unit":"EA"}]}', "/lines/0/quantity", "greater-than", "more than 0"),
        (b'{"name":"a","lines":[{"quantity":1,"unit":"ea"}]}', "/lines/0/unit", "literal-error", "`EA`, `CA`"),
        (b'{"name":"a","lines":[{"quantity":1,"unti":"EA"}]}', "/lines/0/unti", "extra-forbidden", "`unit`"),
        (b'{"name":"a","either":{"quantity":1,"x/y":2}}', "/either/x~1y", "extra-forbidden", "`quantity`, `unit`"),
        (b'{"name":"a","name":"b"}', "", "duplicate-key", "twice"),
        (b'{"name":NaN}', "/name", "not-a-number", "NaN"),
        (b'{"name":"\\ud800"}', "/name", "lone-surrogate", "whole character"),
        (b'{"name":"\\u0000"}', "/name", "control-character", "control"),
        (b'{"name":"a"', "", "truncated", "ends"),
        (b'{"name":"\xff"}', "", "invalid-utf8", "UTF-8"),
        (b"[" * 100_000, "/0" * 64, "too-deep", "deeper than 64"),
        (b'{"name":' + b"9" * 5_000 + b"}", "/name", "number-too-long", "100 characters"),
        (b'{"name":"a","lines":[{"quantity":1e400,"unit":"EA"}]}', "/lines/0/quantity", "finite-number", "too large"),
        (
            b'{"name":"a","lines":[{"quantity":0.1234567890123456,"unit":"EA"}]}',
            "/lines/0/quantity",
            "number-too-precise",
            "15 digits",
        ),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(body, pointer, code, says):
    errors = faults_of(body)
    (told,) = [error for error in errors if (error["pointer"], error["code"]) == (pointer, code)]
    assert says in told["message"]


def test_of_very_many_faults_the_first_are_told():
    with pytest.raises(Refused) as refused:
        read_json(b'{"name":"a","lines":[' + b",".join([b"1"] * 100) + b"]}", Answer)
    assert len(refused.value.extra["errors"]) == FAULTS_MAX
    assert refused.value.extra["errors_omitted"] == 50


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        pytest.param(
            b'{"name":"a","lines":[' + b",".join([b'{"quantity":1,"unti":"EA"}'] * 9_999) + b"]}",
            "/lines/0/unit",
            "missing",
            id="the same fault in each item",
        ),
        pytest.param(b'{"name":"a","lines":[' + b"{}," * 10_000 + b"{}]}", "/lines", "too-long", id="items"),
        pytest.param(
            b"{" + b",".join(b'"n%d":1' % number for number in range(201)) + b"}", "", "too-many-members", id="members"
        ),
        pytest.param(
            b'{"name":"a","lines":['
            + b",".join(b"{" + b",".join(b'"n%d":1' % name for name in range(150)) + b"}" for _ in range(500))
            + b"]}",
            "",
            "too-many-faults",
            id="faults without end",
        ),
        pytest.param(
            b'{"name":"a","lines":['
            + b'{"quantity":1,"unit":"EA"},' * 60
            + b",".join([b'{"quantity":1,"x":1}'] * 3_000)
            + b"]}",
            "",
            "too-many-faults",
            id="behind the first items",
        ),
    ],
)
def test_a_body_full_of_faults_costs_no_more_than_another(body, pointer, code, monkeypatch):
    looked_at = []
    original = difflib.get_close_matches
    monkeypatch.setattr(
        difflib, "get_close_matches", lambda *about, **how: looked_at.append(1) or original(*about, **how)
    )
    errors = faults_of(body)
    assert (errors[0]["pointer"], errors[0]["code"]) == (pointer, code)
    assert len(errors) <= FAULTS_MAX
    assert len(looked_at) <= FAULTS_WORDED_MAX


def test_nothing_and_too_much_have_refusals_of_their_own():
    with pytest.raises(Refused) as empty:
        read_json(b"", Answer)
    assert empty.value.reason is Reason.BODY_EMPTY
    with pytest.raises(Refused) as large:
        read_json(b" " * (CONTENT_BYTES_MAX + 1), Answer)
    assert large.value.reason is Reason.BODY_TOO_LARGE


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0dDnamelis1e-.', max_size=60).map(str.encode))
def test_whatever_comes_is_read_or_refused(body):
    try:
        read = read_json(body, Answer)
    except Refused as refused:
        assert refused.reason in {Reason.INVALID_CONTENT, Reason.BODY_EMPTY}  # noqa: PT017  # most bytes are refused
    else:
        assert len(read.name) <= 5

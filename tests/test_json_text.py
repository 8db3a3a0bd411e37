"""JSON for programs: names that are no UTF-8 do not break it, faults of ours still do."""

import os
from datetime import UTC, datetime

import orjson
import pytest

from gateway.json_text import json_bytes


def test_a_name_that_is_no_utf_8_is_shown_as_its_escape() -> None:
    name = os.fsdecode(b"caf\xe9")
    value = {name: [name, ("plain é", 1, None)], "at": datetime(2026, 1, 31, tzinfo=UTC)}
    shown = "caf\\udce9"
    assert orjson.loads(json_bytes(value)) == {shown: [shown, ["plain é", 1, None]], "at": "2026-01-31T00:00:00+00:00"}
    assert json_bytes({"a": name}, option=orjson.OPT_INDENT_2) == b'{\n  "a": "caf\\\\udce9"\n}'
    assert json_bytes({"a": name, "b": {1}}, default=str) == b'{"a":"caf\\\\udce9","b":"{1}"}'


def test_what_has_no_form_in_json_is_still_a_fault() -> None:
    with pytest.raises(TypeError):
        json_bytes({"a": {1}})

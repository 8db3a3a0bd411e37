"""A file of a sample against what came out in its place."""

from collections.abc import Iterator
from itertools import islice
from json import JSONDecodeError
from typing import Any

import orjson

from gateway.onboarding.samples.comparing.differences import DIFFERENCES_MAX, Difference, shortened
from gateway.onboarding.samples.comparing.json_values import json_differences
from gateway.onboarding.samples.comparing.x12_segments import x12_differences
from gateway.onboarding.samples.comparing.xml_elements import xml_differences
from gateway.onboarding.samples.reading import FINDINGS

# What a finding says for people, in words that get better, and where in the bytes it stands.
_FOR_PEOPLE = frozenset({"message", "byte_offset"})


def differences(file: str, expected: bytes, came: bytes) -> tuple[Difference, ...]:
    """Where a file and what came out differ, the first `DIFFERENCES_MAX` places."""
    parts = _parts(file, expected, came)
    return tuple(Difference(file, *part) for part in islice(parts, DIFFERENCES_MAX))


def _parts(file: str, expected: bytes, came: bytes) -> Iterator[tuple[str, str | None, str | None]]:
    if file.endswith(".edi"):
        return x12_differences(expected, came)
    if file.endswith(".xml"):
        return xml_differences(expected, came)
    try:
        values = orjson.loads(expected), orjson.loads(came)
    except JSONDecodeError as error:
        return iter([("", f"no JSON: {error.msg}", shortened(came.decode("utf-8", "replace")))])
    return json_differences(*map(in_meaning, values)) if file == FINDINGS else json_differences(*values)


def in_meaning(findings: Any) -> Any:  # noqa: ANN401  # JSON, of whatever form a person gave it
    """Findings by what they mean: neither their words nor what is not known of them counts."""
    if not isinstance(findings, list):
        return findings
    return [
        {key: value for key, value in finding.items() if key not in _FOR_PEOPLE and value is not None}
        if isinstance(finding, dict)
        else finding
        for finding in findings
    ]

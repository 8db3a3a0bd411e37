"""What schemathesis cannot know from the document alone; it loads this file itself (SCHEMATHESIS_HOOKS)."""

import itertools
import json
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from gateway.api.promising import IDEMPOTENCY_KEY
from gateway.api.reading import _WORDS
from tests.site import acknowledgment_855

_numbers = itertools.count(1)
_INTERCHANGES = st.integers(min_value=1, max_value=999_999).map(acknowledgment_855)
_XML = st.sampled_from([b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', b"<cXML/>"])
_KEY = re.compile(IDEMPOTENCY_KEY.schema["pattern"])
_SCHEMA_CODES = {
    # How large a number is that is sent as text, and how many digits it has, is said in words alone.
    *(kind.replace("_", "-") for kind in _WORDS if not kind.startswith(("decimal", "greater", "less"))),
    *("extra-forbidden", "literal-error", "control-character"),
}
# What no schema can say: a cursor is what a page before gave, and an address one that was agreed.
_BEYOND_SCHEMAS = ("`cursor` is taken from `next`", "ask our people to add it")


schemathesis.openapi.media_type("application/edi-x12", _INTERCHANGES)
schemathesis.openapi.media_type("application/xml", _XML)
schemathesis.serializer.alias("application/edi-x12", "text/plain")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Each call from a network of its own, since whoever fails too often from one is answered 429 in place of 401.

    And each with an Idempotency-Key of its own, where it has one: two calls that are made up are two.
    """
    number = next(_numbers)
    case.headers["X-Forwarded-For"] = f"10.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"
    key = case.headers.get(IDEMPOTENCY_KEY.name)
    if isinstance(key, str) and _KEY.search(key):
        case.headers[IDEMPOTENCY_KEY.name] = f"{number}"


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Rules that no schema can say are no failures."""
    if "Schema-valid request rejected" not in failure.title:
        return True
    if any(rule in response.text for rule in _BEYOND_SCHEMAS):
        return False
    # What an answer to an order says must fit the order, too.
    faults = json.loads(response.text).get("errors", ())
    return not faults or any(_is_of_schema(fault) for fault in faults)


def _is_of_schema(fault: Any) -> bool:
    if fault["code"] == "missing":
        # That one field asks for another is said in words alone.
        return fault["message"].endswith("is missing; give it a value")
    return fault["code"] in _SCHEMA_CODES

"""Reading what the ERP wants sent: a CloudEvent around canonical documents, in AMQP or HTTP, binary or structured.

Pure: bytes and attributes in, a `Wanted` or the reason why not out.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.broker.outcomes import STRUCTURED_PREFIX
from gateway.broker.publishing import HEADER_PREFIX
from translators.json.parsing import parse, positions

CHARACTERS_MAX: Final[Mapping[str, int]] = {
    "id": 255,
    "source": 1_000,
    "partner": 200,
    "identity": 200,
    "correlationid": 255,
}
# A structured event is read whole before anything is known of it; what is larger is read beside the loop.
READ_ON_THE_LOOP_BYTES_MAX: Final = 8_192
BATCH_PREFIX: Final = "application/cloudevents-batch"
# The CloudEvents binding for AMQP allows both (3.1.3.1); over HTTP it is ce- (HTTP binding, 3.1.3).
PREFIXES: Final = (HEADER_PREFIX, "cloudEvents:")
HTTP_PREFIX: Final = "ce-"
_BLANK_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants sent.

    Attributes:
        partner: to whom; the id of a profile.
        source: CloudEvents source.
        id: CloudEvents id, unique within the source.
        body: canonical documents, JSON or XML.
        content_type: of the body.
        identity: ours that is to speak; empty where the agreement picks.
    """

    partner: str
    source: str
    id: str
    body: bytes
    content_type: str
    correlation_id: str = ""
    identity: str = ""


class MalformedWanted(Exception):  # noqa: N818  # it is one
    """Nothing that could be recorded; the text says what is wrong, for the ERP team that finds it."""


def attributes_of(headers: Mapping[str, object]) -> dict[str, str]:
    """The CloudEvents attributes among the headers of an AMQP message."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        for prefix in PREFIXES:
            if name.startswith(prefix):
                text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes | bytearray) else value
                found[name.removeprefix(prefix).lower()] = str(text)
    return found


def read_wanted(
    body: bytes,
    content_type: str | None,
    attributes: Mapping[str, str],
    *,
    partner: str = "",
    correlation_id: str = "",
    bytes_max: int,
    prefix: str = HEADER_PREFIX,
) -> Wanted:
    """What is wanted, by a binary CloudEvent (attributes beside the document) or a structured one (all in the body).

    Args:
        body: of the message.
        content_type: of the message.
        attributes: CloudEvents attributes, for a binary one.
        partner: where no attribute names one.
        correlation_id: where no attribute gives one.
        bytes_max: of the body.
        prefix: before the name of an attribute, for what is said about it.

    Raises:
        MalformedWanted: with the attribute and the remedy.
    """
    if len(body) > bytes_max:
        raise MalformedWanted(f"the body has {len(body)} bytes, at most {bytes_max} are read")
    declared = (content_type or "").strip().lower()
    if declared.startswith(BATCH_PREFIX):
        raise MalformedWanted("a batch of events; publish each one by itself")
    document, document_type = body, content_type or ""
    if declared.startswith(STRUCTURED_PREFIX):
        attributes, document, document_type = _structured(body)
        prefix = ""
    held = {name: _attribute(attributes, name, prefix) for name in CHARACTERS_MAX}
    for name in ("id", "source"):
        if not held[name]:
            raise MalformedWanted(f"{prefix}{name} is missing: without id and source nobody can tell a repetition")
    if _BLANK_OR_CONTROL.search(held["source"]):
        raise MalformedWanted(f"{prefix}source is a URI reference (such as /erp/sap), without blanks")
    named = held["partner"] or _attribute({"partner": partner}, "partner", "")
    if not named:
        raise MalformedWanted(f"{prefix}partner is missing: it says to whom the document goes")
    return Wanted(
        partner=named,
        source=held["source"],
        id=held["id"],
        body=document,
        content_type=document_type,
        correlation_id=held["correlationid"] or correlation_id[: CHARACTERS_MAX["correlationid"]],
        identity=held["identity"],
    )


def _attribute(attributes: Mapping[str, str], name: str, prefix: str) -> str:
    value = attributes.get(name, "").strip()
    if len(value) > CHARACTERS_MAX[name]:
        raise MalformedWanted(f"{prefix}{name} has {len(value)} characters, at most {CHARACTERS_MAX[name]} are kept")
    if _CONTROL.search(value):
        raise MalformedWanted(f"{prefix}{name} holds a control character")
    return value


def _structured(body: bytes) -> tuple[dict[str, str], bytes, str]:
    """Attributes, document and its type out of a structured event (CloudEvents JSON format, 3)."""
    parsed = parse(body)
    tree = parsed.tree
    if not parsed.is_sound or not isinstance(tree, dict):
        why = parsed.findings[0].message if parsed.findings else "it is no object"
        raise MalformedWanted(f"the body is no CloudEvent in JSON: {why}")
    attributes = {name: value for name, value in tree.items() if isinstance(value, str)}
    document_type = attributes.get("datacontenttype", "application/json")
    if "data_base64" in tree:
        try:
            return attributes, base64.b64decode(attributes.get("data_base64", ""), validate=True), document_type
        except (binascii.Error, ValueError):
            raise MalformedWanted("data_base64 is no base64") from None
    if "data" not in tree:
        raise MalformedWanted("the event has no data; the document goes there")
    if isinstance(tree["data"], str):  # XML, say
        return attributes, tree["data"].encode("utf-8", "backslashreplace"), document_type
    # The text as it stands: written anew, a number might come out as another.
    start = positions(parsed.text)[("data",)]
    _, end = json.JSONDecoder().raw_decode(parsed.text, start)
    return attributes, parsed.text[start:end].encode("utf-8", "backslashreplace"), document_type

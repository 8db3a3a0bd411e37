"""Header fields of answers, as the OpenAPI document tells them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.api.promising import Schema


def _text(says: str, example: str, pattern: str = "") -> Schema:
    schema: Schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"description": says, "schema": schema, "example": example}


RATE_HEADERS: Final = ("RateLimit", "RateLimit-Policy")
DEPRECATION_HEADERS: Final = ("Deprecation", "Sunset", "Link")
HEADERS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "Location": _text("Where it is found.", "/v1/documents/01JNPG7W3Q8Z5V4T2R1S0XKCDA", "^/"),
        "Idempotency-Replayed": _text("`true`: the first answer to this key, again.", "true", "^true$"),
        "Idempotency-Expires": _text(
            "Until when the key of this call is remembered, as HTTP date.", "Sun, 31 May 2026 12:00:00 GMT"
        ),
        "Preference-Applied": _text("What of `Prefer` was followed (RFC 7240 3).", "wait=10"),
        "RateLimit": _text(
            "How much is left of each policy now, and in how many seconds there is more "
            "(draft-ietf-httpapi-ratelimit-headers).",
            '"submit";r=499;t=1',
        ),
        "RateLimit-Policy": _text("How much may be asked for.", '"submit";q=500;w=5'),
        "Retry-After": {
            "description": "In how many seconds to try again (RFC 9110 10.2.3).",
            "schema": {"type": "integer", "minimum": 0},
            "example": 1,
        },
        "WWW-Authenticate": _text("How to say who you are (RFC 9110 11.6.1).", 'Bearer realm="partner-gateway"'),
        "Allow": _text("Methods that the address answers.", "GET"),
        "Accept": _text("Media types that are taken or given here.", "application/json"),
        "Deprecation": _text("Since when the call is on its way out (RFC 9745).", "@1767225600", "^@[0-9]+$"),
        "Sunset": _text("When the call ends (RFC 8594).", "Thu, 31 Dec 2026 23:59:59 GMT"),
        "Link": _text(
            "What takes its place (`successor-version`) and what is said of it (`deprecation`), RFC 8288.",
            '</v1/reference>; rel="deprecation"; type="text/html"',
        ),
        "ETag": _text("The version of what was answered.", '"9f86d081884c7d65"'),
        "Repr-Digest": _text(
            "Digest of the whole, in the form that it is answered in (RFC 9530 3).",
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        ),
        "Content-Disposition": _text("The name that the document was given.", 'attachment; filename="855.edi"'),
    }
)

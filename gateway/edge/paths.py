"""Paths of requests: split while they are still encoded, each part decoded once (RFC 3986 2.4).

So a part may hold what would otherwise separate parts: the number of an order is data, and may well be `4711/2026`.
"""

import re
from urllib.parse import quote, unquote_to_bytes

from gateway.model.refusals import Reason, Refused

# A number of 200 characters of four bytes each takes 2,400 when it is encoded.
PATH_CHARACTERS_MAX = 4_096
# The first of nothing else than two hexadecimal digits behind a percent sign.
_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS = re.compile(r"\.{1,2}")


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path as it came, decoded; the first is what stands before the first slash.

    Raises:
        Refused: INVALID_REQUEST, it is encoded wrongly; NOT_FOUND, no address of ours is so long, or holds a NUL.
    """
    if len(path) > PATH_CHARACTERS_MAX:
        raise Refused(Reason.NOT_FOUND, "there is nothing at this address")
    if "%" not in path:
        return tuple(path.split("/"))
    if _MALFORMED.search(path):
        raise Refused(Reason.INVALID_REQUEST, "in a path `%` is followed by two hexadecimal digits; write it as %25")
    try:
        parts = tuple(unquote_to_bytes(part).decode() for part in path.split("/"))
    except UnicodeDecodeError:
        raise Refused(Reason.INVALID_REQUEST, "what a path encodes with `%` is UTF-8") from None
    if any("\0" in part for part in parts):
        raise Refused(Reason.NOT_FOUND, "there is nothing at this address")  # no name and no number holds a NUL
    return parts


def encoded(part: str) -> str:
    """A part of a path, whatever it holds, so that it stands for itself."""
    # A part of nothing but dots would be taken away on the way (RFC 3986 5.2.4).
    return part.replace(".", "%2E") if _DOTS.fullmatch(part) else quote(part, safe="", errors="backslashreplace")

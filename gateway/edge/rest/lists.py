"""Pages of a list: how long they are, and where the next one begins.

A cursor is opaque to whoever gets it: it is followed as it is, and what it holds may change with a release.
"""

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from gateway.api.promising import LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX
from gateway.edge.bodies import Request
from gateway.model.refusals import Reason, Refused

CURSOR_CHARACTERS_MAX = 512
INSTANT_CHARACTERS_MAX = 40
TEXT_CHARACTERS_MAX = 255
# RFC 3339 5.6; Python reads more forms of ISO 8601 than that.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

PositionT = TypeVar("PositionT")


def read_number(request: Request, name: str, default: int, maximum: int, *, minimum: int = 1) -> int:
    """A number in the query.

    Raises:
        Refused: it is none, or outside its bounds.
    """
    text = read_once(request, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) and minimum <= int(text) <= maximum):
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` is a number from {minimum} to {maximum}")
    return int(text)


def read_limit(request: Request) -> int:
    """How many there are to be on a page, as every list promises it.

    Raises:
        Refused: it is no number, or outside its bounds.
    """
    return read_number(request, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX)


def read_once(request: Request, name: str) -> str | None:
    """What the query says under a name.

    Raises:
        Refused: it says it twice.
    """
    values = request.query.getall(name, ())
    if len(values) > 1:
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` stands {len(values)} times in the query; give it once")
    return values[0] if values else None


def read_text(request: Request, name: str) -> str | None:
    """A text in the query.

    Raises:
        Refused: it is empty, too long, or no text.
    """
    text = read_once(request, name)
    if text is not None and (not 0 < len(text) <= TEXT_CHARACTERS_MAX or _CONTROL.search(text)):
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` has 1 to {TEXT_CHARACTERS_MAX} printable characters")
    return text


def read_instant(request: Request, name: str) -> int | None:
    """An instant in the query, in milliseconds since 1970.

    Raises:
        Refused: it is no RFC 3339 time with an offset.
    """
    text = read_once(request, name)
    if text is None:
        return None
    # A plus that was not escaped in the query comes as a blank.
    text = re.sub(r" (?=\d\d:\d\d$)", "+", text)
    at_ms = -1
    if len(text) <= INSTANT_CHARACTERS_MAX and _INSTANT.fullmatch(text):
        with suppress(ValueError, OverflowError):  # the 30th of February, the year 0
            # Before 1970 there was nothing, so that earlier is the same.
            at_ms = max(0, (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(milliseconds=1))
    if at_ms < 0:
        raise Refused(
            Reason.INVALID_REQUEST, f"`{name}` is a time with its offset (RFC 3339), such as 2026-03-01T12:00:00Z"
        )
    return at_ms


def read_choice(request: Request, name: str, choices: tuple[str, ...]) -> str | None:
    """One of a few words in the query.

    Raises:
        Refused: it is none of them.
    """
    text = read_once(request, name)
    if text is not None and text not in choices:
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` is one of {', '.join(choices)}")
    return text


def read_cursor(request: Request, read: Callable[[str], PositionT | None]) -> PositionT | None:
    """Where the page begins, out of `cursor`; None for the first page.

    Args:
        request: with its query.
        read: makes a position of what `cursor_of` was given; None where that is none.

    Raises:
        Refused: it is no cursor of this list.
    """
    text = read_once(request, "cursor")
    if text is None:
        return None
    position = None
    if len(text) <= CURSOR_CHARACTERS_MAX:
        try:
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
            position = read(decoded)
        except (binascii.Error, ValueError):
            position = None
    if position is None:
        raise Refused(Reason.INVALID_REQUEST, "`cursor` is taken from `next` of the page before, as it is")
    return position


def cursor_of(position: str) -> str:
    """The cursor that stands for a position, which is ASCII."""
    return base64.urlsafe_b64encode(position.encode("ascii")).decode("ascii").rstrip("=")


def next_page(request: Request, cursor: str | None) -> str | None:
    """The address of the next page: the same question, behind this one."""
    if cursor is None:
        return None
    asked = [(name, value) for name, value in request.query.items() if name not in {"cursor", "before"}]
    return f"{request.path}?{urlencode([*asked, ('cursor', cursor)])}"

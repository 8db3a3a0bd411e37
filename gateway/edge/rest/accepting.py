"""Accept (RFC 9110 12.5.1): which of several media types a caller likes best."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import hdrs

from gateway.edge.bodies import Request
from gateway.model.refusals import Reason, Refused

ACCEPT_CHARACTERS_MAX = 4_096
RANGES_MAX = 64
# RFC 9110 5.6.2 and 12.4.2.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # what RFC 9110 calls a token
_RANGE = re.compile(rf"({_TOKEN})/({_TOKEN})")
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_ANY = "*"


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    subtype: str
    quality: float

    def fits(self, media_type: str) -> bool:
        """Whether a media type without parameters is in it."""
        type_, _, subtype = media_type.partition("/")
        return self.type in (_ANY, type_) and self.subtype in (_ANY, subtype)

    @property
    def precedence(self) -> int:
        """The more it says, the more it counts."""
        return (self.type != _ANY) + (self.subtype != _ANY)


def chosen(request: Request, offered: Sequence[str]) -> str:
    """The media type that the caller likes best; of those that it likes alike the one that is offered first.

    Parameters of media types do not count. Without the field anything will do.

    Raises:
        Refused: none of them will do, or the field is no list of media ranges.
    """
    text = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
    if not text.strip():
        return offered[0]
    ranges = _read(text)
    best, best_quality = "", 0.0
    for media_type in offered:
        fitting = [item for item in ranges if item.fits(media_type)]
        if not fitting:
            continue
        quality = max(fitting, key=lambda item: (item.precedence, item.quality)).quality
        if quality > best_quality:
            best, best_quality = media_type, quality
    if not best:
        raise Refused(Reason.NOT_ACCEPTABLE, f"it can be had as {', '.join(offered)}", extra={"available": [*offered]})
    return best


def _read(text: str) -> list[_Range]:
    parts = [part for part in (part.strip() for part in text.split(",")) if part]
    if len(text) > ACCEPT_CHARACTERS_MAX or len(parts) > RANGES_MAX:
        raise Refused(Reason.INVALID_REQUEST, f"Accept names at most {RANGES_MAX} media ranges")
    found = []
    for part in parts:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        match = _RANGE.fullmatch(name)
        weights = [value for key, _, value in (item.partition("=") for item in parameters) if key.strip() == "q"]
        if match is None or (match[1] == _ANY and match[2] != _ANY) or not all(map(_is_weight, weights)):
            raise Refused(Reason.INVALID_REQUEST, "Accept is a list of media ranges, such as application/json;q=0.8")
        found.append(_Range(match[1], match[2], float(weights[0]) if weights else 1.0))
    return found


def _is_weight(text: str) -> bool:
    return _QUALITY.fullmatch(text.strip()) is not None

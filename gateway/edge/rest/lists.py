"""Pages of a list: how long they are, and where the next one begins."""

from gateway.edge.bodies import Request
from gateway.model.refusals import Reason, Refused

LIST_LIMIT_DEFAULT = 50
LIST_LIMIT_MAX = 200


def read_number(request: Request, name: str, default: int, maximum: int, *, minimum: int = 1) -> int:
    """A number in the query.

    Raises:
        Refused: it is none, or outside its bounds.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) and minimum <= int(text) <= maximum):
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` is a number from {minimum} to {maximum}")
    return int(text)

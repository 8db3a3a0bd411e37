"""Idempotency-Key: a call that comes twice is done once, and answered twice alike.

As draft-ietf-httpapi-idempotency-key-header-07 asks: the same key with the same request gets the stored answer, with
another request 422, and while the first is still under way 409. A key is the partner's own; how long it is remembered
is told with each answer, in `Idempotency-Expires`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime

from gateway.edge.bodies import Request
from gateway.model.instants import moment
from gateway.model.refusals import Reason, Refused

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
EXPIRES = "Idempotency-Expires"
RETRY_AFTER_S = 1
_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
# RFC 9651 3.3.3; parameters, which nothing defines, are ignored as 2 of the draft lets us.
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"(?:[ ]*;[ -~]*)?')
_ESCAPED = re.compile(r'\\(["\\])')


def read_key(request: Request) -> str | None:
    """The key of a request, which is a string of structured fields or, as many clients write it, bare.

    Raises:
        Refused: it is neither, or too long.
    """
    value = request.single(IDEMPOTENCY_KEY)
    if value is None:
        return None
    value = value.strip()
    if quoted := value.startswith('"'):
        match = _STRING.fullmatch(value)
        value = _ESCAPED.sub(r"\1", match[1]) if match is not None else ""
    if not _KEY.fullmatch(value):
        well_formed = "a string in quotes (RFC 9651 3.3.3), " if quoted else ""
        raise Refused(Reason.INVALID_REQUEST, f"an Idempotency-Key is {well_formed}1 to 255 printable ASCII characters")
    return value


def expiry(created_at_ms: int, days: int) -> str:
    """Until when a key is remembered, as an HTTP date (RFC 9110 5.6.7)."""
    return format_datetime(moment(created_at_ms) + timedelta(days=days), usegmt=True)


class RunningKeys:
    """The keys of calls that are under way in this process; between processes the store decides."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Request] = {}

    @contextmanager
    def hold(self, request: Request, partner_id: str, key: str | None) -> Iterator[None]:
        """Hold a key while its call is under way.

        Raises:
            Refused: another call with it is.
        """
        if key is None:
            yield
            return
        name = (partner_id, key)
        if name in self._held:
            raise Refused(
                Reason.IDEMPOTENCY_RUNNING,
                "the first request with this Idempotency-Key is still under way",
                retry_after_s=RETRY_AFTER_S,
            )
        self._held[name] = request
        try:
            yield
        finally:
            self.let_go(request, partner_id, key)

    def let_go(self, request: Request, partner_id: str, key: str | None) -> None:
        """What this request does is done and kept: a repetition gets the stored answer from now on."""
        if key is not None and self._held.get((partner_id, key)) is request:
            del self._held[partner_id, key]

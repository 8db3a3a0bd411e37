"""What stands behind `Bearer`: a token of ours has the form of a JWT, anything else is an API key."""

import re

from aiohttp import hdrs

from gateway.edge.bodies import Request
from gateway.edge.rest.identity.callers import UNKNOWN
from gateway.model.refusals import Reason, Refused

# Every JWS in compact form begins like this: the base64url of `{"`.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


def bearer_of(request: Request) -> str | None:
    """What stands behind `Bearer` (RFC 6750 2.1); None where the field was not sent.

    Raises:
        Refused: it holds something else. What is shown must be right, all of it, so that nobody believes that a
            credential protects calls which nobody looks at.
    """
    authorization = (request.single(hdrs.AUTHORIZATION) or "").strip()
    if not authorization:
        return None
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit="Authorization of another scheme than Bearer")
    return credentials.strip()


def is_token(bearer: str) -> bool:
    """Whether it has the form of a JWT."""
    return _JWT.fullmatch(bearer) is not None

"""What stands behind `Bearer`: a token of ours has the form of a JWT, anything else is an API key."""

import re

from aiohttp import hdrs

from gateway.edge.bodies import Request

# Every JWS in compact form begins like this: the base64url of `{"`.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


def bearer_of(request: Request) -> str | None:
    """What stands behind `Bearer` (RFC 6750 2.1); None where nothing of the kind was sent."""
    authorization = request.single(hdrs.AUTHORIZATION)
    if authorization is None:
        return None
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def is_token(bearer: str) -> bool:
    """Whether it has the form of a JWT."""
    return _JWT.fullmatch(bearer) is not None

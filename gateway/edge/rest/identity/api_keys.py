"""API keys: `Authorization: Bearer KEY` or `X-API-Key: KEY`."""

import hashlib
from datetime import date

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.identity.bearer import bearer_of, is_token
from gateway.edge.rest.identity.callers import UNKNOWN, Credential
from gateway.model.refusals import Reason, Refused

API_KEY = "X-API-Key"
API_KEY_CHARACTERS_MAX = 512


class ApiKeys:
    """Finds the holder of an API key."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def find(self, request: Request, today: date) -> Credential | None:
        """Whose key it is; None where none was sent.

        Raises:
            Refused: a key that is unknown, expired or misspelt gets one and the same answer, also beside a right one.
        """
        bearer, key = bearer_of(request), request.single(API_KEY) or None
        if bearer is not None and not is_token(bearer):
            if key is not None and key != bearer:
                raise Refused(Reason.UNAUTHENTICATED, "two API keys came, and they differ; send one of them")
            key = bearer
        if key is None:
            return None
        presented = key[:API_KEY_CHARACTERS_MAX].encode("utf-8", "surrogateescape")
        holder = self._edge.directory().by_api_key(hashlib.sha256(presented).hexdigest(), today)
        if holder is None:
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit="no active key has this digest")
        return Credential(holder.partner, "api_key", holder.key.label, holder.key.scopes)

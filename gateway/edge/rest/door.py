"""The door of the REST interface: who calls, how often, what for; then the handler of the operation."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

from aiohttp import web

from gateway.api.operations import OPERATIONS, Operation, RateClass
from gateway.buffers import Buffer
from gateway.edge.bodies import Bodies, Request, too_large
from gateway.edge.context import Edge
from gateway.edge.http import Routes
from gateway.edge.rest.deprecation import Deprecations
from gateway.edge.rest.idempotency import Answers, RunningKeys, read_key
from gateway.edge.rest.identity.callers import Caller, Identity
from gateway.edge.rest.queries import query_names, refuse_unknown
from gateway.edge.throttling import Admission, Throttle
from gateway.model.refusals import Reason, Refused
from gateway.store.database import StoreUnavailable

# Fetch Metadata, which browsers alone send and no page can set.
SEC_FETCH_SITE = "Sec-Fetch-Site"
_OWN_SITE = ("none", "same-origin")
# Gets the request, who makes it, and the open parts of the path.
Handler: TypeAlias = Callable[..., Awaitable[web.StreamResponse]]


class Door:
    """Lets calls in.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
        identity: finds out who calls.
        throttle: each partner's limits, over all its doors.
        operations: the calls that there are.
    """

    def __init__(
        self,
        edge: Edge,
        bodies: Bodies,
        identity: Identity,
        throttle: Throttle,
        operations: Mapping[str, Operation] = OPERATIONS,
    ) -> None:
        self._operations = operations
        self._edge = edge
        self._bodies = bodies
        self._identity = identity
        self.throttle = throttle
        self.running = RunningKeys()
        self._answers = Answers(edge, self.running, self.read_body)

    def add(self, routes: Routes, operation_id: str, handler: Handler) -> None:
        """Have an operation answered by a handler, which for a public one gets no caller."""
        operation = self._operations[operation_id]
        deprecations, known = Deprecations(operation), query_names(operation)

        async def enter(request: Request, *parts: str) -> web.StreamResponse:
            deprecations.tell(request)
            if operation.is_public:
                return await handler(request, *parts)
            caller, admission = await self._enter(operation, request)
            with admission:
                refuse_unknown(request, known)
                return await self._serve(operation, handler, request, caller, parts)

        routes.add(operation.method, operation.route, enter)

    async def read_body(self, request: Request, caller: Caller, bytes_max: int | None = None) -> Buffer:
        """The whole body, the one that was signed where it was.

        Args:
            request: its body untouched.
            caller: who makes the call.
            bytes_max: of this operation; the partner's limit and the gateway's hold where they are lower.

        Raises:
            Refused: it is too large, too slow, incomplete, or another one than was signed.
        """
        limits = [caller.partner.profile.limits.body_bytes_max, self._edge.settings.limits.body_bytes_max, bytes_max]
        bytes_max = min(limit for limit in limits if limit is not None)
        if request.brought is not None:
            # It was read for the sake of its Idempotency-Key, by a limit that may have been wider.
            if len(request.brought) > bytes_max:
                raise too_large(bytes_max)
            return request.brought
        body = await self._bodies.read(request, bytes_max)
        await caller.check_body(body)
        return body

    def release_body(self, request: Request) -> None:
        """The body of a call is kept; what it took of the memory is free, although the call goes on."""
        self._bodies.release(request)

    async def _enter(self, operation: Operation, request: Request) -> tuple[Caller, Admission]:
        if request.headers.get(SEC_FETCH_SITE, _OWN_SITE[0]) not in _OWN_SITE:
            # A browser shows its certificate whoever's page makes the call; programs do not send the field.
            detail = "a page of another site made this call in a browser; make it from a program, or from /v1/reference"
            raise Refused(Reason.FORBIDDEN, detail)
        caller = await self._identity.identify(request)
        request.extra_headers = told = dict(request.extra_headers)
        return caller, self.throttle.enter(caller.partner, operation.rate_class or RateClass.READ, told)

    async def _serve(
        self, operation: Operation, handler: Handler, request: Request, caller: Caller, parts: tuple[str, ...]
    ) -> web.StreamResponse:
        if not caller.may(operation.scope):
            raise Refused(Reason.FORBIDDEN, f"this call needs the scope {operation.scope}, which was not given")
        if operation.rate_class is RateClass.SUBMIT:
            with self.running.hold(request, caller.partner.id, read_key(request)):
                return await handler(request, caller, *parts)
        answering = self._answers.of(handler) if operation.rate_class is RateClass.CHANGE else handler
        if not caller.is_sealed:
            return await answering(request, caller, *parts)
        await self._edge.database.write(caller.spend, durable=False)
        try:
            return await answering(request, caller, *parts)
        except Exception:
            # Not where the call was cut off: what it began may be committed all the same.
            with suppress(StoreUnavailable):
                await self._edge.database.write(caller.release, durable=False)
            raise

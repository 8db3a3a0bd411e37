"""HTTP: routes, refusals as answers, health, TLS, and a server that starts and ends in good order."""

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import hdrs, web

from gateway.edge.audit_gate import AuditGate
from gateway.edge.bodies import Bodies, Request
from gateway.edge.connection import ConnectionServer, log_fault, network_of
from gateway.edge.context import Edge
from gateway.edge.paths import parts_of
from gateway.edge.refusals import ANSWERS, PROBLEM_CONTENT_TYPE, problem
from gateway.edge.rest.identity.proxies import Proxies
from gateway.edge.throttling import Strangers
from gateway.flow.receive import store_unavailable
from gateway.json_text import json_bytes
from gateway.model.refusals import Reason, Refused
from gateway.spool import SpoolUnavailable
from gateway.store.database import StoreUnavailable

JSON = "application/json"
BACKLOG = 1_024
# So much of a body is read and thrown away after a refusal, so that the connection can be used on.
READ_OFF_BYTES_MAX = 65_536
SERVER_NAME = "partner-gateway"
REFERENCE_PATH = "/v1/reference"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

log = logging.getLogger("gateway.edge")

# A handler gets the request and the parts of the path that its route leaves open.
Handler = Callable[..., Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Routes:
    """Which handler answers which method and path."""

    exact: dict[tuple[str, ...], dict[str, Handler]] = field(default_factory=dict)
    # By how many parts they have; None stands for any part but an empty one.
    open: dict[int, dict[tuple[str | None, ...], dict[str, Handler]]] = field(default_factory=dict)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Add a route; `{}` in the path stands for one part of it, which is handed to the handler."""
        parts = tuple(path.split("/"))
        if "{}" not in parts:
            self.exact.setdefault(parts, {})[method] = handler
            return
        pattern = tuple(None if part == "{}" else part for part in parts)
        self.open.setdefault(len(pattern), {}).setdefault(pattern, {})[method] = handler

    def _hint(self, path: tuple[str, ...]) -> str:
        """What the caller may have meant by a path where nothing lies."""
        without = path[:-1]
        if path[-1] == "" and (without in self.exact or self._find_open(without)[0] is not None):
            return "; leave out the slash at its end"
        return f"; {REFERENCE_PATH} shows every address" if tuple(REFERENCE_PATH.split("/")) in self.exact else ""

    def find(self, request: Request) -> tuple[Handler, tuple[str, ...]]:
        """The handler for a request and the open parts of its path.

        Raises:
            Refused: nothing lies there, or not for this method; the path is encoded wrongly.
        """
        path = parts_of(request.rel_url.raw_path)
        open_parts: tuple[str, ...] = ()
        methods = self.exact.get(path)
        if methods is None:
            methods, open_parts = self._find_open(path)
        if methods is None:
            raise Refused(Reason.NOT_FOUND, f"there is nothing at this address{self._hint(path)}")
        method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
        handler = methods.get(method)
        if handler is None:
            # Whatever can be fetched can be asked about (RFC 9110 9.3.2).
            also = {hdrs.METH_HEAD} if hdrs.METH_GET in methods else set()
            request.allowed = ", ".join(sorted({*methods, *also}))
            raise Refused(Reason.METHOD_NOT_ALLOWED, f"this address answers {request.allowed}")
        return handler, open_parts

    def _find_open(self, path: tuple[str, ...]) -> tuple[dict[str, Handler] | None, tuple[str, ...]]:
        for pattern, methods in self.open.get(len(path), {}).items():
            if all(part == wanted if wanted is not None else part for part, wanted in zip(path, pattern, strict=True)):
                return methods, tuple(part for part, wanted in zip(path, pattern, strict=True) if wanted is None)
        return None, ()


class HttpServer:
    """One port.

    Args:
        name: of the port, as metrics and audit call it.
        edge: what it stands on.
        routes: what it answers.
        bodies: shared by all ports of a process, as its memory is.
        gate: to the audit.
        closing: called when the last request is answered.
        strangers: tells who fails too often, by network; None: nobody is told.
        proxies: that stand before this port.
    """

    def __init__(
        self,
        name: str,
        edge: Edge,
        routes: Routes,
        bodies: Bodies,
        gate: AuditGate,
        closing: Callable[[], None] | None = None,
        strangers: Strangers | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self.name = name
        self._edge = edge
        self._routes = routes
        self._bodies = bodies
        self._gate = gate
        self._closing = closing
        self._strangers = strangers
        self._proxies = proxies or Proxies(())
        self._server: ConnectionServer | None = None
        self._listeners: list[asyncio.Server] = []

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on; the port is known once it has started."""
        return self.addresses[0]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The same of all that it listens on, in the order in which it was started there."""
        if not self._listeners:
            raise RuntimeError("the server has not started")
        names = [listener.sockets[0].getsockname() for listener in self._listeners]
        return [(str(name[0]), int(name[1])) for name in names]

    @property
    def draining(self) -> bool:
        """Whether it is about to end; whoever answers for long asks now and then."""
        return self._server is None or self._server.draining

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen; a second time, at a second address.

        Raises:
            OSError: the address cannot be listened on.
        """
        limits = self._edge.settings.limits
        server = self._server or self._new_server()
        handshake_timeout_s = limits.header_timeout_s if tls is not None else None
        listener = await asyncio.get_running_loop().create_server(
            server, host, port, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake_timeout_s
        )
        self._listeners.append(listener)
        if self._server is None:
            self._server = server
            server.start_sweeping()

    def _new_server(self) -> ConnectionServer:
        return ConnectionServer(
            self._answer,  # type: ignore[arg-type]  # every request is a Request, made by the factory below
            request_factory=_make_request,
            limits=self._edge.settings.limits,
            count=lambda reason: self._edge.metrics.refused.add(self.name, reason.value),
            refuse=self._refuse_unparsed,
            changed=self._note_connections,
            public_url=self._edge.settings.public_url,
            is_proxy=self._proxies.trusts,
        )

    async def stop(self, timeout_s: float) -> None:
        """Stop listening, finish what is under way within the time, then cut."""
        for listener in self._listeners:
            listener.close()
        if self._server is not None:
            await self._server.drain(timeout_s)
        for listener in self._listeners:
            await listener.wait_closed()
        self._listeners = []
        if self._closing is not None:
            self._closing()

    async def _answer(self, request: Request) -> web.StreamResponse:
        try:
            self._proxies.look_at(request)
            handler, parts = self._routes.find(request)
            response = await handler(request, *parts)
        except Refused as refused:
            response = await self._refuse(request, refused)
        except (StoreUnavailable, SpoolUnavailable) as unavailable:
            response = await self._refuse(request, store_unavailable(unavailable))
        except ConnectionError:
            raise  # the other side is gone; there is nobody to answer
        except Exception as error:  # noqa: BLE001  # whatever a handler does, the answer is one of ours
            log_fault("a request failed", error, method=request.method, port=self.name)
            response = await self._refuse(request, Refused(Reason.INTERNAL, "the request could not be handled"))
        finally:
            if request.held_bytes:
                self._bodies.release(request)
        headers = response.headers
        if not response.prepared:
            headers[hdrs.SERVER] = SERVER_NAME
            if request.extra_headers:
                headers.update(request.extra_headers)
            if self._server is not None and self._server.draining:
                response.force_close()
        return response

    async def _refuse(self, request: Request, refused: Refused) -> web.Response:
        """Answer a refusal; the audit learns the true reason of those that it keeps."""
        if self._strangers is not None:
            refused = self._strangers.judge(network_of(request.address), refused)
        reference = self._edge.reception.new_id()
        await self._gate.record(self.name, request, refused, reference)
        response = self._refusal(refused, reference)
        if refused.reason is Reason.TOO_MANY_REQUESTS and is_long(request):
            # What is still to come would cost more than another connection.
            response.force_close()
        if refused.reason is Reason.UNAUTHENTICATED and hdrs.AUTHORIZATION in request.headers:
            response.headers[hdrs.WWW_AUTHENTICATE] = (
                f'Bearer realm="{SERVER_NAME}", error="invalid_token"'  # RFC 6750 3
            )
        if request.allowed:
            response.headers[hdrs.ALLOW] = request.allowed
        return response

    def _note_connections(self, number: int) -> None:
        self._edge.metrics.gauge(
            f"gateway_{self.name}_connections", f"Open connections of the {self.name} port.", number
        )

    def _refuse_unparsed(self, refused: Refused) -> web.Response:
        self._edge.metrics.refused.add(self.name, refused.reason.value)
        return self._refusal(refused)

    def _refusal(self, refused: Refused, reference: str | None = None) -> web.Response:
        answer = ANSWERS[refused.reason]
        headers = {hdrs.CONTENT_TYPE: PROBLEM_CONTENT_TYPE, hdrs.SERVER: SERVER_NAME}
        if refused.retry_after_s is not None:
            headers[hdrs.RETRY_AFTER] = str(refused.retry_after_s)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            headers[hdrs.WWW_AUTHENTICATE] = f'Bearer realm="{SERVER_NAME}"'
        body = problem(refused, reference or self._edge.reception.new_id(), self._edge.settings.public_url)
        response = web.Response(body=body, status=answer.status, headers=headers)
        if answer.closes:
            response.force_close()
        return response


def is_long(request: Request) -> bool:
    """Whether more of the body is to come than is worth reading for the sake of the connection.

    A client that waits for 100 (Continue) sends it all, or nothing at all and closes (RFC 9110 10.1.1).
    """
    if request.content.is_eof():
        return False
    length = request.headers.get(hdrs.CONTENT_LENGTH)
    return length is None or hdrs.EXPECT in request.headers or int(length) > READ_OFF_BYTES_MAX


def health_routes(edge: Edge, routes: Routes) -> None:
    """`/health/live`: the process answers. `/health/ready`: it can take and keep messages."""

    async def live(_request: Request) -> web.Response:
        return json_response({"status": "live"})

    async def ready(_request: Request) -> web.Response:
        reasons = edge.not_ready()
        return json_response(
            {"status": "not ready", "reasons": reasons} if reasons else {"status": "ready"},
            status=503 if reasons else 200,
        )

    routes.add("GET", "/health/live", live)
    routes.add("GET", "/health/ready", ready)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON. No cache keeps it: it is about one partner's business."""
    sent: dict[str, str] = {hdrs.CONTENT_TYPE: JSON, hdrs.CACHE_CONTROL: "no-store"}
    if headers:
        sent |= headers
    return web.Response(body=json_bytes(value, default=str), status=status, headers=sent)


def safe_header(value: str) -> str:
    """A value that cannot end its header field, whoever chose it."""
    return _CONTROL.sub("", value).encode("latin-1", "replace").decode("latin-1")


def _make_request(*parts: object) -> Request:
    message, payload, protocol, writer, task = parts
    return Request(message, payload, protocol, writer, task, asyncio.get_running_loop())  # type: ignore[arg-type]

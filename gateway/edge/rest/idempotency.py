"""Idempotency-Key: a call that comes twice is done once, and answered twice alike.

As draft-ietf-httpapi-idempotency-key-header-07 asks: the same key with the same request gets the stored answer, with
another request 422, and while the first is still under way 409. A key is the partner's own; how long it is remembered
is told with each answer, in `Idempotency-Expires`.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import format_datetime
from functools import lru_cache, partial
from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.rest.identity.callers import Caller
from gateway.model.instants import moment
from gateway.model.refusals import Reason, Refused
from gateway.store import idempotency
from gateway.store.credentials.sealing import SealError, SealingUnavailable
from gateway.store.database import StoreUnavailable
from gateway.store.engine.statements import storable
from gateway.store.idempotency import CHANNEL, Reservation

IDEMPOTENCY_KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
EXPIRES = "Idempotency-Expires"
RETRY_AFTER_S = 1
SEALED_RETRY_AFTER_S = 60  # the passphrase comes back with a restart
# Calls that change something bring little; documents are submitted.
BODY_BYTES_MAX: Final = 1_048_576
# What an answer says of the moment in which it leaves.
_OF_THE_MOMENT: Final = frozenset(
    {"content-length", "date", "server", "ratelimit", "ratelimit-policy", EXPIRES.lower()}
)
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
    return _http_date(created_at_ms // 1_000, days)


@lru_cache(maxsize=64)
def _http_date(created_at_s: int, days: int) -> str:
    """Worked out once a second, not with each answer."""
    return format_datetime(moment(created_at_s * 1_000) + timedelta(days=days), usegmt=True)


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
            raise _running()
        self._held[name] = request
        try:
            yield
        finally:
            self.let_go(request, partner_id, key)

    def let_go(self, request: Request, partner_id: str, key: str | None) -> None:
        """What this request does is done and kept: a repetition gets the stored answer from now on."""
        if key is not None and self._held.get((partner_id, key)) is request:
            del self._held[partner_id, key]


class Answers:
    """Has calls that change something done once for each key.

    The key is reserved in the store before the handler runs, and its answer is kept with what the handler changes
    (`Request.remember`), at the latest before it leaves.

    Args:
        edge: what it stands on.
        running: the keys that are held in this process.
        read_body: reads a body within a limit.
    """

    def __init__(self, edge: Edge, running: RunningKeys, read_body: Callable[..., Awaitable[Buffer]]) -> None:
        self._edge = edge
        self._running = running
        self._read_body = read_body

    def of(self, handler: Callable[..., Awaitable[web.StreamResponse]]) -> Callable[..., Awaitable[web.StreamResponse]]:
        """The handler with a memory."""

        async def answer(request: Request, caller: Caller, *parts: str) -> web.StreamResponse:
            key = read_key(request)
            if key is None:
                return await handler(request, caller, *parts)
            with self._running.hold(request, caller.partner.id, key):
                return await self._answer_once(handler, request, caller, key, parts)

        return answer

    async def _answer_once(
        self,
        handler: Callable[..., Awaitable[web.StreamResponse]],
        request: Request,
        caller: Caller,
        key: str,
        parts: tuple[str, ...],
    ) -> web.StreamResponse:
        request.brought = await self._read_body(request, caller, BODY_BYTES_MAX)
        database, partner_id = self._edge.database, caller.partner.id
        reserve = partial(
            idempotency.reserve,
            partner_id=partner_id,
            key=key,
            sha256=_digest(request, request.brought),
            now_ms=self._edge.now_ms(),
        )
        try:
            found = await database.write(reserve, durable=False)
        except idempotency.KeyReused as reused:
            detail = "this key was used before for another request; send the same one again, or use a new key"
            await self._edge.reception.record_refusal(
                Reason.IDEMPOTENCY_CONFLICT,
                actor=f"partner:{partner_id}",
                subject=key,
                remote=request.address,
                detail={"channel": CHANNEL, "path": request.path},
            )
            raise Refused(Reason.IDEMPOTENCY_CONFLICT, detail, audit=str(reused)) from None
        except idempotency.StillRunning:
            raise _running() from None
        if isinstance(found, idempotency.Answer):
            return await self._again(found, request, partner_id, key)
        return await self._answer_first(handler, request, caller, found, parts)

    async def _answer_first(
        self,
        handler: Callable[..., Awaitable[web.StreamResponse]],
        request: Request,
        caller: Caller,
        reservation: Reservation,
        parts: tuple[str, ...],
    ) -> web.StreamResponse:
        database = self._edge.database
        request.remember = partial(self._remember, reservation)
        expires = self._expires(reservation.created_at_ms)
        try:
            response = await handler(request, caller, *parts)
        except idempotency.StillRunning:
            raise _running() from None
        except Exception:
            # A refusal changed nothing: the same key may come again, with what was wrong put right. A call that was cut
            # off may be committed all the same: its reservation stays, and ends with its time.
            with suppress(StoreUnavailable):
                await database.write(partial(idempotency.release, reservation=reservation), durable=False)
            raise
        if isinstance(response, web.Response) and not response.prepared:
            try:
                await database.write(lambda connection: self._remember(reservation, connection, response))
            except idempotency.StillRunning:
                raise _running() from None
            response.headers[EXPIRES] = expires
        return response

    def _remember(self, reservation: Reservation, connection: Connection, response: web.Response) -> None:
        """Keep an answer; the second time changes nothing.

        Raises:
            StillRunning: it took so long that another call with the key has begun; what this one changes must not stay.
        """
        body = bytes(response.body) if isinstance(response.body, (bytes, bytearray, memoryview)) else b""
        sealing = self._edge.sealing
        if sealed := sealing.is_available:
            body = sealing.seal(body, _purpose(reservation.partner_id, reservation.key))
        idempotency.finish(
            connection,
            reservation,
            status=response.status,
            headers={str(name): told for name, told in response.headers.items() if name.lower() not in _OF_THE_MOMENT},
            body=body,
            sealed=sealed,
        )

    async def _again(self, answer: idempotency.Answer, request: Request, partner_id: str, key: str) -> web.Response:
        body = answer.body
        if answer.sealed:
            try:
                body = self._edge.sealing.open(body, _purpose(partner_id, storable(key)))
            except (SealingUnavailable, SealError) as closed:
                detail = (
                    "the first request with this Idempotency-Key was done, but its answer is kept sealed and cannot be "
                    "opened here now; send the same again later and nothing is done twice, or read what it changed"
                )
                await self._edge.reception.record_refusal(
                    Reason.STORE_UNAVAILABLE,
                    actor=f"partner:{partner_id}",
                    subject=key,
                    remote=request.address,
                    detail={"channel": CHANNEL, "path": request.path, "cause": str(closed)},
                )
                raise Refused(
                    Reason.STORE_UNAVAILABLE, detail, audit=str(closed), retry_after_s=SEALED_RETRY_AFTER_S
                ) from None
        headers = answer.headers | {REPLAYED: "true", EXPIRES: self._expires(answer.created_at_ms)}
        return web.Response(status=answer.status, body=body, headers=headers)

    def _expires(self, created_at_ms: int) -> str:
        return expiry(created_at_ms, self._edge.settings.retention.duplicates_days)


def _digest(request: Request, body: Buffer) -> str:
    """What makes two requests the same: method, path with query, and body."""
    seen = hashlib.sha256(f"{request.method} {request.raw_path}\n".encode(errors="surrogateescape"))
    seen.update(body)
    return seen.hexdigest()


def _purpose(partner_id: str, key: str) -> str:
    return f"idempotent answer {partner_id} {key}"


def _running() -> Refused:
    return Refused(
        Reason.IDEMPOTENCY_RUNNING,
        "the first request with this Idempotency-Key is still under way",
        retry_after_s=RETRY_AFTER_S,
    )

"""The operator port: what our own people and programs see and do, each under a token, each act in the audit."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar, get_args

import orjson
from aiohttp import hdrs, web
from sqlalchemy import Connection

from gateway.broker.outcomes import OUTCOME_BYTES_MAX, MalformedOutcome, read_outcome
from gateway.buffers import whole
from gateway.edge.bodies import Bodies, Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.lists import read_number
from gateway.flow import operations, partner_overview, traffic
from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.flow.outward.resending import resending
from gateway.flow.partner_overview import Overview
from gateway.flow.views import case_list, case_view, instant
from gateway.model.instants import moment
from gateway.model.refusals import Reason, Refused
from gateway.store.engine.statements import storable
from gateway.store.events import outcomes
from gateway.store.oversight import audit, cases, operators
from gateway.store.oversight.cases import CaseState
from gateway.store.oversight.operators import Operator, Role
from partners.profile import Status

T = TypeVar("T")

TOKEN_CHARACTERS_MAX = 512
REASON_BYTES_MAX = 8_192
REASON_CHARACTERS_MAX = 1_000
ID_CHARACTERS_MAX = 300
LIST_LIMIT_DEFAULT = 50
LIST_LIMIT_MAX = 500
TOUCH_INTERVAL_MS = 60_000
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_RANKS = tuple(Role)
_CASE_STATES = tuple(state.value for state in CaseState)


class Desk:
    """Everything on the operator port but the event feed.

    Args:
        edge: what it stands on.
        bodies: reads bodies within the limits.
    """

    def __init__(self, edge: Edge, bodies: Bodies) -> None:
        self._edge = edge
        self._bodies = bodies
        self._touched_ms: dict[str, int] = {}

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        routes.add("GET", "/metrics", self.metrics)
        routes.add("GET", "/messages", self.list_messages)
        routes.add("GET", "/messages/{}", self.show_message)
        routes.add("POST", "/messages/{}/replay", self.replay)
        routes.add("POST", "/messages/{}/reprocess", self.reprocess)
        routes.add("POST", "/messages/{}/resend", self.resend)
        routes.add("POST", "/messages/{}/release", self.release)
        routes.add("POST", "/messages/{}/cancel", self.cancel)
        routes.add("GET", "/exceptions", self.list_cases)
        routes.add("GET", "/exceptions/{}", self.show_case)
        routes.add("POST", "/exceptions/{}/retry", self.retry)
        routes.add("POST", "/exceptions/{}/resolve", self.resolve)
        routes.add("POST", "/outcomes", self.record_outcome)
        routes.add("GET", "/partners", self.list_partners)
        routes.add("GET", "/audit", self.list_audit)

    async def admit(self, request: Request, least: Role) -> Operator:
        """Who asks, if their role reaches.

        Raises:
            Refused: no such token, or its role is too low; both stand in the audit.
        """
        request.subject = f"{request.method} {request.path}"[:ID_CHARACTERS_MAX]
        scheme, _, token = (request.single(hdrs.AUTHORIZATION) or "").partition(" ")
        token = token.strip()[:TOKEN_CHARACTERS_MAX] if scheme.lower() == "bearer" else ""
        sha256 = operators.token_sha256(storable(token))
        operator = await self._edge.database.read(lambda connection: operators.find(connection, sha256))
        if operator is None or not token:
            raise Refused(Reason.UNAUTHENTICATED, "there is no such token")
        request.actor = f"operator:{operator.label}"
        if _RANKS.index(operator.role) < _RANKS.index(least):
            raise Refused(
                Reason.FORBIDDEN, f"this asks for the role {least.value}; the token has {operator.role.value}"
            )
        await self._touch(sha256)
        return operator

    async def metrics(self, request: Request) -> web.Response:
        """Every metric in the Prometheus text format."""
        await self.admit(request, Role.VIEWER)
        metrics = self._edge.metrics
        metrics.gauge("gateway_body_bytes_held", "Bytes of bodies in memory.", self._bodies.held_bytes)
        metrics.gauge("gateway_store_writes_waiting", "Units that wait for the writer.", self._edge.database.waiting)
        return web.Response(text=metrics.expose(), headers={hdrs.CONTENT_TYPE: EXPOSITION})

    async def list_messages(self, request: Request) -> web.Response:
        """What goes either way, newest first; `direction`, `partner`, `state`, `before`, `limit` narrow the list."""
        await self.admit(request, Role.VIEWER)
        limit = read_number(request, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX)
        wanted = traffic.Wanted(
            direction=_one_of(request, "direction", (traffic.IN, traffic.OUT)),
            partner_id=_text(request, "partner"),
            state=_one_of(request, "state", traffic.STATES),
            before=_text(request, "before"),
        )
        found = await self._edge.database.read(partial(traffic.rows, wanted=wanted, limit=limit + 1))
        following = found[limit - 1]["id"] if len(found) > limit else None
        return json_response({"messages": found[:limit], "next": following})

    async def show_message(self, request: Request, message_id: str) -> web.Response:
        """Everything about a message or a delivery but its bytes."""
        await self.admit(request, Role.VIEWER)
        view = await self._edge.database.read(partial(traffic.view, item_id=storable(message_id)))
        if view is None:
            raise Refused(Reason.NOT_FOUND, "there is no message with this id")
        return json_response(view)

    async def replay(self, request: Request, message_id: str) -> web.Response:
        """Publish a message's events again: same ids, same bodies."""
        events = await self.act(request, "message.replay", message_id, operations.replay)
        return json_response({"message": message_id, "events": events}, status=HTTPStatus.ACCEPTED)

    async def reprocess(self, request: Request, message_id: str) -> web.Response:
        """Translate a message again as its next revision."""
        revision = await self.act(request, "message.reprocess", message_id, operations.reprocess)
        return json_response({"message": message_id, "revision": revision}, status=HTTPStatus.ACCEPTED)

    async def resend(self, request: Request, delivery_id: str) -> web.Response:
        """Send what a delivery held again, as a new delivery; one that waits for its next attempt is tried now."""
        outbound = self._edge.outbound
        if outbound is None:
            raise Refused(Reason.NOT_POSSIBLE, "this gateway sends nothing")
        act = resending(self._edge.directory(), outbound.new_id(), outbound.host)
        made = await self.act(request, "message.resend", delivery_id, act)
        return json_response({"message": delivery_id, "delivery": made}, status=HTTPStatus.ACCEPTED)

    async def release(self, request: Request, message_id: str) -> web.Response:
        """Have a held message processed although its partner is suspended."""
        await self.act(request, "message.release", message_id, operations.release)
        return json_response({"message": message_id, "status": "released"}, status=HTTPStatus.ACCEPTED)

    async def cancel(self, request: Request, message_id: str) -> web.Response:
        """Have something not be sent that waits to be; the body is `{"reason": "..."}`."""
        await self.admit(request, Role.OPERATOR)
        why = _read_reason(whole(await self._bodies.read(request, REASON_BYTES_MAX)))
        await self.act(request, "message.cancel", message_id, partial(operations.cancel, why=why))
        return json_response({"message": message_id, "status": "cancelled"})

    async def list_cases(self, request: Request) -> web.Response:
        """The exceptions list: by default what is not resolved."""
        await self.admit(request, Role.VIEWER)
        state = _one_of(request, "state", _CASE_STATES)
        limit = read_number(request, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX)
        found = await self._edge.database.read(lambda connection: case_list(connection, state, limit))
        return json_response({"exceptions": found})

    async def show_case(self, request: Request, case_id: str) -> web.Response:
        """One case."""
        await self.admit(request, Role.VIEWER)
        case = await self._edge.database.read(lambda connection: cases.get(connection, storable(case_id)))
        if case is None:
            raise Refused(Reason.NOT_FOUND, "there is no case with this id")
        return json_response(case_view(case))

    async def retry(self, request: Request, case_id: str) -> web.Response:
        """Try again now what a case waits for."""
        await self.act(request, "exception.retry", case_id, operations.retry_case)
        return json_response({"exception": case_id, "state": "retried"}, status=HTTPStatus.ACCEPTED)

    async def resolve(self, request: Request, case_id: str) -> web.Response:
        """Give up what a case waits for; the body is `{"reason": "..."}`."""
        await self.admit(request, Role.OPERATOR)
        why = _read_reason(whole(await self._bodies.read(request, REASON_BYTES_MAX)))
        await self.act(request, "exception.resolve", case_id, partial(operations.give_up, why=why))
        return json_response({"exception": case_id, "state": "resolved"})

    async def record_outcome(self, request: Request) -> web.Response:
        """What the ERP made of an event, from an ERP that reads the event feed and no broker."""
        operator = await self.admit(request, Role.OPERATOR)
        body = whole(await self._bodies.read(request, OUTCOME_BYTES_MAX))
        try:
            outcome = read_outcome(body, request.headers.get(hdrs.CONTENT_TYPE))
        except MalformedOutcome as malformed:
            raise Refused(Reason.INVALID_REQUEST, str(malformed)) from None
        now_ms = self._edge.now_ms()
        act = audit.Act(
            now_ms,
            f"operator:{operator.label}",
            "outcome.record",
            storable(outcome.event_id),
            request.address,
            {"status": outcome.status, "code": outcome.code},
        )

        def record(connection: Connection) -> bool:
            known = outcomes.record(connection, outcome, now_ms, self._edge.wants_events)
            if known:
                audit.record(connection, act)
            return known

        if not await self._edge.database.write(record):
            await self._note_refused(request, "outcome.record", outcome.event_id, "no such event")
            raise Refused(Reason.NOT_FOUND, "there is no event with this id")
        return json_response({"event_id": outcome.event_id, "status": outcome.status})

    async def list_partners(self, request: Request) -> web.Response:
        """The partners as the gateway knows them now; `status` narrows the list, also to `broken`."""
        await self.admit(request, Role.VIEWER)
        status = _one_of(request, "status", (*get_args(Status), "broken"))
        directory, now = self._edge.directory(), moment(self._edge.now_ms())
        held = await self._edge.database.read(partner_overview.stored)
        rows = await asyncio.to_thread(partner_overview.overview, directory, held, now)
        wanted = [row for row in rows if status in (None, row.status) or (status == "broken" and row.problems)]
        return json_response({"partners": [_partner(row) for row in wanted]})

    async def list_audit(self, request: Request) -> web.Response:
        """The newest entries of the audit; `action` narrows the list."""
        await self.admit(request, Role.ADMIN)
        limit = read_number(request, "limit", LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX)
        action = _text(request, "action")
        acts = await self._edge.database.read(lambda connection: audit.find(connection, action=action, limit=limit))
        rows = [
            {
                "at": instant(act.at_ms),
                "actor": act.actor,
                "action": act.action,
                "subject": act.subject,
                "remote": act.remote,
                "detail": act.detail,
            }
            for act in acts
        ]
        return json_response({"audit": rows})

    async def act(
        self, request: Request, action: str, subject: str, act: Callable[[Connection, str, Actor, int], T]
    ) -> T:
        """Do something in one unit of work with its audit entry; what was refused stands in the audit as well."""
        operator = await self.admit(request, Role.OPERATOR)
        actor, now_ms = Actor(f"operator:{operator.label}", request.address), self._edge.now_ms()
        try:
            result = await self._edge.database.write(
                lambda connection: act(connection, storable(subject[:ID_CHARACTERS_MAX]), actor, now_ms)
            )
        except Unknown as unknown:
            await self._note_refused(request, action, subject, str(unknown))
            raise Refused(Reason.NOT_FOUND, str(unknown)) from None
        except NotPossible as not_possible:
            await self._note_refused(request, action, subject, str(not_possible))
            raise Refused(Reason.NOT_POSSIBLE, str(not_possible)) from None
        self._edge.wake()
        return result

    async def _note_refused(self, request: Request, action: str, subject: str, why: str) -> None:
        entry = audit.Act(
            self._edge.now_ms(),
            request.actor,
            f"refused.{action}",
            storable(subject),
            request.address,
            {"cause": storable(why)},
        )
        await self._edge.database.write(lambda connection: audit.record(connection, entry))

    async def _touch(self, sha256: str) -> None:
        """Note the use of a token, at most once a minute."""
        now_ms = self._edge.now_ms()
        if now_ms - self._touched_ms.get(sha256, 0) >= TOUCH_INTERVAL_MS:
            self._touched_ms[sha256] = now_ms
            await self._edge.database.write(lambda connection: operators.touch(connection, sha256, now_ms))


def _read_reason(body: bytes) -> str:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    why = read.get("reason") if isinstance(read, dict) else None
    if not isinstance(why, str) or not why.strip():
        raise Refused(Reason.INVALID_REQUEST, 'say why: {"reason": "..."}')
    return storable(why.strip()[:REASON_CHARACTERS_MAX])


def _text(request: Request, name: str) -> str | None:
    """A text of the query as a database can compare it."""
    value = request.query.get(name)
    return storable(value[:ID_CHARACTERS_MAX]) if value is not None else None


def _one_of(request: Request, name: str, values: tuple[str, ...]) -> str | None:
    value = request.query.get(name)
    if value is not None and value not in values:
        raise Refused(Reason.INVALID_REQUEST, f"`{name}` is one of {', '.join(values)}")
    return value


def _partner(row: Overview) -> dict[str, object]:
    if row.loaded is None:
        return {"id": row.partner_id, "name": None, "status": row.status, "profile": None, **row.as_json()}
    profile = row.loaded.profile
    return {
        "id": profile.id,
        "name": profile.name,
        "status": profile.status,
        "as2_id": profile.as2.id if profile.as2 is not None else None,
        "x12": [f"{address.qualifier}/{address.id}" for address in profile.x12],
        "api_keys": [{"label": key.label, "expires_on": key.expires_on} for key in profile.api_keys],
        "credentials": [one.as_json() for one in row.credentials],
        "via": profile.via,
        "agreements": [
            {"document": item.document, "direction": item.direction, "syntax": item.syntax, "releases": item.releases}
            for item in profile.agreements
        ],
        "profile": row.loaded.digest,
        **row.as_json(),
    }

"""Webhook subscriptions of a partner: set up, changed, tried and looked at by themselves; those of the profile as well.

An address is judged by the profile when it is set up, and again at each call. A secret is shown once, in the answer to
the call that made it, and kept sealed.
"""

import re
import secrets
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from aiohttp import web
from sqlalchemy import Connection

from gateway.api.models import NewWebhook, NewWebhookKey, WebhookChange, WebhookReplay
from gateway.api.reading import Fault, read_json, refused
from gateway.carriers.destinations import read_url
from gateway.carriers.webhook import CannotCall, Letter, purpose_of, terms_of
from gateway.carriers.webhook_keys import KeyKind, SigningKey, make_key
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.events import Events
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.lists import cursor_of, next_page, read_choice, read_cursor, read_limit
from gateway.flow.operations import Actor, NotPossible, Unknown
from gateway.flow.webhooks import acts
from gateway.flow.webhooks.acts import Replay
from gateway.flow.webhooks.views import WEBHOOKS_PATH, delivery_view, is_by_api, subscription_view
from gateway.model.delivery import DeliveryState
from gateway.model.refusals import Reason, Refused
from gateway.model.webhook import BY_API, WebhookState, api_subscription_id
from gateway.model.webhook import WebhookChange as Change
from gateway.store.credentials.sealing import SealingUnavailable
from gateway.store.webhooks import log, moving, subscriptions
from gateway.store.webhooks.subscriptions import SealedKey, Subscription
from partners.loader import LoadedProfile

T = TypeVar("T")

SUBSCRIPTIONS_MAX = 32
KEYS_MAX = 4
BODY_BYTES_MAX = 65_536
# Each is a call of ours to somebody's server.
TESTS_PER_MINUTE = 6
# Each moves everything that waits there, which may be a hundred thousand events, while others wait for the store.
TURNS_PER_MINUTE = 6
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_ID_CHARACTERS_MAX = 64
_DELIVERY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_BY_PROFILE = "it is agreed in your profile: it can be paused, resumed, tried and told again here, but not changed"
_NO_SECRETS = (
    "this gateway cannot keep secrets for you now; ask our people to set its key passphrase, or for a subscription in "
    "your profile"
)
_STATES = tuple(state.value for state in DeliveryState)


class Webhooks:
    """Answers for webhooks.

    Args:
        edge: what it stands on.
        door: lets calls in.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door
        self._tests: dict[str, deque[int]] = {}
        self._turns: dict[str, deque[int]] = {}

    def add_to(self, routes: Routes) -> None:
        """Put its routes among the others."""
        add = self._door.add
        add(routes, "list_webhooks", self.list_all)
        add(routes, "create_webhook", self.create)
        add(routes, "get_webhook", self.show)
        add(routes, "update_webhook", self.update)
        add(routes, "delete_webhook", self.delete)
        add(routes, "rotate_webhook_key", self.rotate)
        add(routes, "test_webhook", self.test)
        add(routes, "replay_webhook", self.replay)
        add(routes, "list_webhook_deliveries", self.list_deliveries)
        Events(self._edge, self._door).add_to(routes)

    async def list_all(self, _request: Request, caller: Caller) -> web.Response:
        """All of them: there are never many."""
        now_ms = self._edge.now_ms()
        found = await self._edge.database.read(partial(subscriptions.find, partner_ids=[caller.partner.id]))
        rows = [subscription_view(item, now_ms) for item in found]
        return json_response({"webhooks": rows, "links": {"next": None}})

    async def show(self, request: Request, caller: Caller, name: str) -> web.Response:
        """One of them."""
        return json_response(subscription_view(await self._find(request, caller, name), self._edge.now_ms()))

    async def create(self, request: Request, caller: Caller) -> web.Response:
        """Subscribe an address; the key that signs calls to it is made here, and shown once."""
        said = read_json(await self._door.read_body(request, caller, BODY_BYTES_MAX), NewWebhook)
        partner, now_ms = caller.partner, self._edge.now_ms()
        _check_address(partner, said.url)
        new = Subscription(
            id=api_subscription_id(self._edge.reception.new_id()),
            partner_id=partner.id,
            name=said.name,
            origin=BY_API,
            url=said.url,
            events=tuple(dict.fromkeys(said.events)),
            keys=(),
            state=WebhookState.ACTIVE,
            reason="",
            changed_by=_actor(request, caller).name,
            profile_digest=partner.digest,
            failing_since_ms=None,
            last_success_at_ms=None,
            created_at_ms=now_ms,
            changed_at_ms=now_ms,
        )
        key = make_key(said.key)
        new = replace(new, keys=(self._seal(new.id, key, now_ms),))
        headers = {"Location": f"{WEBHOOKS_PATH}/{new.id}"}
        told = subscription_view(new, now_ms) | {"secret": _shown(key)}
        response = json_response(told, status=201, headers=headers)

        def unit(connection: Connection) -> None:
            known = subscriptions.find(connection, [partner.id])
            if len(known) >= SUBSCRIPTIONS_MAX:
                raise NotPossible(f"you have {len(known)} subscriptions, and more are not possible; delete one first")
            if any(item.name == new.name for item in known) or not subscriptions.add(connection, new):
                raise NotPossible(f"you have a subscription named {new.name}; take another name, or change that one")
            self._note(
                connection, request, caller, "webhook.create", new, {"url": _shown_url(new.url), "key": key.kind}
            )
            request.remember(connection, response)

        await self._write(request, "", unit)
        return response

    async def update(self, request: Request, caller: Caller, name: str) -> web.Response:
        """Change address or events, pause it, or resume it."""
        said = read_json(await self._door.read_body(request, caller, BODY_BYTES_MAX), WebhookChange)
        found = await self._find(request, caller, name)
        if not is_by_api(found) and (said.url is not None or said.events is not None):
            raise Refused(Reason.NOT_POSSIBLE, _BY_PROFILE)
        if said.url is not None:
            _check_address(caller.partner, said.url)
        if said.state not in (None, found.state.value):
            self._admit(self._turns, caller, TURNS_PER_MINUTE, "pauses and resumptions a minute, please")
        now_ms = self._edge.now_ms()

        def unit(connection: Connection) -> web.Response:
            before = acts.living(connection, found.id, caller.partner.id)
            changed: dict[str, object] = {}
            if said.url is not None and said.url != before.url:
                changed["url"] = said.url
            if said.events is not None and said.events != before.events:
                changed["events"] = tuple(dict.fromkeys(said.events))
            if changed:
                subscriptions.change(connection, before.id, now_ms, **changed)
                self._note(connection, request, caller, "webhook.update", before, {"changed": sorted(changed)})
            actor = _actor(request, caller)
            if said.state == "active":
                acts.resume(connection, before.id, actor, now_ms)
            elif said.state == "paused":
                acts.pause(connection, before.id, actor, now_ms, why="paused by you, by the API")
            after = acts.living(connection, before.id)
            response = json_response(subscription_view(after, now_ms))
            request.remember(connection, response)
            return response

        response = await self._write(request, found.id, unit)
        self._edge.wake()
        return response

    async def delete(self, request: Request, caller: Caller, name: str) -> web.Response:
        """End it; what waited to be told there is not told any more."""
        found = await self._own(request, caller, name)
        response = web.Response(status=204)

        def unit(connection: Connection) -> None:
            before = acts.living(connection, found.id, caller.partner.id)
            now_ms, by = self._edge.now_ms(), _actor(request, caller).name
            reason = "the subscription was deleted by the API"
            moving.move(connection, before, Change.DELETE, now_ms, by=by, reason=reason)
            # Its name is free again, and its keys are gone.
            subscriptions.change(connection, before.id, now_ms, name=f"{before.name} ({before.id})", keys=())
            self._note(connection, request, caller, "webhook.delete", before, {})
            request.remember(connection, response)

        await self._write(request, found.id, unit)
        return response

    async def rotate(self, request: Request, caller: Caller, name: str) -> web.Response:
        """A new key signs from now on; those before it for a while beside it."""
        body = await self._door.read_body(request, caller, BODY_BYTES_MAX)
        said = read_json(body, NewWebhookKey) if body else NewWebhookKey()
        found = await self._own(request, caller, name)
        newest: KeyKind = "ed25519" if found.keys and found.keys[-1].kind == "ed25519" else "hmac-sha256"
        key, now_ms = make_key(said.key or newest), self._edge.now_ms()
        sealed = self._seal(found.id, key, now_ms)
        ends_at_ms = now_ms + said.overlap_hours * _HOUR_MS

        def unit(connection: Connection) -> web.Response:
            before = acts.living(connection, found.id, caller.partner.id)
            kept = [_ending(item, ends_at_ms) for item in before.keys]
            kept = [item for item in kept if item.signs(now_ms)][-(KEYS_MAX - 1) :]
            after = replace(before, keys=(*kept, sealed), changed_at_ms=now_ms)
            subscriptions.change(connection, before.id, now_ms, keys=after.keys)
            detail: dict[str, object] = {"key": key.kind, "overlap_hours": said.overlap_hours}
            self._note(connection, request, caller, "webhook.rotate-key", before, detail)
            told = subscription_view(after, now_ms) | {"secret": _shown(key)}
            response = json_response(told, status=201)
            request.remember(connection, response)
            return response

        return await self._write(request, found.id, unit)

    async def test(self, request: Request, caller: Caller, name: str) -> web.Response:
        """Call it now, through the same door and under the same terms as every call."""
        found = await self._find(request, caller, name)
        if self._edge.webhooks is None:
            raise Refused(Reason.NOT_POSSIBLE, "this gateway calls no webhooks")
        self._admit(self._tests, caller, TESTS_PER_MINUTE, "tests a minute, please: each is a call to your server")
        event_id, body = acts.test_event(caller.partner.id, found.id, self._edge.now_ms(), secrets.token_hex(8))
        told: dict[str, object] = {"event_id": event_id}
        try:
            called = await self._edge.webhooks.call(found, caller.partner, Letter(event_id, body))
        except CannotCall as cannot:
            words = "we have no key to sign with; our people see to it" if cannot.is_ours else str(cannot)
            return json_response({"delivered": False, "status": None, "duration_ms": 0, "error": words} | told)
        error = called.error
        told |= {"delivered": error is None, "status": called.status, "duration_ms": called.duration_ms}
        return json_response(told | {"error": error})

    async def replay(self, request: Request, caller: Caller, name: str) -> web.Response:
        """Tell it again of events since a moment or an event."""
        said = read_json(await self._door.read_body(request, caller, BODY_BYTES_MAX), WebhookReplay)
        if (said.since is None) == (said.since_event is None):
            raise refused((Fault("/since", "missing", "say from when on: either `since` or `since_event`"),))
        wanted = Replay(
            since_ms=round(said.since.timestamp() * 1_000) if said.since is not None else None,
            event_id=said.since_event,
            until_ms=round(said.until.timestamp() * 1_000) if said.until is not None else None,
            types=said.events,
        )
        found = await self._find(request, caller, name)
        actor, directory = _actor(request, caller), self._edge.directory()

        def unit(connection: Connection) -> web.Response:
            acts.living(connection, found.id, caller.partner.id)
            now_ms = self._edge.now_ms()
            done = acts.replay(connection, found.id, actor, now_ms, wanted=wanted, directory=directory)
            response = json_response({"events": done.events, "next_event": done.next_event}, status=202)
            request.remember(connection, response)
            return response

        response = await self._write(request, found.id, unit)
        self._edge.wake()
        return response

    async def list_deliveries(self, request: Request, caller: Caller, name: str) -> web.Response:
        """What was told there or waits to be, the newest first, with the calls that were made."""
        found = await self._find(request, caller, name)
        limit = read_limit(request)
        page = await self._edge.database.read(
            partial(
                log.find,
                subscription_id=found.id,
                state=read_choice(request, "status", _STATES),
                before=read_cursor(request, lambda text: text if _DELIVERY_ID.fullmatch(text) else None),
                limit=limit + 1,
            )
        )
        rows = [delivery_view(item, found) for item in page[:limit]]
        cursor = cursor_of(page[limit - 1].delivery.id) if len(page) > limit else None
        return json_response({"deliveries": rows, "links": {"next": next_page(request, cursor)}})

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _find(self, request: Request, caller: Caller, name: str) -> Subscription:
        """The caller's subscription of this id. Somebody else's looks like one that never was."""
        request.subject = name[:_ID_CHARACTERS_MAX]
        found = None
        if len(name) <= _ID_CHARACTERS_MAX:
            found = await self._edge.database.read(partial(subscriptions.get, subscription_id=name))
        if found is None or found.partner_id != caller.partner.id or not found.is_living:
            raise Refused(Reason.NOT_FOUND, "you have no webhook subscription with this id")
        return found

    async def _own(self, request: Request, caller: Caller, name: str) -> Subscription:
        found = await self._find(request, caller, name)
        if not is_by_api(found):
            raise Refused(Reason.NOT_POSSIBLE, _BY_PROFILE)
        return found

    async def _write(self, request: Request, subject: str, unit: Callable[[Connection], T]) -> T:
        request.subject = subject or request.subject
        try:
            return await self._edge.database.write(unit)
        except Unknown:
            raise Refused(Reason.NOT_FOUND, "you have no webhook subscription with this id") from None
        except NotPossible as not_possible:
            raise Refused(Reason.NOT_POSSIBLE, str(not_possible)) from None

    def _seal(self, subscription_id: str, key: SigningKey, now_ms: int) -> SealedKey:
        try:
            sealed = self._edge.sealing.seal(key.text.encode(), purpose_of(subscription_id))
        except SealingUnavailable as unavailable:
            raise Refused(Reason.NOT_POSSIBLE, _NO_SECRETS, audit=str(unavailable)) from None
        name = f"key_{self._edge.reception.new_id()}"
        return SealedKey(name, key.kind, b64encode(sealed).decode(), now_ms, key.public_key)

    def _note(
        self,
        connection: Connection,
        request: Request,
        caller: Caller,
        action: str,
        subscription: Subscription,
        detail: dict[str, object],
    ) -> None:
        acts.note(connection, _actor(request, caller), action, subscription, self._edge.now_ms(), detail)

    def _admit(self, turns: dict[str, deque[int]], caller: Caller, per_minute: int, words: str) -> None:
        now_ms = self._edge.now_ms()
        made = turns.setdefault(caller.partner.id, deque(maxlen=per_minute))
        if len(made) == per_minute and now_ms - made[0] < _MINUTE_MS:
            after_s = -(-(_MINUTE_MS - (now_ms - made[0])) // 1_000)
            raise Refused(Reason.TOO_MANY_REQUESTS, f"{per_minute} {words}", retry_after_s=after_s)
        made.append(now_ms)


def _check_address(partner: LoadedProfile, url: str) -> None:
    terms = partner.profile.webhooks
    if terms is None or not terms.by_api:
        raise Refused(
            Reason.NOT_POSSIBLE,
            "your profile does not provide for subscriptions by the API; ask our people to add `webhooks` with your "
            "hosts, or a subscription, to it",
        )
    try:
        terms_of(partner, url)
    except CannotCall as cannot:
        raise refused((Fault("/url", "not-agreed", f"{cannot}; ask our people to add it"),)) from None


def _shown_url(url: str) -> str:
    """An address for the audit: without its query, in which some keep secrets."""
    read = read_url(url)
    return read if isinstance(read, str) else read.shown


def _ending(key: SealedKey, ends_at_ms: int) -> SealedKey:
    return replace(key, ends_at_ms=min(key.ends_at_ms or ends_at_ms, ends_at_ms))


def _shown(key: SigningKey) -> str | None:
    """A shared secret, this once; of an Ed25519 key they need the public part alone."""
    return key.text if key.kind == "hmac-sha256" else None


def _actor(request: Request, caller: Caller) -> Actor:
    return Actor(f"partner:{caller.partner.id}", request.address)

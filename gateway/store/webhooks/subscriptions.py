"""Webhook subscriptions as rows and as values."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from gateway.model.webhook import WEBHOOK_LIVING_STATES, WebhookState
from gateway.store.api_tables import WebhookSubscription
from gateway.store.engine.statements import Insert, Prepared, given, storable, table_of

_SUBSCRIPTION = table_of(WebhookSubscription)
_insert = Insert(WebhookSubscription, or_ignore=True)
_LIVING = [state.value for state in WEBHOOK_LIVING_STATES]


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key of a subscription that was set up by the API.

    Attributes:
        kind: hmac-sha256 or ed25519.
        sealed: the key, sealed, in base64.
        public_key: ``whpk_...`` of ed25519.
        ends_at_ms: when it stops signing; None while no newer one took its place.
    """

    id: str
    kind: str
    sealed: str
    created_at_ms: int
    public_key: str | None = None
    ends_at_ms: int | None = None

    def signs(self, now_ms: int) -> bool:
        """Whether calls are signed with it now."""
        return self.ends_at_ms is None or now_ms < self.ends_at_ms


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row of `webhook_subscription`.

    Attributes:
        events: the types that it is told of; everything when empty.
        keys: none where they are references in the profile.
        changed_by: who brought it into its state.
    """

    id: str
    partner_id: str
    name: str
    origin: str
    url: str
    events: tuple[str, ...]
    keys: tuple[SealedKey, ...]
    state: WebhookState
    reason: str
    changed_by: str
    profile_digest: str
    failing_since_ms: int | None
    last_success_at_ms: int | None
    created_at_ms: int
    changed_at_ms: int

    @property
    def is_living(self) -> bool:
        """Whether it is there for its partner."""
        return self.state in WEBHOOK_LIVING_STATES

    def wants(self, type_: str) -> bool:
        """Whether it is told of events of a type."""
        return not self.events or type_ in self.events


_RENAMED = {"keys": "sealed_keys"}
_COLUMNS = [_SUBSCRIPTION.c[_RENAMED.get(item.name, item.name)] for item in fields(Subscription)]
_get = Prepared(lambda _: select(*_COLUMNS).where(_SUBSCRIPTION.c.id == given("id")))
_locked = Prepared(lambda _: select(*_COLUMNS).where(_SUBSCRIPTION.c.id == given("id")).with_for_update())
_note = Prepared(
    lambda _: (
        update(_SUBSCRIPTION)
        .where(_SUBSCRIPTION.c.id == given("id"))
        .values(
            failing_since_ms=given("failing_since_ms"),
            last_success_at_ms=given("last_success_at_ms"),
            reason=given("reason"),
        )
    )
)


def add(connection: Connection, new: Subscription) -> bool:
    """Keep a subscription; False when there is one with its id, or with its name of the same origin."""
    row = {_RENAMED.get(name, name): value for name, value in asdict(new).items()}
    return _insert.run(connection, row | {"sealed_keys": _keys_text(new.keys), "events": " ".join(new.events)})


def get(connection: Connection, subscription_id: str) -> Subscription | None:
    """One subscription, in whatever state."""
    rows = _get.rows(connection, id=subscription_id)
    return _read(rows[0]) if rows else None


def locked(connection: Connection, subscription_id: str) -> Subscription | None:
    """One subscription, which nobody else moves until the end of the transaction.

    Whoever also moves deliveries takes this lock first.
    """
    rows = _locked.rows(connection, id=subscription_id)
    return _read(rows[0]) if rows else None


def find(
    connection: Connection,
    partner_ids: Collection[str] | None = None,
    *,
    states: Collection[WebhookState] = WEBHOOK_LIVING_STATES,
) -> list[Subscription]:
    """Subscriptions by partner and name."""
    query = select(*_COLUMNS).where(_SUBSCRIPTION.c.state.in_([state.value for state in states]))
    if partner_ids is not None:
        query = query.where(_SUBSCRIPTION.c.partner_id.in_(partner_ids))
    ordered = query.order_by(_SUBSCRIPTION.c.partner_id, _SUBSCRIPTION.c.name, _SUBSCRIPTION.c.id)
    return [_read(row) for row in connection.execute(ordered)]


def of_name(connection: Connection, partner_id: str, name: str) -> Subscription | None:
    """A partner's living subscription of a name."""
    return next((item for item in find(connection, [partner_id]) if item.name == storable(name)), None)


def counts(connection: Connection) -> dict[tuple[str, ...], float]:
    """How many subscriptions there are in each state, for metrics."""
    query = select(_SUBSCRIPTION.c.state, func.count()).group_by(_SUBSCRIPTION.c.state)
    found = {str(state): float(number) for state, number in connection.execute(query)}
    return {(state,): found.get(state, 0.0) for state in sorted(_LIVING)}


def change(connection: Connection, subscription_id: str, now_ms: int, **values: Any) -> None:  # noqa: ANN401  # columns of several types
    """Change columns; `events` and `keys` as a `Subscription` has them."""
    if "events" in values:
        values["events"] = " ".join(values["events"])
    if "keys" in values:
        values["sealed_keys"] = _keys_text(values.pop("keys"))
    query = update(_SUBSCRIPTION).where(_SUBSCRIPTION.c.id == subscription_id)
    stored = {name: storable(value) for name, value in values.items()}
    connection.execute(query.values(stored | {"changed_at_ms": now_ms}))


def note_call(
    connection: Connection,
    subscription: Subscription,
    *,
    failing_since_ms: int | None,
    last_success_at_ms: int | None,
    reason: str,
) -> None:
    """Keep how the last call went."""
    _note.count(
        connection,
        id=subscription.id,
        failing_since_ms=failing_since_ms,
        last_success_at_ms=last_success_at_ms,
        reason=reason,
    )


def old(before_ms: int) -> ColumnElement[bool]:
    """Subscriptions that were deleted, and are older."""
    return and_(_SUBSCRIPTION.c.state == WebhookState.DELETED.value, _SUBSCRIPTION.c.changed_at_ms < before_ms)


def purge(connection: Connection, before_ms: int, *, rows_max: int) -> int:
    """Remove what was deleted long ago; returns how many."""
    ids = connection.scalars(select(_SUBSCRIPTION.c.id).where(old(before_ms)).limit(rows_max)).all()
    if ids:
        connection.execute(delete(_SUBSCRIPTION).where(_SUBSCRIPTION.c.id.in_(ids)))
    return len(ids)


def _keys_text(keys: Sequence[SealedKey]) -> str:
    return orjson.dumps([asdict(key) for key in keys]).decode()


def _read(row: Any) -> Subscription:  # noqa: ANN401  # a row of either driver
    values = dict(zip([item.name for item in fields(Subscription)], row, strict=True))
    values["events"] = tuple(str(values["events"]).split())
    values["keys"] = tuple(SealedKey(**key) for key in orjson.loads(values["keys"]))
    values["state"] = WebhookState(values["state"])
    return Subscription(**values)

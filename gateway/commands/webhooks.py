"""`gateway webhooks`: the addresses of partners that are told of events, and what waits to be told there."""

import argparse
import asyncio
import os
import secrets
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from certs.keyring import KeyRingError
from gateway.carriers.http import Door
from gateway.carriers.webhook import Called, CannotCall, Letter, WebhookCarrier
from gateway.carriers.webhook_keys import SigningKey, make_key
from gateway.commands.opening import open_settings
from gateway.commands.output import print_json, print_pairs, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, add_limit, shown, verb, verbs
from gateway.commands.profiles import directory_of, profile_of
from gateway.commands.storing import actor, changing, now_ms, or_unusable, reading
from gateway.flow import operations
from gateway.flow.views import instant
from gateway.flow.webhooks import acts
from gateway.flow.webhooks.acts import Replay
from gateway.flow.webhooks.views import delivery_view, subscription_view
from gateway.store.credentials.sealing import Sealing
from gateway.store.webhooks import log, subscriptions, waiting
from gateway.store.webhooks.subscriptions import Subscription

_EXAMPLE_MS = 1_772_366_400_000
_ID_HELP = "id of the subscription, or PARTNER/NAME, as `gateway webhooks list` shows them"


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    listing = verb(
        under,
        "list",
        _list,
        does="the subscriptions: where they lead, what state they are in, how much waits there",
        example="gateway webhooks list\ngateway webhooks list --partner acme-supply --format json",
    )
    listing.add_argument("--partner", metavar="ID", help="only those of this partner")
    add_format(listing, "one object a line, one line a subscription")
    show = verb(
        under,
        "show",
        _show,
        does="one subscription, with the last calls: status, duration, answer, and when the next one is made",
        example="gateway webhooks show acme-supply/orders\n"
        "gateway webhooks show wh_01J9ZK4T3M8Q6W2E7R5Y1X0ABC --limit 50",
    )
    add_limit(show, 20)
    pause = verb(
        under,
        "pause",
        _pause,
        does="tell nothing more there for now; events are held, and nothing is lost",
        example="gateway webhooks pause acme-supply/orders --reason 'they move house'",
    )
    pause.add_argument("--reason", default="", help="why, for the partner, the list and the audit")
    resume = verb(
        under,
        "resume",
        _resume,
        does="tell everything that was held, in its order",
        example="gateway webhooks resume acme-supply/orders",
    )
    replay = verb(
        under,
        "replay",
        _replay,
        does="tell again of events since a moment or an event, with the ids that they had",
        example="gateway webhooks replay acme-supply/orders --since 2026-03-01T12:00:00Z\n"
        "gateway webhooks replay acme-supply/orders --event evt_01J9ZK4T3M8Q6W2E7R5Y1X0ABC",
    )
    since = replay.add_mutually_exclusive_group(required=True)
    since.add_argument("--since", type=_instant, metavar="TIME", help="from when on (RFC 3339)")
    since.add_argument("--event", metavar="ID", help="from which event on")
    test = verb(
        under,
        "test",
        _test,
        does="call it now with an event that means nothing, and say how that went",
        example="gateway webhooks test acme-supply/orders",
    )
    key = verb(
        under,
        "key",
        _key,
        does="make a key for a subscription of a profile, whose `secrets` then name its file or variable",
        example="gateway webhooks key\n"
        "gateway webhooks key --kind ed25519 --out /etc/gateway/acme-webhook     # prints the public part alone",
    )
    key.add_argument(
        "--kind",
        choices=("hmac-sha256", "ed25519"),
        default="hmac-sha256",
        help="a secret that both sides know (default), or a pair of which they get the public part",
    )
    key.add_argument("--out", type=Path, metavar="FILE", help="write the secret there, for nobody else to read")
    add_format(key)
    for one in (show, pause, resume, replay, test):
        one.add_argument("webhook", metavar="ID", help=_ID_HELP)
        add_format(one)
    for each in (listing, show, pause, resume, replay, test):
        add_config(each)


def _list(called: argparse.Namespace) -> int:
    only = None if called.partner is None else [called.partner]

    def read(connection: Connection) -> list[dict[str, object]]:
        found = subscriptions.find(connection, only)
        return [
            subscription_view(item, now_ms(), for_partner=False) | {"waiting": waiting.count(connection, item.id)}
            for item in found
        ]

    with reading(open_settings(called)) as database:
        rows = database.read_now(read)
    if called.format == "json":
        for row in rows:
            print_json(row)
        return 0
    print_table(
        ("PARTNER/NAME", "ID", "STATE", "WAITING", "URL", "REASON"),
        [
            (
                f"{row['partner']}/{row['name']}",
                *(str(row[name] or "") for name in ("id", "state", "waiting", "url", "reason")),
            )
            for row in rows
        ],
        empty="no partner is told of events; a profile says so under `webhooks`",
    )
    return 0


def _show(called: argparse.Namespace) -> int:
    def read(connection: Connection) -> dict[str, object]:
        found = _named(connection, called.webhook)
        calls = log.find(connection, found.id, limit=called.limit)
        return subscription_view(found, now_ms(), for_partner=False) | {
            "waiting": waiting.count(connection, found.id),
            "deliveries": [delivery_view(item, found, for_partner=False) for item in calls],
        }

    with reading(open_settings(called)) as database:
        view = database.read_now(read)
    if called.format == "json":
        print_json(view)
        return 0
    deliveries = view.pop("deliveries")
    keys = view.pop("keys")
    pairs = [(name.replace("_", " "), str(value)) for name, value in view.items() if value not in (None, [])]
    pairs += [("key", f"{key['kind']} {key['id']}") for key in keys]  # type: ignore[attr-defined]  # a list of views
    print_pairs(pairs)
    say()
    rows = [
        (item["created_at"], item["event_type"], item["subject"], item["status"], item["attempts"], _last(item))
        for item in deliveries  # type: ignore[attr-defined]  # a list of views
    ]
    print_table(
        ("SINCE", "EVENT", "ABOUT", "STATUS", "ATTEMPTS", "LAST CALL"), rows, empty="nothing was told there yet"
    )
    return 0


def _last(delivery: dict[str, object]) -> str:
    calls = delivery["calls"]
    if not isinstance(calls, list) or not calls:
        return str(delivery["reason"] or "")
    call = calls[0]
    answer = "" if call["response"] is None else f": {call['response']}"
    status = call["error"] or f"HTTP {call['status']}"
    return f"{status} after {call['duration_ms']} ms{answer}"


def _pause(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        found = database.read_now(partial(_named, named=called.webhook))
        unit = partial(acts.pause, subscription_id=found.id, actor=actor(), now_ms=now_ms(), why=called.reason.strip())
        or_unusable(partial(database.write_now, unit), operations.Unknown)
    return _tell_state(called, found, "paused", "is paused: what happens is held until it is resumed")


def _resume(called: argparse.Namespace) -> int:
    with changing(open_settings(called)) as database:
        found = database.read_now(partial(_named, named=called.webhook))
        waits = database.read_now(partial(waiting.count, subscription_id=found.id))
        unit = partial(acts.resume, subscription_id=found.id, actor=actor(), now_ms=now_ms())
        or_unusable(partial(database.write_now, unit), operations.Unknown)
    return _tell_state(called, found, "active", f"is told again; {waits} wait to be told now")


def _tell_state(called: argparse.Namespace, found: Subscription, state: str, words: str) -> int:
    if called.format == "json":
        print_json({"webhook": found.id, "state": state})
    else:
        say(f"{found.partner_id}/{found.name} {words}")
    return 0


def _replay(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    wanted = Replay(since_ms=called.since, event_id=called.event)
    with changing(settings) as database:
        found = database.read_now(partial(_named, named=called.webhook))
        unit = partial(
            acts.replay,
            subscription_id=found.id,
            actor=actor(),
            now_ms=now_ms(),
            wanted=wanted,
            directory=directory_of(settings),
        )
        done = or_unusable(partial(database.write_now, unit), operations.Unknown, operations.NotPossible)
    if called.format == "json":
        print_json({"webhook": found.id, "events": done.events, "next_event": done.next_event})
        return 0
    say(f"{found.partner_id}/{found.name} is told again of {done.events} events; what waits already is not told twice")
    if done.next_event is not None:
        say(f"there are more: gateway webhooks replay {found.id} --event {done.next_event}", style="dim")
    return 0


def _test(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    with changing(settings) as database:
        found = database.read_now(partial(_named, named=called.webhook))
        partner = profile_of(settings, found.partner_id)
        event_id, body = acts.test_event(partner.id, found.id, now_ms(), secrets.token_hex(8))
        who, at_ms, detail = actor(), now_ms(), {"event": event_id}
        database.write_now(lambda connection: acts.note(connection, who, "webhook.test", found, at_ms, {**detail}))
        sealing = Sealing(database, settings.passphrase, now_ms=now_ms)
        or_unusable(sealing.start_now, KeyRingError)

        async def call() -> Called:
            carrier = WebhookCarrier(database, Door(settings.limits), sealing, now_ms=now_ms)
            try:
                return await carrier.call(found, partner, Letter(event_id, body))
            finally:
                await carrier.close()

        called_ = or_unusable(lambda: asyncio.run(call()), CannotCall)
    is_fine = called_.error is None
    if called.format == "json":
        told = {"status": called_.status, "duration_ms": called_.duration_ms, "response": called_.excerpt or None}
        print_json({"webhook": found.id, "event": event_id, "delivered": is_fine, "error": called_.error} | told)
    elif is_fine:
        say(f"they took it: HTTP {called_.status} after {called_.duration_ms} ms", style="green")
    else:
        say(f"they did not take it after {called_.duration_ms} ms: {called_.error}", style="red")
        if called_.excerpt:
            say(f"their answer began: {called_.excerpt}", style="dim")
    return 0 if is_fine else 1


def _key(called: argparse.Namespace) -> int:
    key = make_key(called.kind)
    if called.out is not None:
        _write_secret(called.out, key)
    if called.format == "json":
        secret = None if called.out is not None else key.text
        print_json({"kind": key.kind, "secret": secret, "public_key": key.public_key})
        return 0
    if called.out is None:
        say(key.text)
    if key.public_key is not None:
        say(f"for the partner: {key.public_key}")
    elif called.out is not None:
        say(f"the secret is in {called.out}; the partner needs it, too", style="dim")
    return 0


def _write_secret(path: Path, key: SigningKey) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Unusable(f"{path} exists; name another file, so that no key in use is lost") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be written ({error.strerror}); check the folder and its owner") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{key.text}\n")


def _named(connection: Connection, named: str) -> Subscription:
    """A subscription by its id, or by partner and name."""
    partner_id, slash, name = named.partition("/")
    found = subscriptions.of_name(connection, partner_id, name) if slash else subscriptions.get(connection, named)
    if found is None or not found.is_living:
        raise Unusable(f"there is no webhook {shown(named)}; `gateway webhooks list` shows those there are")
    return found


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no time with its offset, such as {instant(_EXAMPLE_MS)}")
    return round(at.timestamp() * 1_000)

"""Who may do what: every means and mix of means, on every call, and nobody in another partner's rooms."""

import io
import itertools
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import pytest

from certs.certificates import KeyPair
from certs.creation import create_key_pair
from gateway.api.operations import OPERATIONS, Operation
from gateway.model.instants import moment
from gateway.model.partner_events import partner_event
from gateway.model.refusals import Refused
from gateway.signatures import Algorithm, public_pem
from gateway.store import partner_events
from partners.api_terms import Means
from tests.edge.house import ACME_KEY, GLOBEX_KEY, X12, House, digest, open_house, profile
from tests.edge.rest.signing import key_of, send, signed
from tests.flow.dispatching import order

MEANS: tuple[Means, ...] = ("api_key", "oauth", "certificate", "signature")
KEYS = {"acme": ACME_KEY, "globex": GLOBEX_KEY}
SECRET = "a-client-secret-of-{}-0123456789"
OUTBOUND = "agreements: [{document: purchase_order, direction: outbound, syntax: json, our_identity: bigcorp}]\n"
HOOKS = "webhooks: {hosts: [hooks.example], by_api: true}\ndelivery: {way: inbox}\n"
ORDER = "PO-4711"
ALL_SCOPES = sorted({operation.scope for operation in OPERATIONS.values() if operation.scope})


@cache
def client_certificate(partner: str) -> KeyPair:
    return create_key_pair(f"{partner}-client", now=datetime.now(UTC))


def holder(partner: str, require: tuple[str, ...] = (), scopes: tuple[str, ...] = (), more: str = ""):
    """A partner with all four means, each of them for these scopes alone."""
    allowed = f", scopes: [{', '.join(scopes)}]" if scopes else ""
    demanded = f"  require: [{', '.join(require)}]\n" if require else ""
    text = (
        f"id: {partner}\nname: {partner.title()}\n"
        f"api_keys: [{{label: main, sha256: {digest(KEYS[partner])}{allowed}}}]\n"
        f"api:\n{demanded}"
        f"  oauth_clients: [{{client_id: {partner}-erp, secret_sha256: {digest(SECRET.format(partner))}{allowed}}}]\n"
        f"  certificates: [{{label: erp, file: client.pem{allowed}}}]\n"
        f"  signatures: {{keys: [{{id: {partner}-ed25519, algorithm: ed25519, public_key: sign.pem{allowed}}}]}}\n"
        f"{more}"
    )
    signing = public_pem(key_of(partner, Algorithm.ED25519).public)
    return profile(text, client_pem=client_certificate(partner).certificate.pem(), sign_pem=signing)


class Callers:
    """Makes calls by any mix of means. They come by a proxy of ours, each from an address of its own."""

    def __init__(self, house: House, client) -> None:
        self.house = house
        self._client = client
        self._tokens: dict[str, str] = {}
        self._addresses = (f"198.51.{number // 250}.{number % 250 + 1}" for number in itertools.count())

    async def call(
        self,
        shown: Mapping[Means, str],
        method: str = "GET",
        path: str = "/v1/documents",
        body: bytes = b"",
        wrong: frozenset[Means] = frozenset(),
    ) -> tuple[int, dict, Mapping[str, str]]:
        """Args: `shown` says whose credential of each means is shown; those in `wrong` are of nobody."""
        fields = {"X-Forwarded-For": next(self._addresses), "X-Forwarded-Proto": "http"}
        for means, partner in shown.items():
            fields |= await self._fields(means, partner, means in wrong)
        if "signature" in shown:
            request = signed(self.house, key_of(shown["signature"], Algorithm.ED25519), method, path, body, fields)
            if "signature" in wrong:
                request = request.with_field("Signature", f"sig1=:{b64encode(bytes(64)).decode()}:")
            return await send(self._client, request)
        url = self.house.url + path
        async with self._client.request(
            method, url, data=io.BytesIO(body) if body else None, headers=fields, allow_redirects=False
        ) as answer:
            told = await answer.json(content_type=None) if answer.content_type.endswith("json") else {}
            return answer.status, told, answer.headers

    async def _fields(self, means: Means, partner: str, wrong: bool) -> dict[str, str]:
        if means == "api_key":
            return {"X-API-Key": "a key of nobody" if wrong else KEYS[partner]}
        if means == "oauth":
            token = await self._token(partner)
            return {"Authorization": f"Bearer {token[:-86] + 'A' * 86 if wrong else token}"}
        if means == "certificate":
            pair = create_key_pair("nobody", now=self.now()) if wrong else client_certificate(partner)
            return {"Client-Cert": f":{b64encode(pair.certificate.der).decode()}:"}
        return {}

    async def _token(self, partner: str) -> str:
        if partner not in self._tokens:
            fields = {
                "grant_type": "client_credentials",
                "client_id": f"{partner}-erp",
                "client_secret": SECRET.format(partner),
            }
            async with self._client.post(f"{self.house.url}/oauth/token", data=fields) as answer:
                assert answer.status == 200, await answer.text()
                self._tokens[partner] = (await answer.json())["access_token"]
        return self._tokens[partner]

    def now(self):
        return moment(self.house.edge.now_ms())


async def somewhere(_host: str, _port: int) -> list[str]:
    """An address that anybody could have; nothing is sent there."""
    return ["93.184.216.34"]


@pytest.fixture
def calling(tmp_path, client):
    """A house of these partners, and whoever calls there."""

    def opened(*profiles):
        named = {"trusted_proxies": ("127.0.0.1/32",)}
        return open_house(tmp_path, profiles=list(profiles), passphrase=b"of the day", named=named, resolve=somewhere)

    return lambda *profiles: opened(*profiles or (holder("acme"), holder("globex"))), client


def served(house: House) -> list[Operation]:
    """The calls that need a credential and that this house answers."""

    class Asked:
        def __init__(self, operation: Operation) -> None:
            self.method = operation.method
            self.rel_url = type("Url", (), {"raw_path": path_of(operation)})

    def is_there(operation: Operation) -> bool:
        try:
            house.server._routes.find(Asked(operation))
        except Refused:
            return False
        return True

    return [one for one in OPERATIONS.values() if not one.is_public and is_there(one)]


def path_of(operation: Operation, part: str = "none-of-this-name") -> str:
    path = operation.path
    for name in operation.open_parts:
        path = path.replace(f"{{{name}}}", part)
    return path


MIXES = [mix for size in range(1, 5) for mix in itertools.combinations(MEANS, size)]


@pytest.mark.parametrize("required", [(), *MIXES], ids=lambda mix: "+".join(mix) or "any")
async def test_every_mix_of_means_against_every_demand(calling, required):
    opened, client = calling
    async with opened(holder("acme", require=required), holder("globex")) as house:
        callers = Callers(house, client)
        for mix in MIXES:
            status, told, _ = await callers.call(dict.fromkeys(mix, "acme"))
            missing = [means for means in required if means not in mix]
            assert (status == 200) == (not missing), (mix, told)
            if missing:
                assert status == 401
                assert told["detail"].endswith(": " + ", ".join(missing))


async def test_credentials_of_two_partners_are_none(calling):
    opened, client = calling
    async with opened() as house:
        callers = Callers(house, client)
        for one, other in itertools.permutations(MEANS, 2):
            status, told, _ = await callers.call({one: "acme", other: "globex"})
            assert status == 401, (one, other)
            assert told["detail"] == "no partner has these credentials"
        told = [str(act.detail) for act in await house.acts("refused.unauthenticated")]
        assert len(told) == 12
        assert all("acme" in one and "globex" in one for one in told), "the audit knows whose they were"


async def test_a_wrong_credential_is_not_made_good_by_a_right_one(calling):
    """But a TLS certificate that nobody has: many show one to everybody."""
    opened, client = calling
    async with opened() as house:
        callers = Callers(house, client)
        for right, wrong in itertools.permutations(MEANS, 2):
            status, _, _ = await callers.call({right: "acme", wrong: "acme"}, wrong=frozenset({wrong}))
            assert status == (200 if wrong == "certificate" else 401), (right, wrong)


async def test_no_call_is_answered_to_nobody(calling):
    """Without a credential and with a wrong one of each kind: 401, before anything else is looked at."""
    opened, client = calling
    async with opened() as house:
        callers = Callers(house, client)
        assert len(served(house)) == len([one for one in OPERATIONS.values() if not one.is_public])
        for operation in served(house):
            body = b"" if operation.method in {"GET", "DELETE"} else X12
            path = path_of(operation)
            answers = [await callers.call({}, operation.method, path, body)]
            for means in MEANS:
                shown = {means: "acme"}
                answers.append(await callers.call(shown, operation.method, path, body, wrong=frozenset({means})))
            for status, told, headers in answers:
                assert status == 401, (operation.id, told)
                assert headers["WWW-Authenticate"]
        assert not house.arrived


async def test_every_call_asks_for_its_scope(calling):
    """With one scope alone, by each means: everything else is 403, whether or not it is there."""
    opened, client = calling
    for number, scope in enumerate(ALL_SCOPES):
        means = MEANS[number % len(MEANS)]
        async with opened(holder("acme", scopes=(scope,))) as house:
            callers = Callers(house, client)
            for operation in served(house):
                if operation.scope in {None, scope}:
                    continue
                body = b"" if operation.method in {"GET", "DELETE"} else X12
                status, told, _ = await callers.call({means: "acme"}, operation.method, path_of(operation), body)
                assert status == 403, (operation.id, scope, told)
                assert operation.scope in told["detail"]
            assert not house.arrived


async def test_together_credentials_may_what_each_of_them_may(calling):
    opened, client = calling
    narrow = holder("acme", scopes=("orders:read",))
    async with opened(narrow) as house:
        callers = Callers(house, client)
        for mix in MIXES:
            assert (await callers.call(dict.fromkeys(mix, "acme")))[0] == 403, mix


async def documents(house: House, callers: Callers) -> str:
    status, told, _ = await callers.call({"api_key": "acme"}, "POST", "/v1/documents", X12)
    assert status == 202
    return told["id"]


async def inbox(house: House, callers: Callers) -> str:
    answer = await house.edge.outbound.accept_document("acme", order(ORDER))
    assert answer.is_accepted, answer.reason
    return answer.id


async def orders(house: House, callers: Callers) -> str:
    await inbox(house, callers)
    return ORDER


async def webhooks(house: House, callers: Callers) -> str:
    body = b'{"name": "erp", "url": "https://hooks.example/in"}'
    status, told, _ = await callers.call({"api_key": "acme"}, "POST", "/v1/webhooks", body)
    assert status == 201, told
    return told["id"]


async def events(house: House, callers: Callers) -> str:
    event = partner_event("acme", "document.accepted", "a subject", house.edge.now_ms(), {}, cause="the test")
    await house.database.write(lambda connection: partner_events.record(connection, event))
    return event.id


# Under each path: what makes ACME something that could be reached there, and what else could be sent to it.
ROOMS = {
    "/v1/documents/{id}": documents,
    "/v1/inbox/{id}": inbox,
    "/v1/purchase-orders/{number}": orders,
    "/v1/webhooks/{id}": webhooks,
    "/v1/events/{id}": events,
}
BODIES = {
    "decline_inbox_document": b'{"reason": "it is not ours"}',
    "acknowledge_purchase_order": b'{"status": "accepted"}',
    "ship_purchase_order": b'{"shipment_number": "S-1", "shipped_on": "2026-03-01"}',
    "invoice_purchase_order": b'{"invoice_number": "I-1", "invoiced_on": "2026-03-01"}',
    "update_webhook": b'{"state": "paused"}',
    "replay_webhook": b'{"since": "2026-03-01T00:00:00Z"}',
}


def test_every_call_that_names_something_is_tried():
    """Whoever adds a room says here how ACME comes to something in it."""
    roots = tuple(ROOMS)
    named = [one for one in OPERATIONS.values() if one.open_parts and not one.is_public]
    assert [one.id for one in named if not one.path.startswith(roots)] == []


async def test_nobody_reaches_what_is_another_s(calling):
    """By every call with an open part: the same answer as for what was never there, and ACME's stays as it was."""
    opened, client = calling
    acme, globex = (holder(name, more=OUTBOUND + HOOKS) for name in ("acme", "globex"))
    async with opened(acme, globex) as house:
        callers = Callers(house, client)
        for root, make in ROOMS.items():
            theirs = await make(house, callers)
            own = path_of(next(one for one in served(house) if one.path == root), theirs)
            before = await callers.call({"api_key": "acme"}, path=own)
            assert before[0] == 200, before[1]
            for operation in served(house):
                if not operation.path.startswith(root):
                    continue
                answers = []
                for part in (theirs, "none-of-this-name"):
                    for means in MEANS:
                        path, body = path_of(operation, part), BODIES.get(operation.id, b"")
                        status, told, _ = await callers.call({means: "globex"}, operation.method, path, body)
                        answers.append((status, {**told, "instance": "", "detail": told["detail"].replace(part, "")}))
                assert answers[0][0] == 404, (operation.id, answers[0])
                assert all(answer == answers[0] for answer in answers), (operation.id, answers)
            after = await callers.call({"api_key": "acme"}, path=own)
            assert after[1] == before[1], "nothing of theirs was changed"


async def test_lists_show_one_s_own_alone(calling):
    opened, client = calling
    acme, globex = (holder(name, more=OUTBOUND + HOOKS) for name in ("acme", "globex"))
    async with opened(acme, globex) as house:
        callers = Callers(house, client)
        ids = [await make(house, callers) for make in ROOMS.values()]
        lists = [one for one in served(house) if one.method == "GET" and not one.open_parts]
        seen = {one.id: str((await callers.call({"api_key": "acme"}, path=one.path))[1]) for one in lists}
        assert all(any(name in shown for shown in seen.values()) for name in ids)
        for operation in lists:
            for means in MEANS:
                status, told, _ = await callers.call({means: "globex"}, path=operation.path)
                assert status == 200, (operation.id, told)
                assert not any(name in str(told) for name in ids), operation.id


async def test_idempotency_keys_are_each_partner_s_own(calling):
    opened, client = calling
    async with opened() as house:
        told = []
        for partner, body in (("acme", X12), ("globex", X12 + b"\n")):
            request = signed(
                house,
                key_of(partner, Algorithm.ED25519),
                "POST",
                "/v1/documents",
                body,
                {"Idempotency-Key": "the-same"},
            )
            status, answer, headers = await send(client, request)
            assert status == 202, answer
            assert "Idempotency-Replayed" not in headers
            told.append(answer["id"])
        assert len(set(told)) == 2


async def test_each_use_is_noted_and_shown_to_our_people(calling):
    opened, client = calling
    async with opened() as house:
        callers = Callers(house, client)
        for means in MEANS[:3]:
            assert (await callers.call({means: "acme"}))[0] == 200
        await callers.call({"signature": "acme"}, wrong=frozenset({"signature"}))
        noted = house.edge.credential_uses.newest("acme")
        assert set(noted) == {("api_key", "main"), ("oauth", "acme-erp"), ("certificate", "erp")}
        assert house.edge.credential_uses.newest("globex") == {}

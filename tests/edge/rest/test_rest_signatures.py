"""Signed requests at the door: what passes, what is replayed, out of time, half covered; and what is told."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager, suppress
from functools import partial

import aiohttp
import pytest

from gateway.buffers import Buffer
from gateway.edge.rest.identity import signatures as identity
from gateway.flow import receive
from gateway.signatures import NOT_VERIFIED, Algorithm, RequestHead, SigningKey, content_digest, sign
from gateway.store import messages
from gateway.store.database import StoreUnavailable
from gateway.store.messages import listing
from tests.edge.house import ACME_KEY, X12, open_house, profile, until
from tests.edge.rest.signing import key_of, send, signed, signer

ED25519 = Algorithm.ED25519
KEY = {"X-API-Key": ACME_KEY}


@pytest.fixture
async def house(tmp_path):
    async with open_house(tmp_path, profiles=[signer(tmp_path), signer(tmp_path, "globex")]) as opened:
        yield opened


@asynccontextmanager
async def house_of(tmp_path, *profiles, **choices):
    async with open_house(tmp_path, profiles=list(profiles), **choices) as opened:
        yield opened


def submission(house, key=None, body=X12, **choices):
    return signed(house, key or key_of("acme", ED25519), "POST", "/v1/documents", body, **choices)


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)
async def test_a_signed_document_is_kept(house, client, algorithm):
    status, told, _ = await send(client, submission(house, key_of("acme", algorithm)))
    assert status == 202, told
    kept = await house.database.read(partial(messages.get, message_id=told["id"]))
    assert kept.partner_id == "acme"
    status, shown, _ = await send(client, signed(house, key_of("acme", algorithm), path=f"/v1/documents/{told['id']}"))
    assert status == 200
    assert shown["id"] == told["id"]
    assert house.edge.credential_uses.newest("acme").keys() == {("signature", f"acme-{algorithm.value}")}


async def test_a_document_without_an_api_key_is_evidence_of_its_signature(house, client):
    _, told, _ = await send(client, submission(house))
    kept = await house.database.read(partial(messages.get, message_id=told["id"]))
    assert '"signature":"acme-ed25519"' in kept.security


@pytest.mark.parametrize("where", ["at once", "after a while"])
async def test_a_replay_is_refused_while_the_window_lasts(house, client, where):
    request = submission(house)
    assert (await send(client, request))[0] == 202
    if where == "at once":
        answers = await asyncio.gather(*(send(client, request) for _ in range(5)))
    else:
        answers = [await send(client, request)]
    for status, told, headers in answers:
        assert status == 401
        assert told["type"].endswith(":signature-replayed")
        assert "WWW-Authenticate" in headers
    assert len(house.arrived) == 1
    (act, *_) = await house.acts("refused.signature-replayed")
    assert "acme-ed25519" in str(act.detail)


async def test_of_many_replays_at_once_one_is_kept(house, client):
    request = submission(house)
    statuses = [status for status, _, _ in await asyncio.gather(*(send(client, request) for _ in range(12)))]
    assert sorted(statuses) == [202] + [401] * 11
    assert len(house.arrived) == 1


async def test_a_repetition_is_signed_anew_and_gets_the_stored_answer(house, client):
    first, second = (submission(house, headers={"Idempotency-Key": "one"}) for _ in range(2))
    _, told, _ = await send(client, first)
    status, again, headers = await send(client, second)
    assert status == 202
    assert again == told
    assert headers["Idempotency-Replayed"] == "true"
    status, told, _ = await send(client, first)
    assert (status, told["type"].rpartition(":")[2]) == (401, "signature-replayed"), "though its key is known"


async def test_a_nonce_is_free_again_when_nothing_came_of_the_request(house, client):
    missing = signed(house, key_of("acme", ED25519), path="/v1/documents/none-of-this-name")
    for _ in range(2):
        assert (await send(client, missing))[0] == 404
    request = submission(house)
    assert (await send(client, request, body=X12 + b" "))[0] == 400, "its digest is another one"
    assert (await send(client, request))[0] == 202


async def test_a_nonce_is_free_again_when_the_store_failed(house, client, monkeypatch):
    def failing(connection, new, also, wants):
        also(connection, None)
        raise StoreUnavailable("the test says so")

    request = submission(house)
    with monkeypatch.context() as broken:
        broken.setattr(receive, "_accept", failing)
        assert (await send(client, request))[0] == 503
    assert (await send(client, request))[0] == 202


async def test_a_nonce_stays_spent_when_a_call_is_cut_off(house, monkeypatch):
    """What it began may be committed all the same: the signed bytes must not do it a second time."""
    begun, goes_on, page = threading.Event(), threading.Event(), listing.page

    def waits(*about, **how):
        begun.set()
        goes_on.wait(10)
        return page(*about, **how)

    monkeypatch.setattr(listing, "page", waits)
    request = signed(house, key_of("acme", ED25519))
    async with aiohttp.ClientSession() as own:
        sending = asyncio.create_task(send(own, request))
        await until(begun.is_set)
        for connection in list(house.server._server._open):
            connection.cut()
        goes_on.set()
        with suppress(aiohttp.ClientError):
            await sending
        status, told, _ = await send(own, request)
    assert (status, told["type"].rpartition(":")[2]) == (401, "signature-replayed")


async def test_reading_calls_spend_their_nonce_too(house, client):
    request = signed(house, key_of("acme", ED25519), path="/v1/documents")
    first, second = (await send(client, request))[0], (await send(client, request))[0]
    assert (first, second) == (200, 401)


@pytest.mark.parametrize("ago_s", [-310, 310])
async def test_a_clock_that_is_off_is_told_our_time(house, client, ago_s):
    before = time.time()
    status, told, _ = await send(client, submission(house, ago_s=ago_s))
    assert status == 401
    assert told["type"].endswith(":signature-clock")
    assert told["server_time"].startswith(time.strftime("%Y-%m-%d", time.gmtime(before)))
    assert "300 s are allowed" in told["detail"]


@pytest.mark.parametrize(
    ("covered", "missing"),
    [([], "@method"), (["@method", "@target-uri"], "content-digest"), (["content-digest", "content-type"], "@method")],
    ids=["nothing", "not the body", "the body alone"],
)
async def test_coverage_that_is_missing_is_told(house, client, covered, missing):
    status, told, _ = await send(client, submission(house, components=covered))
    assert status == 401
    assert told["type"].endswith(":signature-incomplete")
    assert f"does not cover {missing}" in told["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target": "/v1/documents?wait=1"},
        {"target": "/v1/validate"},
        {"target": "/v1//documents"},
    ],
    ids=str,
)
async def test_another_call_than_the_one_that_was_signed(house, client, change):
    status, told, _ = await send(client, submission(house), **change)
    assert status in {401, 404, 405}
    assert not house.arrived
    assert told["type"].rpartition(":")[2] in {
        "unauthenticated",
        "signature-incomplete",
        "not-found",
        "method-not-allowed",
    }


async def test_another_body_than_the_one_that_was_signed(house, client):
    status, told, _ = await send(client, submission(house), body=X12.replace(b"ACME", b"EMCA"))
    assert status == 400
    assert told["type"].endswith(":digest-mismatch")
    assert not house.arrived
    exchanged = submission(house).with_field("Content-Digest", content_digest(b"other"))
    assert (await send(client, exchanged, body=b"other"))[0] == 401


async def test_a_large_body_is_compared_with_its_digest(tmp_path, client):
    """Beside the loop, over windows of the spool that it lies in."""
    body = X12 * 8_000
    async with house_of(tmp_path, signer(tmp_path), spool_from_bytes=65_536) as house:
        assert len(body) > identity.IN_LOOP_BYTES_MAX
        assert (await send(client, submission(house, body=body[:-1]), body=body))[0] == 400
        assert (await send(client, submission(house, body=body)))[0] == 202


async def test_unknown_and_wrong_keys_and_those_out_of_their_days_look_alike(tmp_path, client):
    later = signer(tmp_path, "globex", valid_from="2999-01-01")
    over = profile(
        "id: old\nname: Old\napi:\n  signatures:\n    keys:\n"
        "      - {id: old-key, algorithm: ed25519, public_key: a.pem, expires_on: 2020-01-01}\n",
        a_pem=signer(tmp_path).file("ed25519.pem"),
    )
    acme, stranger = key_of("acme", ED25519), SigningKey("stranger", ED25519, key_of("acme", ED25519).material)
    async with house_of(tmp_path, signer(tmp_path), later, over) as house:
        requests = {
            "unknown": submission(house, stranger),
            "not yet": submission(house, key_of("globex", ED25519)),
            "over": submission(house, SigningKey("old-key", ED25519, acme.material)),
            "another's": submission(house, SigningKey(acme.id, ED25519, key_of("globex", ED25519).material)),
            "other algorithm": submission(
                house, SigningKey(acme.id, Algorithm.HMAC_SHA256, key_of("acme", Algorithm.HMAC_SHA256).material)
            ),
            "nonsense": submission(house).with_field("Signature", "sig1=:AAAA:"),
        }
        answers = {name: await send(client, request) for name, request in requests.items()}
    told = {name: (status, {**body, "instance": ""}) for name, (status, body, _) in answers.items()}
    assert set(map(str, told.values())) == {str(told["unknown"])}
    assert told["unknown"][1]["detail"] == NOT_VERIFIED
    headers = [{**answer[2], "Date": ""} for answer in answers.values()]
    assert all(one == headers[0] for one in headers)


async def test_the_audit_tells_them_apart(house, client):
    await send(client, submission(house, SigningKey("stranger", ED25519, key_of("acme", ED25519).material)))
    await send(client, submission(house).with_field("Signature", f"sig1=:{'A' * 86}==:"))
    told = sorted(str(act.detail) for act in await house.acts("refused.unauthenticated"))
    assert len(told) == 2
    assert any("unknown-key" in one and "stranger" in one for one in told)
    assert any("wrong-signature" in one and "acme-ed25519" in one for one in told)


async def test_what_is_written_wrongly_is_told_where(house, client):
    request = submission(house)
    broken = request.with_field("Signature-Input", request.field("Signature-Input").replace(";keyid=", ";;keyid="))
    status, told, _ = await send(client, broken)
    assert status == 401
    assert "Signature-Input, position" in told["detail"]


async def test_a_signature_beside_an_api_key_has_to_be_the_same_partner_s(house, client):
    assert (await send(client, submission(house, headers=KEY)))[0] == 202
    status, told, _ = await send(client, submission(house, key_of("globex", ED25519), headers=KEY))
    assert status == 401
    assert told["detail"] == "no partner has these credentials"
    wrong = submission(house, headers=KEY).with_field("Signature", f"sig1=:{'A' * 86}==:")
    assert (await send(client, wrong))[0] == 401, "a wrong signature is not made good by a right key"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("b2b.bigcorp.example", 200),
        ("B2B.BigCorp.example.:8443", 200),
        ("127.0.0.1:{port}", 200),
        ("localhost", 200),
        ("other.example", 401),
        ("b2b.bigcorp.example.other.example", 401),
        ("[::1]:{port}", 401),
    ],
)
async def test_what_was_signed_for_another_host_is_none_of_ours(tmp_path, client, host, status):
    """A partner may sign for several with one key: what one of them got he must not bring here."""
    named = {"public_url": "https://b2b.bigcorp.example/edi"}
    async with house_of(tmp_path, signer(tmp_path), named=named) as house:
        host = host.format(port=house.server.address[1])
        head = RequestHead("GET", "http", host, "/v1/documents", (("Host", host),))
        fields = sign(head, key_of("acme", ED25519), created=int(time.time()), nonce="a nonce of its own")
        async with client.get(f"{house.url}/v1/documents", headers={"Host": host} | dict(fields)) as answer:
            told = await answer.json(content_type=None)
        assert answer.status == status, told
        if status == 401:
            assert "b2b.bigcorp.example" in told["detail"]


async def test_a_profile_may_ask_for_signatures(tmp_path, client):
    acme = signer(tmp_path, more="  require: signature\n")
    async with house_of(tmp_path, acme) as house:
        async with client.post(f"{house.url}/v1/documents", data=X12, headers=KEY) as answer:
            assert answer.status == 401
            assert "signature" in (await answer.json())["detail"]
            asked = answer.headers["Accept-Signature"]
        assert asked == 'sig1=("@method" "@authority" "@path" "content-digest" "content-type");created'
        async with client.get(f"{house.url}/v1/documents?limit=1", headers=KEY) as answer:
            assert answer.headers["Accept-Signature"] == 'sig1=("@method" "@authority" "@path" "@query");created'
        async with client.get(f"{house.url}/v1/documents", headers={"X-API-Key": "nobody's"}) as answer:
            assert "Accept-Signature" not in answer.headers, "who asks for what is told to nobody without a right key"
        # What is asked for is enough.
        components = ["@method", "@authority", "@path", "content-digest", "content-type"]
        assert (await send(client, submission(house, components=components)))[0] == 202
        assert (await send(client, submission(house, headers=KEY)))[0] == 202
        assert (await send(client, submission(house)))[0] == 202


async def test_a_profile_may_ask_for_more_coverage_a_tag_and_less_time(tmp_path, client):
    extra = "    components: [idempotency-key]\n    tag: orders\n    window_s: 60\n"
    async with house_of(tmp_path, signer(tmp_path, extra=extra)) as house:
        given = {"headers": {"Idempotency-Key": "one"}, "tag": "orders"}
        covered = ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"]
        status, told, _ = await send(client, submission(house, **given))
        assert (status, "does not cover idempotency-key" in told["detail"]) == (401, True)
        status, told, _ = await send(client, submission(house, **given | {"tag": "other", "components": covered}))
        assert (status, 'tag="orders"' in told["detail"]) == (401, True)
        status, told, _ = await send(client, submission(house, ago_s=90, components=covered, **given))
        assert (status, told["type"].rpartition(":")[2]) == (401, "signature-clock")
        assert (await send(client, submission(house, components=covered, **given)))[0] == 202
        assert (await send(client, submission(house, tag="orders")))[0] == 202, (
            "without the field there is none to cover"
        )
        stranger = SigningKey("stranger", ED25519, key_of("acme", ED25519).material)
        status, told, _ = await send(client, submission(house, stranger, **given))
        assert told["detail"] == NOT_VERIFIED, "what the profile asks for is told to nobody without its key"


async def test_a_key_has_its_scopes(tmp_path, client):
    acme = profile(
        "id: acme\nname: ACME\napi:\n  signatures:\n    keys:\n"
        "      - {id: acme-ed25519, algorithm: ed25519, public_key: a.pem, scopes: documents:read}\n",
        a_pem=signer(tmp_path).file("ed25519.pem"),
    )
    async with house_of(tmp_path, acme) as house:
        assert (await send(client, signed(house, key_of("acme", ED25519))))[0] == 200
        status, told, _ = await send(client, submission(house))
        assert status == 403
        assert "documents:write" in told["detail"]


async def test_two_keys_overlap(tmp_path, client):
    """The old one to its last day, the new one from its first; the last use of each is noted."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    new = SigningKey("acme-new", ED25519, key_of("globex", ED25519).material)
    acme = profile(
        "id: acme\nname: ACME\napi:\n  signatures:\n    keys:\n"
        f"      - {{id: acme-ed25519, algorithm: ed25519, public_key: a.pem, expires_on: {today}}}\n"
        f"      - {{id: acme-new, algorithm: ed25519, public_key: b.pem, valid_from: {today}}}\n",
        a_pem=signer(tmp_path).file("ed25519.pem"),
        b_pem=signer(tmp_path, "globex").file("ed25519.pem"),
    )
    async with house_of(tmp_path, acme) as house:
        for key in (key_of("acme", ED25519), new):
            assert (await send(client, submission(house, key)))[0] == 202
        shown = house.edge.credential_uses.newest("acme")
    assert set(shown) == {("signature", "acme-ed25519"), ("signature", "acme-new")}


async def test_a_key_that_cannot_be_used_is_an_unknown_one(tmp_path, client, caplog):
    (tmp_path / "empty").write_text("")
    acme = profile(
        "id: acme\nname: ACME\napi:\n  signatures:\n    keys:\n"
        f"      - {{id: acme-hmac-sha256, algorithm: hmac-sha256, secret: 'file:{tmp_path}/empty'}}\n"
        "      - {id: acme-ed25519, algorithm: ed25519, public_key: a.pem}\n"
        "      - {id: acme-ecdsa-p256-sha256, algorithm: ecdsa-p256-sha256, public_key: b.pem}\n",
        a_pem=b"no key",
        b_pem=signer(tmp_path).file("ed25519.pem"),
    )
    async with house_of(tmp_path, acme) as house:
        for algorithm in (Algorithm.HMAC_SHA256, Algorithm.ED25519, Algorithm.ECDSA_P256_SHA256):
            status, told, _ = await send(client, submission(house, key_of("acme", algorithm)))
            assert (status, told["detail"]) == (401, NOT_VERIFIED)
    causes = [record.cause for record in caplog.records if record.message == "a key for signatures cannot be used"]
    assert len(causes) == 3
    assert "not for ecdsa-p256-sha256" in causes[2]


async def test_a_secret_that_was_exchanged_counts_after_a_minute(tmp_path, client):
    clock = [int(time.time()) * 1_000]
    acme = signer(tmp_path)
    async with house_of(tmp_path, acme, now_ms=lambda: clock[0]) as house:
        old = key_of("acme", Algorithm.HMAC_SHA256)
        new = SigningKey(old.id, old.algorithm, b"another secret of more than 32 characters")

        async def status_of(key) -> int:
            return (await send(client, submission(house, key, created=clock[0] // 1_000)))[0]

        assert await status_of(old) == 202
        path = tmp_path / "acme.secret"
        path.with_suffix(".new").write_bytes(new.material)
        path.with_suffix(".new").replace(path)
        clock[0] += identity.SECRET_KEPT_MS
        assert [await status_of(new), await status_of(old)] == [202, 401]


async def test_hostile_fields_are_answered_as_any(house, client):
    for name, value in [
        ("Signature-Input", "sig1=" + "(" * 4_000),
        ("Signature-Input", "sig1=()" + ";a" * 3_000),
        ("Signature-Input", '"' * 4_000),
        ("Signature", "sig1=:" + "A" * 6_000 + ":"),
        ("Content-Digest", "sha-256=:" + "A" * 4_000 + ":"),
        ("Signature-Input", ", ".join(f'k{i}=("@method");created=1;nonce="12345678";keyid="x"' for i in range(60))),
    ]:
        status, told, _ = await send(client, submission(house).with_field(name, value))
        assert status == 401, (name, told)
        assert len(told["detail"]) < 1_000


def raw(request, *more: str) -> bytes:
    """The head of a request as it goes over the line, with further fields."""
    lines = [f"{name}: {value}" for name, value in request.headers]
    return "\r\n".join(["POST /v1/documents HTTP/1.1", *lines, *more, "Connection: close", "", ""]).encode()


@pytest.mark.parametrize(
    "twice", ["Host: other.example", f"Content-Digest: {content_digest(b'x')}", "Content-Type: text/plain"]
)
async def test_field_lines_that_come_twice(house, twice):
    """Two hosts, two digests that disagree, two media types."""
    answer = await house.raw(raw(submission(house), twice, f"Content-Length: {len(X12)}") + X12)
    assert answer[9:12] in {b"400", b"401"}, answer
    assert not house.arrived


async def test_a_body_in_chunks_is_covered_like_any(house):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(X12), X12)
    sent = raw(submission(house), "Transfer-Encoding: chunked") + body
    assert (await house.raw(sent))[9:12] == b"202"
    sent = raw(submission(house, components=["@method", "@target-uri"]), "Transfer-Encoding: chunked") + body
    assert (await house.raw(sent))[9:12] == b"401"


def test_what_the_seal_hands_over_is_a_buffer():
    """A view of a spool is compared as bytes are."""
    view: Buffer = memoryview(X12)
    assert content_digest(view) == content_digest(X12)

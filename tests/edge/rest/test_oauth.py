"""OAuth 2 client credentials: tokens are had, used, ended and forged; all wrong ones look alike."""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.edge.rest.identity import tokens
from gateway.edge.rest.identity.tokens import LEEWAY_S
from gateway.store.credentials import token_keys
from gateway.store.credentials.token_keys import TokenKeys
from gateway.store.engine.statements import table_of
from gateway.store.tables import AuditEntry
from tests.edge.house import ACME_KEY, X12, acme, digest, globex, open_house, profile
from tests.edge.rest.contract import assert_as_promised

SECRET, OTHER_SECRET = "s3cret-of-acme-0123456789abcdef", "s3cret-of-globex-0123456789abcd"
PASSPHRASE = b"the passphrase of the day"
ALL_SCOPES = (
    "documents:read documents:write orders:read orders:write inbox:read inbox:write webhooks:read webhooks:write"
)


def client_of(client_id, secret, more=""):
    return f"    - {{client_id: {client_id}, secret_sha256: {digest(secret)}{more}}}\n"


def acme_with(clients=None, extra=""):
    return acme("api:\n  oauth_clients:\n" + (clients or client_of("acme-erp", SECRET)) + extra)


def globex_with(clients=None):
    return globex("api:\n  oauth_clients:\n" + (clients or client_of("globex-erp", OTHER_SECRET)))


class Clock:
    def __init__(self):
        self.ms = round(datetime.now(UTC).timestamp() * 1_000)

    def __call__(self):
        return self.ms


@pytest.fixture
def at(tmp_path):
    @asynccontextmanager
    async def at(*profiles, passphrase=PASSPHRASE, **choices):
        found = list(profiles) or [acme_with(), globex_with()]
        async with open_house(tmp_path, profiles=found, passphrase=passphrase, **choices) as house:
            yield house

    return at


def basic(client_id, secret):
    return {"Authorization": aiohttp.encode_basic_auth(client_id, secret)}


def ask(house, client, client_id="acme-erp", secret=SECRET, **fields):
    fields = {"grant_type": "client_credentials"} | fields
    return client.post(f"{house.url}/oauth/token", data=fields, headers=basic(client_id, secret))


async def token_of(house, client, *who, **fields):
    async with ask(house, client, *who, **fields) as answer:
        told = await answer.json()
        assert answer.status == 200, told
        return told["access_token"]


async def use(house, client, token, path="/v1/documents", **request):
    async with client.request(
        request.pop("method", "GET"), house.url + path, headers={"Authorization": f"Bearer {token}"}, **request
    ) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_token_is_had_and_used(at, client):
    async with at() as house:
        async with ask(house, client) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Pragma"] == "no-cache"
            assert answer.headers["RateLimit-Policy"].startswith('"token";q=20')
            told = await assert_as_promised("issue_token", answer)
        assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 900, ALL_SCOPES)
        status, _ = await use(house, client, told["access_token"], method="POST", path="/v1/documents", data=X12)
        assert status == 202
        status, listed = await use(house, client, told["access_token"])
        assert status == 200
        assert len(listed["submissions"]) == 1


async def test_what_a_token_says(at, client):
    async with at(named={"public_url": "https://b2b.bigcorp.example/", "token_lifetime_s": 600}) as house:
        token = await token_of(house, client, scope="documents:read")
        async with client.get(f"{house.url}/.well-known/jwks.json") as answer:
            (key,) = (await assert_as_promised("get_token_keys", answer))["keys"]
        async with client.get(f"{house.url}/.well-known/oauth-authorization-server") as answer:
            metadata = await assert_as_promised("get_token_metadata", answer)
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], audience=metadata["issuer"])
    assert claims["iss"] == metadata["issuer"] == "https://b2b.bigcorp.example"
    assert metadata["token_endpoint"] == "https://b2b.bigcorp.example/oauth/token"
    assert (claims["sub"], claims["client_id"], claims["partner"]) == ("acme-erp", "acme-erp", "acme")
    assert claims["scope"] == "documents:read"
    assert claims["exp"] - claims["iat"] == 600
    assert "d" not in key


async def test_the_secret_may_come_in_the_body(at, client):
    async with at() as house:
        form = {"grant_type": "client_credentials", "client_id": "acme-erp", "client_secret": SECRET, "else": "x"}
        async with client.post(f"{house.url}/oauth/token", data=form) as answer:
            assert answer.status == 200


async def test_ids_and_secrets_are_form_encoded_before_they_are_base64(at, client):
    secret = "a:b c%+ü"
    async with at(acme_with(client_of("acme:erp", secret))) as house:
        pair = base64.b64encode(b"acme%3Aerp:a%3Ab+c%25%2B%C3%BC").decode()
        async with client.post(
            f"{house.url}/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"basic {pair}"},
        ) as answer:
            assert answer.status == 200


BAD_REQUESTS = [
    (b"grant_type=client_credentials", {}, "invalid_client"),
    (b"grant_type=client_credentials&client_id=acme-erp", {}, "invalid_client"),
    (b"grant_type=client_credentials&client_id=acme-erp&client_secret=", {}, "invalid_client"),
    (b"grant_type=client_credentials", {"Authorization": "Basic ///"}, "invalid_client"),
    (b"grant_type=client_credentials", {"Authorization": "Basic YWNtZQ=="}, "invalid_client"),
    (b"grant_type=client_credentials", {"Authorization": "Basic /////w=="}, "invalid_client"),
    (b"grant_type=client_credentials", {"Authorization": f"Bearer {ACME_KEY}"}, "invalid_client"),
    (b"grant_type=client_credentials&client_id=%00&client_secret=x", {}, "invalid_client"),
    (b"grant_type=client_credentials&client_id=" + b"x" * 200 + b"&client_secret=x", {}, "invalid_client"),
    (b"RIGHT", {}, "invalid_request"),
    (b"RIGHT&grant_type=password", {}, "unsupported_grant_type"),
    (b"RIGHT&grant_type=", {}, "invalid_request"),
    (b"RIGHT&grant_type=client_credentials&scope=documents:read&scope=documents:read", {}, "invalid_request"),
    (b"RIGHT&grant_type=client_credentials&client_id=acme-erp", {}, "invalid_request"),
    (b"RIGHT&grant_type=client_credentials&scope=everything", {}, "invalid_scope"),
    (b"RIGHT&grant_type=client_credentials&scope=documents:read++documents:write", {}, "invalid_scope"),
    (b"RIGHT&grant_type=client_credentials&scope=%22", {}, "invalid_scope"),
    (b"RIGHT&grant_type=client_credentials", {"Authorization": "Basic YWNtZS1lcnA6eA=="}, "invalid_request"),
    (b"client_id=globex-erp", {"Authorization": "Basic YWNtZS1lcnA6eA=="}, "invalid_request"),
    (b"RIGHT&grant_type=client_credentials&%ff=1", {}, "invalid_request"),
    (b"RIGHT&grant_type=client_credentials&\xff=1", {}, "invalid_request"),
    (b"RIGHT&" + b"&".join(b"f%d=1" % n for n in range(30)), {}, "invalid_request"),
    (b"RIGHT&nonsense", {}, "invalid_request"),
    (b"", {}, "invalid_client"),
    (b'{"grant_type": "client_credentials"}', {"Content-Type": "application/json"}, "invalid_request"),
]


async def test_what_is_wrong_is_told_as_oauth_libraries_expect(at, client):
    right = b"client_id=acme-erp&client_secret=" + SECRET.encode()
    async with at() as house:
        for body, headers, error in BAD_REQUESTS:
            sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
            async with client.post(
                f"{house.url}/oauth/token", data=body.replace(b"RIGHT", right), headers=sent
            ) as answer:
                told = await assert_as_promised("issue_token", answer)
                assert (told["error"], bool(told["error_description"])) == (error, True), body
                assert answer.status == (401 if error == "invalid_client" else 400)
                assert answer.headers["Cache-Control"] == "no-store"
                assert ("WWW-Authenticate" in answer.headers) == (error == "invalid_client")


async def test_unknown_clients_and_wrong_secrets_look_alike_and_are_audited(at, client):
    closed = client_of("acme-old", SECRET, ", expires_on: 2020-01-01")
    sketch = profile(
        "id: sketch\nname: Sketch\nstatus: draft\napi:\n  oauth_clients:\n" + client_of("sketch-erp", SECRET)
    )
    async with at(acme_with(client_of("acme-erp", SECRET) + closed), globex_with(), sketch) as house:
        answers = set()
        for client_id, secret in [
            ("acme-erp", "wrong"),
            ("nobody", SECRET),
            ("globex-erp", SECRET),
            ("acme-old", SECRET),
            ("sketch-erp", SECRET),
        ]:
            async with ask(house, client, client_id, secret) as answer:
                headers = {name: value for name, value in answer.headers.items() if name != "Date"}
                answers.add((answer.status, json.dumps(headers), await answer.text()))
        assert len(answers) == 1
        acts = await house.acts("refused.unauthenticated")
        causes = {act.detail["cause"] for act in acts}
    assert causes == {
        "OAuth client acme-erp: wrong secret",
        "OAuth client nobody: no such client",
        "OAuth client globex-erp: wrong secret",
        "OAuth client acme-old: not open today",
        "OAuth client sketch-erp: the partner is a draft",
    }
    assert SECRET not in str(acts)


async def test_a_token_allows_what_its_client_may_now_and_no_more(at, client):
    narrow = client_of("acme-erp", SECRET, ", scopes: [documents:read, documents:write]")
    async with at(acme_with(narrow), globex_with()) as house:
        token = await token_of(house, client)
        reading = await token_of(house, client, scope="documents:read")
        async with ask(house, client, scope="documents:read orders:read") as answer:
            assert (await answer.json())["error"] == "invalid_scope"
        assert (await use(house, client, reading))[0] == 200
        assert (await use(house, client, reading, method="POST", data=X12))[0] == 403
        assert (await use(house, client, token, method="POST", data=X12))[0] == 202
        house.reload(acme_with(client_of("acme-erp", SECRET, ", scopes: [documents:read]")))
        assert (await use(house, client, token))[0] == 200
        assert (await use(house, client, token, method="POST", data=X12 + b"\n"))[0] == 403
        house.reload(acme_with(client_of("acme-erp", SECRET, ", scopes: [orders:read]")))
        assert (await use(house, client, token))[0] == 401


async def test_a_suspended_partner_gets_tokens_and_what_it_sends_is_held(at, client):
    idle = profile("id: idle\nname: Idle\nstatus: suspended\napi:\n  oauth_clients:\n" + client_of("idle-erp", SECRET))
    async with at(idle) as house:
        token = await token_of(house, client, "idle-erp")
        status, told = await use(house, client, token, method="POST", data=X12)
        assert (status, told["status"]) == (202, "held")


@pytest.mark.parametrize("after", ["gone", "closed", "draft", "moved"])
async def test_taking_the_client_out_ends_its_tokens_at_once(at, client, after):
    async with at() as house:
        token = await token_of(house, client)
        assert (await use(house, client, token))[0] == 200
        changed = {
            "gone": [acme()],
            "closed": [acme_with(client_of("acme-erp", SECRET, ", expires_on: 2020-01-01"))],
            "draft": [acme_with(extra="status: draft\n")],
            "moved": [acme(), globex_with(client_of("acme-erp", SECRET))],
        }[after]
        house.reload(*changed)
        assert (await use(house, client, token))[0] == 401


async def test_a_token_never_reaches_another_partners_data(at, client):
    async with at() as house:
        mine, theirs = await token_of(house, client), await token_of(house, client, "globex-erp", OTHER_SECRET)
        _, told = await use(house, client, mine, method="POST", data=X12)
        assert (await use(house, client, theirs, path=told["links"]["self"]))[0] == 404
        assert (await use(house, client, theirs))[1]["submissions"] == []
        both = {"Authorization": f"Bearer {theirs}", "X-API-Key": ACME_KEY}
        async with client.get(f"{house.url}/v1/documents", headers=both) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="partner-gateway", error="invalid_token"'
        async with client.get(f"{house.url}/v1/documents") as answer:
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="partner-gateway"'


async def test_a_revoked_token_is_good_nowhere(at, tmp_path, client):
    profiles = [acme_with(), globex_with()]
    public = {"public_url": "https://b2b.bigcorp.example"}
    clock = Clock()
    async with (
        at(*profiles, now_ms=clock, named=public) as house,
        open_house(tmp_path, profiles=profiles, passphrase=PASSPHRASE, now_ms=clock, named=public) as other,
    ):
        token, kept = await token_of(house, client), await token_of(house, client)
        assert (await use(other, client, token))[0] == 200
        for _ in range(2):
            async with revoke(house, client, token) as answer:
                await assert_as_promised("revoke_token", answer)
                assert answer.status == 200
        assert (await use(house, client, token))[0] == 401
        clock.ms += 1_000
        assert (await use(other, client, token))[0] == 401
        assert (await use(other, client, kept))[0] == 200
        acts = await house.acts("token.revoke")
    assert [(act.actor, act.subject, act.detail["client"]) for act in acts] == [("partner:acme", "acme", "acme-erp")]


def revoke(house, client, token, client_id="acme-erp", secret=SECRET):
    return client.post(f"{house.url}/oauth/revoke", data={"token": token}, headers=basic(client_id, secret))


async def test_only_its_client_ends_a_token_and_one_that_is_none_is_as_good_as_ended(at, client):
    async with at() as house:
        token = await token_of(house, client)
        async with revoke(house, client, token, "globex-erp", OTHER_SECRET) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
        async with revoke(house, client, token, secret="wrong") as answer:
            assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")
        for garbage in ("x", "eyJ.e30.", token[:-4], "ü" * 10):
            async with revoke(house, client, garbage) as answer:
                assert answer.status == 200
        async with revoke(house, client, "") as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
        assert (await use(house, client, token))[0] == 200


async def test_a_token_ends_with_its_time_and_begins_with_it(at, client):
    clock = Clock()
    async with at(now_ms=clock) as house:
        began_ms = clock.ms
        token = await token_of(house, client)
        clock.ms = began_ms + 900_000
        assert (await use(house, client, token))[0] == 200
        clock.ms = began_ms + 900_000 + LEEWAY_S * 1_000
        assert (await use(house, client, token))[0] == 401
        clock.ms = began_ms - (LEEWAY_S + 1) * 1_000
        assert (await use(house, client, token))[0] == 401


async def test_a_token_of_one_node_is_good_at_another_at_once(at, tmp_path, client):
    profiles, public = [acme_with()], {"public_url": "https://b2b.bigcorp.example"}
    async with (
        at(*profiles, named=public) as house,
        open_house(tmp_path, profiles=profiles, passphrase=PASSPHRASE, named=public) as other,
    ):
        token = await token_of(house, client)
        assert (await use(other, client, token))[0] == 200
        assert jwt.get_unverified_header(await token_of(other, client)) == jwt.get_unverified_header(token)


async def test_verified_tokens_are_known_for_a_while_and_not_without_end(at, client, monkeypatch):
    monkeypatch.setattr(tokens, "VERIFIED_MAX", 2)
    async with at() as house:
        here = tokens.Tokens(house.edge)
        loaded = house.edge.directory().by_oauth_client("acme-erp")
        given = [await here.issue("http://x", loaded, loaded.profile.api.oauth_clients[0], ()) for _ in range(5)]
        for token in given:
            assert await here.read(token, "http://x") == await here.read(token, "http://x")
            with pytest.raises(tokens.BadToken):
                await here.read(token, "http://y")
        assert [text for text, _ in here._verified] == given[-2:]
        await house.database.write(lambda connection: token_keys.remove_old(connection, 10**15))
        await here.keys.published()
        with pytest.raises(tokens.BadToken):
            await here.read(given[-1], "http://x")


# --- forged tokens ---------------------------------------------------------------------------------------------------


def b64(value):
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """What somebody can do who has a good token, the public key, and a key pair of their own."""

    def __init__(self, token, public_key):
        self.token = token
        self.head, self.body, self.signature = token.split(".")
        self.header = jwt.get_unverified_header(token)
        self.claims = jwt.decode(token, options={"verify_signature": False})
        self.public_key = public_key
        self.own = Ed25519PrivateKey.generate()

    def signed(self, key, header=None, **claims):
        """With a key that may be ours: whoever could do that may still not say everything."""
        said = {name: value for name, value in (self.claims | claims).items() if value is not None}
        head = f"{b64(header or self.header)}.{b64(said)}"
        return f"{head}.{b64(key.sign(head.encode()))}"

    def hmac(self, secret):
        head = f"{b64(self.header | {'alg': 'HS256'})}.{self.body}"
        return f"{head}.{b64(hmac.digest(secret, head.encode(), hashlib.sha256))}"


def raw_of(key):
    return key.public_bytes_raw()


def pem_of(key):
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


FORGED = {
    "none": lambda f: f"{b64(f.header | {'alg': 'none'})}.{f.body}.",
    "none-with-signature": lambda f: f"{b64(f.header | {'alg': 'None'})}.{f.body}.{f.signature}",
    "no-signature": lambda f: f"{f.head}.{f.body}.",
    "hs256-with-our-public-key": lambda f: f.hmac(raw_of(f.public_key)),
    "hs256-with-its-pem": lambda f: f.hmac(pem_of(f.public_key)),
    "hs256-empty": lambda f: f.hmac(b""),
    "another-key": lambda f: f.signed(f.own),
    "key-in-its-header": lambda f: f.signed(
        f.own, f.header | {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64(raw_of(f.own.public_key()))}}
    ),
    "address-in-its-header": lambda f: f.signed(f.own, f.header | {"jku": "http://127.0.0.1:1/jwks.json"}),
    "kid-as-sql": lambda f: f.signed(f.own, f.header | {"kid": "' OR 1=1 --"}),
    "kid-as-path": lambda f: f.signed(f.own, f.header | {"kid": "../../../dev/null"}),
    "kid-unknown": lambda f: f.signed(f.own, f.header | {"kid": "0123456789abcdef"}),
    "kid-number": lambda f: f.signed(f.own, f.header | {"kid": 1}),
    "kid-list": lambda f: f.signed(f.own, f.header | {"kid": ["x"]}),
    "no-kid": lambda f: f.signed(f.own, {"alg": "EdDSA", "typ": "at+jwt"}),
    "other-type": lambda f: f.signed(f.own, f.header | {"typ": "JWT"}),
    "critical": lambda f: f.signed(f.own, f.header | {"crit": ["b64"], "b64": False}),
    "other-claims": lambda f: f"{f.head}.{b64(f.claims | {'partner': 'globex', 'sub': 'globex-erp'})}.{f.signature}",
    "header-no-object": lambda f: f"eyJ.{f.body}.{f.signature}",
    "header-deep": lambda f: f"eyJ{'W1tb' * 900}.{f.body}.{f.signature}",
    "too-long": lambda f: f"{f.head}.{'x' * 4_000}.{f.signature}",
    "not-utf-8": lambda f: f"{b64(b'{%s}' % bytes([34, 255, 34]))}.{f.body}.{f.signature}",
}


async def test_forged_tokens_look_like_unknown_keys(at, client):
    async with at() as house:
        token = await token_of(house, client)
        async with client.get(f"{house.url}/.well-known/jwks.json") as answer:
            (key,) = (await answer.json())["keys"]
        public_key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        forge = Forge(token, public_key)
        answers = {}
        for name, made in ({"api-key": lambda _: "no-such-key"} | FORGED).items():
            status, told = await use(house, client, made(forge))
            answers[name] = (status, told["type"], told["detail"], told["remedy"])
            house.server._strangers._buckets.clear()
        assert set(answers.values()) == {answers["api-key"]}
        assert answers["api-key"][0] == 401
        assert (await use(house, client, token))[0] == 200


BAD_CLAIMS = [
    {"aud": "https://elsewhere.example"},
    {"aud": None},
    {"iss": "https://elsewhere.example"},
    {"iss": None},
    {"exp": None},
    {"exp": "9999999999"},
    {"exp": 1e300},
    {"exp": True},
    {"exp": 1},
    {"iat": None},
    {"iat": 99_999_999_999},
    {"jti": None},
    {"jti": "'; DROP TABLE"},
    {"jti": 5},
    {"sub": None},
    {"sub": 7},
    {"sub": "globex-erp"},
    {"sub": "nobody"},
    {"partner": None},
    {"partner": "globex"},
    {"partner": "globex", "sub": "globex-erp", "iss": "https://elsewhere.example"},
    {"scope": None},
    {"scope": ""},
    {"scope": ["documents:read"]},
    {"scope": "everything"},
]


async def test_what_our_own_key_signed_must_say_what_our_tokens_say(at, client):
    async with at() as house:
        token = await token_of(house, client)
        keys = TokenKeys(house.database, house.edge.sealing, now_ms=house.edge.now_ms)
        signer = await keys.signer()
        forge = Forge(token, signer.private_key.public_key())
        assert (await use(house, client, forge.signed(signer.private_key, jti="another")))[0] == 200
        for claims in BAD_CLAIMS:
            status, told = await use(house, client, forge.signed(signer.private_key, **claims))
            assert (status, told["detail"]) == (401, "no partner has these credentials"), claims
            house.server._strangers._buckets.clear()


# --- limits and faults -----------------------------------------------------------------------------------------------


async def test_tokens_have_a_rate_by_partner_that_strangers_do_not_use_up(at, client):
    slow = "throttling: {token: {per_second: 1, burst: 2}}\n"
    async with at(acme_with(extra=slow), globex_with(), now_ms=Clock()) as house:
        for _ in range(15):
            async with ask(house, client, secret="wrong") as answer:
                assert answer.status == 401
        for _ in range(2):
            await token_of(house, client)
        async with ask(house, client) as answer:
            assert answer.status == 429
            assert answer.headers["Retry-After"] == "1"
            assert (await answer.json(content_type=None))["type"].endswith("too-many-requests")
        await token_of(house, client, "globex-erp", OTHER_SECRET)


async def test_whoever_guesses_is_slowed_down_and_a_right_secret_still_works(at, client):
    async with at(now_ms=Clock()) as house:
        statuses = []
        for number in range(25):
            async with ask(house, client, f"guess-{number}", "wrong") as answer:
                statuses.append(answer.status)
        assert statuses == [401] * 20 + [429] * 5
        await token_of(house, client)


async def test_a_body_has_a_limit(at, client):
    async with at() as house:
        async with client.post(
            f"{house.url}/oauth/token",
            data=b"grant_type=" + b"x" * 20_000,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ) as answer:
            assert answer.status == 413
        for host in (b"/", b"a@b", b"", b"x" * 300):
            asked = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: " + host
            assert (await house.raw(asked + b"\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_without_a_passphrase_no_token_is_given_out(at, client):
    async with at(passphrase=None) as house:
        async with ask(house, client) as answer:
            told = await answer.json(content_type=None)
            assert answer.status == 503
            assert answer.headers["Retry-After"]
            assert "another credential" in told["detail"]
            assert "passphrase" not in str(told)
        async with client.get(f"{house.url}/.well-known/jwks.json") as answer:
            assert await answer.json() == {"keys": []}


async def test_tokens_are_good_while_the_database_is_down(at, client):
    async with at() as house:
        token = await token_of(house, client)
        assert (await use(house, client, token, path="/v1/problems"))[0] == 200
        await use(house, client, token)
        await asyncio.to_thread(house.database.close)
        status, told = await use(house, client, token)
        assert (status, told["type"].rpartition(":")[2]) == (503, "store-unavailable")


async def test_neither_secrets_nor_tokens_are_kept(at, client):
    async with at() as house:
        token = await token_of(house, client)
        await use(house, client, token, method="POST", data=X12)
        await use(house, client, token + "x")
        async with revoke(house, client, token) as answer:
            assert answer.status == 200
        async with ask(house, client, SECRET, "acme-erp") as answer:
            assert answer.status == 401, "the one taken for the other"
        audit = table_of(AuditEntry)
        rows = await house.database.read(lambda connection: [tuple(row) for row in connection.execute(audit.select())])
    signature = token.rpartition(".")[2]
    assert rows
    assert all(secret not in str(rows) for secret in (SECRET, token, signature))


async def test_an_api_key_beside_a_token_counts_as_both(at, client):
    both = acme_with(extra="  require: [api_key, oauth]\n")
    async with at(both) as house:
        token = await token_of(house, client)
        assert (await use(house, client, token))[0] == 401
        shown = {"Authorization": f"Bearer {token}", "X-API-Key": ACME_KEY}
        async with client.get(f"{house.url}/v1/documents", headers=shown) as answer:
            assert answer.status == 200


def test_the_clients_days_are_those_of_utc():
    today = datetime.now(UTC).date()
    one = acme_with(client_of("acme-erp", SECRET, f", valid_from: {today + timedelta(days=1)}"))
    assert not one.profile.api.oauth_clients[0].opens_on(today)

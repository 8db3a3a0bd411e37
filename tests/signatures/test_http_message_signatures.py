"""The library http-message-signatures as a peer: what it signs we verify, what we sign it verifies."""

import datetime as dt
from dataclasses import dataclass, field

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import InvalidSignature

from gateway.signatures import Algorithm, Component, RequestHead, SignatureRefused, content_digest, query_param, sign
from tests.signatures.requests import BODY, NONCE, get, known, post, signing_key, verified, with_fields

THEIRS = {
    Algorithm.HMAC_SHA256: algorithms.HMAC_SHA256,
    Algorithm.ED25519: algorithms.ED25519,
    Algorithm.ECDSA_P256_SHA256: algorithms.ECDSA_P256_SHA256,
    Algorithm.RSA_PSS_SHA512: algorithms.RSA_PSS_SHA512,
}
EACH = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)
# What either side may cover of the same request.
COVERED = {
    "all of a post": (
        post("/v1/documents?wait=5&label=a%20b+c~%C3%A9", BODY, ("X-Note", " spaced \t")),
        [
            *("@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"),
            *("content-type", "content-length", "content-digest", "host", "x-note"),
        ],
    ),
    "a parameter of the query": (
        get("/v1/documents?label=a%20b+c&limit=5&empty="),
        ["@method", "@target-uri", query_param("label"), query_param("limit"), query_param("empty")],
    ),
    "structured and as bytes": (
        post("/v1/documents", BODY, ("X-Note", "one, two"), ("Priority", "u=1 ,  i")),
        [
            *("@method", "@target-uri", "content-type", "content-digest"),
            Component("content-digest", {"key": "sha-256"}),
            Component("x-note", {"bs": True}),
            Component("priority", {"sf": True}),
        ],
    ),
    "a get without a query": (get("/"), ["@method", "@authority", "@path", "@query"]),
}


@dataclass
class Message:
    """A request as the library looks at it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, head: RequestHead) -> "Message":
        return cls(head.method, f"{head.scheme}://{head.authority}{head.target}", dict(head.fields))

    def head(self, like: RequestHead) -> RequestHead:
        return RequestHead(self.method, like.scheme, like.authority, like.target, tuple(self.headers.items()))


class Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str):
        return signing_key(Algorithm(key_id)).material

    def resolve_public_key(self, key_id: str):
        return signing_key(Algorithm(key_id)).public.material


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def identifiers(covered) -> list[str]:
    return [one.identifier if isinstance(one, Component) else one for one in covered]


@EACH
@pytest.mark.parametrize("name", COVERED)
def test_what_it_signs_we_verify(algorithm, name):
    head, covered = COVERED[name]
    message, created = Message.of(head), now()
    signer = HTTPMessageSigner(signature_algorithm=THEIRS[algorithm], key_resolver=Keys())
    signer.sign(
        message,
        key_id=algorithm.value,
        created=created,
        nonce=NONCE,
        tag="orders",
        expires=created + dt.timedelta(seconds=60),
        covered_component_ids=identifiers(covered),
        use_existing_digest="Content-Digest" in message.headers,
    )
    received = message.head(head)
    found = verified(received, now_s=int(created.timestamp()))
    assert (found.key_id, found.nonce, found.tag, found.label) == (algorithm.value, NONCE, "orders", "pyhms")
    assert [one.name for one in found.covered.components] == [
        one.name if isinstance(one, Component) else one for one in covered
    ]
    assert found.digest is None or found.digest.matches(BODY)
    with pytest.raises(SignatureRefused):
        verified(received, keys=known(*(set(Algorithm) - {algorithm})), now_s=int(created.timestamp()))


@EACH
@pytest.mark.parametrize("name", COVERED)
@pytest.mark.parametrize("names_algorithm", [True, False], ids=["alg", "no alg"])
def test_what_we_sign_it_verifies(algorithm, name, names_algorithm):
    head, covered = COVERED[name]
    created = int(now().timestamp())
    fields = sign(
        head,
        signing_key(algorithm),
        created=created,
        expires=created + 60,
        nonce=NONCE,
        tag="orders",
        components=covered,
        names_algorithm=names_algorithm,
    )
    message = Message.of(with_fields(head, fields))
    verifier = HTTPMessageVerifier(signature_algorithm=THEIRS[algorithm], key_resolver=Keys())
    (result,) = verifier.verify(message, expect_tag="orders", max_age=dt.timedelta(seconds=300))
    assert result.nonce == NONCE
    assert list(result.covered_components)[:-1] == [
        one if one[0] == '"' else f'"{one}"' for one in identifiers(covered)
    ]
    message.method = "PUT"
    with pytest.raises(InvalidSignature):
        verifier.verify(message, expect_tag="orders")


def test_its_digest_of_the_body_is_ours():
    head, created = post("/v1/documents"), now()
    message = Message.of(head)
    del message.headers["Content-Digest"]
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    signer.sign(
        message,
        key_id="ed25519",
        nonce=NONCE,
        created=created,
        covered_component_ids=["@method", "@target-uri", "content-type"],
        body=BODY,
    )
    digest = verified(message.head(head), now_s=int(created.timestamp())).digest
    assert digest is not None
    assert digest.matches(BODY)
    assert not digest.matches(b"")
    ours = Message.of(
        with_fields(head, sign(head, signing_key(Algorithm.ED25519), created=int(created.timestamp()), nonce=NONCE))
    )
    assert ours.headers["Content-Digest"] == content_digest(BODY)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Keys())
    (result,) = verifier.verify(ours, body=BODY)
    assert result.body == BODY

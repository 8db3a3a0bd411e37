"""Requests that a supplier might send, and keys of every algorithm."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.signatures import Algorithm, RequestHead, SigningKey, Verified, content_digest, sign, verify_head
from tests.signatures.rfc9421 import ed25519_key, p256_key

NOW_S = 1_800_000_000
NONCE = "3f0a9c52-nonce"
BODY = b'{"purchase_order_number": "4500012345"}'
SECRET = b"a shared secret of more than 32 bytes"


@cache
def signing_key(algorithm: Algorithm) -> SigningKey:
    """One key of each algorithm, under the algorithm's name; the pairs that are slow to make are made once."""
    if algorithm is Algorithm.HMAC_SHA256:
        return SigningKey(algorithm.value, algorithm, SECRET)
    if algorithm is Algorithm.ED25519:
        return ed25519_key(algorithm.value)
    if algorithm is Algorithm.ECDSA_P256_SHA256:
        return p256_key(algorithm.value)
    return SigningKey(algorithm.value, algorithm, rsa.generate_private_key(65_537, 2_048))


def known(*algorithms: Algorithm):
    """The keys of these algorithms (of all, if none is named) as a caller would look them up."""
    keys = {one.value: signing_key(one).public for one in algorithms or Algorithm}
    return keys.get


def post(target: str = "/v1/documents", body: bytes = BODY, *fields: tuple[str, str]) -> RequestHead:
    return RequestHead(
        "POST",
        "https",
        "api.example.com",
        target,
        (
            ("Host", "api.example.com"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Content-Digest", content_digest(body)),
            *fields,
        ),
    )


def get(target: str = "/v1/documents?limit=5", *fields: tuple[str, str]) -> RequestHead:
    return RequestHead("GET", "https", "api.example.com", target, (("Host", "api.example.com"), *fields))


def with_fields(head: RequestHead, fields: dict[str, str] | Iterable[tuple[str, str]]) -> RequestHead:
    """The request with further fields."""
    return replace(head, fields=(*head.fields, *dict(fields).items()))


def signed(head: RequestHead, algorithm: Algorithm = Algorithm.ED25519, **choices) -> RequestHead:
    """The request with its signature."""
    choices = {"created": NOW_S, "nonce": NONCE} | choices
    key = choices.pop("key", None) or signing_key(algorithm)
    return with_fields(head, sign(head, key, **choices))


def changed(head: RequestHead, name: str, value: str | None) -> RequestHead:
    """The request with another value of a field, or without it."""
    others = [(one, text) for one, text in head.fields if one.lower() != name.lower()]
    return replace(head, fields=(*others, *([] if value is None else [(name, value)])))


def field(head: RequestHead, name: str) -> str:
    return next(text for one, text in head.fields if one.lower() == name.lower())


def verified(head: RequestHead, keys=None, **choices) -> Verified:
    choices = {"now_s": NOW_S, "has_body": head.method == "POST"} | choices
    return verify_head(head, keys or known(), **choices)

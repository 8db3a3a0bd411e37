"""Signed requests beside unsigned ones: what verifying a signature, spending its nonce and hashing the body cost."""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.signatures import Algorithm, RequestHead, SigningKey, content_digest, public_pem, sign, verify_head
from tests.bench.figures import Effort, Figure, figure, seconds_of
from tests.bench.load import HEAD_END, MARK, NUMBER_FORMAT, Plan, http_request
from tests.bench.samples import rest_request
from tests.bench.servers import load
from tests.site import RunningGateway, Site

CONNECTIONS = 32
# As many as an unsigned run takes at most, since each request is signed before its run begins.
PER_SECOND_MAX = 6_000
PATH = "/v1/documents"
HOST = "bench"
UNTHROTTLED = {"submit": {"per_second": 100_000, "burst": 100_000}, "concurrent_max": 1_000}
VERIFICATIONS = 3_000


@cache
def key() -> SigningKey:
    return SigningKey("northwind-ed25519", Algorithm.ED25519, Ed25519PrivateKey.generate())


def accept_signed(effort: Effort) -> Iterator[Figure]:
    """l. Durable accepts of signed requests, beside the same without a signature; and verifying alone."""
    signed: list[float] = []
    unsigned: list[float] = []
    for run in range(effort.runs):
        with _gateway() as running:
            plan = Plan(running.edge_port, [rest_request(f"u{run}")], CONNECTIONS, effort.seconds)
            unsigned.append(load(plan)["per_s"])
        with _gateway() as running:
            number = int((effort.seconds + 1) * PER_SECOND_MAX)
            requests = [signed_request(f"s{run}", index) for index in range(number)]
            signed.append(load(Plan(running.edge_port, requests, CONNECTIONS, effort.seconds))["per_s"])
    name = "l. durable accepts, 2 KB, each signed (ed25519), beside unsigned"
    yield figure(name, signed, "1/s", unsigned, ">= 0.6 of unsigned")
    heads: list[float] = []
    bare: list[float] = []
    for _ in range(effort.runs):
        heads.append(_verifying_us(heads=True))
        bare.append(_verifying_us(heads=False))
    yield figure("l. a signed head judged, beside its ed25519 alone", heads, "us", bare, "beside it")


@contextmanager
def _gateway() -> Iterator[RunningGateway]:
    """A gateway that only accepts, for a partner with an API key and a key for signatures."""
    limits = {"connections_per_address_max": 4_096}
    keys = [{"id": key().id, "algorithm": key().algorithm.value, "public_key": "sign.pem"}]
    profile = {"api": {"signatures": {"keys": keys}}, "throttling": UNTHROTTLED}
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        site = Site(Path(folder), {"limits": limits, "processing_paused": True}, northwind_profile=profile)
        (site.partners_dir / "northwind-parts" / "sign.pem").write_bytes(public_pem(key().public))
        with RunningGateway(site) as running:
            yield running


def signed_request(key_prefix: str, number: int) -> bytes:
    """The unsigned request of this number with a signature in the place of its API key."""
    body = rest_request(key_prefix).replace(MARK, NUMBER_FORMAT % number).partition(HEAD_END)[2]
    fields = {
        "Idempotency-Key": f"{key_prefix}-{number}",
        "Content-Type": "application/json",
        "Content-Digest": content_digest(body),
    }
    head = RequestHead("POST", "http", HOST, PATH, tuple(fields.items()))
    return http_request(PATH, fields | sign(head, key(), created=int(time.time()), nonce=secrets.token_hex(12)), body)


def _verifying_us(*, heads: bool) -> float:
    """One verification, by processor time: of a whole head, or of the signature alone."""
    text = signed_request("v", 1).partition(HEAD_END)[0].decode()
    fields = tuple((name, value) for name, _, value in (line.partition(": ") for line in text.split("\r\n")[1:]))
    head = RequestHead("POST", "http", HOST, PATH, fields)
    public, now_s = key().public, int(time.time())
    known = {public.id: public}.get
    base = b"x" * 500
    signature = key().sign(base)

    def judge() -> None:
        for _ in range(VERIFICATIONS):
            verify_head(head, known, now_s=now_s, has_body=True)

    def verify() -> None:
        for _ in range(VERIFICATIONS):
            public.verifies(signature, base)

    return seconds_of(judge if heads else verify) / VERIFICATIONS * 1e6

"""Partners who sign: their keys, their profiles, and requests that are sent as they were signed."""

import io
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from yarl import URL

from gateway.signatures import Algorithm, RequestHead, SigningKey, content_digest, public_pem, sign
from partners.loader import LoadedProfile
from tests.edge.house import ACME_KEY, GLOBEX_KEY, House, digest, profile

SECRET = "a shared secret of more than 32 characters"


@cache
def key_of(partner: str, algorithm: Algorithm) -> SigningKey:
    """A partner's private key of each algorithm; its id is `acme-ed25519` and the like."""
    key_id = f"{partner}-{algorithm.value}"
    if algorithm is Algorithm.HMAC_SHA256:
        return SigningKey(key_id, algorithm, f"{partner}: {SECRET}".encode())
    if algorithm is Algorithm.ED25519:
        return SigningKey(key_id, algorithm, ed25519.Ed25519PrivateKey.generate())
    if algorithm is Algorithm.ECDSA_P256_SHA256:
        return SigningKey(key_id, algorithm, ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(key_id, algorithm, rsa.generate_private_key(65_537, 2_048))


def signer(tmp_path: Path, partner: str = "acme", extra: str = "", more: str = "", **days: str) -> LoadedProfile:
    """A partner with an API key and a key of each algorithm; `days` are those of all keys for signatures.

    Args:
        tmp_path: where the shared secret lies.
        extra: lines below `signatures:`.
        more: lines below `api:`.
    """
    secret = tmp_path / f"{partner}.secret"
    secret.write_text(f"{partner}: {SECRET}\n")
    window = "".join(f", {name}: {value}" for name, value in days.items())
    lines, files = [], {}
    for algorithm in Algorithm:
        key = key_of(partner, algorithm)
        if algorithm is Algorithm.HMAC_SHA256:
            where = f"secret: 'file:{secret}'"
        else:
            files[f"{algorithm.name.lower()}_pem"] = public_pem(key.public)
            where = f"public_key: {algorithm.name.lower()}.pem"
        lines.append(f"      - {{id: {key.id}, algorithm: {algorithm.value}, {where}{window}}}\n")
    api_key = {"acme": ACME_KEY, "globex": GLOBEX_KEY}[partner]
    text = (
        f"id: {partner}\nname: {partner.title()}\napi_keys: [{{label: main, sha256: {digest(api_key)}}}]\n"
        f"api:\n{more}  signatures:\n    keys:\n{''.join(lines)}{extra}"
    )
    return profile(text, **files)


@dataclass(frozen=True)
class Signed:
    """A request as it goes out."""

    head: RequestHead
    body: bytes

    @property
    def headers(self) -> list[tuple[str, str]]:
        return list(self.head.fields)

    def with_field(self, name: str, value: str | None) -> "Signed":
        """Another value of a field, or none."""
        others = [(one, text) for one, text in self.head.fields if one.lower() != name.lower()]
        return replace(self, head=replace(self.head, fields=(*others, *([] if value is None else [(name, value)]))))

    def field(self, name: str) -> str:
        return next(text for one, text in self.head.fields if one.lower() == name.lower())


def signed(
    house: House,
    key: SigningKey,
    method: str = "GET",
    path: str = "/v1/documents",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    ago_s: int = 0,
    **choices,
) -> Signed:
    """A request to the house, signed now (or `ago_s` before)."""
    host, port = house.server.address
    fields = {"Host": f"{host}:{port}"} | dict(headers or {})
    if body:
        fields = {"Content-Type": "application/edi-x12", "Content-Digest": content_digest(body)} | fields
    head = RequestHead(method, "http", f"{host}:{port}", path, tuple(fields.items()))
    given = {"created": int(time.time()) - ago_s, "nonce": secrets.token_urlsafe(16)} | choices
    return Signed(replace(head, fields=(*head.fields, *sign(head, key, **given).items())), body)


async def send(client: aiohttp.ClientSession, request: Signed, **changes) -> tuple[int, dict, Mapping[str, str]]:
    """Send it as it is, but for changes underway: `method`, `target`, `body`."""
    head = replace(request.head, **{name: changes[name] for name in ("method", "target") if name in changes})
    url = URL(f"http://{dict(head.fields)['Host']}{head.target}", encoded=True)
    body = changes.get("body", request.body)
    async with client.request(
        head.method, url, data=io.BytesIO(body) if body else None, headers=request.headers
    ) as answer:
        told = await answer.read()
        return answer.status, (await answer.json(content_type=None)) if told else {}, dict(answer.headers)

"""We as the sender ACME, the partner BIGCORP as the receiver: keys, profiles, consignments, and a peer that can lie."""

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from certs.certificates import KeyPair
from certs.keyring import IdentityKeys, KeyRing
from gateway.as2.cms.algorithms import Digest
from gateway.as2.disposition import Disposition
from gateway.as2.mdn import WrittenMdn, write_mdn
from gateway.as2.message import Opened, Policy, Signing, open_message, read_envelope
from gateway.as2.mic import Mic
from gateway.carriers.as2 import As2Carrier
from gateway.carriers.parcels import Consignment, Outcome, Parcel
from gateway.model.delivery import DeliveryKind
from gateway.settings import IdentitySettings, Limits, Settings
from partners.loader import LoadedProfile, parse_profile
from tests.edge.house import X12, acme_keys, our_keys

ANYTHING = Policy(require_signed=False, require_encrypted=False)
PARTNER = """
id: bigcorp
name: BigCorp
{top}
as2:
  id: BIGCORP
  {certificates}
  {url}
  {as2}
  sending: {{{sending}}}
  connection: {{private_networks: 127.0.0.0/8{connection}}}
"""


def partner(
    url: str | None,
    *,
    sending: str = "",
    connection: str = "",
    as2: str = "",
    top: str = "api_keys: []",
    certificate: KeyPair | None = None,
    certificates: str = "certificate: bigcorp.pem",
    **files: bytes,
) -> LoadedProfile:
    """The partner as our profile knows it."""
    text = PARTNER.format(
        url=f"url: {url}" if url else "",
        sending=sending,
        connection=f", {connection}" if connection else "",
        as2=as2,
        certificates=certificates,
        top=top,
    )
    named = {name.replace("_pem", ".pem"): content for name, content in files.items()}
    pem = (certificate or our_keys()).certificate.pem()
    loaded = parse_profile({"profile.yaml": text.encode(), "bigcorp.pem": pem, **named})
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def consignment(loaded: LoadedProfile, payload: bytes | memoryview = X12, **choices: Any) -> Consignment:
    fixed: dict[str, Any] = {
        "id": "d1",
        "kind": DeliveryKind.FILE,
        "partner": loaded,
        "bearer": loaded,
        "identity": "acme",
        "transport_id": f"<{secrets.token_hex(8)}@acme>",
        "content_type": "",
        "filename": "order.edi",
        "subject": "",
        "payload": payload,
    }
    return Consignment(**(fixed | choices))


def make_carrier(
    tmp_path: Path,
    *,
    now: Callable[[], datetime] | None = None,
    keys: KeyPair | None = None,
    public_url: str | None = "https://acme.example/",
    **limits: Any,
) -> As2Carrier:
    pair = keys or acme_keys()
    settings = Settings(
        data_dir=tmp_path,
        identities=(IdentitySettings(name="acme", as2_id="ACME-AS2"),),
        public_url=public_url,
        limits=Limits(**({"connect_timeout_s": 5} | limits)),
    )
    ring = KeyRing({"acme": IdentityKeys("acme", pair, (pair,))})
    return As2Carrier(settings, lambda: ring, now or (lambda: datetime.now(UTC)))


async def send(carrier: As2Carrier, what: Consignment) -> tuple[Parcel, Outcome]:
    parcel = await carrier.pack(what)
    assert isinstance(parcel, Parcel), parcel
    return parcel, await carrier.carry(what, parcel)


@dataclass
class Peer:
    """A receiver that opens what comes and answers with a receipt, changed as a test wants.

    Attributes:
        changes: arguments of `write_mdn`.
        signer: None for an unsigned receipt.
        spoil: makes something else of the answer.
        relabel: names another algorithm beside the right digest.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    signer: KeyPair | None = field(default_factory=our_keys)
    status: int = 200
    spoil: Callable[[WrittenMdn], tuple[Any, bytes]] | None = None
    relabel: Digest | None = None
    opened: list[Opened] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, request: web.Request, body: bytes) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        headers = list(request.headers.items())
        envelope = read_envelope(headers)
        now = datetime.now(UTC)
        opened = open_message(
            envelope,
            headers,
            body,
            keys=[our_keys()],
            partner_certificates=[acme_keys().certificate],
            policy=ANYTHING,
            now=now,
        )
        self.opened.append(opened)
        mic = opened.mic if self.relabel is None else Mic(opened.mic.digest, self.relabel, self.relabel.value)
        written = write_mdn(
            **(
                {
                    "as2_from": envelope.as2_to,
                    "as2_to": envelope.as2_from,
                    "message_id": "<r@bigcorp>",
                    "original_message_id": envelope.message_id,
                    "now": now,
                    "reporting_ua": "peer",
                    "mic": mic,
                    "signing": Signing(self.signer) if self.signer is not None else None,
                }
                | self.changes
            )
        )
        fields, answer = self.spoil(written) if self.spoil is not None else (written.headers, written.body)
        response = web.Response(status=self.status, body=answer)
        response.headers.popall("Content-Type", None)
        for name, value in fields:
            response.headers.add(name, value)
        return response


def negative(text: str, *, type_: str = "processed", severity: str = "error") -> dict[str, Any]:
    return {"disposition": Disposition(type_, severity, text), "mic": None}


def replaced(written: WrittenMdn, old: bytes, new: bytes) -> tuple[Any, bytes]:
    assert old in written.body
    return written.headers, written.body.replace(old, new)


def other_bytes(parcel: Parcel, **changes: Any) -> Parcel:
    return dataclasses.replace(parcel, **changes)

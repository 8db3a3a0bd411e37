"""The answer to an AS2 message as it is stored and sent: a receipt, or nothing where none was asked for."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from aiohttp import web

from certs.keyring import IdentityKeys
from gateway.as2.cms.algorithms import digest_named
from gateway.as2.disposition import PROCESSED, Disposition
from gateway.as2.envelope import Envelope
from gateway.as2.mdn import signing_digest, write_mdn
from gateway.as2.message import Signing
from gateway.as2.mic import Mic
from gateway.edge.http import safe_header

PRODUCT = "partner-gateway"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer: the status and headers and body that are stored and sent, a duplicate's the same."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def pack(self) -> bytes:
        """The bytes under which it is stored."""
        return orjson.dumps({"status": self.status, "headers": self.headers}) + b"\n" + self.body

    def response(self, *, is_delivered: bool = False) -> web.Response:
        """The HTTP answer; the same bytes each time. Of a receipt that is delivered on its own it is empty."""
        if is_delivered and self.body:
            return web.Response(status=self.status)
        response = web.Response(status=self.status, body=self.body)
        for name, value in self.headers:
            response.headers[name] = safe_header(value)
        return response


def unpack_receipt(packed: bytes) -> Receipt:
    """A stored answer as it was packed."""
    head, _, body = packed.partition(b"\n")
    read = orjson.loads(head)
    return Receipt(int(read["status"]), tuple((str(name), str(value)) for name, value in read["headers"]), body)


NOTHING_ASKED = Receipt(204, (), b"")


def answer(
    envelope: Envelope,
    keys: IdentityKeys | None,
    message_id: str,
    now: datetime,
    *,
    disposition: Disposition = PROCESSED,
    text: str = "The message was received and is kept.",
    mic: Mic | None = None,
) -> Receipt:
    """The receipt that a message asks for, signed if it asks for that, also when it reports a failure."""
    asked = envelope.mdn_request
    if asked is None:
        return NOTHING_ASKED
    signing = None
    if asked.signed and keys is not None:
        wanted = mic.algorithm if mic is not None else next(map(digest_named, asked.micalgs), None)
        signing = Signing(keys.signing, signing_digest(wanted))
    mdn = write_mdn(
        as2_from=envelope.as2_to,
        as2_to=envelope.as2_from,
        message_id=f"<{message_id}@{PRODUCT}>",
        original_message_id=envelope.message_id,
        now=now,
        reporting_ua=PRODUCT,
        disposition=disposition,
        text=text,
        mic=mic,
        signing=signing,
    )
    return Receipt(200, mdn.headers, mdn.body)

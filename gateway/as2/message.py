"""AS2 messages, read and written (RFC 4130). The door to this room: bytes in, values out.

To build a message, as tests, the demo and benches do, and to open it on the other side::

    us, them = create_key_pair("us", now=now), create_key_pair("them", now=now)
    written = write_message(b"ISA*00*...", as2_from="us", as2_to="them", message_id="<1@us>",
                            content_type="application/edi-x12", now=now, signing=Signing(us),
                            encryption=Encryption([them.certificate]),
                            mdn_request=MdnRequest("edi@us", signed=True, micalgs=("sha-256",)))
    opened = open_message(read_envelope(written.headers), written.headers, written.body, keys=[them],
                          partner_certificates=[us.certificate], policy=Policy(), now=now)

`written.headers` and `written.body` are what is posted; `opened.payload` is what was sent, and `opened.mic` is one of
`written.mics`. `gateway.as2.mdn` writes and reads the receipt.
"""

from gateway.as2.disposition import As2Refused, Modifier
from gateway.as2.envelope import Envelope, MdnRequest, read_envelope
from gateway.as2.mime import Attachment
from gateway.as2.opening import Layer, Opened, open_message
from gateway.as2.policy import Policy
from gateway.as2.writing import Encryption, Signing, WrittenMessage, write_message

__all__ = [
    "As2Refused",
    "Attachment",
    "Encryption",
    "Envelope",
    "Layer",
    "MdnRequest",
    "Modifier",
    "Opened",
    "Policy",
    "Signing",
    "WrittenMessage",
    "open_message",
    "read_envelope",
    "write_message",
]

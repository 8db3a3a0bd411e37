"""SFTP version 3, the server's side (draft-ietf-secsh-filexfer-02): requests out of bytes, and answers into bytes.

Pure: no I/O, no clock. `PacketReader` cuts the stream into requests, `answers` writes what is said to them, `paths`
keeps names what they are, data, and `Coverage` knows which bytes of a file have come or gone.
"""

from gateway.sftp import answers, requests
from gateway.sftp.paths import absolute, objection_to, resolve, shown
from gateway.sftp.ranges import Coverage
from gateway.sftp.stream import PacketReader, ProtocolError
from gateway.sftp.values import (
    DIRECTORY,
    NOTHING_SAID,
    PACKET_BYTES_MAX,
    REGULAR_FILE,
    Attributes,
    Declined,
    Entry,
    OpenFlag,
    Status,
    listed,
    long_name,
)

__all__ = [
    "DIRECTORY",
    "NOTHING_SAID",
    "PACKET_BYTES_MAX",
    "REGULAR_FILE",
    "Attributes",
    "Coverage",
    "Declined",
    "Entry",
    "OpenFlag",
    "PacketReader",
    "ProtocolError",
    "Status",
    "absolute",
    "answers",
    "listed",
    "long_name",
    "objection_to",
    "requests",
    "resolve",
    "shown",
]

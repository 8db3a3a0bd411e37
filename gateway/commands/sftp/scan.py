"""`gateway sftp scan`: the host keys that an SFTP server shows, to be compared with what the partner said."""

import argparse
import asyncio
import re
from ipaddress import ip_network

from gateway.carriers.sftp_failures import CannotConnect
from gateway.carriers.sftp_scanning import EVERYWHERE, Scan, Scanned
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, shown, verb

_PORT = 22
_PORT_MAX = 65_535
_TIMEOUT_S = 15.0
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")
_COMPARE = (
    "this is what answers at that address, whoever it is: compare each fingerprint with the one that the partner told "
    "you another way (on paper, on the telephone, in their portal) before it goes into `sftp_server.host_keys`"
)


def build(under: Verbs) -> None:
    """Add the verb."""
    scan = verb(
        under,
        "scan",
        _run,
        does="the host keys that a partner's server shows, one of each kind, without logging in",
        example="gateway sftp scan sftp.acme.example\ngateway sftp scan sftp.acme.example:2222 --format json",
    )
    scan.add_argument("server", metavar="HOST[:PORT]", help="host name or address; IPv6 in brackets: [2001:db8::7]:22")
    add_format(scan)
    add_config(scan)


def _run(called: argparse.Namespace) -> int:
    host, port = _read(called.server)
    settings = open_settings(called)
    networks = tuple(ip_network(text) for text in EVERYWHERE)
    scan = Scan(settings.limits.connect_timeout_s, _TIMEOUT_S, networks)
    try:
        scanned = asyncio.run(scan.of(host, port))
    except CannotConnect as cannot:
        if called.format == "json":
            print_json({"host": host, "port": port, "step": cannot.step.value, "reason": cannot.reason, "keys": []})
        else:
            say(cannot.words)
        return 1
    if called.format == "json":
        print_json(_view(host, port, scanned))
        return 0
    note(f"{host}, port {port}, at {scanned.address}: {scanned.software or 'says nothing of its software'}")
    print_table(
        ("KIND", "BITS", "FINGERPRINT"),
        [(key.kind, str(key.bits or "-"), key.fingerprint) for key in scanned.keys],
        empty="",
    )
    if scanned.old:
        note(f"it speaks only with old algorithms: `sftp_server: {{algorithms: [{', '.join(scanned.old)}]}}`")
    note(_COMPARE)
    return 0


def _read(text: str) -> tuple[str, int]:
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?", text)
    if bracketed is not None:
        host, port = bracketed[1], bracketed[2]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, None
    number = int(port) if port is not None and port.isascii() and port.isdigit() else _PORT if port is None else 0
    if not _HOST.fullmatch(host) or not 0 < number <= _PORT_MAX:
        raise Unusable(f"{shown(text)} is no server; write HOST or HOST:PORT, such as sftp.acme.example:2222")
    return host, number


def _view(host: str, port: int, scanned: Scanned) -> dict[str, object]:
    return {
        "host": host,
        "port": port,
        "address": scanned.address,
        "software": scanned.software,
        "keys": [
            {"kind": key.kind, "bits": key.bits, "fingerprint": key.fingerprint, "public_key": key.public_key}
            for key in scanned.keys
        ],
        "algorithms": list(scanned.old),
    }

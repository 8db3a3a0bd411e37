"""What is sent: bodies of the sizes that the figures speak of."""

import json

from tests.bench.load import MARK, http_request
from tests.site import API_KEY, Site

REST_BYTES = 2_048
AS2_BYTES = 5_120
LARGE_BYTES = 8 * 1_048_576
LINES_PER_SET = 50


def rest_request(key_prefix: str) -> bytes:
    """A canonical ship notice of 2 KB, of its own order and under its own key each time."""
    number = MARK.decode()
    document: dict[str, object] = {
        "document_type": "ship_notice",
        "schema_version": "1.0",
        "number": f"SN-{number}",
        "issued_on": "2026-03-01",
        "purchase_order_number": f"NPO-{number}",
    }
    lines: list[dict[str, object]] = []
    while len(json.dumps(document | {"lines": lines})) < REST_BYTES:
        line = {
            "line_id": str(len(lines) + 1),
            "purchase_order_number": f"NPO-{number}",
            "quantity": "12",
            "unit": "EA",
            "product_ids": [{"qualifier": "VP", "id": f"NW-{len(lines):05d}"}],
        }
        lines.append(line)
    body = json.dumps(document | {"lines": lines}).encode()
    headers = {"X-API-Key": API_KEY, "Idempotency-Key": f"{key_prefix}-{number}", "Content-Type": "application/json"}
    return http_request("/v1/documents", headers, body)


def x12_855(number: int, size: int, *, sets: int | None = None, lines: int | None = None) -> bytes:
    """An interchange of 855s with about so many bytes: in one set, unless `lines` says how long a set is.

    The first set speaks of the order ``PO-<number>``.
    """
    head = (
        "ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        "
        f"*260301*0930*U*00401*{number:09d}*0*P*>~"
        f"GS*PR*ACMESUPPLY*BIGCORP*20260301*0930*{number}*X*004010~"
    )
    made: list[str] = []
    written = len(head)
    while (sets is None or len(made) < sets) and written < size:
        segments = [
            f"ST*855*{len(made) + 1:04d}",
            f"BAK*00*AC*PO-{number}{f'-{len(made)}' if made else ''}*20260301****SO-{number}-{len(made)}",
        ]
        held = written
        while held < size and (lines is None or len(segments) < 2 * lines):
            item = len(segments) // 2
            pair = [f"PO1*{item}*10*EA*12.5**BP*AX-{item:06d}*VP*ACME-{item:06d}", "ACK*IA*10*EA*068*20260310"]
            held += sum(len(segment) + 1 for segment in pair)
            segments += pair
        segments += [f"CTT*{len(segments) // 2 - 1}", f"SE*{len(segments) + 2}*{len(made) + 1:04d}"]
        made.append("~".join(segments) + "~")
        written += len(made[-1])
    return (head + "".join(made) + f"GE*{len(made)}*{number}~IEA*1*{number:09d}~").encode()


def as2_request(site: Site, number: int, *, message_id: str | None = None) -> bytes:
    """A signed and encrypted message of 5 KB that asks for a signed receipt."""
    message_id = message_id or f"<{number:010d}@acme.example>"
    written = site.as2_message(x12_855(number, AS2_BYTES, sets=1), message_id)
    return http_request("/as2", dict(written.headers), written.body)


def as2_requests_renumbered(site: Site, number: int) -> list[bytes]:
    """So many different messages, each of which is sent under a new Message-ID every time (it is not signed)."""
    return [as2_request(site, count, message_id=f"<{MARK.decode()}@acme.example>") for count in range(1, number + 1)]

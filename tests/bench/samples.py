"""What is sent: bodies of the sizes that the figures speak of."""

import json
import random
from pathlib import Path

from tests.bench.load import MARK, http_request
from tests.site import API_KEY, Site

REST_BYTES = 2_048
AS2_BYTES = 5_120
LARGE_BYTES = 8 * 1_048_576
LINES_PER_SET = 50
ORDERS = 2_000
LINES_PER_ORDER = 20
SMALL_ORDER_LINES = 10  # 2.5 KB with its envelopes


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


def x12_850(orders: int, lines: int, *, first: int = 1) -> bytes:
    """An interchange of so many 850s with so many lines each: 122 segments and 4 KB for 20 lines.

    As in a retailer's file, parties, terms and qualifiers repeat from order to order while numbers, quantities, prices,
    items and their texts differ. The same arguments always give the same bytes.
    """
    chance = random.Random(f"{orders} {lines} {first}")
    sets = [_order(number, lines, chance) for number in range(first, first + orders)]
    head = _isa(first) + _gs(first)
    return (head + "".join(sets) + f"GE*{orders}*{first}~IEA*1*{first:09d}~").encode()


def write_850s(file: Path, size: int) -> int:
    """Write an interchange of 850s of about so many bytes, in groups of `ORDERS`; returns how many bytes it has."""
    with file.open("wb") as written:
        written.write(_isa(1).encode())
        groups = 0
        text = x12_850(ORDERS, LINES_PER_ORDER).decode()
        body = text[text.index("~ST*") + 1 : text.index("~GE*") + 1]
        while written.tell() < size:
            groups += 1
            # Each group has orders of its own.
            own = body.replace("*PO-", f"*PO-{groups}-").replace("*CUSTOMER-", f"*CUSTOMER-{groups}-")
            written.write(f"{_gs(groups)}{own}GE*{ORDERS}*{groups}~".encode())
        written.write(f"IEA*{groups}*{1:09d}~".encode())
        return written.tell()


def _isa(number: int) -> str:
    return (
        f"ISA*00*          *00*          *ZZ*BIGCORP        *ZZ*ACMESUPPLY     *260301*0930*U*00401*{number:09d}*0*P*>~"
    )


def _gs(number: int) -> str:
    return f"GS*PO*BIGCORP*ACMESUPPLY*20260301*0930*{number}*X*004010~"


_STORES = [
    f"N1*ST*BIGCORP STORE {number:04d}*92*{number:04d}~N3*{number * 7} MARKET STREET~"
    f"N4*SPRINGFIELD*IL*{60000 + number}*US"
    for number in range(1, 41)
]
_GOODS = [
    "BRACKET, STEEL, GALVANISED, LEFT AND RIGHT, PAIR",
    "HINGE, BRASS, 75 MM, LOOSE PIN, WITH SCREWS",
    "WASHER, M8, STAINLESS STEEL A2, PACK OF ONE HUNDRED",
    "BOLT, HEXAGON HEAD, M8 X 40, ZINC PLATED",
    "ANCHOR, SLEEVE TYPE, 10 MM, FOR MASONRY AND CONCRETE",
]


def _order(number: int, lines: int, chance: random.Random) -> str:
    due = 10 + number % 18
    segments = [
        f"ST*850*{number % 10**9:04d}",
        f"BEG*00*NE*PO-{number:07d}**20260301",
        "CUR*BY*USD",
        f"REF*DP*{number % 37:03d}",
        f"REF*IA*{number * 13 % 100_000:06d}*INTERNAL VENDOR NUMBER",
        "PER*BD*PAT BUYER*TE*5555550100*EM*PAT@BIGCORP.EXAMPLE",
        "FOB*PP*OR",
        "ITD*01*3*2**10**30",
        f"DTM*002*202603{due:02d}",
        f"DTM*001*202603{due + 2:02d}",
        "TD5*O*2*UPSN*M",
        "N9*ZZ*TERMS~MSG*DELIVER AT THE BACK DOOR BETWEEN 7 AND 11",
        "N1*BY*BIGCORP*92*0001~N3*1 CORPORATE WAY~N4*CHICAGO*IL*60601*US",
        chance.choice(_STORES),
    ]
    for item in range(1, lines + 1):
        price = f"{chance.randint(1, 500)}.{chance.randint(1, 99):02d}"
        article = f"{chance.randint(10_000, 99_999):06d}"
        segments += [
            f"PO1*{item}*{chance.randint(1, 400)}*EA*{price}**BP*AX-{article}*VP*ACME-{article}*UP*000000{article}",
            f"PID*F****{chance.choice(_GOODS)} {article}",
            f"PO4*{chance.choice((1, 6, 12, 24))}*1*EA",
            f"REF*CO*CUSTOMER-{number:07d}-{item:04d}",
            f"DTM*074*202603{due + item % 2:02d}",
        ]
    segments.append(f"CTT*{lines}")
    written = "~".join(segments)
    count = written.count("~") + 2
    return f"{written}~SE*{count}*{number % 10**9:04d}~"


def as2_request(site: Site, number: int, *, message_id: str | None = None) -> bytes:
    """A signed and encrypted message of 5 KB that asks for a signed receipt."""
    message_id = message_id or f"<{number:010d}@acme.example>"
    written = site.as2_message(x12_855(number, AS2_BYTES, sets=1), message_id)
    return http_request("/as2", dict(written.headers), written.body)


def as2_requests_renumbered(site: Site, number: int) -> list[bytes]:
    """So many different messages, each of which is sent under a new Message-ID every time (it is not signed)."""
    return [as2_request(site, count, message_id=f"<{MARK.decode()}@acme.example>") for count in range(1, number + 1)]

"""X12 purchase orders in any number."""


def purchase_orders(*, sets: int) -> bytes:
    """One interchange with that many orders of one line each."""
    body = "".join(
        f"ST*850*{number:04d}~BEG*00*SA*PO-{number}**20260105~PO1*1*24*EA*12.5**VP*AC-1001~CTT*1~SE*5*{number:04d}~"
        for number in range(1, sets + 1)
    )
    return (
        "ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        *260105*0930*U*00401*000001009*0*P*>~"
        "GS*PO*ACMESUPPLY*BIGCORP*20260105*0930*110*X*004010~"
        f"{body}GE*{sets}*110~IEA*1*000001009~"
    ).encode()

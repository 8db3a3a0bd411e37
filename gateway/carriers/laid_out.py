"""Carriers of what nobody carries: it lies ready until the partner fetches it.

There is nothing to pack, so the parcel has no bytes of its own: what they fetch is the payload. From the one attempt on
the delivery waits for what tells that they have it, which is its receipt.
"""

from collections.abc import Callable

from gateway.carriers.parcels import Awaited, Carrier, Consignment, Outcome, Parcel

SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 24 * SECONDS_PER_HOUR


def confirm_within_s(consignment: Consignment) -> int:
    """How long a document of this partner may lie there before a person is asked."""
    return consignment.partner.profile.delivery.confirm_within_hours * SECONDS_PER_HOUR


def laid_out(waits_in: str, within_s: Callable[[Consignment], int] = confirm_within_s) -> Carrier:
    """The carrier of what waits in a place; the place is its word on the timeline."""

    async def pack(consignment: Consignment) -> Parcel:
        return Parcel((), b"", receipt_within_s=within_s(consignment), facts={"waits_in": waits_in})

    return Carrier(pack, _carry)


async def _carry(_consignment: Consignment, _parcel: Parcel) -> Outcome:
    return Awaited()

"""The inbox of a partner who fetches by the API: nothing leaves the house until they come for it.

There is nothing to pack, so the parcel has no bytes of its own: what they fetch is the payload. From the one attempt on
the delivery waits for their confirmation, which is its receipt.
"""

from gateway.carriers.parcels import Awaited, Carrier, Consignment, Outcome, Parcel

SECONDS_PER_HOUR = 3_600


async def _pack(consignment: Consignment) -> Parcel:
    within_s = consignment.partner.profile.delivery.confirm_within_hours * SECONDS_PER_HOUR
    return Parcel((), b"", receipt_within_s=within_s, facts={"waits_in": "inbox"})


async def _carry(_consignment: Consignment, _parcel: Parcel) -> Outcome:
    return Awaited()


INBOX_CARRIER = Carrier(_pack, _carry)

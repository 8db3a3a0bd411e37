"""What orders say, read once: the same order is asked for, acknowledged, shipped and invoiced within a while."""

import asyncio
from collections import OrderedDict
from functools import partial

from gateway.flow.order_contents import Sent, read
from partners.loader import LoadedProfile
from translators.documents import PurchaseOrder

# Reading as much takes some milliseconds.
READ_ON_THE_LOOP_BYTES_MAX = 16_384
KEPT_MAX = 512
# What is larger takes too much memory to be kept for long.
KEPT_BYTES_MAX = 8_192


class OrderContents:
    """Reads what was sent of orders."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], PurchaseOrder | None] = OrderedDict()

    async def read(self, sent: Sent, partner: LoadedProfile) -> PurchaseOrder | None:
        """The order as it is now, in the partner's words; None where its content is not kept any more."""
        if sent.body is None:
            return None
        if sent.size_bytes > KEPT_BYTES_MAX:
            if sent.size_bytes <= READ_ON_THE_LOOP_BYTES_MAX:
                return read(sent, partner)
            return await asyncio.to_thread(partial(read, sent, partner))
        # What a dispatch holds never changes; another one for the same order does.
        order = sent.order
        key = (order.partner_id, order.number, order.dispatch_id or "", order.sent_id or "", partner.digest)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._kept[key] = content = read(sent, partner)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return content

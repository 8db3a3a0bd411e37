"""Deliveries: what we send to partners, kept before the first byte leaves and until it is proven to have arrived.

`lifecycle` enqueues them and moves them by the table of states, `claims` says which process works on which; `bodies`
holds their bytes, `rows` is how they look, `cases` what the exceptions list says of them, `retention` when they go.
`dispatches` are what somebody wanted sent, sendable or not; `sandbox_replies` what the sandbox has yet to answer.
"""

from gateway.store.deliveries.bodies import body, pieces
from gateway.store.deliveries.lifecycle import (
    LATE_RECEIPT,
    LATE_RECEIPTS_MAX,
    UnknownDelivery,
    apply,
    attempt_now,
    by_transport_id,
    cancel,
    counts,
    enqueue,
    find,
    get,
    locked,
    note_late_receipt,
    of_message,
    oldest_due,
    open_in_lanes,
    retry,
    transport_id_of_packing,
)
from gateway.store.deliveries.rows import Enqueued, KeptParcel, NewDelivery, StoredDelivery, storable_facts

__all__ = [
    "LATE_RECEIPT",
    "LATE_RECEIPTS_MAX",
    "Enqueued",
    "KeptParcel",
    "NewDelivery",
    "StoredDelivery",
    "UnknownDelivery",
    "apply",
    "attempt_now",
    "body",
    "by_transport_id",
    "cancel",
    "counts",
    "enqueue",
    "find",
    "get",
    "locked",
    "note_late_receipt",
    "of_message",
    "oldest_due",
    "open_in_lanes",
    "pieces",
    "retry",
    "storable_facts",
    "transport_id_of_packing",
]

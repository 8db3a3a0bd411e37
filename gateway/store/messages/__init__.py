"""Received messages: accepted once, claimed in order, decided once.

`accepting` keeps a message and answers for those that come twice, `bodies` holds its bytes; `claiming` says which
process works on it, `deciding` what becomes of it; `finding` looks it up, `rows` is how it looks then.
"""

from gateway.store.messages.accepting import Acceptance, NewMessage, TransportIdReused, accept, is_known
from gateway.store.messages.bodies import body, payloads, piece, pieces
from gateway.store.messages.claiming import (
    claim,
    has_earlier_claimed,
    release_claims,
    release_partner,
    renew,
    unclaim,
)
from gateway.store.messages.deciding import abandon, confirm, finish, hold, reprocess, retry, shorten
from gateway.store.messages.finding import counts, find, get, state
from gateway.store.messages.rows import ClaimLost, StoredMessage

__all__ = [
    "Acceptance",
    "ClaimLost",
    "NewMessage",
    "StoredMessage",
    "TransportIdReused",
    "abandon",
    "accept",
    "body",
    "claim",
    "confirm",
    "counts",
    "find",
    "finish",
    "get",
    "has_earlier_claimed",
    "hold",
    "is_known",
    "payloads",
    "piece",
    "pieces",
    "release_claims",
    "release_partner",
    "renew",
    "reprocess",
    "retry",
    "shorten",
    "state",
    "unclaim",
]

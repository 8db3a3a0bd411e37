"""How often, how many at once and how much a day: each partner's limits over all doors, and what strangers may try.

throttle   the one interface of all doors     fields      what answers say of limits (RateLimit, RateLimit-Policy)
buckets    token buckets, pure                days        documents of a day, pure
leases     a bucket of several processes, as one of them sees it, pure
sharing    leases and counts in the database, in the background          strangers   failed attempts by network
"""

from gateway.edge.throttling.fields import Limit
from gateway.edge.throttling.sharing import Sharing
from gateway.edge.throttling.strangers import Strangers
from gateway.edge.throttling.throttle import Admission, Throttle

__all__ = ["Admission", "Limit", "Sharing", "Strangers", "Throttle"]

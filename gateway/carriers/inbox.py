"""The inbox of a partner who fetches by the API: their confirmation settles what lies there."""

from gateway.carriers.laid_out import laid_out

INBOX_CARRIER = laid_out("inbox")

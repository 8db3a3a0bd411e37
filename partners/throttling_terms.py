"""How much a partner may ask of us, by kind of call, before it is asked to wait."""

from typing import Annotated

from partners.fields import number
from partners.parts import Part


class Rate(Part):
    """A token bucket: so many a second in the long run, so many at once."""

    per_second: Annotated[int, *number(1, 100_000)]
    """Calls a second in the long run."""
    burst: Annotated[int, *number(1, 1_000_000)]
    """Calls at once after a pause."""


class Throttling(Part):
    """Rates by kind of call, over all processes of the gateway together."""

    submit: Rate = Rate(per_second=100, burst=500)
    """Documents that they send, by whichever door: POST of documents and answers, AS2 messages."""
    read: Rate = Rate(per_second=100, burst=500)
    """Everything that only asks."""
    change: Rate = Rate(per_second=50, burst=200)
    """Confirmations, webhook subscriptions and other changes that are no documents."""
    validate_only: Rate = Rate(per_second=5, burst=20)
    """Documents that are only checked (`/v1/validate`), which costs as much as taking them."""
    token: Rate = Rate(per_second=2, burst=20)
    """Tokens asked for at `/oauth/token`."""
    concurrent_max: Annotated[int, *number(1, 1_000)] = 64
    """Calls under way at the same time."""
    daily_max: Annotated[int, *number(1, 1_000_000_000)] | None = None
    """Documents that they may send in one day (UTC); as many as they like when absent."""

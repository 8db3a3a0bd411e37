"""When what we send to a partner is tried again: the same for every way of sending."""

from typing import Annotated

from partners.fields import number
from partners.parts import Part


class DeliverySchedule(Part):
    """After a failure the next attempt waits twice as long as the one before, spread by chance."""

    attempts_max: Annotated[int, *number(1, 1_000)] = 24
    """Attempts before the delivery goes to the exceptions list for a person."""
    first_retry_after_s: Annotated[int, *number(1, 86_400)] = 60
    """Pause after the first failure, in seconds."""
    retry_after_s_max: Annotated[int, *number(1, 86_400)] = 3_600
    """Longest pause between two attempts, in seconds."""
    concurrent_max: Annotated[int, *number(1, 64)] = 2
    """Deliveries to this partner that are under way at the same time."""

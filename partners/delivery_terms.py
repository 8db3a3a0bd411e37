"""How what we send reaches a partner, and when it is tried again: the same for every way of sending."""

from collections.abc import Iterator
from typing import Annotated, Literal

from partners.fields import Slug, number
from partners.parts import Contradiction, Part

WayOut = Literal["as2", "sftp", "inbox", "mailbox", "webhook"]


class DeliverySchedule(Part):
    """After a failure the next attempt waits twice as long as the one before, spread by chance."""

    way: WayOut | None = None
    """as2: we send to `as2.url`; sftp: we put it on their server (`sftp_server.push`); inbox: it waits until they fetch
    and confirm it by the API; mailbox: it waits in outbox/ of their mailbox (`sftp`); webhook: we post it to `webhook`.
    When absent: the first of as2, sftp, inbox and mailbox that they can be reached by."""
    webhook: Slug | None = None
    """The subscription of `webhooks` that documents are posted to, for `way: webhook`."""
    confirm_within_hours: Annotated[int, *number(1, 8_760)] = 72
    """How long a document may wait in the inbox or mailbox, unconfirmed, before a person is asked. It stays there."""
    attempts_max: Annotated[int, *number(1, 1_000)] = 24
    """Attempts before the delivery goes to the exceptions list for a person."""
    first_retry_after_s: Annotated[int, *number(1, 86_400)] = 60
    """Pause after the first failure, in seconds."""
    retry_after_s_max: Annotated[int, *number(1, 86_400)] = 3_600
    """Longest pause between two attempts, in seconds."""
    concurrent_max: Annotated[int, *number(1, 64)] = 2
    """Deliveries to this partner that are under way at the same time."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Fields that are each fine and together are not; the places are those below `delivery`."""
        if self.webhook is not None and self.way != "webhook":
            yield ("webhook",), "a webhook is named, but documents go another way", "write `way: webhook`, or remove it"

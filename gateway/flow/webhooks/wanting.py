"""For whom events are kept: partners whose profile has webhooks."""

from collections.abc import Callable

from gateway.model.partner_events import WantsEvents
from partners.directory import Directory


def wants_events(directory: Callable[[], Directory]) -> WantsEvents:
    """The question, answered by the directory as it is when it is asked."""

    def wants(partner_id: str) -> bool:
        loaded = directory().by_id(partner_id)
        return loaded is not None and loaded.profile.webhooks is not None

    return wants

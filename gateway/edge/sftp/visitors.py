"""Who has logged in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from partners.loader import LoadedProfile


@dataclass(frozen=True, slots=True)
class Visitor:
    """One connection of a partner, authenticated.

    Attributes:
        partner: whose mailbox it is, as its profile was at the login; ask the directory for how it is now.
        user: the name that they logged in with.
        address: where they come from.
        security: how they proved who they are, for timelines and as evidence: means, label, fingerprint, algorithms.
        proof: the fingerprint of their key, or how their password stands in the profile: whether it still opens.
    """

    partner: LoadedProfile
    user: str
    address: str
    security: Mapping[str, object]
    proof: str = field(default="", repr=False)

"""The processes that share the limits of partners, as one of them knows them."""

from dataclasses import dataclass


@dataclass(slots=True)
class Peers:
    """How many processes there are, this one included.

    Attributes:
        number: as last seen in the database.
        is_cut_off: whether the database is away or slow, so that each of them goes on with its share.
    """

    number: int = 1
    is_cut_off: bool = False

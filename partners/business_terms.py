"""How far an answer may lie from what was ordered."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from partners.fields import number
from partners.parts import Part
from partners.vocabulary_terms import Number

Percent = Annotated[Number, Field(le=100)]
Days = Annotated[int, *number(0, 366)]


class BusinessTolerances(Part):
    """Deviations that need nobody's attention.

    Kept as agreed and shown in the partner's guide: answers are not compared with their orders yet.
    """

    quantity_over_percent: Percent = Decimal(0)
    """They may confirm, ship or invoice so much more than was ordered, in percent of the line's quantity."""
    quantity_under_percent: Percent = Decimal(0)
    """Or so much less."""
    date_early_days: Days = 0
    """They may deliver so many days before the requested date."""
    date_late_days: Days = 0
    """Or so many days behind it."""
    price_over_percent: Percent = Decimal(0)
    """They may ask so much more than the ordered price, in percent."""
    price_under_percent: Percent = Decimal(100)
    """Or so much less."""

"""What item numbers, identifiers of parties and references have in common: an id under a qualifier."""

from typing import Final

from translators.codes import labels
from translators.document_parts import Identifier, ProductId, Reference

LABELS: Final = {"product_ids": "0235", "references": "0128", "dates": "0374", "parties": "0098"}
"""The code lists of qualifiers, by what they stand in."""


def label_of(of: str, qualifier: str | None) -> str | None:
    """What a qualifier means by its list."""
    return labels(LABELS[of]).get(qualifier or "")


def product_id(qualifier: str | None, number: str) -> ProductId:
    """An item number with the label of its qualifier."""
    return ProductId(number, qualifier, label_of("product_ids", qualifier))


def identifier(qualifier: str | None, number: str) -> Identifier:
    """An identifier of a party."""
    return Identifier(number, qualifier)


def reference(qualifier: str | None, value: str) -> Reference:
    """A reference with the label of its qualifier."""
    return Reference(qualifier, label_of("references", qualifier), value)


def id_of(one: ProductId | Identifier | Reference) -> str:
    """What is named."""
    return (one.value or "") if isinstance(one, Reference) else one.id


def qualifier_of(one: ProductId | Identifier | Reference) -> str | None:
    """The qualifier as they sent it."""
    sent = None if isinstance(one, Identifier) else one.qualifier_as_sent
    return one.qualifier if sent is None else sent


def named(of: str, one: ProductId | Identifier | Reference) -> str:
    """Something named as people call it: ``the item VN A-100``."""
    what = {"product_ids": "the item", "parties": "the party", "references": "the reference"}[of]
    return " ".join(part for part in (what, qualifier_of(one), id_of(one)) if part)

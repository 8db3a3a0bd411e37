"""Whom one asks at the partner's."""

from typing import Annotated, Literal

from partners.fields import Name, Written
from partners.parts import Part

Email = Annotated[
    str, Written(r"[!-?A-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", "write it as edi@acme.example")
]
Phone = Annotated[str, Written(r"\+?[0-9][0-9 ()./-]{3,28}[0-9]", "write it as +1 503 555 0142")]


class Person(Part):
    """Somebody at the partner's."""

    name: Name
    """Who it is: a person or a desk."""
    role: Literal["edi", "business", "technical", "escalation"] = "edi"
    """What they are asked about: edi: formats and tests; business: orders; technical: connections and certificates;
    escalation: when nobody else answers."""
    email: Email | None = None
    """Where they read mail."""
    phone: Phone | None = None
    """Where they answer."""

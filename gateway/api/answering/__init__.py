"""From a small answer to the canonical document that it stands for, with what the order says where it says nothing.

What does not fit the order is refused with its place; how much of it somebody ships or invoices is theirs to say, and
the business's to judge.

lines          what is said of lines, each with its line of the order; faults on the way
acknowledging  acknowledgments (X12 855)
shipping       ship notices (X12 856)
invoicing      invoices (X12 810)
"""

from gateway.api.answering.acknowledging import acknowledgment
from gateway.api.answering.invoicing import invoice
from gateway.api.answering.lines import sound
from gateway.api.answering.shipping import ship_notice

__all__ = ["acknowledgment", "invoice", "ship_notice", "sound"]

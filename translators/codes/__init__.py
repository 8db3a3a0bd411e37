"""Code lists in our own short words, units between X12, Rec 20 and cXML, and the canonical words made of codes."""

from translators.codes.lists import APPLICATION_SCOPE, labels, rec20_units, unit_labels, units_from, words

__all__ = ["APPLICATION_SCOPE", "labels", "rec20_units", "unit_labels", "units_from", "words"]

"""X12: bytes become transaction sets with findings in the standard's words, and acknowledgments become bytes.

The way through: `delimiters` finds an ISA, `tokenizer` cuts segments, `interchange` and `groups` check the envelopes,
`validator` places each segment in the `grammar` and has `elements` look closer where the fast pattern of the
`dictionary` refused, both tables as the agreement has them (`overrides`); what holds across a whole set is asked by
`control_totals`, `hierarchy` and `qualified_uses`; `reader` strings it together. `results` keep what `acknowledgment`
needs, `repetitions` what a number earns that was used before; `report` tells it all. `documents` makes canonical
documents of the trees, `translation` those of a whole file; `writing` makes sets and interchanges of documents;
`sets` and `releases` say what there is.
"""

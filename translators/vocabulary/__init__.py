"""A partner's words and ours: identifiers by table, units by factor, qualifiers by what they mean.

It works on canonical documents, so it is the same for every syntax. What comes in (`inward.into_ours`) gets our words
and keeps theirs: an identifier of ours stands beside theirs, a quantity in our unit beside `quantity_as_sent`, a
qualifier beside `qualifier_as_sent`. What goes out (`outward.into_theirs`) is put back the same way.

Coming in, each part of a document is taken once: units by the code as sent, identifiers and fields by the qualifier as
sent, then the qualifier is put in our words. Going out, an identifier that a table knows goes by the table, any other
by its qualifier. What one agreement says goes before what holds for the whole partner.

Nothing here does I/O: `gateway.agreements` makes a `values.Vocabulary` of a profile and its tables.
"""

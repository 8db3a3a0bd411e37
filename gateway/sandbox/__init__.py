"""The sandbox: a partner that the gateway plays itself, so that an ERP team can try every path with no supplier.

`words` is the table of magic words. `reading` looks at what we sent as a supplier's software would; `answers` decides
in canonical documents, `acknowledging` in TA1 and 997; `writing` and `drafts` make them ready to be sent, spoiled where
the word wants it; `script` puts it together. All of these are pure. `carrier` keeps what will be answered durably,
`replies` brings it to the reception when it is due. `partner` is the built-in profile, `samples` are orders to try.
"""

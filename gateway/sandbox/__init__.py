"""The sandbox: a partner that the gateway plays itself, so that an ERP team can try every path with no supplier.

`words` is the table of magic words; `reading` looks at what we sent as a supplier would, `answers`, `acknowledging` and
`writing` make what comes back, `script` puts it together; `carrier` keeps it durably, and `replies` brings it to the
reception when it is due.
"""

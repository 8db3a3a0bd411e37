"""AS2 (RFC 4130): messages and receipts as values; `message` and `mdn` are its doors. No I/O, no clock."""

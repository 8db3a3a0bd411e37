"""Everything durable: tables, the one writer, and one file of statements a noun. Rows go in and out as plain values."""

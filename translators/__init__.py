"""Partner syntaxes to canonical documents and back. Pure: no clocks, no sockets, no I/O but this package's own data."""

"""States, events and refusals as tables and plain values. No I/O, no clock."""

"""The line: receive keeps what a partner sent, process translates it, relay publishes it."""

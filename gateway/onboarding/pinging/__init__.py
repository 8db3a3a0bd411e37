"""A test message by the real way, each step explained: `gateway partner ping`."""

"""Samples live: by AS2 and REST between two whole gateways on loopback, or with the partner's test endpoint."""

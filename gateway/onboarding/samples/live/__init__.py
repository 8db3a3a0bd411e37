"""Samples through the real transports: between two whole gateways on loopback, or with the partner's test endpoint."""

"""Certificates, the key ring (private keys encrypted at rest) and trust."""

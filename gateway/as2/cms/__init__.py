"""Cryptographic Message Syntax (RFC 5652) on byte ranges, with the primitives of `cryptography`."""

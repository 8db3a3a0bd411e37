"""Outward: what the ERP or an operator wants sent is composed, numbered, sent, and proven by its receipt."""

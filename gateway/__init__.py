"""The running program: partner traffic is kept before it is acknowledged and reaches the ERP as canonical events."""

__version__ = "0.1.0"

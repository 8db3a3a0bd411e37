"""Webhooks: partners are told of events, each at the addresses that it wants, in order per purchase order.

wanting        for whom events are kept at all
"""

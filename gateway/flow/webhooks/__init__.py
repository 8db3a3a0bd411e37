"""Webhooks: partners are told of events, each at the addresses that it wants, in order per purchase order.

wanting        for whom events are kept at all
causes         what is said of decisions and holds, in their commit
telling        an event becomes a delivery for each subscription
settling       how a call ended, and what that means for its subscription
subscribing    the table of subscriptions follows the profiles
acts           what people and partners do to a subscription
room           the parts that one process runs
"""

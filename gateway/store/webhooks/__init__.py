"""Webhook subscriptions: what partners are told of events at, and what waits to be told there.

subscriptions  the rows
waiting        the deliveries to one of them, as a whole
moving         how one changes its state, with what waits, the exceptions list and the notice to the ERP side
"""

"""Everything durable. Rows go in and out as plain values; one file of statements a noun.

`database` is the door: the one writer and the readers beside it; `tables` says what there is, `schema` brings it up to
date. The rooms: `messages` that came in, `events` that go to the ERP, `deliveries` that go to partners, what is known
of `partners`, our `keys`, and `oversight` for people. `claims` are the leases of processes, `retention` and `backup`
look at all of it, and `engine` is what the door stands on.
"""

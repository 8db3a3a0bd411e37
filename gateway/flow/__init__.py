"""The line, both ways, and what people do to it. Each step is kept before the next begins.

in       receive keeps what a partner sent, process translates it, decide ends it in one commit, relay publishes it
out      outbound takes what is to go, composing makes it ready, send packs, keeps and carries it, receipts settle it
trust    keys and key_acts (ours), certificate_*, exchanged (theirs), expiry and inventory (which of them end)
people   operations and resending (what they do), views and traffic (what they see), evidence* (what they can prove)
"""

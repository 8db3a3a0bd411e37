"""The line, both ways, and what people do to it. Each step is kept before the next begins.

in            receive keeps what a partner sent, process translates it, decide ends it in one commit, relay publishes it
outward       what is to go is taken, made ready, packed, kept, carried and settled by its receipt
certificates  our keys and their certificates: cut-over, exchange by message, warnings before the end
evidence      what can be proven of a message
people        operations (what they do), views and traffic (what they see)
"""

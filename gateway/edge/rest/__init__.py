"""The REST interface of the partner port: one handler for each operation of `gateway.api.operations`.

door        a call comes in: who is it, how often, may they; then its handler
identity    the ways of showing who one is
documents   what they send, and what became of it
oauth       access tokens, had and ended      me   what a caller is told of itself
webhooks    subscriptions to events; `events` are those to be asked for
lists       pages of a list
"""

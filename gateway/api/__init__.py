"""The partner API as it is promised: its operations, what they take and give, and the documents that say so.

operations   the one table: which call there is, what it asks of the caller
models       what they take and give
reading      JSON that a caller sends, read into one of these models
Nothing here serves a request; the doors in `gateway.edge.rest` do, one handler for each operation.
"""

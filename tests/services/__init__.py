"""RabbitMQ, PostgreSQL, OpenSSH, Chromium: real programs for the tests, found, else installed, else a clear error."""

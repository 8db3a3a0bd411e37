"""RabbitMQ, PostgreSQL and Chromium as real programs for the tests: found, else installed, else a clear error."""

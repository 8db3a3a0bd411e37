"""Below the database's door: connections to SQLite and PostgreSQL, and statements compiled once for both."""

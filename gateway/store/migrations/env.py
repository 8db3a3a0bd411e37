"""Run by alembic: migrate on the connection that `gateway.store.schema` hands over, inside its transaction."""

from alembic import context
from sqlmodel import SQLModel

from gateway.store import api_tables, sftp_tables, tables

_ = (api_tables, sftp_tables, tables)  # importing them registers the tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite changes a table only by copying it.
    render_as_batch=True,
)
context.run_migrations()

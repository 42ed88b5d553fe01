"""Alembic's entry: migrates the engine that ``migrations.run`` hands over."""

from alembic import context
from sqlalchemy import Connection

from migrations.schema import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()

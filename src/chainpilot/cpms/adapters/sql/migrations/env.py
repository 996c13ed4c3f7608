"""Alembic's entry: migrations run on the connection that the ledger hands over, inside its transaction."""

from alembic import context

from chainpilot.cpms.adapters.sql.schema import metadata

__all__: list[str] = []

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
)
context.run_migrations()

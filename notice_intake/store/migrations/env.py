"""Run by Alembic: everything comes from ``store.migrate``."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
tables = attributes["tables"]
schema = tables.metadata.schema
names = {table.name for table in tables.metadata.tables.values()} | {schema}

context.configure(
    connection=attributes["connection"],
    target_metadata=tables.metadata,
    version_table=attributes["version_table"],
    version_table_schema=schema,
    include_schemas=schema is not None,
    include_name=lambda name, kind, _parents: name in names if kind in ("table", "schema") else True,
    render_as_batch=attributes["connection"].dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()

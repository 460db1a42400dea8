"""Definitions against the database: plan, apply, Alembic operations and autogenerate; and the catalog's own migrations."""

"""Rows between PostgreSQL and Arrow: types, frames in, queries and results out."""

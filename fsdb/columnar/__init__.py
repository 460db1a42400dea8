"""The columnar copy: an Iceberg table that mirrors each history table, and what of history is not in it yet."""

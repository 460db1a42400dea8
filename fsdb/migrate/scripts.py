"""Runs the SQL files that a migration of the catalog consists of."""

from alembic import op

from fsdb.sql import data_folder


def run_folder(name: str) -> None:
    """Executes migrations/sql/`name`/*.sql in order of file name, in the migration's transaction."""
    for file in sorted((data_folder("migrations") / "sql" / name).glob("*.sql")):
        op.get_bind().exec_driver_sql(file.read_text(encoding="utf-8").replace("%", "%%"))

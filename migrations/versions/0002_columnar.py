"""The columnar copy: what server the database is on, where copies are, what engines cost, what retention removed."""

from fsdb.migrate.scripts import run_folder

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables and columns."""
    run_folder("0002_columnar")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0002_columnar_down")

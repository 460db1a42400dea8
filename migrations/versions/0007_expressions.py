"""Expressions: features that are computed when they are asked for."""

from fsdb.migrate.scripts import run_folder

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables."""
    run_folder("0007_expressions")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0007_expressions_down")

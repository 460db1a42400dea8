"""Schedules, and the record of their runs."""

from fsdb.migrate.scripts import run_folder

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables."""
    run_folder("0006_schedules")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0006_schedules_down")

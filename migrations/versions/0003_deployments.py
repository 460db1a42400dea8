"""Deployments of every kind: runtimes, canaries, shadows, attached tables, stages, what scoring costs and how models compare."""

from fsdb.migrate.scripts import run_folder

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables, columns and functions."""
    run_folder("0003_deployments")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0003_deployments_down")

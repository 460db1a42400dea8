"""Who may do what: roles and their rights, row security of history, audit, erasure."""

from fsdb.migrate.scripts import run_folder

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables and functions."""
    run_folder("0004_access")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0004_access_down")

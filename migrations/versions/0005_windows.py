"""Windows over events: exact sums."""

from fsdb.migrate.scripts import run_folder

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the functions."""
    run_folder("0005_windows")


def downgrade() -> None:
    """Takes them away."""
    run_folder("0005_windows_down")

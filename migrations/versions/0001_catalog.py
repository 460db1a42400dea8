"""The first catalog: feature sets, training views and sets, models, deployments."""

from fsdb.migrate.scripts import run_folder

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the schemas and tables."""
    run_folder("0001_catalog")


def downgrade() -> None:
    """Removes them; feature sets must have been dropped before."""
    run_folder("0001_catalog_down")

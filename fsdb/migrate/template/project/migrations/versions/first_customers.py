"""The feature set of customers, written by `fsdb revision --autogenerate`."""

from alembic import op

import fsdb

revision = "000000000001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_feature_set(
        "customer",
        keys={"customer_id": "bigint"},
        features=[
            fsdb.Feature("orders", "integer", description="Orders in the last 30 days"),
            fsdb.Feature("balance", "numeric(12,2)", description="Account balance, euros"),
        ],
        description="What is known of a customer at a moment",
    )


def downgrade() -> None:
    # destructive: deletes the set's values and history; the way back gives an empty set
    op.drop_feature_set("customer")

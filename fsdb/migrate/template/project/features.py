"""What this project keeps: a feature set. `fsdb plan` shows what would change in the database."""

import sqlalchemy as sa

import fsdb

customer = fsdb.FeatureSet(
    "customer",
    keys={"customer_id": sa.BigInteger},
    features=[
        fsdb.Feature("orders", sa.Integer, "Orders in the last 30 days"),
        fsdb.Feature("balance", sa.Numeric(12, 2), "Account balance, euros"),
    ],
    description="What is known of a customer at a moment",
)

"""Window sets over a table that an application has already, and goes on changing."""

import pandas as pd
import pytest

import fsdb
from fsdb.definitions import Window, WindowSet
from tests.conftest import TestDatabase

COLUMNS = {"pid": "uuid", "Card No": "text", "amt": "numeric(12,2)", "flag": "boolean", "until": "text"}


def test_an_applications_table_is_followed_when_its_columns_are_renamed(database: TestDatabase) -> None:
    with database.connect() as application, fsdb.connect(database.url) as store:
        application.execute("CREATE SCHEMA shop")
        application.execute(
            'CREATE TABLE shop."Payments" (pid uuid PRIMARY KEY DEFAULT gen_random_uuid(), "Card No" text, at timestamptz, amt numeric(12,2), '
            "flag boolean, until text)"
        )
        application.execute(
            "INSERT INTO shop.\"Payments\" (\"Card No\", at, amt, flag, until) SELECT 'c' || (i % 5), now() - i * interval '1 hour', i * 1.1, "
            "i % 2 = 0, 'amt' FROM generate_series(1, 100) AS i"
        )

        def events(**other: str) -> fsdb.FeatureSet:
            columns = {other.get(name, name): kind for name, kind in COLUMNS.items()}
            return fsdb.EventTable.track("shop.Payments", name="shop.pays", id="pid", event_time="at", columns=columns)

        def spent(amount: str, flag: str) -> WindowSet:
            where = f"{flag} AND until = 'amt' AND {amount} > 0::numeric"
            windows = [Window(amount, ["sum", "max"], "1 day", where=where, name="spent")]
            return WindowSet("shop.spent", "shop.pays", {"card": "Card No"}, windows)

        store.apply([events(), spent("amt", "flag")])
        # Hours 2, 12 and 22 of card c2, at 1.10 an hour.
        before = store.feature_vector("shop.spent", {"card": "c2"})
        assert (str(before["spent_sum_1_day"]), str(before["spent_max_1_day"])) == ("39.60", "24.20")
        saved = store.training_set(
            spine=pd.DataFrame({"card": ["c2", "c3"], "at": [pd.Timestamp.now("UTC")] * 2}),
            features="shop.spent",
            timestamp="at",
        ).save("spending")
        application.execute('ALTER TABLE shop."Payments" RENAME amt TO "The amount"')
        application.execute('ALTER TABLE shop."Payments" RENAME flag TO ok')
        assert store.feature_vector("shop.spent", {"card": "c2"}) == before
        definitions = [events(amt="The amount", flag="ok"), spent("The amount", "ok")]
        definitions[1] = WindowSet(
            "shop.spent",
            "shop.pays",
            {"card": "Card No"},
            [
                Window(
                    "The amount",
                    ["sum", "max"],
                    "1 day",
                    where="ok AND until = 'amt' AND \"The amount\" > 0::numeric",
                    name="spent",
                )
            ],
        )
        plan = store.apply(definitions)
        assert [change.sentence for change in plan.changes] == [
            "Follow in feature set shop.pays what was renamed: column amt as The amount, column flag as ok; its history stays."
        ]
        assert not store.plan(definitions).changes
        application.execute(
            'INSERT INTO shop."Payments" ("Card No", at, "The amount", ok, until) VALUES (\'c2\', now(), 100, true, \'amt\')'
        )
        after = store.feature_vector("shop.spent", {"card": "c2"})
        assert (str(after["spent_sum_1_day"]), str(after["spent_max_1_day"])) == ("139.60", "100.00")
        saved.verify()
        with pytest.raises(fsdb.ChangeRefused, match="The amount is not dropped while it is used by window set shop"):
            store.apply(
                [
                    fsdb.EventTable.track(
                        "shop.Payments",
                        name="shop.pays",
                        id="pid",
                        event_time="at",
                        columns={"Card No": "text", "pid": "uuid"},
                    )
                ]
            )
        with pytest.raises(fsdb.UnknownName, match="computed from the events of shop"):
            store.ingest("shop.spent", pd.DataFrame({"card": ["c2"], "spent_sum_1_day": [1.0]}))
        with pytest.raises(fsdb.ChangeRefused, match="training set spending"):
            store.apply([events(amt="The amount", flag="ok")], prune=True, allow_destructive=True)
        saved.delete()
        store.apply([events(amt="The amount", flag="ok")], prune=True, allow_destructive=True)
        assert application.execute(
            "SELECT count(*) FROM pg_proc WHERE proname IN ('spent_as_of', 'spent_events')"
        ).fetchone() == (0,)

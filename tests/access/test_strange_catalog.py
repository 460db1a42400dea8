"""A catalog that a stranger made is told of before anything of it runs; what says that it may be a role's, and what does not."""

import warnings
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.cli.app import main
from fsdb.errors import ChangeRefused, StrangeCatalog


@pytest.fixture
def named(server_url: str) -> Iterator[dict[str, str]]:
    """URLs of a database in which mallory, who may create schemas, made the catalog: hers, a reader's, its owner's and the superuser's."""
    tag = uuid4().hex[:6]
    roles = {role: f"fsdb_test_{role}_{tag}" for role in ("mallory", "reader", "shop")}
    name = f"fsdb_test_strange_{tag}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        for role in roles.values():
            admin.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[arg-type]
        admin.execute(f"CREATE DATABASE {name} OWNER {roles['shop']}")  # type: ignore[arg-type]
        admin.execute(f"GRANT CREATE ON DATABASE {name} TO {roles['mallory']}")  # type: ignore[arg-type]
        urls = {role: make_conninfo(server_url, dbname=name, user=user) for role, user in roles.items()}
        try:
            with fsdb.connect(urls["mallory"]) as store:
                store.grant("reader", roles["reader"])
            with psycopg.connect(urls["mallory"], autocommit=True) as mallory:
                # Her own code, where it would run first.
                mallory.execute("CREATE TABLE fsdb.caught (who text); GRANT ALL ON fsdb.caught TO PUBLIC")
                mallory.execute(
                    "CREATE FUNCTION fsdb.note() RETURNS boolean LANGUAGE plpgsql AS"
                    " $$ BEGIN INSERT INTO fsdb.caught VALUES (current_user); RETURN true; EXCEPTION WHEN OTHERS THEN RETURN true; END $$"
                )
                mallory.execute(
                    "ALTER TABLE fsdb.catalog_version ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON fsdb.catalog_version USING (fsdb.note())"
                )
            yield {
                **urls,
                "superuser": make_conninfo(server_url, dbname=name),
                "name": name,
                **{f"{k} role": v for k, v in roles.items()},
            }
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
            for role in roles.values():
                admin.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]


def quietly(url: str) -> None:
    """Connects; any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fsdb.connect(url).close()


def test_who_is_told_and_what_settles_it(
    named: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quietly(named["mallory"])
    with pytest.raises(
        StrangeCatalog, match=f"belongs to role {named['mallory role']}, whose functions run with the rights"
    ):
        quietly(named["reader"])
    for role in ("superuser", "shop"):  # whose database it is
        with pytest.raises(ChangeRefused, match=f"belongs to role {named['mallory role']}"):
            fsdb.connect(named[role])
        for command in ("status", "doctor", "init", "upgrade"):
            assert main([command, "--url", named[role]]) == 1
            assert named["mallory role"] in capsys.readouterr().err
    with psycopg.connect(named["superuser"], autocommit=True) as admin:
        assert admin.execute("SELECT count(*) FROM fsdb.caught").fetchone() == (0,)
        with pytest.warns(StrangeCatalog, match="WITH GRANT OPTION"):
            fsdb.connect(named["reader"]).close()

        monkeypatch.setenv("FSDB_OWNER", named["shop role"])
        for role in ("reader", "superuser", "mallory"):
            with pytest.raises(ChangeRefused, match=f"FSDB_OWNER names {named['shop role']}"):
                fsdb.connect(named[role])
        monkeypatch.setenv("FSDB_OWNER", "nobody_of_that_name")
        with pytest.raises(ChangeRefused, match="FSDB_OWNER names nobody_of_that_name"):
            fsdb.connect(named["reader"])
        monkeypatch.setenv("FSDB_OWNER", named["mallory role"])
        quietly(named["reader"])
        quietly(named["superuser"])
        monkeypatch.delenv("FSDB_OWNER")

        # The database's owner says so, by a right or by making it hers.
        grant = f"GRANT CREATE ON DATABASE {named['name']} TO {named['mallory role']} WITH GRANT OPTION"
        admin.execute(grant)  # type: ignore[arg-type]
        quietly(named["reader"])
        quietly(named["superuser"])
        admin.execute(
            grant.replace("GRANT CREATE", "REVOKE GRANT OPTION FOR CREATE", 1)
            .replace(" TO ", " FROM ")
            .replace(" WITH GRANT OPTION", "")
        )  # type: ignore[arg-type]
        with pytest.raises(StrangeCatalog):
            quietly(named["reader"])
        admin.execute(f"ALTER DATABASE {named['name']} OWNER TO {named['mallory role']}")  # type: ignore[arg-type]
        quietly(named["reader"])
        admin.execute(f"ALTER DATABASE {named['name']} OWNER TO {named['shop role']}")  # type: ignore[arg-type]

"""No password in errors, representations, output and the traceback of an error."""

import traceback

import pytest

import fsdb
from fsdb import config
from fsdb.cli.app import main
from fsdb.masking import has_secret, masked

SECRET = "s3cr3tPW"
URLS = [
    f"postgresql://u:{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg2://u:{SECRET}@127.0.0.1:1/db",
    f"postgres://u:{SECRET}%zz@127.0.0.1/db",
    f"postgresql://u:a/{SECRET}@127.0.0.1:1/db",
    f"postgresql://u:a#{SECRET}@127.0.0.1:1/db",
    f"postgresql://u:a?{SECRET}@127.0.0.1:1/db",
    f"postgresql://u:a@{SECRET}@127.0.0.1:1/db",
    f"postgresql://u:{SECRET} x@127.0.0.1:1/db",
    f"postgresql://u:{SECRET}@127.0.0.1:port/db",
    f"postgresql://u:{SECRET}@[::1/db",
    f"postgresql://127.0.0.1:1/db?user=u&password={SECRET}",
    f"postgresql://127.0.0.1:1/db?user=u&sslpassword={SECRET}",
    f"postgresql://127.0.0.1:1/db?user=u&oauth_client_secret={SECRET}",
    f"postgresql://127.0.0.1:1/db?nonsense=1&password={SECRET}",
    f"host=127.0.0.1 port=1 user=u password={SECRET}",
    f"host=127.0.0.1 port=1 user=u password='a {SECRET}'",
    f"host=127.0.0.1 port=1 user=u password='{SECRET}",
    f"mysql://u:{SECRET}@127.0.0.1/db",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_cannot_be_used(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(fsdb.FsdbError) as refused:
        fsdb.connect(url)
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    own = [line for line in shown.splitlines() if "fsdb.connect(url)" not in line]
    assert SECRET not in "\n".join(own)
    assert main(["status", "--url", url]) == 1
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


@pytest.mark.parametrize("url", [url for url in URLS if "://" in url and " " not in url and "?" not in url])
def test_an_argument_that_fits_nowhere(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", url]) == 2
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_a_value_of_another_kind() -> None:
    with pytest.raises(fsdb.FsdbError) as refused:
        fsdb.connect([URLS[0]])  # type: ignore[arg-type]
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "warehouse", [f"s3://KEY:{SECRET}@bucket/path", f"abfs://container/path?sig={SECRET}", f"sftp://u:{SECRET}@host/x"]
)
def test_a_warehouse_names_no_secret(warehouse: str) -> None:
    with pytest.raises(fsdb.FsdbError) as refused:
        config.warehouse(warehouse)
    assert SECRET not in str(refused.value)


def test_texts_without_secrets_stay() -> None:
    for text in ("s3://bucket/a@b", "postgresql://u@h/db", "input token=text", "a: b@c", "key=1"):
        assert masked(text) == text
        assert not has_secret(text)

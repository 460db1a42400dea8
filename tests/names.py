"""Names that a column of a user's may bear and that somebody on the way uses too, or reads as something else than a name.

For each a test finds the right value, or one sentence that refuses the name.
"""

# Columns of history, of views and of vectors, which no key or feature may bear as they are written here.
FSDB = ("version_id", "event_time", "recorded_at", "deleted", "xid", "valid_from", "valid_to", "found")
# Columns that every table of PostgreSQL has.
SYSTEM = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
# The same for who folds case.
FOLDED = (
    "Version_Id",
    "EVENT_TIME",
    "Recorded_At",
    "Deleted",
    "XID",
    "Found",
    "XMIN",
    "Ctid",
    "FILE_ROW_NUMBER",
    "File_Index",
)
# Columns that DuckDB adds to those of files, and what fsdb's statements for it call theirs.
DUCKDB = ("file_row_number", "file_index", "filename", "rowid", "hive_partitioning", "position", "moment", "place")
DUCKDB += ("late", "since", "key_0", "feature_0", "batch", "spine", "tail", "payload", "given_spine", "answer_0")
# The same of Spark and of Iceberg.
SPARK = ("_metadata", "_c0", "k0", "f0", "s0", "o0", "r0_f0", "ordinal", "bad", "recorded", "event", "read", "bucket")
SPARK += ("element", "__index_level_0__", "_file", "_pos")
# The same of PostgreSQL's statements, and of models'.
POSTGRESQL = (
    "a1",
    "f1",
    "c0",
    "number",
    "version",
    "always",
    "v",
    "rows",
    "set_1",
    "fresh",
    "known",
    "at",
    "timestamp",
)
POSTGRESQL += ("prediction", "model_version", "predicted_at", "error", "id", "row", "new", "old")
KEYWORDS = ("select", "table", "order", "user", "group", "all", "end", "null", "true", "default", "values", "limit")
# What is no word: quotes, marks that stand for values, separators, blanks, other alphabets, and the longest there is.
WRITTEN = (
    'a"b',
    "it's",
    "`tick`",
    "a.b",
    "100%",
    "%s",
    "%(x)s",
    "%%",
    "{x}",
    "{}",
    "$1",
    ":x",
    "?",
    "a;--",
    "/*",
    "\\",
)
WRITTEN += (
    "two words",
    " ",
    "two\nlines",
    "a\tb",
    "a,b",
    "a=b",
    "(n)",
    "[0]",
    "#1",
    "1st",
    "-1",
    "é",
    "ß",
    "İ",
    "名前",
)
WRITTEN += ("🎈", "A", "a", "x" * 63, "é" * 31)

NAMES = (*FSDB, *SYSTEM, *FOLDED, *DUCKDB, *SPARK, *POSTGRESQL, *KEYWORDS, *WRITTEN)
# Those that a set made by fsdb may use for keys and features: lower-case words.
WORDS = (*DUCKDB, *SPARK, *POSTGRESQL, *KEYWORDS, "a")

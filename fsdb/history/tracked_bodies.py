"""What the bodies of a tracked table's triggers name besides."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.history.columns import Columns
from fsdb.history.kept import kept
from fsdb.sql import query

FILE = "history/bodies/tracked"


def tracked_parts(
    registered: RegisteredSet, columns: Columns, parts: Mapping[str, Composable]
) -> dict[str, Composable]:
    """What the texts for a tracked table name besides: when a version begins, and whether it stands there already."""
    more: dict[str, Composable] = {
        **parts,
        "name": Literal(registered.name),
        "inside": query(FILE, "inside"),
        "p_is_v": columns.same_key("p", "v"),
        "q_is_p": columns.same_key("q", "p"),
        "kept": kept(registered),
        "keys_kept": kept(registered, keys=True),
        "live_name": Literal(registered.live.as_string()),
        **{f"{alias}_state": columns.state(alias) for alias in ("h", "p", "q")},
        **{f"{alias}_state": columns.state(alias, live=True) for alias in ("n", "o")},
    }

    def text(name: str, row: str = "n", /, **others: Composable) -> Composable:
        of_row: dict[str, Composable] = {
            "v_is_row": columns.same_key("v", row),
            "h_is_row": columns.same_key("h", row),
        }
        return query(FILE, name, **{**more, **of_row, **others})

    def found(by: str, row: str = "n") -> dict[str, Composable]:
        """How a statement finds what it changes, and whether it finds no version as it should."""
        absent = {"found_none": SQL("true"), "found_moved": more["o_differs_n"]}.get(by, SQL("false"))
        of_found: dict[str, Composable] = {"found": text(by), "found_absent": absent}
        of_found["follows"] = text("follows", **of_found)
        return {**of_found, "between": text("between", row, **of_found)}

    def begins(by: str, seen: str | None, row: str = "n") -> Composable:
        named: Composable = SQL("")
        if columns.time is not None and seen is not None:
            named = text("named_time", seen=text(seen), row_time=columns.at(row))
        return text("time_of_row", row, named_time=named, **found(by, row))

    def written(by: str) -> Composable:
        return SQL("false") if columns.time is None else text("written_of_n", **found(by))

    def tombstones(by: str) -> Composable:
        return text(
            "tombstones_of_old",
            "o",
            begins=begins(by, None, "o"),
            o_written_ahead=written_ahead("made_none", "o"),
        )

    def ahead(made: str, row: str = "n") -> Composable:
        return text("ahead", row, h_is_made=text(made))

    def written_ahead(made: str, row: str = "n") -> Composable:
        return text("written_ahead", row, ahead=ahead(made, row))

    def forget(made: str, rows: Composable, row: str = "n") -> Composable:
        return text("forget_ahead", row, made=rows, ahead=ahead(made, row))

    def write_ahead(name: str, by: str, made: str, row: str, **others: Composable) -> Composable:
        """What this statement found and history lacks."""
        named: Composable = SQL("")
        if columns.time is not None and row == "o":
            named = text("named_time", seen=text("seen_of_updated"), row_time=columns.at(row))
        return text(
            name,
            row,
            ahead=ahead(made, row),
            missing=text("missing", row, p_is_row=columns.same_key("p", row), **found(by, row)),
            time_ahead=text("time_ahead", named_time=named),
            **others,
        )

    def rows(source: Composable, alias: str) -> Composed:
        return SQL("(SELECT {}.* FROM {}) {}").format(Identifier(alias), source, Identifier(alias))

    inserted, it = written("found_none"), SQL("TG_RELID::regclass::text")
    moving = SQL("{} WHERE {}").format(text("pairs"), parts["o_differs_n"])
    both = SQL("old_rows o LEFT JOIN new_rows n ON {}").format(parts["o_is_n"])
    differing = SQL("record_image_ne({}, {})").format(parts["n_image"], parts["o_image"])
    stayed = SQL("new_rows n JOIN old_rows o ON {} WHERE {}").format(parts["o_is_n"], differing)
    changed = SQL("{} OR {}").format(moving, differing)
    return {
        **more,
        "pairs": text("pairs"),
        "kept_as_is": text("kept_as_is", kept_by_it=kept(registered, it)),
        "keys_kept_as_is": text("kept_as_is", kept_by_it=kept(registered, it, keys=True)),
        "write_ahead_updated": write_ahead("write_ahead_rows", "found_row", "made_either", "o", changed=both),
        "write_ahead_deleted": write_ahead(
            "write_ahead_rows", "found_row", "made_none", "o", changed=SQL("old_rows o")
        ),
        "write_ahead_inserted": write_ahead(
            "write_ahead_gone", "found_none", "made_row", "n", came=SQL("new_rows n"), written_of_n=inserted
        ),
        "write_ahead_moved": write_ahead(
            "write_ahead_gone", "found_none", "made_row", "n", came=rows(moving, "n"), written_of_n=SQL("false")
        ),
        "time_of_inserted_n": begins("found_none", "seen_of_inserted"),
        "time_of_updated_n": begins("found_row", "seen_of_updated"),
        "time_of_moved_n": begins("found_moved", "seen_of_moved"),
        "time_of_o": begins("found_row", None, "o"),
        "tombstones_of_deleted": tombstones("found_present"),
        "tombstones_of_left": tombstones("found_deleted"),
        "written_of_inserted_n": inserted,
        "written_of_updated_n": written("found_row"),
        "n_written_ahead": written_ahead("made_row"),
        "o_written_ahead": written_ahead("made_none", "o"),
        "forget_inserted": forget("made_row", SQL("new_rows n")),
        "forget_updated": forget("made_row", rows(stayed, "n")),
        "forget_moved": forget("made_row", rows(changed, "n")),
        "forget_left": forget("made_none", rows(moving, "o"), "o"),
        "forget_deleted": forget("made_none", SQL("old_rows o"), "o"),
    }

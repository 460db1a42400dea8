"""The drawings of the concepts: two times, an as-of read, what a training set pins, how a prediction is scored."""

from collections.abc import Callable

from manual.svg import Drawing

LEFT, RIGHT = 130.0, 690.0


def _axis(drawing: Drawing, y: float, label: str, hours: range) -> Callable[[float], float]:
    """A time axis with the hours written below it; returns where an hour lies."""

    def at(hour: float) -> float:
        return LEFT + (RIGHT - LEFT) * (hour - hours[0]) / (hours[-1] - hours[0])

    drawing.line((LEFT - 10, y), (RIGHT + 25, y), colour="faint", arrow=True)
    drawing.text(LEFT - 20, y + 5, label, colour="faint", anchor="end")
    for hour in hours:
        drawing.line((at(hour), y - 4), (at(hour), y + 4), colour="faint")
        drawing.text(at(hour), y + 22, f"{hour}:00", colour="faint", anchor="middle")
    return at


def two_times() -> Drawing:
    """Event time and recorded time of three values, one of them late."""
    drawing = Drawing(760, 300, "Event time and recorded time: a value that arrives late belongs to its own moment")
    written = _axis(drawing, 80, "recorded_at", range(6, 13))
    true = _axis(drawing, 210, "event_time", range(6, 13))
    for recorded, event, value, colour in (
        (6.1, 6, "39 °F", "first"),
        (9.1, 9, "41 °F", "first"),
        (11, 8, "40 °F", "second"),
    ):
        drawing.line((written(recorded), 86), (true(event), 202), colour=colour, dashed=True, arrow=True)
        drawing.dot(written(recorded), 80, colour)
        drawing.text(written(recorded), 62, value, colour=colour, anchor="middle", kind="bold")
        drawing.dot(true(event), 210, colour)
    drawing.text(written(11), 40, "written at 11:00, true at 8:00: late", colour="second", anchor="middle")
    for start, end, value, colour in (
        (6.0, 8.0, "39", "first"),
        (8.0, 9.0, "40", "second"),
        (9.0, 12.3, "41", "first"),
    ):
        drawing.line((true(start) + 3, 256), (true(end) - 3, 256), colour=colour)
        drawing.text((true(start) + true(end)) / 2, 276, value, colour=colour, anchor="middle", kind="bold")
    drawing.text(LEFT - 20, 261, "holds", colour="faint", anchor="end")
    return drawing


def as_of() -> Drawing:
    """Which version three rows of a spine read."""
    drawing = Drawing(760, 300, "An as-of read takes the latest version that is not after the row's own moment")
    at = _axis(drawing, 120, "versions", range(6, 13))
    for seen, value in ((6, "39"), (8, "40"), (9, "41")):
        drawing.dot(at(seen), 120)
        drawing.text(at(seen), 100, value, colour="first", anchor="middle", kind="bold")
    drawing.dot(at(11), 120, hollow=True)
    drawing.text(at(11), 100, "deleted", colour="first", anchor="middle", kind="bold")
    rows = ((7.5, 6.0, "39"), (9.0, 9.0, "41"), (11.6, 11.0, "NULL"))
    for number, (hour, version, value) in enumerate(rows, start=1):
        way = [(at(hour), 228.0), (at(hour), 190.0), (at(version), 190.0), (at(version), 150.0)]
        drawing.line(*(way if hour != version else [way[0], way[-1]]), colour="second", dashed=True, arrow=True)
        drawing.box(at(hour) - 45, 228, 90, 46)
        drawing.text(at(hour), 247, f"row {number}", anchor="middle")
        drawing.text(at(hour), 265, f"→ {value}", colour="second", anchor="middle", kind="bold")
    drawing.text(LEFT - 20, 254, "spine", colour="faint", anchor="end")
    drawing.text(
        LEFT - 10, 40, "Row 2 lies at 9:00 sharp and reads the version of 9:00: “as of t” includes t.", colour="ink"
    )
    drawing.text(LEFT - 10, 60, "Row 3 comes after the delete, so it reads nothing.", colour="ink")
    return drawing


def pins() -> Drawing:
    """What a saved training set keeps, and what may go on changing."""
    drawing = Drawing(760, 330, "What a saved training set pins, and what may change without changing it")
    drawing.box(30, 50, 310, 250)
    drawing.text(50, 78, "A saved training set keeps", kind="bold")
    kept = (
        "the spine's rows, as a table",
        "the features, types and defaults",
        "max_age, as it was",
        "which versions counted: a snapshot",
        "  (xid and version_id)",
        "the content hash",
    )
    for number, words in enumerate(kept):
        if not words.startswith(" "):
            drawing.dot(56, 104 + 30 * number, "third")
        drawing.text(74, 109 + 30 * number, words)
    drawing.box(430, 50, 300, 250)
    drawing.text(450, 78, "and reads again, from", kind="bold")
    drawing.box(450, 95, 260, 56, colour="ground", edge="first")
    drawing.text(580, 119, "history in PostgreSQL", colour="first", anchor="middle", kind="bold")
    drawing.text(580, 139, "versions never change", colour="faint", anchor="middle")
    drawing.box(450, 165, 260, 56, colour="ground", edge="first")
    drawing.text(580, 189, "the columnar copy", colour="first", anchor="middle", kind="bold")
    drawing.text(580, 209, "holds what retention took out", colour="faint", anchor="middle")
    drawing.text(450, 249, "Versions written later do not count:", colour="second")
    drawing.text(450, 267, "late values, corrections, deletes,", colour="second")
    drawing.text(450, 285, "features added or dropped.", colour="second")
    drawing.line((345, 150), (424, 150), arrow=True)
    drawing.text(384, 138, "rebuild", anchor="middle", colour="faint")
    drawing.line((424, 200), (345, 200), arrow=True)
    drawing.text(384, 222, "same hash", anchor="middle", colour="faint")
    return drawing


def scored() -> Drawing:
    """What happens inside one INSERT into a model table."""
    drawing = Drawing(760, 370, "How an inserted row is scored, in one transaction")
    drawing.text(
        30, 40, "INSERT INTO late_flights (origin, distance) VALUES ('JFK', 900) RETURNING prediction", kind="code"
    )
    drawing.box(30, 66, 700, 210, colour="ground")
    drawing.line((60, 48), (60, 66), arrow=True)
    drawing.text(716, 88, "one transaction", colour="faint", anchor="end")
    steps = (
        ("1  look up", "each set, as of now", "version 4: temp 38.5"),
        ("2  score", "the model's own function", "late_v1(38.5, 900)"),
        ("3  record", "the row, with what it read", "weather_version = 4"),
    )
    for number, (title, told, example) in enumerate(steps):
        x = 46 + 232 * number
        drawing.box(x, 104, 206, 96)
        drawing.text(x + 14, 130, title, colour="first", kind="bold")
        drawing.text(x + 14, 154, told)
        drawing.text(x + 14, 182, example, colour="faint", kind="code")
        if number:
            drawing.line((x - 24, 152), (x - 2, 152), arrow=True)
    drawing.text(
        46,
        228,
        "A row that cannot be scored fails the INSERT, or is recorded with NULL and the reason.",
        colour="second",
    )
    drawing.text(46, 252, "The live table and the history stay as they are: scoring only reads.", colour="ink")
    drawing.line((600, 276), (600, 306), arrow=True)
    drawing.text(600, 326, "prediction = True", anchor="middle", kind="code", colour="third")
    drawing.text(
        46, 352, "Later: prediction_lineage and replay read version 4 again, whatever holds by then.", colour="ink"
    )
    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {"two-times": two_times, "as-of": as_of, "pins": pins, "scored": scored}


def drawn() -> dict[str, str]:
    """Every drawing by its name, as SVG."""
    return {name: make().svg() for name, make in DRAWINGS.items()}

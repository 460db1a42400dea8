"""The columns of a copy as an Iceberg schema, and how it follows the columns of history.

Fields 1 to 5 are those that every history table has; keys and features come after them. A field keeps its id for good: a feature's
field is found by the feature_id in its `doc`, so renaming, dropping and restoring a feature rename its field.
"""

import re
from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar.types import copy_type, same_digits
from fsdb.errors import CopyBroken, InvalidDefinition

VERSION_ID, EVENT_TIME, RECORDED_AT, XID, DELETED = 1, 2, 3, 4, 5
FIXED = (
    NestedField(VERSION_ID, "version_id", LongType(), required=True),
    NestedField(EVENT_TIME, "event_time", TimestamptzType(), required=True),
    NestedField(RECORDED_AT, "recorded_at", TimestamptzType(), required=True),
    NestedField(XID, "xid", LongType(), required=True),
    NestedField(DELETED, "deleted", BooleanType(), required=True),
)
_ICEBERG: dict[pa.DataType, IcebergType] = {
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
    pa.float32(): FloatType(),
    pa.float64(): DoubleType(),
    pa.bool_(): BooleanType(),
    pa.date32(): DateType(),
    pa.timestamp("us", "UTC"): TimestamptzType(),
    pa.string(): StringType(),
    pa.binary(): BinaryType(),
}
_ARROW = {str(kind): arrow for arrow, kind in _ICEBERG.items()}
_WIDER = {("int", "long"), ("float", "double")}
_DOC = re.compile(r"(key|feature (?P<feature_id>\d+)): (?P<kind>.*)")


@dataclass(frozen=True)
class FieldNote:
    """What a field's doc says: of which feature it is (None for a key), and PostgreSQL's name of its type when last synced."""

    feature_id: int | None
    kind: str

    def __str__(self) -> str:
        return f"{'key' if self.feature_id is None else f'feature {self.feature_id}'}: {self.kind}"


def note(field: NestedField) -> FieldNote | None:
    """The note of a key's or feature's field; None for the fields that every copy has."""
    found = _DOC.fullmatch(field.doc or "")
    if found is None:
        return None
    return FieldNote(int(found["feature_id"]) if found["feature_id"] else None, found["kind"])


def arrow_of(kind: IcebergType) -> pa.DataType:
    """The Arrow type of a field."""
    if isinstance(kind, ListType):
        return pa.list_(_ARROW[str(kind.element_type)])
    return _ARROW[str(kind)]


def new_schema(registered: RegisteredSet) -> Schema:
    """The schema of a copy that is made now."""
    return followed(Schema(*FIXED), len(FIXED), registered)


def followed(schema: Schema, last_id: int, registered: RegisteredSet) -> Schema:
    """The schema with history's columns of now: those that came at the end, with ids above `last_id`; the same schema where nothing changed.

    Raises CopyBroken for a type that cannot follow, which `fsdb sync --rebuild` resolves, and InvalidDefinition for names that Iceberg
    takes for one.
    """
    known = {
        (n.feature_id, field.name if n.feature_id is None else ""): field
        for field in schema.fields
        if (n := note(field))
    }
    fields = [field for field in schema.fields if note(field) is None]
    for name, kind in registered.keys.items():
        old = known.pop((None, name), None)
        field, last_id = _field(old, name, FieldNote(None, kind), last_id, registered.name)
        fields.append(field)
    features = sorted((*registered.features, *registered.dropped_features), key=lambda feature: feature.feature_id)
    for feature in features:
        old = known.pop((feature.feature_id, ""), None)
        wanted = FieldNote(feature.feature_id, feature.type)
        field, last_id = _field(old, feature.history_column, wanted, last_id, registered.name)
        fields.append(field)
    if tuple(fields) == schema.fields:
        return schema
    _check_names(fields, registered.name)
    return Schema(*fields, schema_id=schema.schema_id + 1, identifier_field_ids=[VERSION_ID])


def _check_names(fields: list[NestedField], owner: str) -> None:
    """Iceberg calls what is in a list x by the name x.element, which a column may bear that an application named."""
    names = {field.name for field in fields}
    for field in fields:
        inner = f"{field.name}.element"
        if isinstance(field.field_type, ListType) and inner in names:
            raise InvalidDefinition(
                f"Feature set {owner} cannot have a columnar copy: Iceberg calls the items of its array {field.name!r} {inner!r}, as another column is "
                "called. Rename or leave out one of them; without a copy PostgreSQL and DuckDB read the set from its history."
            )


def _field(old: NestedField | None, name: str, wanted: FieldNote, last_id: int, owner: str) -> tuple[NestedField, int]:
    arrow = copy_type(wanted.kind)
    if old is None:
        last_id += 1
        field_id = last_id
        kind = _ICEBERG.get(arrow)
        if kind is None:
            last_id += 1
            kind = ListType(last_id, _ICEBERG[arrow.value_type], element_required=False)
    else:
        field_id, kind = old.field_id, old.field_type
        held = arrow_of(kind)
        followable = True
        if held != arrow:
            new = _ICEBERG.get(arrow)
            if (str(kind), str(new)) in _WIDER and new is not None:
                kind = new
            elif (str(new), str(kind)) not in _WIDER:
                followable = False
        was = note(old)
        if not followable or (was is not None and not same_digits(was.kind, wanted.kind)):
            raise CopyBroken(
                f"Column {name!r} of {owner} is {wanted.kind} now, which its columnar copy cannot follow: run fsdb sync --rebuild {owner}."
            )
    return NestedField(field_id, name, kind, required=wanted.feature_id is None, doc=str(wanted)), last_id


def arrow_schema(schema: Schema) -> pa.Schema:
    """The schema of the copy's Parquet files, with the field ids that Iceberg's readers go by."""
    return pa.schema([_arrow_field(field) for field in schema.fields])


def _arrow_field(field: NestedField) -> pa.Field:
    kind = arrow_of(field.field_type)
    if isinstance(field.field_type, ListType):
        element = field.field_type.element_field
        kind = pa.list_(pa.field("element", kind.value_type, metadata=_numbered(element.field_id)))
    return pa.field(field.name, kind, nullable=not field.required, metadata=_numbered(field.field_id))


def _numbered(field_id: int) -> dict[str, str]:
    return {"PARQUET:field_id": str(field_id)}

"""What fsdb generates for a feature set, as data: each object with the SQL that makes, marks and removes it."""

from dataclasses import dataclass
from hashlib import sha256

from psycopg.sql import SQL, Composed, Literal

from fsdb.sql import query

MARK = "fsdb "


@dataclass(frozen=True)
class GeneratedObject:
    """One function, trigger, policy or view.

    name: as people write it. signature: as DROP and COMMENT name it. body: what a function's source must be.
    private: a function that only its owner may call or attach. table: a trigger's or policy's, schema and name.
    """

    kind: str
    name: str
    signature: Composed
    purpose: str
    create: Composed
    body: str | None = None
    private: bool = False
    table: tuple[str, str] | None = None

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the text that makes the object."""
        return sha256(self.create.as_string().encode()).hexdigest()[:16]

    @property
    def comment(self) -> str:
        """The mark that the object bears in the database."""
        return f"{MARK}{self.fingerprint}: {self.purpose}"

    def statements(self) -> list[Composed]:
        """The SQL that installs the object or replaces it."""
        revoke = [query("history/objects", "revoke_function", signature=self.signature)] if self.private else []
        return [self.create, *revoke, self._comment()]

    def drop(self) -> Composed:
        """The SQL that removes the object."""
        return query("history/objects", "drop", kind=SQL(self.kind.upper()), signature=self.signature)

    def _comment(self) -> Composed:
        return query(
            "history/objects",
            "comment",
            kind=SQL(self.kind.upper()),
            signature=self.signature,
            text=Literal(self.comment),
        )

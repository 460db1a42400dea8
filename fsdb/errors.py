"""The exception tree. Every message says what happened, with which name, and what to do."""


class FsdbError(Exception):
    """Root of everything that fsdb raises on purpose."""


class ConnectionFailed(FsdbError):
    """No usable PostgreSQL: not reachable, too old, gone in the middle, or without the rights that fsdb needs."""


class RightMissing(ConnectionFailed):
    """The database user lacks a right; the message names the right, the object and the GRANT."""


class CatalogMissing(FsdbError):
    """The database has no fsdb catalog, or one of another version."""


class InvalidDefinition(FsdbError):
    """A feature set, feature, view or name that cannot be registered as written."""


class InvalidArgument(FsdbError, TypeError):
    """An argument of the wrong kind, a missing argument, or one that the call does not know."""


class UnknownName(FsdbError):
    """A feature, set, key, view, training set, model or deployment that is not registered."""


class ChangeRefused(FsdbError):
    """A change of definitions that would lose data or break something in use."""


class InvalidData(FsdbError):
    """Rows that cannot be taken: wrong types, naive timestamps, NULL keys or times."""


class UnsupportedModel(FsdbError):
    """An estimator, option or input that the model program cannot express exactly."""


class ParityFailed(FsdbError):
    """A deployed model did not give what the native predict gives."""


class RunFailed(FsdbError):
    """A run of a schedule failed: it left no row, and its record says why."""


class RetentionRefused(FsdbError):
    """Versions may not leave PostgreSQL, or a read or change needs versions that have left."""


class NotReproducible(FsdbError):
    """A saved training set or a prediction does not come out as it was recorded."""


class Erased(NotReproducible):
    """An erasure took this out, or it cannot be verified any more because of one. The message names the erasure."""


class CopyBroken(FsdbError):
    """A columnar copy that cannot be read as its catalog describes it: files gone, cut short, or of a newer fsdb."""


class EngineUnavailable(FsdbError):
    """An engine that cannot give the answer: not installed, not starting, out of memory or disk, or short of what it reads."""


class EnginePassedOver(UserWarning):
    """The cheapest engine could not build a training set. Another one did, with the same rows."""


class NeedsWorker(UserWarning):
    """runtime="auto" chose the runtime worker: rows have no prediction until a process `fsdb worker` scores them."""


class PartlyErased(UserWarning):
    """A training set that was built again lacks what an erasure has taken out."""


class LateValues(UserWarning):
    """A training set holds values that were recorded only after their row's own moment."""


class ColumnsLeftOut(UserWarning):
    """A tracked table has columns that cannot be features, and the call named no features."""


class NothingMatched(UserWarning):
    """A feature set has no version for any row of a training set. Its columns are all NULL, or defaults."""


class StrangeCatalog(UserWarning):
    """The catalog belongs to a role that nobody has vouched for, and its functions run with your rights."""

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
    """An argument of another kind than the call takes, or one that is missing or that it does not know."""


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


class RetentionRefused(FsdbError):
    """Versions that may not leave PostgreSQL, or a read or change that needs some that have left."""


class NotReproducible(FsdbError):
    """A saved training set or prediction does not come out as it was recorded."""


class Erased(NotReproducible):
    """What an erasure took out, or what cannot be verified any more because of one; the message names the erasure."""


class CopyBroken(FsdbError):
    """A columnar copy that cannot be read as its catalog describes it: files gone, cut short, or of a newer fsdb."""


class EngineUnavailable(FsdbError):
    """An engine that cannot give the answer: not installed, not starting, out of memory or disk, or short of what it reads."""


class EnginePassedOver(UserWarning):
    """The engine that was to build a training set could not; another one did, with the same rows."""


class NeedsWorker(UserWarning):
    """runtime="auto" chose the runtime worker: rows have no prediction until a process `fsdb worker` scores them."""


class PartlyErased(UserWarning):
    """A saved training set that is built again lacks what an erasure took out since."""


class LateValues(UserWarning):
    """A training set holds values that were recorded only after their row's own moment."""


class ColumnsLeftOut(UserWarning):
    """A table that is tracked has columns that cannot be features, and none were named."""


class NothingMatched(UserWarning):
    """A feature set has no version for any row of a training set: its columns hold nothing, or defaults alone."""


class StrangeCatalog(UserWarning):
    """The catalog that is connected to belongs to a role of which nobody has said that it may be: its functions run with the user's rights."""

"""Programs that a test starts beside itself."""

import subprocess
from types import TracebackType


class Program(subprocess.Popen[str]):
    """A program for a block. It is killed at the block's end where it still runs: a test that fails waits for nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.poll() is None:
            self.kill()
        super().__exit__(kind, error, trace)

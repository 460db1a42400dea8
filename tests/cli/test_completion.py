"""Shell completion: what bash, zsh and fish are told to ask, and what the command answers them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("fsdb")


def asked(shell: str, **given: str) -> list[str]:
    environment = {**os.environ, "_FSDB_COMPLETE": f"complete_{shell}", **given}
    done = subprocess.run([str(COMMAND)], capture_output=True, text=True, env=environment, timeout=60, check=True)
    return done.stdout.split()


def test_a_command_is_completed() -> None:
    assert {"status", "stage"} <= set(asked("bash", COMP_WORDS="fsdb st", COMP_CWORD="1"))
    assert "status" not in asked("bash", COMP_WORDS="fsdb sy", COMP_CWORD="1")


def test_an_option_is_completed() -> None:
    found = asked("bash", COMP_WORDS="fsdb status --", COMP_CWORD="2")
    assert {"--json", "--url"} <= set(found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    done = subprocess.run(
        [str(COMMAND), "--show-completion", shell], capture_output=True, text=True, timeout=60, check=True
    )
    assert "_FSDB_COMPLETE" in done.stdout

"""A clean environment with fsdb's own wheel, for what is measured and checked of an installed package."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


def built_wheel(folder: Path) -> Path:
    """Builds the checkout's wheel into a folder and returns it."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("fsdb_postgres-*.whl")
    return wheel


class Environment:
    """A virtual environment of its own, of the Python given."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        self.folder = folder
        self.python = folder / "bin" / "python"

    def install(self, wheel: Path, extra: str = "") -> None:
        """Installs the wheel with an extra, in the versions of constraints.txt."""
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        subprocess.run([*pip, "--constraint", str(ROOT / "constraints.txt"), wanted], check=True)

    def run(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a program in it, away from the checkout; only these of fsdb's variables are set."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FSDB_", "PYTHON"))}
        command = [str(self.python), "-c", code]
        return subprocess.run(
            command, cwd=self.folder, env=kept | variables, capture_output=True, text=True, check=False, timeout=300
        )

    @property
    def megabytes(self) -> float:
        """What its files take, in MB."""
        files = (file for file in self.folder.rglob("*") if file.is_file() and not file.is_symlink())
        return sum(file.stat().st_size for file in files) / 1e6

    def heaviest(self, most: int = 6) -> list[tuple[str, float]]:
        """The folders of packages that take most, with their MB."""
        paths = sysconfig.get_paths("venv", vars={"base": str(self.folder), "platbase": str(self.folder)})
        version = self.run("import sys; print('python%d.%d' % sys.version_info[:2])").stdout.strip()
        packages = Path(paths["purelib"]).parents[1] / version / "site-packages"
        sizes = {
            folder.name: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
            for folder in packages.iterdir()
            if folder.is_dir()
        }
        return sorted(sizes.items(), key=lambda one: -one[1])[:most]

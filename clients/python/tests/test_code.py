"""What checkers say of the package and its tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]


# Left to itself, pyright looks for packages in whatever `python` comes first on the search path.
CHECKERS = {
    "mypy": ["mypy"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_checkers_find_nothing(checker: str) -> None:
    # It would ask a registry whether there is a newer one.
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    command = [sys.executable, "-m", *CHECKERS[checker]]
    run = subprocess.run(command, cwd=PACKAGE, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr

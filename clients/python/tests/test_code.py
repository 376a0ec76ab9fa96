"""What checkers say of the package and its tests."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "checker", [["mypy"], ["pyright"], ["ruff", "check"], ["ruff", "format", "--check"]], ids=" ".join
)
def test_checkers_find_nothing(checker: list[str]) -> None:
    run = subprocess.run([sys.executable, "-m", *checker], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr

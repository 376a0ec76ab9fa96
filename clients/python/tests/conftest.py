"""What the tests share."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
# How tests are chosen and counted is the same for all suites in Python.
sys.path.append(str(REPOSITORY / "tests/python"))
pytest_plugins = ["report"]

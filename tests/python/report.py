"""How tests are chosen and counted: a plugin for every suite in Python."""

import os

import pytest


def pytest_collection_modifyitems(config, items):
    """Keeps the tests whose name contains the filter, taken literally."""
    wanted = os.environ.get("HEADWATER_TEST_FILTER", "")
    left_out = [item for item in items if wanted not in item.name]
    items[:] = [item for item in items if wanted in item.name]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def pytest_configure(config):
    config.pluginmanager.register(Report(config), "headwater-report")


class Report:
    """Says one line per test, as the other test runners of the project do."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        # A test is over when it was called; set-up and tear-down are heard of when they fail.
        if report.when == "call" or not report.passed:
            outcome = {"passed": "ok", "failed": "FAILED", "skipped": "SKIPPED"}[report.outcome]
            reporter = self.config.pluginmanager.get_plugin("terminalreporter")
            reporter.ensure_newline()
            reporter.write_line(f"test {report.location[2]} ... {outcome}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report):
        return report.outcome if report.when == "call" or not report.passed else "", "", ""

"""What is tested with programs that are not Python's. Where one is missing, a line says what was not run."""

from __future__ import annotations

import shutil

import pytest

from tests.real import chromium

collect_ignore = [
    *([] if chromium.program() else ["test_chromium.py"]),
    *([] if shutil.which("promtool") else ["test_promtool.py"]),
    *([] if shutil.which("helm") else ["test_helm.py"]),
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if chromium.program() is None:
        terminalreporter.write_line(
            "NOT RUN: no Chromium is installed here (Debian's package is chromium), so templates were not drawn by it "
            "again. Its pictures of before are compared with ours in tests/drawing."
        )
    if not shutil.which("promtool"):
        terminalreporter.write_line(
            "NOT RUN: no promtool is installed here (Debian's package is prometheus), so no alert was tried."
        )
    if not shutil.which("helm"):
        terminalreporter.write_line("NOT RUN: no helm is installed here, so the chart was not rendered.")

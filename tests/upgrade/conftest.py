"""The code of the last release, which `make previous` has put beside the tests."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import lernbatch

ARCHIVE = Path(__file__).with_name("previous.tar.xz")


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that its packages are imported from; its fonts are ours."""
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    fonts = Path(lernbatch.__file__).parent / "drawing" / "fonts"
    (folder / "lernbatch" / "drawing" / "fonts").symlink_to(fonts)
    return folder

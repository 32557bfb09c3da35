"""The rules in tests/conftest.py hold: no silent skip in CI, never the user's own state."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[1] / "conftest.py"


def _pytest(directory: Path, test: str, **env: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(RULES, directory / "conftest.py")
    (directory / "test_one.py").write_text(test)
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "OPSBOOK_STATE")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"],
        cwd=directory,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
    )


SKIPS = {
    "inside": "import pytest\ndef test_it():\n    pytest.skip('no lab')\n",
    "marked": "import pytest\n@pytest.mark.skip('no lab')\ndef test_it():\n    pass\n",
    "whole module": "import pytest\npytest.skip('no lab', allow_module_level=True)\n",
    "in a fixture": (
        "import pytest\n@pytest.fixture\ndef lab():\n    pytest.skip('no lab')\n"
        "def test_it(lab):\n    pass\n"
    ),
}


@pytest.mark.parametrize("test", SKIPS.values(), ids=SKIPS)
def test_a_skip_fails_in_ci_and_only_there(test: str, tmp_path: Path) -> None:
    in_ci = _pytest(tmp_path, test, CI="true")
    assert in_ci.returncode != 0
    assert "no lab" in in_ci.stdout
    assert _pytest(tmp_path, test).returncode in (0, 5)  # 5: no test was left to run


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    test = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it():\n    assert False\n"
    assert _pytest(tmp_path, test, CI="true").returncode == 0


def test_state_is_never_the_users(tmp_path: Path) -> None:
    test = (
        "from pathlib import Path\nfrom opsbook.model.places import Places\n"
        "def test_it():\n    assert not Places.from_env().root.is_relative_to(Path.home())\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    done = _pytest(tmp_path, test, HOME=str(home))
    assert done.returncode == 0, done.stdout

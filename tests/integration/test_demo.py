"""`make demo` where the lab cannot run: it says why, and shows the same on this machine's files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _demo(state: Path, language: str) -> str:
    # In a user namespace of its own even root is nobody, so the lab is refused.
    nobody = ["unshare", "--user", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*nobody, ROOT / ".ci" / "demo"],
        env={**os.environ, "OPSBOOK_STATE": str(state), "OPSBOOK_LANG": language},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_demo_without_root_says_so_and_still_collects_twice(tmp_path: Path) -> None:
    said = _demo(tmp_path, "en")
    assert "A lab needs root" in said
    assert "5000 new lines" in said
    assert "Consistent" in said
    assert f"collected logs  {tmp_path}/logs/this-machine" in said
    assert (tmp_path / "logs" / "this-machine").is_dir()


@pytest.mark.slow
def test_the_demo_can_be_had_again_and_in_chinese(tmp_path: Path) -> None:
    _demo(tmp_path, "zh")
    said = _demo(tmp_path, "zh")
    assert "第二晚" in said
    assert "The second night" not in said

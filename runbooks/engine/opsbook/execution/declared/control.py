"""The environment in which Ansible runs on the control host: ours, and nothing of the user's."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from opsbook.execution.declared.declarations import content
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate
from opsbook.model.message import msg

_OURS = Path(__file__).with_name("ansible.cfg")
_KEPT = ("ANSIBLE_VAULT_PASSWORD_FILE",)
SITE = tuple(map(Path, ("/usr/share/ansible/plugins", "/usr/share/ansible/roles",
                        "/etc/ansible/roles")))  # fmt: skip
"""Where Ansible looks for plugins and roles of a machine, beside ours and the runbook's."""

_SITE_COLLECTIONS = Path("/usr/share/ansible/collections")


PLAIN = {"ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1", "PY_COLORS": "0"}
"""What programs write goes into records, so it has no colours, whatever is the user's wish."""

_WISHES = ("FORCE_COLOR", "CLICOLOR_FORCE")


def ansible_command(program: str) -> list[str]:
    """Ansible's ``program`` (playbook, inventory): the one beside our interpreter, whatever PATH
    says, and without the working directory in its module path (``-P``): that is the estate's.
    """
    return [sys.executable, "-P", "-m", "ansible", program]


def ansible_environment(estate: Estate) -> dict[str, str]:
    """This process's environment without ``ANSIBLE_*`` and without wishes for colours, and what
    makes our content come first.

    The vault password file is the one of ``ANSIBLE_VAULT_PASSWORD_FILE``, else the file
    ``.vault-password`` of the estate. Raises InputFault when others can read that file.
    """
    given = {name: value for name, value in os.environ.items() if name not in _WISHES}
    kept = {k: v for k, v in given.items() if not k.startswith("ANSIBLE_") or k in _KEPT}
    kept["ANSIBLE_CONFIG"] = str(_OURS)
    kept["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join(map(str, collection_paths()))
    kept["ANSIBLE_HOME"] = str(_OURS.parent)  # instead of ~/.ansible, whose plugins would count
    kept["ANSIBLE_LOCAL_TEMP"] = tempfile.gettempdir()
    kept["LC_ALL"] = "C.UTF-8"
    kept |= PLAIN
    kept["PYTHONDONTWRITEBYTECODE"] = "1"  # beside a runbook's plugins it would count as code
    if "ANSIBLE_VAULT_PASSWORD_FILE" not in kept:
        kept.update(_vault_password(estate.directory / ".vault-password"))
    return kept


def collection_paths() -> list[Path]:
    """Where collections are looked for before Python's own path; never in a home directory."""
    return [content(), _SITE_COLLECTIONS]


def _vault_password(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    if file.stat().st_mode & 0o077:
        raise InputFault(
            msg("Others can read the vault password in {file}.", file=file),
            next_step=msg("chmod 600 {file}", file=file),
        )
    return {"ANSIBLE_VAULT_PASSWORD_FILE": str(file)}

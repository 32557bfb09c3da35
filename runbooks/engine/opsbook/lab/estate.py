"""The lab's estate: the template of the repository with the hosts that are really there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opsbook.execution.declared.declarations import content
from opsbook.execution.reach.ssh import rules
from opsbook.lab import plan
from opsbook.lab.plan import HostSpec, Network
from opsbook.model.places import private

APPROVER = "approver@example.invalid"
"""Who approves in the lab, as ``inventories/lab/approvers.yml`` has it."""


def template() -> Path:
    """The estate as shipped: ``inventories/lab``."""
    return content() / "inventories" / "lab"


def inventory(specs: Sequence[HostSpec], network: Network, key: Path) -> dict[str, Any]:
    """``hosts.yml`` as data: an Ansible inventory."""
    hosts = {spec.name: _variables(spec, network) for spec in specs}
    groups = sorted({group for spec in specs for group in spec.groups})
    return {
        "all": {
            "vars": {
                "ansible_user": plan.USER,
                "ansible_ssh_private_key_file": str(key),
                "ansible_become": True,
            },
            "hosts": hosts,
            "children": {
                group: {"hosts": {spec.name: {} for spec in specs if group in spec.groups}}
                for group in groups
            },
        }
    }


def known_hosts(specs: Sequence[HostSpec], network: Network, public_keys: Mapping[str, str]) -> str:
    """One line per host, by address and by name."""
    return "".join(
        f"{network.address(spec)},{spec.name} {public_keys[spec.name]}\n" for spec in specs
    )


def ssh_config(specs: Sequence[HostSpec], network: Network, key: Path, known: Path) -> str:
    """An OpenSSH configuration that reaches every lab host by its name."""
    parts = []
    for spec in specs:
        jump = f"  ProxyJump {spec.jump}\n" if spec.jump else ""
        parts.append(f"Host {spec.name}\n  HostName {network.address(spec)}\n{jump}")
    common = (
        f"Host *\n  User {plan.USER}\n  IdentityFile {_quoted(key)}\n  IdentitiesOnly yes\n"
        "  LogLevel ERROR\n"
    )
    return "".join(parts) + common + "\n".join(rules(_quoted(known)))


def signers(public_key: str) -> str:
    """``allowed_signers`` with the key of the lab's one approver."""
    return f'{APPROVER} namespaces="opsbook-approval" {public_key.strip()}\n'


def write(directory: Path, hosts: Mapping[str, Any], known: str, signers: str) -> None:
    """Put the live estate at ``directory``: template, ``hosts.yml``, ``known_hosts``, and
    ``allowed_signers`` where there is none yet.
    """
    part = directory.with_name(directory.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    private(part.parent)
    shutil.copytree(template(), part)
    part.chmod(0o700)
    # JSON is YAML; Ansible reads it as such.
    (part / "hosts.yml").write_text(json.dumps(hosts, indent=2) + "\n")
    (part / "known_hosts").write_text(known)
    if not (directory / "allowed_signers").exists():
        (part / "allowed_signers").write_text(signers)
    _put(part, directory)


def _put(part: Path, directory: Path) -> None:
    """File by file: readers never find the estate gone, and files of others stay."""
    for source in sorted(part.rglob("*")):
        target = directory / source.relative_to(part)
        if source.is_dir():
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source.replace(target)
    shutil.rmtree(part)


def _variables(spec: HostSpec, network: Network) -> dict[str, Any]:
    result: dict[str, Any] = {"ansible_host": str(network.address(spec))}
    if spec.jump:
        result["opsbook_jump"] = spec.jump
    if spec.layer == "nopython":
        result["opsbook_python"] = False
    return result


def _quoted(path: Path) -> str:
    return f'"{path}"'

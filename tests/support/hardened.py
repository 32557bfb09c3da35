"""A lab whose hosts are hardened through the command, and what can be seen on its hosts."""

from __future__ import annotations

from typing import Any

from opsbook.lab import Lab
from support.patched import Patched

_GATE = "/usr/local/sbin/gate"
_TRAP = f"""
printf '#!/bin/sh\\n! grep -q "^MaxAuthTries" /etc/ssh/sshd_config\\n' >{_GATE}
chmod 755 {_GATE}
echo 'account required pam_exec.so quiet {_GATE}' >>/etc/pam.d/sshd
"""
"""Logins work until options of sshd are set right: no look at the configuration can know that."""

_LOOK = """
roots="/etc /boot /root /home /opt /srv /usr/local /usr/share/pam-configs /var/spool/cron"
find $roots -xdev -printf '%y %m %U:%G %l %p\\n' | sort
find $roots -xdev -type f ! -path "/etc/*-" -exec sha256sum {} + | sort -k 2
find /var/log -xdev ! -name user.log ! -name sudo.log -printf '%y %m %U:%G %p\\n' | sort
dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Abbrev}\\n'
apt-mark showauto | sort
systemctl list-unit-files --no-legend --no-pager --plain
systemctl list-units --no-legend --no-pager --plain --state=active --type=service,socket,timer |
    cut -d ' ' -f 1 | grep -v 'user-runtime-dir@\\|^user@'
sysctl -a 2>/dev/null | grep '^net\\.ipv[46]\\.\\(conf\\|icmp\\|tcp_syncookies\\|ip_forward\\)'
cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
sshd -T | sort
"""
"""Names, modes, owners and bytes of files, packages, units, live values, accounts, and sshd.

Logs that programs begin meanwhile stay: user.log of rsyslog, sudo.log of sudo."""


class Hardened(Patched):
    """A lab's estate, its findings and the changes that set them right."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.choices = {"firewall": "nftables", "time": "chrony", "log_pipeline": "rsyslog"}

    def look(self, host: str) -> str:
        """Everything that an undo has to bring back, to be compared with another look."""
        return self.on(host, _LOOK)

    def trap(self, host: str) -> None:
        """Make a host that lets nobody in once sshd was set right."""
        self.on(host, _TRAP)

    def open(self, host: str) -> set[str]:
        """Keys of open findings of a host."""
        rows = self.told("findings", "list", "-e", "lab", "-l", host)
        return {row["key"] for row in rows if row["state"] == "open"}

    def scan(self, *words: str) -> None:
        """Our own scan of the whole lab."""
        done = self.opsbook("findings", "scan", "-e", "lab", *words)
        assert done.returncode == 0, done.stdout + done.stderr

    def plan_hardening(self, *words: str, **parameters: str) -> dict[str, Any]:
        """A plan for what was found: the change's number and its plan."""
        chosen = {**self.choices, **parameters}
        settings = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
        reason = ("--reason", "rectification of the scan")
        return self.told("plan", "hardening", "-e", "lab", *reason, *settings, *words)  # type: ignore[no-any-return]

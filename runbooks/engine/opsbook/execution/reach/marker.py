"""The lease marker on a host: who may write there now, seen by every control host.

Leases stand in the ledger; a marker makes them visible where the work is done, so that another
control host, or a process that lost its lease without noticing, is refused there. It is one line
of JSON in ``/var/lib/opsbook/lease.json``, replaced by rename(2) under flock(1)::

    schema  "opsbook.lease/1"      ledger, control_host  whose lease it is
    resource, run, change, token   the lease: a higher token of one resource is the later one
    boot, seconds, until           until which second of /proc/uptime of which boot it counts

Time is the host's own time since boot (proc(5), ``/proc/uptime``), so a wall clock that jumps
changes nothing; after a reboot a marker counts for its full ``seconds`` at most. A marker that is
given back stays with ``until`` 0, so that its token is not forgotten. ``change`` is who may go on
where a run was cut off (:attr:`opsbook.execution.work.Job.known_as`).
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from opsbook.execution.reach.shell import Completed, command, completed, out_of_time, run_here
from opsbook.execution.reach.ssh import sharing, ssh_config
from opsbook.execution.work import HostReport, Job
from opsbook.model.errors import HostFault, HostUnreachable, InputFault
from opsbook.model.estate import Host
from opsbook.model.message import Message, msg
from opsbook.model.outcome import Outcome

DIRECTORY = "/var/lib/opsbook"
VARIABLE = "opsbook_lease_directory"
"""Inventory variable that names another directory for the marker of a host."""

AT_ONCE = 20
SECONDS = 60.0
"""The longest that taking or giving back may take on one host."""

BEYOND = 600
"""Seconds that a marker counts beyond the deadline of its job."""

_SSH_FAILED = 255


class Markers:
    """Markers of one job, over the connections that Ansible then goes on using."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._config = ssh_config(job.inventory, job.places)
        self._sharing = sharing(job.inventory, job.places)

    def take(self, hosts: Sequence[Host]) -> dict[str, HostReport]:
        """Put our marker on ``hosts``; the report of each on which it could not be put."""
        seconds = int(self._job.seconds_left) + BEYOND
        said = self._everywhere(hosts, _TAKE, seconds)
        reports = {host.name: _refusal(host, said[host.name]) for host in hosts}
        return {name: report for name, report in reports.items() if report is not None}

    def give_back(self, hosts: Sequence[Host]) -> None:
        """Take our markers away; where that fails they end by themselves."""
        self._everywhere(hosts, _GIVE_BACK, 0)

    def _everywhere(
        self, hosts: Sequence[Host], action: str, seconds: int
    ) -> dict[str, Completed | HostFault]:
        if not hosts:
            return {}
        with ThreadPoolExecutor(min(len(hosts), AT_ONCE)) as pool:
            said = pool.map(lambda host: self._on(host, action, seconds), hosts)
            return {host.name: answer for host, answer in zip(hosts, said, strict=True)}

    def _on(self, host: Host, action: str, seconds: int) -> Completed | HostFault:
        try:
            script = _settings(host, self._job, seconds) + _COMMON + action
            if host.connection == "local":
                return run_here(host.name, script, timeout=SECONDS, become=host.become)
            return self._over_ssh(host, script)
        except HostFault as fault:
            return fault
        except InputFault as fault:
            return HostUnreachable(fault.problem)

    def _over_ssh(self, host: Host, script: str) -> Completed:
        root = host.become and host.user != "root"
        argv = ["ssh", "-F", str(self._config), *self._sharing, "-T", "-o", "LogLevel=ERROR"]
        argv += ["--", host.name, command(root)]
        with tempfile.TemporaryFile() as errors:  # a pipe would be held open by the shared ssh
            try:
                done = subprocess.run(argv, input=script.encode(), stdout=subprocess.PIPE,
                                      stderr=errors, timeout=SECONDS, check=False)  # fmt: skip
            except subprocess.TimeoutExpired as error:
                raise out_of_time(host.name, SECONDS) from error
            except OSError as error:
                problem = msg("this machine has no {program} in its PATH", program="ssh")
                raise HostUnreachable(problem) from error
            errors.seek(0)
            return completed(done.returncode, done.stdout, errors.read())


def _settings(host: Host, job: Job, seconds: int) -> str:
    """The marker's values as shell variables; only plain characters get as far as a marker."""
    state = os.fsencode(job.places.root.absolute())
    values: Mapping[str, str] = {
        "directory": _directory(host),
        "ledger": hashlib.sha256(socket.gethostname().encode() + b"\0" + state).hexdigest()[:16],
        "control": _plain(socket.gethostname()),
        "resource": _plain(f"{job.estate.name}/host/{host.name}"),
        "run": _plain(job.run),
        "change": _plain(job.known_as),
        "token": str(int(job.tokens.get(host.name, 0))),
        "seconds": str(seconds),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _directory(host: Host) -> str:
    value = host.vars.get(VARIABLE, DIRECTORY)
    if not isinstance(value, str) or not value.startswith("/") or "\n" in value:
        raise InputFault(
            msg("{name} of {host} is no absolute path.", name=VARIABLE, host=host.name)
        )
    return value


def _plain(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:/-]", "_", value) or "_"


def _refusal(host: Host, said: Completed | HostFault) -> HostReport | None:
    if isinstance(said, HostFault):
        return HostReport(host.name, said.outcome, said.problem)
    words = said.out.split()
    if said.rc == 0 and words[:1] == ["taken"]:
        return None
    if said.rc == _SSH_FAILED and not words:
        why = msg("cannot be reached: {reason}", reason=said.err.strip()[:600] or "-")
        return HostReport(host.name, Outcome.UNREACHABLE, why)
    if words[:1] == ["held"] and len(words) == 4:
        return HostReport(host.name, Outcome.BUSY, _held(*words[1:]))
    return HostReport(host.name, Outcome.REFUSED, _why(host, words, said))


def _held(run: str, control: str, seconds: str) -> Message:
    minutes = (int(seconds) + 59) // 60 if seconds.isdecimal() and len(seconds) < 9 else "?"
    return msg(
        "{run} from {control_host} is at work on this host, or was cut off there; nobody else may"
        " write here for {minutes} min more, or until it is resumed",
        run=run, control_host=control, minutes=minutes,
    )  # fmt: skip


def _why(host: Host, words: list[str], said: Completed) -> Message:
    file = f"{_directory(host)}/lease.json"
    if words[:1] == ["stale"] and len(words) == 3:
        return msg("a later run, {run}, has worked on this host; ours has lost its lease",
                   run=words[1])  # fmt: skip
    if words == ["unreadable"]:
        return msg(
            "{file} on this host cannot be understood; look at it, then remove it", file=file
        )
    if words == ["without", "flock"]:
        return msg("this host has no {program} in its PATH", program="flock")
    reason = (said.err.strip() or said.out.strip() or f"{said.rc}")[:600]
    return msg("the lease marker {file} cannot be written: {reason}", file=file, reason=reason)


_CHARS = "[A-Za-z0-9._:/-]*"
_TEXTS = ("ledger", "control_host", "resource", "run", "change")
_PATTERN = (
    '{"schema": "opsbook.lease/1", '
    + "".join(f'"{name}": "\\({_CHARS}\\)", ' for name in _TEXTS)
    + f'"token": \\([0-9][0-9]*\\), "boot": "\\({_CHARS}\\)", '
    + '"seconds": \\([0-9][0-9]*\\), "until": \\([0-9][0-9]*\\)}'
)
_FIELDS = r"\1 \2 \3 \4 \5 \6 \7 \8 \9"

_COMMON = f"""\
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
mkdir -p -- "$directory" && cd -- "$directory" || exit 3
command -v flock >/dev/null || {{ echo without flock; exit 0; }}
exec 9>>lease.lock || exit 3
flock -w 20 9 || exit 3
read -r boot </proc/sys/kernel/random/boot_id || exit 3
read -r up rest </proc/uptime || exit 3
up=${{up%%.*}}
write() {{
    printf '{{"schema": "opsbook.lease/1", "ledger": "%s", "control_host": "%s", '\\
'"resource": "%s", "run": "%s", "change": "%s", "token": %s, "boot": "%s", '\\
'"seconds": %s, "until": %s}}\\n' "$ledger" "$control" "$resource" "$run" "$change" "$token" \\
        "$boot" "$seconds" "$1" >lease.new && mv -f lease.new lease.json || exit 3
}}
m_ledger=- m_resource=- m_run=- m_change=- m_token=0 m_until=0 m_seconds=0 m_boot=- m_control=-
if [ -s lease.json ]; then
    set -- $(sed -n 's|^{_PATTERN}$|{_FIELDS}|p' lease.json)
    [ $# -eq 9 ] || {{ echo unreadable; exit 0; }}
    m_ledger=$1 m_control=$2 m_resource=$3 m_run=$4 m_change=$5
    m_token=$6 m_boot=$7 m_seconds=$8 m_until=$9
    [ ${{#m_token}} -lt 16 ] && [ ${{#m_seconds}} -lt 10 ] && [ ${{#m_until}} -lt 12 ] || \\
        {{ echo unreadable; exit 0; }}
fi
"""

_TAKE = """\
left=0
if [ "$m_until" -gt 0 ]; then
    if [ "$m_boot" = "$boot" ]; then left=$((m_until - up)); else left=$((m_seconds - up)); fi
fi
ours=
[ "$m_ledger" = "$ledger" ] && [ "$m_change" = "$change" ] && ours=1
if [ "$m_ledger" = "$ledger" ] && [ "$m_resource" = "$resource" ] && \\
   [ "$m_token" -gt "$token" ]; then echo stale "$m_run" "$m_token"; exit 0; fi
if [ "$left" -gt 0 ] && [ -z "$ours" ]; then echo held "$m_run" "$m_control" "$left"; exit 0; fi
write $((up + seconds))
echo taken
"""

_GIVE_BACK = """\
[ "$m_ledger" = "$ledger" ] && [ "$m_run" = "$run" ] && [ "$m_token" = "$token" ] || exit 0
write 0
"""

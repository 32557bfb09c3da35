"""The runbook host_survey: module and script agree, read hostile values safely, change nothing."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from doubles.jobs import MemorySink, make_estate, make_job
from opsbook.execution.ansible.playbook import PlaybookWork
from opsbook.execution.declared.declarations import collection, load_runbook, runbook_directory
from opsbook.execution.reach.records import read_records
from opsbook.execution.verify.verification import verify
from opsbook.model.outcome import Outcome

HOSTS = """\
all:
  vars: {ansible_connection: local}
  hosts: {with_python: {}, without: {opsbook_python: false}}
"""
MODULE = collection() / "plugins" / "modules" / "host_survey.py"
SCRIPT = runbook_directory("host_survey") / "survey.sh"


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The survey of this machine, by the module and by the script."""
    home = tmp_path_factory.mktemp("survey")
    job = make_job(make_estate(home / "estate", HOSTS), "host_survey", home / "state")
    sink = MemorySink()
    with pytest.MonkeyPatch.context() as env:
        env.setenv("HOME", str(home))
        PlaybookWork().perform(job.inventory.hosts, job, sink)
    assert not list(home.glob(".ansible/tmp/*")), "working files were left on the host"
    assert {report.outcome for report in sink.reports.values()} == {Outcome.OK}
    assert [report.deviations for report in sink.reports.values()] == [(), ()]
    return {name: report.evidence for name, report in sink.reports.items()}


def keys(value: Any) -> Any:
    """The shape of a survey: keys and kinds of values."""
    if isinstance(value, dict):
        return {key: keys(part) for key, part in value.items()}
    if isinstance(value, list):
        return [keys(part) for part in value[:1]]
    return type(value).__name__


def test_module_and_script_give_the_same_keys(surveys: dict[str, Any]) -> None:
    module, script = (dict(surveys[name]) for name in ("with_python", "without"))
    assert (module.pop("python") is None, script.pop("python")) == (False, None)
    assert keys(module) == keys(script)


def test_module_and_script_read_the_same_values(surveys: dict[str, Any]) -> None:
    module, script = surveys["with_python"], surveys["without"]
    for key in ("schema", "os", "kernel", "failed_units", "reboot_pending"):
        assert module[key] == script[key]
    for row, other in zip(module["file_systems"], script["file_systems"], strict=True):
        assert {k: row[k] for k in ("mount", "device", "type", "size_bytes")} == {
            k: other[k] for k in ("mount", "device", "type", "size_bytes")
        }
        assert abs(row["used_percent"] - other["used_percent"]) <= 2
    assert module["boot"]["id"] == script["boot"]["id"] == _boot_id()
    assert module["cpu"]["count"] == script["cpu"]["count"] == os.cpu_count()
    assert module["memory"]["total_bytes"] == script["memory"]["total_bytes"]
    assert module["time"]["zone"] == script["time"]["zone"]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_sockets_agree_with_what_ss_lists(surveys: dict[str, Any]) -> None:
    listed = subprocess.run(["ss", "-Hltn"], check=True, capture_output=True, text=True).stdout
    ports = {int(line.split()[3].rpartition(":")[2]) for line in listed.splitlines()}
    for survey in surveys.values():
        found = {row["port"] for row in survey["sockets"] if row["protocol"] == "tcp"}
        assert len(found ^ ports) <= 4  # other tests open and close ports meanwhile


def test_the_suite_of_the_runbook_passes(tmp_path: Path) -> None:
    job = make_job(make_estate(tmp_path / "estate", HOSTS), "host_survey", tmp_path / "state")
    found = verify(load_runbook("host_survey"), job.inventory.hosts, job)
    assert {(result.failed, result.passed > 0) for result in found.values()} == {(0, True)}


def in_a_strange_host(tmp_path: Path, **files: str) -> dict[str, Any]:
    """What the script says where /etc/os-release and the mount table are hostile."""
    script = SCRIPT.read_text()
    for name, content in files.items():
        real = {"release": "/etc/os-release", "mounts": "/proc/self/mounts"}[name]
        (tmp_path / name).write_text(content)
        script = script.replace(real, str(tmp_path / name))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    data, unfit = read_records(done.stdout)
    assert unfit == 0
    return data


def test_hostile_values_are_data_to_the_script(tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    hostile = f"$(touch {canary}) `touch {canary}`; touch {canary} \t\x1b[2J \\ % ' \""
    data = in_a_strange_host(tmp_path, release=f'ID={hostile}\nPRETTY_NAME="{hostile}"\n')
    assert not canary.exists()
    assert data["os"]["id"] == re.sub(r"[\x00-\x1f]", "", hostile)
    assert data["os"]["version_id"] is None


def test_mounts_with_blanks_newlines_and_quotes_keep_their_names(tmp_path: Path) -> None:
    names = [
        "with blank",
        "two\nlines",
        "tab\there",
        "quo'te\"s",
        "$(id)",
        "back\\slash",
        "-n",
        "中",
    ]
    table = []
    for name in names:
        (tmp_path / name).mkdir()
        escaped = re.sub(r"[ \t\n\\]", lambda m: f"\\{ord(m[0]):03o}", str(tmp_path / name))
        table.append(f"/dev/vda {escaped} ext4 rw 0 0\n")
    data = in_a_strange_host(tmp_path, mounts="".join(table))
    assert [row["mount"] for row in data["file_systems"]] == [str(tmp_path / n) for n in names]


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("host_survey_module", MODULE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000001000000", "::1"),
        ("B80D01200000000000000000010000FE", "2001:db8::fe00:1"),
    ],
)
def test_addresses_of_the_kernel_are_read_alike(
    text: str, address: str, module: ModuleType
) -> None:
    data, unfit = read_records(f"row\tsockets\tinet\taddress\t{text}\n")
    assert (data["sockets"][0]["address"], unfit) == (module.inet(text), 0)
    assert module.inet(text) == address


def test_the_module_reads_on_the_oldest_python_it_promises() -> None:
    ast.parse(MODULE.read_text(), feature_version=(3, 8))


def test_the_module_imports_only_the_standard_library_and_ansible() -> None:
    imported = re.findall(r"^(?:import|from) (\w+)", MODULE.read_text(), re.MULTILINE)
    assert set(imported) <= {
        "__future__", "ansible", "ipaddress", "os", "platform", "re", "subprocess", "sys", "time",
        "typing",
    }  # fmt: skip


def test_the_module_is_documented(module: ModuleType) -> None:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    assert yaml.load(module.DOCUMENTATION)["module"] == "host_survey"
    sample = yaml.load(module.RETURN)["opsbook_evidence"]["sample"]
    assert set(sample) == set(module.survey())
    json.dumps(sample)


HOSTILE_RECORDS = [
    "text\tos\n", "int\tx\t1e9\n", "int\tx\t99999999999999999999\n", "bool\tx\tyes\n",
    "text\t../x\ty\n", "text\tA\ty\n", "text\t__class__.x\ty\n", "eval\tx\ty\n", "\n\t\n",
    "row\tx\ttext\ta\n", "list\tx\ty\n", "inet\tx\tzz\n", "hex\tx\t0x16\n", "null\tx\ty\n",
    "text\ta\t1\ntext\ta.b\t2\n", "int\ta\t1\nrow\ta\ttext\tb\tc\n", "\x00\x1b[2J\n",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_RECORDS)
def test_records_that_do_not_fit_are_counted_and_left_out(text: str) -> None:
    _, unfit = read_records(text)
    assert unfit == 1

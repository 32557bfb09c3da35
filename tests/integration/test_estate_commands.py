"""``runbooks``, ``show``, ``estate`` and ``doctor`` as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.jobs import ESTATE, make_estate, make_runbook
from doubles.sshd import Sshd, free_port, running_sshd
from opsbook.cli.main import run
from opsbook.model.exits import Exit

LOCAL = "all: {hosts: {here: {ansible_connection: local}}}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("OPSBOOK_RUNBOOKS", str(tmp_path / "catalog"))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def faults(estate: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, int, str, str]]:
    assert run(["estate", "check", "-e", str(estate), "--json"]) == Exit.BAD_INPUT
    found = json.loads(capsys.readouterr().out)["faults"]
    return [(Path(f["file"]).name, f["line"], f["path"], f["problem"]) for f in found]


def test_every_runbook_is_listed_and_shown_in_both_languages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["runbooks", "--json"]) == Exit.DONE
    rows = json.loads(capsys.readouterr().out)
    assert "host_survey" in [row["name"] for row in rows]
    for row in rows:
        for language in ("zh", "en"):
            assert run(["--lang", language, "show", row["name"].replace("_", "-")]) == Exit.DONE
            assert row["name"] in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--lang", "fr", "runbooks"], ["runbooks", "--lang=", "x"]])
def test_a_language_that_is_not_ours_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == Exit.USAGE
    told = capsys.readouterr()
    assert "zh and en" in told.err
    assert told.out == ""


def test_a_command_that_is_stopped_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped() -> list[Path]:
        raise KeyboardInterrupt

    monkeypatch.setattr("opsbook.execution.declared.declarations.list_runbooks", stopped)
    assert run(["runbooks"]) == Exit.INTERRUPTED
    assert capsys.readouterr().err.startswith("Stopped.\nopsbook records list ")


def test_the_lab_is_listed_by_the_name_it_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_estate(tmp_path / "state" / "lab" / "estate", LOCAL)
    assert run(["estate", "list", "--json"]) == Exit.DONE
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["lab"]
    assert run(["estate", "check", "-e", "lbb"]) == Exit.USAGE
    assert "Did you mean lab?" in capsys.readouterr().err


def test_a_runbook_with_faults_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_runbook(tmp_path / "catalog", "bad", "[]", more="colour: red\n")
    assert run(["runbooks"]) == Exit.BAD_INPUT
    said = capsys.readouterr()
    assert "host_survey" in said.out
    assert "colour: unknown key" in said.err


def test_an_estate_in_order_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estate = make_estate(tmp_path / "estate", LOCAL)
    assert run(["estate", "check", "-e", str(estate)]) == Exit.DONE
    assert capsys.readouterr().out == f"Estate {estate} is in order; hosts: 1.\n"


def test_everything_wrong_with_an_estate_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_file").touch()
    declared = ESTATE + (
        f"stores: {{logs: {tmp_path}/a_file, archive: {tmp_path}/a_file/below}}\n"
        "on_failure: [/no/such/command]\n"
        "schedules:\n"
        "  - {name: one, runbook: no_such_book, when: {at: '02:00'}}\n"
        "  - {name: one, runbook: host_survey, when: {at: '02:00'}, limit: nobody,\n"
        "     parameters: {colour: red}}\n"
    )
    hosts = "all: {hosts: {web1: {opsbook_logs_here: [{name: x, file: [/a]}]}}}\n"
    logs = "opsbook_logs_app:\n  - {name: app, files: [/var/log/a], timezone: Mars}\n  - 7\n"
    estate = make_estate(
        tmp_path / "estate", hosts, **{"estate.yml": declared, "group_vars/all.yml": logs}
    )
    (estate / "known_hosts").unlink()
    found = faults(estate, capsys)
    assert {(file, line, path) for file, line, path, _ in found} == {
        ("estate.yml", 5, "stores.logs"),
        ("estate.yml", 5, "stores.archive"),
        ("estate.yml", 6, "on_failure.0"),
        ("estate.yml", 8, "schedules.0.runbook"),
        ("estate.yml", 9, "schedules.1.name"),
        ("estate.yml", 9, "schedules.1.limit"),
        ("estate.yml", 10, "schedules.1.parameters.colour"),
        ("hosts.yml", 1, "all.hosts.web1.opsbook_logs_here.0.file"),
        ("all.yml", 2, "opsbook_logs_app.0.timezone"),
        ("all.yml", 3, "opsbook_logs_app.1"),
        ("known_hosts", 0, ""),
    }


def test_faults_of_the_declaration_do_not_hide_those_of_the_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = "opsbook_logs_app: [{name: app, files: [/var/log/a], timezone: Mars}]\n"
    estate = make_estate(
        tmp_path / "estate",
        "all: {hosts: {here: {ansible_connection: telnet}}}\n",
        **{
            "estate.yml": ESTATE + "colour: red\n",
            "group_vars/all.yml": logs,
            "approvers.yml": "colour: red\n",
        },
    )
    told = {(file, path) for file, _, path, _ in faults(estate, capsys)}
    assert told > {
        ("estate.yml", "colour"),
        ("all.yml", "opsbook_logs_app.0.timezone"),
        ("hosts.yml", "here.ansible_connection"),
        ("approvers.yml", "colour"),
    }


def test_faults_of_one_setting_do_not_hide_those_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = ESTATE.replace("timezone: Asia/Shanghai", "timezone: Mars/Olympus") + (
        "windows: [{name: night, days: [someday], from: '22:00', to: '06:00'}]\n"
        "calendar: {holidays: never, imports: [missing.ics]}\n"
        "schedules: [{name: one, runbook: no_such_book, when: {at: '02:00'}}]\n"
        "on_failure: [/no/such/command]\n"
        "colour: red\n"
    )
    estate = make_estate(tmp_path / "estate", LOCAL, **{"estate.yml": declared})
    assert sorted((file, path) for file, _, path, _ in faults(estate, capsys)) == [
        ("estate.yml", "calendar.holidays"),
        ("estate.yml", "colour"),
        ("estate.yml", "on_failure.0"),
        ("estate.yml", "schedules.0.runbook"),
        ("estate.yml", "timezone"),
        ("estate.yml", "windows.0.days.0"),
        ("missing.ics", ""),
    ]


def test_an_estate_without_hosts_is_told_so_beside_its_other_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = "opsbook_logs_app: [{name: app, files: [/var/log/a], timezone: Mars}]\n"
    estate = make_estate(tmp_path / "estate", LOCAL, **{"group_vars/all.yml": logs})
    (estate / "hosts.yml").unlink()
    told = {(file, path) for file, _, path, _ in faults(estate, capsys)}
    assert told == {("hosts.yml", ""), ("all.yml", "opsbook_logs_app.0.timezone")}


def test_one_name_of_two_sources_on_a_host_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = "opsbook_logs_%s: [{name: app, files: [/var/log/a]}]\n"
    estate = make_estate(
        tmp_path / "estate",
        LOCAL,
        **{"group_vars/all.yml": logs % "a", "host_vars/here.yml": logs % "b"},
    )
    assert [path for _, _, path, _ in faults(estate, capsys)] == ["here.opsbook_logs_b"]


def test_an_estate_that_does_not_exist_is_a_usage_fault() -> None:
    assert run(["estate", "check", "-e", "nowhere"]) == Exit.USAGE
    assert run(["doctor", "-e", "nowhere"]) == Exit.USAGE


def doctor(estate: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, object]]]:
    code = run(["doctor", "-e", str(estate), "--json"])
    return code, json.loads(capsys.readouterr().out)


def over_ssh(sshd: Sshd, directory: Path, **ports: int) -> Path:
    lines = "".join(f"    {name}: {{ansible_port: {port}}}\n" for name, port in ports.items())
    hosts = (
        f"all:\n  vars: {{ansible_host: 127.0.0.1, ansible_user: {sshd.user}, "
        f"ansible_ssh_private_key_file: {sshd.key}}}\n  hosts:\n{lines}"
    )
    return make_estate(directory / "estate", hosts, known_hosts=sshd.host_line())


def test_the_doctor_reaches_every_host_and_says_how_to_mend(
    sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estate = over_ssh(sshd, tmp_path, up=sshd.port, down=free_port())
    code, checks = doctor(estate, capsys)
    of_hosts = {(c["subject"], c["good"]) for c in checks if c["subject"] in ("up", "down")}
    assert code in (Exit.HOST_UNREACHABLE, Exit.HOST_FAILED)
    assert ("down", False) in of_hosts
    assert ("up", True) in of_hosts
    assert all(check["mend"] for check in checks if not check["good"])


def test_the_doctor_tells_faults_of_files_first(
    sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estate = over_ssh(sshd, tmp_path, down=free_port())
    (estate / "estate.yml").write_text(ESTATE + "on_failure: [/no/such/command]\n")
    code, checks = doctor(estate, capsys)
    assert code == Exit.BAD_INPUT
    assert any("/no/such/command" in str(check["what"]) for check in checks)
    (estate / "known_hosts").unlink()
    missing = [check["what"] for check in doctor(estate, capsys)[1] if check["subject"] == "estate"]
    assert any(str(what).startswith(f"{estate}/known_hosts: is missing") for what in missing)


def test_the_doctor_tells_that_there_is_no_key(
    sshd: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    estate = over_ssh(sshd, tmp_path, here=sshd.port)
    hosts = (estate / "hosts.yml").read_text()
    keyless = hosts.replace(f", ansible_ssh_private_key_file: {sshd.key}", "")
    (estate / "hosts.yml").write_text(keyless)
    told = [check for check in doctor(estate, capsys)[1] if check["subject"] == "here"]
    assert told[0]["what"] == "There is no key to log in to here with."
    assert "ansible_ssh_private_key_file" in str(told[0]["mend"])


def test_the_doctor_finds_state_that_others_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state").chmod(0o755)
    code, checks = doctor(make_estate(tmp_path / "estate", LOCAL), capsys)
    assert code == Exit.HOST_FAILED
    mends = [check["mend"] for check in checks if not check["good"]]
    assert f"chmod go= {tmp_path / 'state'}" in mends

"""From Ansible's answer to hosts: what is needed to connect, checked, nothing else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.execution.declared.control import ansible_environment
from opsbook.execution.declared.hostvars import read_hosts
from opsbook.model.errors import InputFault
from opsbook.model.estate import Estate, Host

ESTATE = Estate.model_validate(
    {
        "schema": 1,
        "name": "small",
        "title": {"zh": "小", "en": "Small"},
        "timezone": "Asia/Shanghai",
    }
).model_copy(update={"directory": Path("/estates/small")})


def answer(**hosts: dict[str, Any]) -> dict[str, Any]:
    return {"_meta": {"hostvars": hosts}, "all": {"hosts": list(hosts)}}


def one(**variables: Any) -> Host:
    return read_hosts(answer(web1=variables), ESTATE)[0]


def faults(**hosts: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InputFault) as caught:
        read_hosts(answer(**hosts), ESTATE)
    return [(fault.path, fault.problem.english()) for fault in caught.value.faults]


def test_every_connection_variable_is_taken() -> None:
    host = one(
        ansible_host="192.0.2.7",
        ansible_port=2222,
        ansible_user="ops",
        ansible_ssh_private_key_file="keys/id",
        ansible_become=True,
        opsbook_jump="ops@192.0.2.1:22",
        opsbook_python=False,
        opsbook_logs_app=[{"name": "app"}],
    )
    assert host == Host(
        name="web1",
        address="192.0.2.7",
        port=2222,
        user="ops",
        key_file="/estates/small/keys/id",
        jump="ops@192.0.2.1:22",
        become=True,
        python=False,
        vars={
            "opsbook_jump": "ops@192.0.2.1:22",
            "opsbook_python": False,
            "opsbook_logs_app": [{"name": "app"}],
        },
    )


def test_a_host_without_variables_is_reached_by_its_name() -> None:
    assert one() == Host(name="web1", address="web1")


def test_only_variables_for_opsbook_are_kept_and_no_vaulted_one() -> None:
    host = one(
        ansible_password="secret",
        db_password="secret",
        opsbook_token={"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256"},
        opsbook_nested=[{"deep": {"__ansible_vault": "x"}}],
        opsbook_plain="kept",
    )
    assert host.vars == {"opsbook_plain": "kept"}


def test_an_absolute_key_and_one_below_the_home_directory_stay_where_they_are() -> None:
    assert one(ansible_ssh_private_key_file="/k/id").key_file == "/k/id"
    home = one(ansible_ssh_private_key_file="~/.ssh/id").key_file
    assert home == str(Path.home() / ".ssh" / "id")


def test_groups_of_groups_count_and_all_does_not() -> None:
    shown = {
        "_meta": {"hostvars": {"web1": {}}},
        "all": {"children": ["ungrouped", "site"]},
        "site": {"children": ["web", "site"]},
        "web": {"hosts": ["web1"]},
    }
    assert read_hosts(shown, ESTATE)[0].groups == ("site", "web")


HOSTILE = [
    ("ansible_host", "-oProxyCommand=touch /tmp/x"),
    ("ansible_host", "192.0.2.1\nProxyCommand touch /tmp/x"),
    ("ansible_host", "a b"),
    ("ansible_host", "{{ lookup('pipe', 'id') }}"),
    ("ansible_host", {"__ansible_vault": "x"}),
    ("ansible_host", 5),
    ("ansible_port", 0),
    ("ansible_port", 65536),
    ("ansible_port", "22; id"),
    ("ansible_port", "٢٢"),
    ("ansible_user", "root -oX=y"),
    ("ansible_user", "-l"),
    ("ansible_ssh_private_key_file", 'a"b'),
    ("ansible_ssh_private_key_file", "a\nb"),
    ("ansible_ssh_private_key_file", "%d/id"),
    ("ansible_ssh_private_key_file", "${HOME}/id"),
    ("ansible_connection", "winrm"),
    ("ansible_connection", "community.docker.docker"),
    ("ansible_become", "perhaps"),
    ("opsbook_python", "python3"),
    ("opsbook_jump", "a,b"),
    ("opsbook_jump", "x@y:z"),
    ("opsbook_jump", "-J"),
]


@pytest.mark.parametrize(("variable", "value"), HOSTILE)
def test_a_value_that_cannot_be_is_a_fault_of_that_variable(variable: str, value: Any) -> None:
    assert [path for path, _ in faults(web1={variable: value})] == [f"web1.{variable}"]


@pytest.mark.parametrize("name", ["-l", "a b", "a;b", "$(id)", "a\nb", "../x", "a*", "", "主机"])
def test_a_hostile_host_name_is_refused(name: str) -> None:
    assert faults(**{name: {}})


def test_all_faults_of_all_hosts_come_at_once() -> None:
    found = faults(a={"ansible_port": "x", "ansible_user": "-"}, b={"opsbook_jump": "; id"})
    assert [path for path, _ in found] == ["a.ansible_port", "a.ansible_user", "b.opsbook_jump"]


def test_jump_hosts_in_a_circle_are_refused() -> None:
    found = faults(a={"opsbook_jump": "b"}, b={"opsbook_jump": "c"}, c={"opsbook_jump": "b"})
    assert ("a.opsbook_jump", "the way goes in a circle: a > b > c > b") in found


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none())))
def test_no_variables_whatever_make_the_reader_fail(variables: dict[str, Any]) -> None:
    with suppress(InputFault):
        assert read_hosts(answer(web1=variables), ESTATE)[0].name == "web1"


def test_a_wish_for_colours_does_not_reach_ansible_whose_words_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("ANSIBLE_NOCOLOR", "0")
    given = ansible_environment(ESTATE)
    assert {"ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"}.isdisjoint(given)
    assert (given["ANSIBLE_NOCOLOR"], given["NO_COLOR"], given["PY_COLORS"]) == ("1", "1", "0")

"""After a survey: what was read can be read again by other means."""

from __future__ import annotations

from testinfra.host import Host


def test_the_kernel_tells_memory_mounts_and_sockets(host: Host) -> None:
    for name in ("meminfo", "mounts", "net/tcp"):
        assert host.run("test -r %s", "/proc/" + name).rc == 0, name


def test_the_host_tells_what_system_it_is(host: Host) -> None:
    release = "/etc/os-release /usr/lib/os-release /etc/redhat-release"
    assert host.run("ls -L " + release).stdout.strip()

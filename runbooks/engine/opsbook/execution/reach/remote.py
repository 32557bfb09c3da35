"""Scripts on hosts by fabric, with our ssh_config and strict host keys on every hop."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import paramiko
from fabric import Config, Connection

from opsbook.execution.reach.hostkeys import changed_key, unknown_key
from opsbook.execution.reach.shell import MOST_OUTPUT, Completed, completed, out_of_time
from opsbook.execution.reach.ssh import ssh_config
from opsbook.model.errors import HostUnreachable, JumpUnreachable
from opsbook.model.estate import Host, Inventory
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

CONNECT_SECONDS = 10
"""For each of: reaching the host, its banner, its answer to our key."""


class UnknownHostKey(paramiko.SSHException):
    """The host showed a key that ``known_hosts`` does not have."""


def run_there(
    host: Host,
    inventory: Inventory,
    places: Places,
    script: str,
    *,
    timeout: float,
    command: str,
) -> Completed:
    """Run ``command`` on ``host`` with ``script`` as its input.

    Raises HostUnreachable with the reason in words, HostFailed when ``timeout`` seconds pass.
    """
    connection = _connection(host, inventory, places)
    try:
        for jump in reversed(list(_jumps(connection))):
            with _on_the_way(host, jump, inventory):
                jump.open()
        with _in_words(host, inventory):
            connection.open()
            return _talk(connection, command, script.encode(), host.name, timeout)
    finally:
        _close(connection)


def _connection(host: Host, inventory: Inventory, places: Places) -> Any:
    ways = paramiko.SSHConfig.from_path(str(ssh_config(inventory, places)))
    others = host.key_file is None
    config = Config(ssh_config=ways, lazy=True)
    config.connect_kwargs = {
        "banner_timeout": CONNECT_SECONDS,
        "auth_timeout": CONNECT_SECONDS,
        "look_for_keys": others,
        "allow_agent": others,
    }
    connection = Connection(host.name, config=config, connect_timeout=CONNECT_SECONDS)
    for hop in (connection, *_jumps(connection)):
        _be_strict(hop, inventory)
    return connection


def _jumps(connection: Any) -> Iterator[Any]:
    """The hops before a host, the nearest to it first."""
    hop = connection.gateway
    while isinstance(hop, Connection):
        yield hop
        hop = hop.gateway


def _be_strict(hop: Any, inventory: Inventory) -> None:
    """Fabric accepts any host key; we do not."""
    hop.client.set_missing_host_key_policy(_Refuse())
    if inventory.known_hosts.is_file():
        hop.client.load_system_host_keys(str(inventory.known_hosts))


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> NoReturn:
        raise UnknownHostKey(hostname)


def _close(connection: Any) -> None:
    """Close every hop, also after a failure half way."""
    for hop in (connection, *_jumps(connection)):
        hop.client.close()


def _talk(connection: Any, command: str, script: bytes, host: str, timeout: float) -> Completed:
    connection.transport.set_keepalive(15)
    channel = connection.transport.open_session(timeout=CONNECT_SECONDS)
    channel.settimeout(timeout)
    until = time.monotonic() + timeout
    try:
        channel.exec_command(command)
        channel.sendall(script)
        channel.shutdown_write()
        out, err = _receive(channel, until)
    except TimeoutError as error:
        raise out_of_time(host, timeout) from error
    if not channel.exit_status_ready() and not connection.transport.is_active():
        raise EOFError
    return completed(channel.recv_exit_status(), out, err)


def _receive(channel: Any, until: float) -> tuple[bytes, bytes]:
    """Both streams until the far end closes them; what is too much is read and dropped."""
    out, err = bytearray(), bytearray()
    while True:
        ready = channel.recv_ready() or channel.recv_stderr_ready()
        if not ready and (channel.eof_received or channel.closed):
            break
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if not ready:
            select.select([channel], [], [], min(left, 1.0))
        _take(out, channel.recv_ready, channel.recv)
        _take(err, channel.recv_stderr_ready, channel.recv_stderr)
    while not channel.exit_status_ready() and channel.transport.is_active():
        if time.monotonic() > until:
            raise TimeoutError
        channel.status_event.wait(0.2)
    return bytes(out), bytes(err)


def _take(into: bytearray, ready: Any, receive: Any) -> None:
    if ready():
        into += receive(65536)[: max(0, MOST_OUTPUT - len(into))]


@contextmanager
def _on_the_way(host: Host, hop: Any, inventory: Inventory) -> Iterator[None]:
    """What is wrong with a jump host, as the reason why ``host`` is not reached."""
    known = {each.name: each for each in (*inventory.hosts, *inventory.jumps)}
    jump = known.get(hop.original_host) or Host(hop.original_host, hop.host, hop.port)
    try:
        with _in_words(jump, inventory):
            yield
    except HostUnreachable as fault:
        raise JumpUnreachable(
            msg("{host} lies behind the jump host {jump}: {reason}",
                host=host.name, jump=jump.name, reason=fault.problem),
            jump.name, fault.problem, next_step=fault.next_step,
        ) from fault  # fmt: skip


@contextmanager
def _in_words(host: Host, inventory: Inventory) -> Iterator[None]:
    """Turn what paramiko and sockets raise into one sentence each, with what to do next."""
    try:
        yield
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _fault(error, host, inventory) from error


def _fault(error: Exception, host: Host, inventory: Inventory) -> HostUnreachable:
    name, at = host.name, f"{host.address}:{host.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return changed_key(host, inventory.known_hosts)
    if isinstance(error, UnknownHostKey):
        return unknown_key(host, inventory.known_hosts)
    own = _own_key(error, name)
    if own is not None:
        return own
    for kinds, problem, next_step in (
        (paramiko.AuthenticationException, msg("{host} refused our key.", host=name),
         msg("Check ansible_user and ansible_ssh_private_key_file, and authorized_keys there.")),
        (socket.gaierror, msg("The name {address} of {host} does not resolve.",
                              host=name, address=host.address), msg("Check ansible_host.")),
        ((TimeoutError,), msg("{host} did not answer at {at} in time.", host=name, at=at),
         msg("Check that the host is up and the network lets us through.")),
        (paramiko.ChannelException, msg("The jump host {jump} cannot reach {host}.",
                                        jump=host.jump, host=name),
         msg("Check opsbook_jump, and that the jump host may forward connections.")),
    ):  # fmt: skip
        if isinstance(error, kinds):
            return HostUnreachable(problem, next_step=next_step)
    return HostUnreachable(_other(error, name, at), next_step=msg("Check that sshd runs there."))


def _own_key(error: Exception, name: str) -> HostUnreachable | None:
    """What keeps us from using a key at all; the host was not even asked to take it."""
    if str(error) == "No authentication methods available":  # all that paramiko says of it
        return HostUnreachable(
            msg("There is no key to log in to {host} with.", host=name),
            next_step=msg(
                "Name one by ansible_ssh_private_key_file, or start an agent that has it."
            ),
        )
    if isinstance(error, paramiko.PasswordRequiredException):
        return HostUnreachable(
            msg("The key to log in to {host} with has a passphrase.", host=name),
            next_step=msg("Put it into an agent: ssh-add FILE."),
        )
    if isinstance(error, OSError) and error.filename:
        return HostUnreachable(
            msg("The key to log in to {host} with cannot be read: {file}: {reason}.",
                host=name, file=error.filename, reason=error.strerror),
            next_step=msg("Check ansible_ssh_private_key_file."),
        )  # fmt: skip
    return None


def _other(error: Exception, name: str, at: str) -> Message:
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return msg("Nothing listens at {at} for {host}.", at=at, host=name)
    if isinstance(error, EOFError) or "not active" in str(error):
        return msg("The connection to {host} was lost.", host=name)
    return msg("{host} cannot be reached: {reason}", host=name, reason=str(error) or repr(error))

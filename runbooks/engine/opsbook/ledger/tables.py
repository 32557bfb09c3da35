"""The tables of the ledger's database, in SQLAlchemy Core (version: ``schema.SCHEMA``)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

_number = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("estate", String, nullable=False),
    Column("run", String, nullable=False),
    Column("host", String, nullable=False),
    Column("payload", LargeBinary),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("events_by_run", "run", "seq"),
    Index("events_by_kind", "kind", "seq"),
)

runs = Table(
    "runs",
    metadata,
    Column("run", String, primary_key=True),
    Column("estate", String, nullable=False),
    Column("runbook", String, nullable=False),
    Column("state", String, nullable=False),
    Column("exit", Integer),
    Column("opened", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("first", BigInteger, nullable=False),
    Column("recorded", BigInteger),
    Column("holder_pid", BigInteger),
    Column("holder_started", BigInteger),
    Column("holder_boot_id", String),
    Index("runs_by_opening", "opened"),
)

leases = Table(
    "leases",
    metadata,
    Column("resource", String, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("run", String),
    Column("pid", BigInteger),
    Column("started", BigInteger),
    Column("boot_id", String),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("head", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

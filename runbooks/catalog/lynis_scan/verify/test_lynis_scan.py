"""After a scan: the file that came from the host is in the store of findings, under this run."""

from __future__ import annotations

import os
from pathlib import Path

from opsbook.domains.hardening.store.database import Database
from opsbook.domains.hardening.store.store import FindingStore
from opsbook.execution.declared.declarations import load_estate
from opsbook.model.places import Places


def test_the_report_of_the_host_is_kept_under_the_number_of_the_run(opsbook_host: str) -> None:
    places = Places(Path(os.environ["OPSBOOK_STATE"]))
    estate = load_estate(os.environ["OPSBOOK_ESTATE"], places).name
    run = os.environ["OPSBOOK_RUN"]
    names = {file["file"] for file in FindingStore(Database(places.findings)).files(estate)}
    assert f"{run}/{opsbook_host}.dat.gz" in names
    assert (places.scans(run) / f"{opsbook_host}.dat.gz").is_file()

"""Until when distributions are given security updates, where they do not say so themselves. Pure.

Of os-release(5) only some have SUPPORT_END (Fedora); Debian, Ubuntu and the RHEL family do not.
"""

from __future__ import annotations

_LAST_DAY = {
    "debian": {"8": "2020-06-30", "9": "2022-06-30", "10": "2024-06-30", "11": "2026-08-31",
               "12": "2028-06-30", "13": "2030-06-30"},
    "ubuntu": {"14.04": "2019-04-25", "16.04": "2021-04-30", "18.04": "2023-05-31",
               "20.04": "2025-05-29", "22.04": "2027-06-01", "24.04": "2029-05-31",
               "25.04": "2026-01-15", "25.10": "2026-07-09", "26.04": "2031-05-29"},
    "centos": {"6": "2020-11-30", "7": "2024-06-30", "8": "2024-05-31", "9": "2027-05-31"},
    "rhel": {"6": "2020-11-30", "7": "2024-06-30", "8": "2029-05-31", "9": "2032-05-31"},
    "rocky": {"8": "2029-05-31", "9": "2032-05-31"},
    "almalinux": {"8": "2029-03-01", "9": "2032-05-31"},
}  # fmt: skip
"""By ID and VERSION_ID: free support to its end, with Debian's LTS and without support that is
bought. Debian and Ubuntu by their package distro-info-data, the others by their vendors' pages of
life cycles, as of November 2026. CentOS 8 is Stream; CentOS Linux 8 ended before it.
"""


def last_day(system: str, version: str) -> str:
    """The last day of support as ``2028-06-30``; empty where it is not known."""
    days = _LAST_DAY.get(system, {})
    return days.get(version) or days.get(version.partition(".")[0], "")

"""Long files of scanners, made by repeating real structure with values that differ."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

SCANS = Path(__file__).parents[1] / "data" / "scans"
_PLUGINS = 2_000
_ITEMS = 50
_WORDS = ("version", "of the package", "installed", "on", "the remote host", "is affected by",
          "a flaw", "that lets an attacker", "read memory", "before it is checked")  # fmt: skip


def nessus(path: Path, size: int) -> int:
    """A Nessus report of ``size`` bytes at least: hosts with 50 of 2000 plugins each; its items."""
    chance = random.Random(4)
    plugins = [_plugin(number, chance) for number in range(_PLUGINS)]
    head = (SCANS / "nessus.nessus").read_text(encoding="utf-8").partition("<ReportHost")[0]
    items = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        while file.tell() < size:
            file.write(_host(items // _ITEMS, chance.sample(plugins, _ITEMS), chance))
            items += _ITEMS
        file.write("</Report>\n</NessusClientData_v2>\n")
    return items


def arf(path: Path, size: int) -> int:
    """An ARF collection of ``size`` bytes at least: a real one's parts repeated; its results."""
    text = (SCANS / "arf.xml").read_text(encoding="utf-8")
    head, report = text.partition("<arf:reports>")[::2]
    result = report[: report.index('<arf:report id="oval')]
    reports = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(_grown(head, 3_000_000) + "<arf:reports>")
        while file.tell() < size:
            file.write(_many_results(result, reports) + _oval(reports))
            reports += 1
        file.write("</arf:reports></arf:asset-report-collection>\n")
    return reports


def _plugin(number: int, chance: random.Random) -> str:
    cves = "".join(
        f"<cve>CVE-{chance.randint(2005, 2025)}-{chance.randint(1000, 49999)}</cve>\n"
        for _ in range(chance.randint(0, 6))
    )
    score = chance.randint(10, 100) / 10
    said = "\n\n".join(" ".join(chance.choices(_WORDS, k=60)) for _ in range(chance.randint(1, 6)))
    return f"""severity="{chance.choice("0001223344")}" pluginID="{10000 + number}" \
pluginName="Package {number} &lt; {score} Multiple Vulnerabilities" pluginFamily="Web Servers">
<cpe>cpe:/a:vendor:package{number}</cpe>
{cves}<cvss3_base_score>{score}</cvss3_base_score>
<cvss3_vector>CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</cvss3_vector>
<cvss_base_score>{score}</cvss_base_score>
<description>{said}</description>
<exploit_available>false</exploit_available>
<fname>package_{number}.nasl</fname>
<plugin_modification_date>2022/05/23</plugin_modification_date>
<plugin_name>Package {number} &lt; {score} Multiple Vulnerabilities</plugin_name>
<plugin_publication_date>2022/03/21</plugin_publication_date>
<plugin_type>remote</plugin_type>
<risk_factor>High</risk_factor>
<script_version>1.{number}</script_version>
<see_also>https://example.org/{number}</see_also>
<solution>Upgrade package {number} to version {score} or later.</solution>
<synopsis>The remote host is affected by multiple vulnerabilities.</synopsis>
<vuln_publication_date>2022/03/14</vuln_publication_date>
<xref>IAVA:2022-A-{number}</xref>
"""


def _host(number: int, plugins: list[str], chance: random.Random) -> str:
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    items = "".join(
        f'<ReportItem port="{chance.choice((0, 22, 80, 443))}" svc_name="www" protocol="tcp" {one}'
        f"<plugin_output>\n  URL               : http://{address}/\n  Installed version : {n}."
        f"{chance.randint(0, 99)}\n  Fixed version     : {n}.100\n</plugin_output>\n</ReportItem>\n"
        for n, one in enumerate(plugins)
    )
    return f"""<ReportHost name="{address}"><HostProperties>
<tag name="Credentialed_Scan">true</tag>
<tag name="operating-system">Linux Kernel 6.1.0-13-amd64 on Debian 12</tag>
<tag name="host-ip">{address}</tag>
<tag name="host-fqdn">web-{number}.example.org</tag>
<tag name="HOST_START">Tue Nov 14 22:13:20 2023</tag>
</HostProperties>
{items}</ReportHost>
"""


def _grown(head: str, size: int) -> str:
    """The head of a collection with as many rules as a real benchmark has."""
    start = head.index("<xccdf-1.2:Rule ")
    end = head.rindex("</xccdf-1.2:Rule>") + len("</xccdf-1.2:Rule>")
    rules = head[start:end]
    times = range(max(1, size // len(rules)))
    more = (rules.replace("content_rule_", f"content_rule_n{n}_") for n in times)
    return head[:start] + rules + "".join(more) + head[end:]


def _many_results(report: str, number: int) -> str:
    """A report of a host of its own, with the results of 300 rules."""
    named = report.replace(">web-1<", f">web-{number}<")
    start = named.index("<rule-result")
    end = named.rindex("</rule-result>") + len("</rule-result>")
    results = named[start:end]
    more = (results.replace("content_rule_", f"content_rule_n{n}_") for n in range(20))
    return named[:end] + "".join(more) + named[end:]


def _oval(number: int) -> str:
    return "".join(_oval_pieces(number))


def _oval_pieces(number: int) -> Iterator[str]:
    """What OpenSCAP puts behind each result: definitions and what was looked at, twenty times."""
    yield f'<arf:report id="oval{number}"><arf:content>'
    yield '<oval_results xmlns="http://oval.mitre.org/XMLSchema/oval-results-5"><oval_definitions>'
    for n in range(1_500):
        yield (
            f'<definition class="compliance" id="oval:ssg-rule{n}:def:1" version="1"><metadata>'
            f"<title>Definition {n}</title><affected family='unix'><platform>Debian 12</platform>"
            f"</affected><description>What is configured in file {n} is as it should be"
            f'</description></metadata><criteria operator="AND"><criterion comment="checks {n}" '
            f'test_ref="oval:ssg-test{n}:tst:1"/></criteria></definition>\n'
        )
    yield "</oval_definitions></oval_results></arf:content></arf:report>\n"

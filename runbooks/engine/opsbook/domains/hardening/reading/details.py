"""Details of a finding in report pages: a table of two columns, a name and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from opsbook.domains.hardening.reading.htmlrows import Cell, Row

LABELS = {
    "description": ("详细描述", "漏洞描述", "描述", "漏洞简介", "漏洞说明", "威胁描述"),
    "remedy": ("解决办法", "解决方法", "解决方案", "修复建议", "加固建议", "修补建议"),
    "points": ("威胁分值", "危险分值", "漏洞风险值", "风险值", "cvss评分", "cvss分值"),
    "level": ("威胁等级", "威胁级别", "风险等级", "风险级别", "危险级别", "漏洞等级", "漏洞级别"),
    "number": ("漏洞编号", "漏洞id", "插件id", "sfid编号", "nsfocus"),
    "answer": ("返回信息", "检测结果", "扫描返回信息", "验证信息"),
    "hosts": ("受影响主机", "影响主机", "受影响ip", "影响ip"),
    "port": ("端口", "端口号"),
    "protocol": ("协议",),
    "service": ("服务", "服务名称"),
    "ids": ("cve编号", "cnnvd编号", "cncve编号", "cnvd编号", "cve", "cnnvd", "cnvd", "cncve"),
    "address": ("ip地址", "ip", "主机ip", "主机地址", "目标ip", "扫描目标"),
    "name": ("主机名", "主机名称"),
    "os": ("操作系统", "操作系统类型"),
    "started": ("扫描起始时间", "扫描开始时间", "开始时间"),
    "ended": ("扫描结束时间", "结束时间"),
    "times": ("时间统计",),
    "profile": ("漏洞扫描模板", "扫描模板"),
    "version": ("系统版本信息", "系统版本", "版本信息"),
    "content": ("插件版本", "漏洞库版本", "插件版本信息", "规则库版本"),
}
"""What the reports of RSAS and SecVSS call things, without blanks and in lower case."""

_MEANING = {label: meaning for meaning, labels in LABELS.items() for label in labels}
_BLANKS = re.compile(r"[ \t\r\xa0]+")
_BREAKS = re.compile(r"\s*\n\s*\n\s*")


def said(rows: Iterable[Row]) -> dict[str, str]:
    """What is said of each thing that is known by its name; ids are joined."""
    found: dict[str, str] = {}
    for name, text in _pairs(rows):
        meaning = _MEANING.get("".join(name.split()).lower().rstrip(":："))
        if meaning == "ids":
            found["ids"] = f"{found.get('ids', '')} {text}".strip()
        elif meaning and text:
            found.setdefault(meaning, text)
    return found


def _pairs(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    for row in rows:
        for name, value in zip(row.cells, row.cells[1:], strict=False):
            if name.head and not value.head:
                yield name.text, tidy(value)


def tidy(cell: Cell) -> str:
    """The text of a cell with the blanks of its markup taken out and its paragraphs left."""
    lines = (_BLANKS.sub(" ", line).strip() for line in cell.text.split("\n"))
    return _BREAKS.sub("\n\n", "\n".join(lines)).strip()

"""Levels of risk as Chinese scanners say them, on the one scale of :class:`Severity`.

Levels of RSAS are three steps of its own score, others have five words (GB/T 30279-2020 has four:
超危, 高危, 中危, 低危).
"""

from __future__ import annotations

import re
import unicodedata

from opsbook.domains.hardening.reading.severity import by_word
from opsbook.model.finding import Result, Severity

_LEVELS = {
    "超危": Severity.CRITICAL,
    "紧急": Severity.CRITICAL,
    "危急": Severity.CRITICAL,
    "严重": Severity.CRITICAL,
    "致命": Severity.CRITICAL,
    "高": Severity.HIGH,
    "中": Severity.MEDIUM,
    "低": Severity.LOW,
    "信息": Severity.INFO,
    "提示": Severity.INFO,
    "安全": Severity.INFO,
    "记录": Severity.INFO,
    "无": Severity.INFO,
    "middle": Severity.MEDIUM,
    "med": Severity.MEDIUM,
    "safe": Severity.INFO,
    "emergency": Severity.CRITICAL,
    "very high": Severity.CRITICAL,
}
_ENDING = re.compile(r"(?:风险|危险|危害|漏洞|级别|等级|危|级)+$")
_BRACKETS = "[]【】()（）<>《》「」 \t\r\n\u3000"

_RESULTS = {
    "符合": Result.PASS, "合规": Result.PASS, "合格": Result.PASS, "通过": Result.PASS,
    "已修复": Result.PASS, "安全": Result.PASS, "pass": Result.PASS, "passed": Result.PASS,
    "compliant": Result.PASS, "fixed": Result.PASS, "closed": Result.PASS,
    "部分符合": Result.FAIL, "基本符合": Result.FAIL, "non-compliant": Result.FAIL,
    "open": Result.FAIL, "active": Result.FAIL, "new": Result.FAIL,
    "不符合": Result.FAIL, "不合规": Result.FAIL, "不合格": Result.FAIL, "未通过": Result.FAIL,
    "不通过": Result.FAIL, "未修复": Result.FAIL, "存在": Result.FAIL, "fail": Result.FAIL,
    "failed": Result.FAIL, "error": Result.ERROR, "错误": Result.ERROR, "异常": Result.ERROR,
    "检查失败": Result.ERROR, "warning": Result.UNKNOWN, "未知": Result.UNKNOWN,
    "不适用": Result.NOT_APPLICABLE, "n/a": Result.NOT_APPLICABLE,
    "not applicable": Result.NOT_APPLICABLE, "not run": Result.NOT_CHECKED,
    "未检查": Result.NOT_CHECKED, "未检测": Result.NOT_CHECKED, "手工": Result.NOT_CHECKED,
}  # fmt: skip


def level(told: str) -> Severity:
    """What a level such as ``[低]``, ``高危`` or ``Medium`` means; UNKNOWN where it is none."""
    bare = unicodedata.normalize("NFKC", told[:64]).strip(_BRACKETS).casefold()
    for word in (bare, _ENDING.sub("", bare)):
        if word in _LEVELS:
            return _LEVELS[word]
    return by_word(bare)


def outcome(told: str) -> Result | None:
    """What a result such as 不合格 means; None where it is none."""
    bare = unicodedata.normalize("NFKC", told[:64]).strip(_BRACKETS).casefold()
    return _RESULTS.get(bare)


def by_points(told: str) -> Severity:
    """The level of a score of RSAS, as its own reports state it: 7 and up is high, 4 and up
    medium, the rest low. UNKNOWN for what is no number of 0 to 10.
    """
    try:
        points = float(told)
    except ValueError:
        return Severity.UNKNOWN
    if not 0 <= points <= 10:
        return Severity.UNKNOWN
    return Severity.HIGH if points >= 7 else Severity.MEDIUM if points >= 4 else Severity.LOW

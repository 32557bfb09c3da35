"""Exports of Chinese scanners in the layouts that are public: no file of the vendors' is.

XML after the example of NSFOCUS's interface description (``report`` and ``aurora``); workbooks
after the columns that public parsers name; older pages after a summary page that somebody published
and the ids and classes that public parsers look for; newer pages after the names of their JSON.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Vuln:
    """One vulnerability at one place."""

    number: str
    title: str
    points: str = "5.0"
    port: str = "22"
    protocol: str = "tcp"
    service: str = "ssh"
    cve: str = ""
    cnnvd: str = ""
    cncve: str = ""
    cnvd: str = ""
    description: str = "描述"
    remedy: str = "升级"
    answer: str = ""

    @property
    def level(self) -> str:
        points = float(self.points)
        return "high" if points >= 7 else "middle" if points >= 4 else "low"

    @property
    def word(self) -> str:
        return {"high": "高", "middle": "中", "low": "低"}[self.level]


CBC = Vuln(
    "290303", "OpenSSH CBC模式信息泄露漏洞(CVE-2008-5161)【原理扫描】", "2.6",
    cve="CVE-2008-5161", cnnvd="CNNVD-200811-321", cncve="CNCVE-20085161", cnvd="CNVD-2009-12630",
    remedy="在SSH会话中仅使用CTR模式加密算法", answer="OpenSSH_7.4",
)  # fmt: skip
TOMCAT = Vuln(
    "294901", "Apache Tomcat 文件包含漏洞", "9.8", "8009", "tcp", "ajp13", cve="CVE-2020-1938",
)  # fmt: skip
STAMP = Vuln("50001", "ICMP timestamp请求响应漏洞", "0", "--", "icmp", "--", cve="CVE-1999-0524")
FOUND = (CBC, TOMCAT, STAMP)

HEADER_14 = ("端口", "协议", "服务", "漏洞名称", "漏洞风险值", "风险等级", "发现日期", "CVE编号",
             "CNNVD编号", "CNCVE编号", "CNVD编号", "详细描述", "解决办法", "返回信息")  # fmt: skip
HEADER_20 = (*HEADER_14[:6], "服务分类", "应用分类", "系统分类", "威胁分类", "时间分类",
             "CVE年份分类", *HEADER_14[6:])  # fmt: skip


def xml(hosts: Iterable[str] = ("10.1.2.3",), found: Sequence[Vuln] = FOUND,
        encoding: str = "utf-8", root: str = "aurora") -> bytes:  # fmt: skip
    """One task."""
    targets = "".join(_target(host, found) for host in hosts)
    report = (
        "<report><vendor>绿盟科技</vendor><product>RSAS</product><version>6.0.2.0</version>"
        "<sysvul_version>V6.0R02F01.2301</sysvul_version><task><id>7</id>"
        "<name>扫描【10.1.2.0/24】</name><task_type>1</task_type>"
        "<start_time>2024-05-01 01:00:00</start_time><end_time>2024-05-01 02:00:00</end_time>"
        "</task><failed_hosts><failed_host><ip>10.9.9.9</ip><reason/></failed_host></failed_hosts>"
        f"<targets>{targets}</targets></report>"
    )
    body = f"<aurora><ret_code>0</ret_code><data>{report}</data></aurora>"
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + (body if root == "aurora" else report)
    return text.encode("gb18030" if encoding.lower().startswith("gb") else encoding)


def _target(host: str, found: Sequence[Vuln]) -> str:
    scanned = "".join(
        f"<vuln><vul_id>{one.number}</vul_id><port>{one.port}</port><protocol>{one.protocol}"
        f"</protocol><service>{one.service}</service><mess_string>{escape(one.answer)}"
        "</mess_string></vuln>" for one in found
    )  # fmt: skip
    details = "".join(
        f"<vuln><vul_id>{one.number}</vul_id><plugin_id>{one.number}</plugin_id>"
        f"<name>{escape(one.title)}</name><cve_id>{one.cve}</cve_id><cnnvd>{one.cnnvd}</cnnvd>"
        f"<cncve>{one.cncve}</cncve><risk_points>{one.points}</risk_points>"
        f"<solution>{escape(one.remedy)}</solution>"
        f"<description>{escape(one.description)}</description></vuln>" for one in found
    )  # fmt: skip
    return (
        f"<target><ip>{host}</ip><vuln_scanned>{scanned}</vuln_scanned>"
        f"<vuln_detail>{details}</vuln_detail><password_results><password_result><type>SSH</type>"
        f"<ip>{host}</ip><username>root</username><password>s3cr3t-canary</password>"
        "</password_result></password_results><appendix_info><info><info_name>远程端口信息"
        "</info_name><record_results><result><value>22</value></result></record_results></info>"
        "</appendix_info></target>"
    )


def table(found: Sequence[Vuln] = FOUND, columns: int = 14) -> list[list[str]]:
    """The sheet of vulnerabilities; cells of a port are blank on all rows but its first."""
    rows = [list(HEADER_14 if columns == 14 else HEADER_20)]
    above = ("", "", "")
    for one in found:
        port = (one.port, one.protocol, one.service)
        classes = ["其他"] * 6 if columns == 20 else []
        rows.append([*(("", "", "") if port == above else port), one.title, one.points,
                     f"[{one.word}]", *classes, "2008-11-19", one.cve, one.cnnvd, one.cncve,
                     one.cnvd, one.description, one.remedy, one.answer])  # fmt: skip
        above = port
    return rows


def xls(sheets: dict[str, list[list[str]]]) -> bytes:
    """An old workbook."""
    import xlwt

    book = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if value != "":
                    sheet.write(at, column, value)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def host_xls(host: str = "10.1.2.3", found: Sequence[Vuln] = FOUND, columns: int = 14) -> bytes:
    """The workbook of one host."""
    return xls({
        "主机概况": [["主机概况"], ["IP地址", host], ["操作系统", "Linux"]],
        "漏洞信息": table(found, columns),
        "其它信息": [["操作系统类型"], ["端口信息"], ["端口", "协议", "服务"],
                  ["22", "tcp", "ssh"]],
    })  # fmt: skip


def archive(members: dict[str, bytes]) -> bytes:
    """A zip whose names are GBK, as Windows and RSAS write them: no mark for UTF-8."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return stream.getvalue()


def host_page(
    host: str = "10.1.2.3", found: Sequence[Vuln] = FOUND, brand: str = "绿盟科技"
) -> str:
    """The older page of one host."""
    listed = "".join(
        f'<tr class="odd"><td class="vul_port">{one.port}</td><td>{one.protocol}</td>'
        f"<td>{one.service}</td><td><ul><li><div class='vul_summary'>"
        f'<span class="level_danger_{one.level}" onclick="show_vul(\'table_2_{one.number}\')" '
        f'style="cursor:pointer">{escape(one.title)}</span></div></li></ul></td></tr>'
        for one in found
    )
    details = "".join(
        f'<tr class="even vuln_{one.level}"><td><span class="level_danger_{one.level}">'
        f'{escape(one.title)}</span></td></tr><tr class="solution" id="table_2_{one.number}"><td>'
        '<table class="report_table plumb">'
        f'<tr class="odd"><th width="100">详细描述</th><td>{escape(one.description)}</td></tr>'
        f'<tr class="even"><th width="100">解决办法</th><td>{escape(one.remedy)}</td></tr>'
        f"<tr><th>威胁分值</th><td>{one.points}</td></tr><tr><th>危险插件</th><td>否</td></tr>"
        f'<tr><th>CVE编号</th><td><a target="_blank" href="#">{one.cve}</a></td></tr>'
        f"<tr><th>CNNVD编号</th><td>{one.cnnvd}</td></tr>"
        f"<tr><th>CNVD编号</th><td>{one.cnvd}</td></tr></table></td></tr>"
        for one in {one.number: one for one in found}.values()
    )
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><title>主机报表</title>'
        '<script src="media/report/js/nsfocus.js"></script></head><body><div id="report">'
        f'<h1>{brand}"远程安全评估系统"安全评估报告-主机报表</h1><div id="content"><div></div><div>'
        '<table><tr><td valign="top" style="width:50%;"><table class="report_table plumb"><tbody>'
        f'<tr class="odd"><th width="120">IP地址</th><td>{host}</td></tr>'
        '<tr class="even"><th>主机名</th><td>web01</td></tr>'
        '<tr class="odd"><th>操作系统</th><td>Linux</td></tr>'
        "<tr><th>扫描起始时间</th><td>2024-05-01 01:00:00</td></tr>"
        "<tr><th>扫描结束时间</th><td>2024-05-01 02:00:00</td></tr></tbody></table></td>"
        '</tr></table></div><div class="report_h" id="title2_1">2.1 漏洞概况</div><div>'
        '<table id="vuln_list" class="report_table"><thead><tr><th>端口</th><th>协议</th>'
        f"<th>服务</th><th>漏洞</th></tr></thead><tbody>{listed}</tbody></table></div>"
        f'<div id="vul_detail"><table>{details}</table></div>'
        '<table id="config_info"><tr class="second_title"><td>身份鉴别</td></tr>'
        '<tr class="baseline baseline_no baseline_id_17"><td>'
        '<span class="level_danger_middle">口令最长使用期限</span></td></tr>'
        '<tr class="baseline baseline_yes baseline_id_18"><td>'
        '<span class="level_danger_low">登录超时</span></td></tr></table></div></div></body></html>'
    )


def summary_page(found: dict[str, Sequence[str]]) -> str:
    """The older summary: title -> hosts. Classes and quoting as in the published page."""
    rows = "".join(
        f'<TR style="CURSOR: pointer" class="odd vuln_low" onclick="no_toggle(\'4_1_{at}\')">'
        f'<TD>{at}</TD><TD><IMG id=4_1_{at} src="a.gif"> <SPAN style="COLOR: #737373">{title}'
        f'</SPAN><!--<span class="level_danger_high">{title}</span></td>--></TD><TD>1/1</TD></TR>'
        f'<TR id=table_4_1_{at} class="more hide odd"><TH></TH><TD class=extend colSpan=4>'
        '<TABLE class=report_table width="100%"><TBODY>'
        f'<TR class=odd><TH width="20%">受影响主机</TH><TD>{";&nbsp;".join(hosts)};&nbsp;</TD></TR>'
        "<TR><TH>详细描述</TH><TD>某描述</TD></TR><TR><TH>解决办法</TH><TD></TD></TR>"
        "<TR><TH>威胁分值</TH><TD>2.6</TD></TR><TR><TH>CVE编号</TH>"
        '<TD><A href="#" target=_blank>CVE-2008-5161</A></A></TD></TR></TBODY></TABLE></TD></TR>'
        for at, (title, hosts) in enumerate(found.items(), 1)
    )
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN"><HTML><HEAD><TITLE>报表'
        '</TITLE></HEAD><BODY><H1>绿盟科技"远程安全评估系统"安全评估报告</H1>'
        "<TABLE><TR class=odd><TH>时间统计</TH><TD>开始：2016-06-13 04:01:03<BR>结束："
        "2016-06-13 04:07:44</TD></TR><TR><TH>系统版本信息</TH><TD>V6.0R02F01SP03</TD></TR></TABLE>"
        f"<TABLE id=vuln_distribution class=report_table><TBODY>{rows}</TBODY></TABLE></BODY>"
        "</HTML>"
    )


def json_page(host: str = "10.1.2.3", found: Sequence[Vuln] = FOUND) -> str:
    """The newer page of one host."""
    ports: dict[tuple[str, str, str], list[Vuln]] = {}
    for one in found:
        ports.setdefault((one.port, one.protocol, one.service), []).append(one)
    items = [
        {"port": int(port) if port.isdigit() else port, "protocol": protocol, "service": service,
         "vuls": [_vul(one, host) for one in here]}
        for (port, protocol, service), here in ports.items()
    ]  # fmt: skip
    data = {"categories": [
        {"title": "主机概况", "mark": "host-summary", "data": {
            "target": host, "hostname": "web01", "timeStart": "2024-05-01 01:00:00",
            "timeEnd": "2024-05-01 02:00:00", "os": "Linux"}},
        {"title": "漏洞信息", "mark": "vul-info", "children": [
            {"mark": "vul-list", "data": {"count": len(found)}},
            {"mark": "vul-detail", "data": {"vul_items": items}}]},
        {"title": "其它信息", "mark": "other-info", "data": {"other_info_data": [
            {"info_name": "远程端口信息", "content": [["22", "tcp", "ssh", "open"]]}]}},
    ]}  # fmt: skip
    script = json.dumps(data, ensure_ascii=False)
    return (
        f"<!doctype html><html><head><script>window.data = {script};</script>"
        '<title></title></head><body><div id="app"></div></body></html>'
    )


def _vul(one: Vuln, host: str) -> dict[str, object]:
    return {
        "vul_id": int(one.number), "vul_level": one.level,
        "vul_msg": {
            "host_ip": host, "i18n_name": one.title, "i18n_description": [one.description, ""],
            "i18n_solution": one.remedy.split("\n"), "cve_id": one.cve, "cnnvd_id": one.cnnvd,
            "severity_points": float(one.points), "is_dangerous": False,
            "date_found": "2008-11-19",
        },
    }  # fmt: skip


def secvss_page(host: str = "10.1.2.3", found: Sequence[Vuln] = FOUND) -> str:
    """Details have an order and no names that are public."""
    rows = "".join(
        f'<tr class="odd vuln_{one.level}"><td><span>{escape(one.title)}</span></td></tr>'
        '<tr class="more hide odd"><td><table>'
        f"<tr><th>a</th><td>x</td></tr><tr><th>b</th><td>{one.word}危</td></tr>"
        f"<tr><th>c</th><td>y</td></tr><tr><th>d</th><td>{escape(one.description)}</td></tr>"
        f"<tr><th>e</th><td>{escape(one.remedy)}</td></tr></table></td></tr>"
        for one in found
    )
    return (
        "<html><head><title>网神SecVSS 漏洞扫描报告</title></head><body>"
        '<table class="report_table plumb"><tbody><tr><th>任务</th><td>每月</td></tr>'
        f"<tr><th>目标</th><td>{host}</td></tr></tbody></table><table>{rows}</table></body></html>"
    )

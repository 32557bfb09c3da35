"""Our own scan: the checks of the catalogue on hosts, without any scanner and without Python there.

One pass per host: the script of all checks goes over standard input, its answers are judged here
and kept like a scanner's. :mod:`.rows` is pure; :mod:`.work` serves the runbook ``control_scan``.
May use ``store`` and ``controls``.
"""

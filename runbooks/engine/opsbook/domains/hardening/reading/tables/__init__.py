"""Tables as rows of text, streamed: delimited text, XLSX, old XLS and tables of HTML pages.

Cells are hostile. What comes out is text and only text: the value that a formula had when the
file was saved, never the formula; dates as ISO 8601; numbers as people write them. What cannot be
read is told as :class:`~opsbook.model.finding.Unreadable`, and reading goes on where it can.
"""

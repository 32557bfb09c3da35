"""Reading scanners' files: recognised by content, streamed in flat memory, nothing dropped.

:mod:`.port` is what a format is; ``formats/`` has one module for each, and adding one is that
module and its cases. Knows nothing of estates, of controls and of where rows are kept.
"""

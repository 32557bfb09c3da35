"""What is known of versions wherever they are installed: tracker extracts and changelogs.

    severity     how bad a CVE is, in one scale
    tracker      Debian's security tracker as JSON, read as a stream
    changelog    which CVE ids each version of a source package closed
    store        ``patching/knowledge.db`` below the state directory
    fixes        which CVEs going from one version to another closes

Imports nothing of the other parts of patching but ``versions``.
"""

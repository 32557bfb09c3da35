"""Log collection: only new bytes travel, every line is kept exactly once, and it is proven.

    collect     what is new on a host, and bringing it here
    keep        the store: nights sealed and committed, manifests, checking
    read        lines, listings, completeness
    retain      archive, deletion, legal holds

``model`` is what they all speak; ``port`` stands between collecting and keeping; ``times`` and
``formats`` know how log lines state their time.
"""

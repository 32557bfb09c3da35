"""Who may decide on a change, and the proof that they did.

A statement is a small canonical JSON file; its signature is an OpenSSH signature (SSHSIG) over
that file's bytes; a policy says whose statements count for what. Everything here is pure but
``signatures``, which calls ``ssh-keygen``, ``policyfiles``, which reads the estate's files, and
``inforce``, which follows the ledger. May import ``calendars`` and what is beneath it.
"""

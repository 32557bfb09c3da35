"""Planning: which controls a host gets, why, with what values, and what that brings with it.

    wishes                what the estate and the command line ask for
    snapshot              what a host's survey said
    choice, resolving     which controls, with which values, as plain steps for the host
    claims, fixpoint      what steps bring about; what they bring with them, until nothing new comes
    way, sshdoor, lockout how a host is reached; what would shut that door behind us
    hostplan, telling     a host's plan; what it tells beside its items
    again                 whether it would still do the same
    standing, conclusion  how far a host is; before against after, for the record
    planner               the port the lifecycle asks

Pure: hosts are reached by the role ``hardening``; everything they say is hostile until ``snapshot``
has read it. May use ``store``, ``controls`` and ``waivers``, never ``reading``.
"""

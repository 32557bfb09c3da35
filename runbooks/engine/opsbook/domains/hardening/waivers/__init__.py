"""Waivers: findings that are accepted for a while, and are never hidden by it.

    port        what planning and faces ask: is this accepted, and if not any more, why
    register    the waivers of an estate as the ledger tells them, each by its signatures
    view        the store's findings with the state ``waived`` where a waiver stands; kept nowhere
    usage       how many findings each waiver accepts, and which is no longer needed
    export      as XCCDF tailoring, OpenVEX, CycloneDX and .trivyignore.yaml, what each can carry

Whether something is accepted is worked out when it is asked: a waiver that ended or was revoked
accepts nothing from that moment on. May use ``store`` and the index of ``controls``; drafting,
approving and revoking is the lifecycle's, as of every change.
"""

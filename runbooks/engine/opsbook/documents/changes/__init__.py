"""Changes as pages: what an approver reads before signing, and what became of it.

``foreseen`` reads a plan, ``actual`` compares it with what was recorded, ``explain`` and
``dossier`` put pages of blocks together, ``papers`` holds the forms of the contract. Everything
tolerates plans and records of any shape: they may be older, newer or hostile.
"""

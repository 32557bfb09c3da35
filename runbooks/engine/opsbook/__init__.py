"""opsbook: declarative runbooks that are planned, approved, run, proven and recorded.

Rooms, from the faces down; each imports only from rooms below it (held by import-linter):

    cli                    faces: parse, show, call; no decisions
    scheduler | lab        due and missed night jobs; booted test hosts on this machine
    lifecycle              plan -> approve -> apply -> verify -> close
    domains | state        what each capability knows (logs ...); opsbook's own state as a whole
    approval               who may decide, and the proof of it
    calendars              when work is allowed
    execution | ledger | documents
                           reaching hosts; events and proof; records as pages
    text                   messages in Chinese and English
    model                  plain data: declarations, events, records, errors
"""

__version__ = "0.1.0"

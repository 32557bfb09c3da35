"""Waivers in the forms of other tools. Each carries what it can, and says what it cannot.

``gathering`` collects what is waived on the chosen hosts; each form is one module with one function
that makes its text from that. A form that cannot tell hosts apart (tailoring, .trivyignore) carries
only what is accepted on all of them: it must never hide what is open on one.
"""

"""Rules for scanners that are brought along: SCAP datastreams, with their checksum.

``datastream`` says what is in one, ``packed`` gets it out of what it comes in, ``shelf`` keeps it
below the state directory, ``fitting`` says for which hosts it is made.

Knows ``reading`` by how it reads XML; knows no hosts and no findings.
"""

"""The store of findings: what scanners told of the hosts of an estate, and what stands today.

``keys`` says what a row is about, ``matching`` which host of the inventory a scanner means,
``standing`` what the looks of all scanners make of one finding. The database holds what was read;
everything in it can be read again from the scanners' files, the ledger says which they were.

Knows ``controls`` by its index and ``reading`` by what it yields; knows no plans.
"""

"""What is declared: estates, runbooks, inventories and vaults, read and explained.

May import ``execution`` itself, ``text`` and ``model``, no other room of ``execution``.
"""

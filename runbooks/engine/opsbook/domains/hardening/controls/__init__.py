"""The catalogue of controls: what we can look at on a host, judge, set right and undo.

One folder per control below ``roles/hardening/controls``: ``control.yml`` (:mod:`.schema`, its
steps :mod:`.steps`, what is expected :mod:`.rules`), ``check.sh`` and ``situations.yml``.
:mod:`.loader` reads them all, :mod:`.index` finds the controls of a scanner's rule, :mod:`.compose`
makes one script of all checks, :mod:`.observed` reads what it told, :mod:`.judge` says whether that
is as it should be. All but the loader are pure. Imports nothing of hardening's other rooms.
"""

"""Patching: which package versions a host gets, why, when, and what that brings with it.

    snapshot, versions      what a host says of itself; how versions compare
    support                 until when distributions are given security updates
    knowledge               what is known of versions: tracker, changelogs
    seen, soak              when a version was first seen; whether it is old enough
    baseline, choice        which candidates are taken, which are left out, and why
    preflight, effects      why a host cannot be patched now; restarts, reboot, space, duration
    hostplan, standing      a host's plan; how far a host is on its way
    asking, past            changelogs asked of hosts; what earlier changes took
    comparison              before against after, for the record
    planner                 the port the lifecycle asks
    bundle                  packages for sites without a way out

Pure where possible: only ``knowledge.store`` and ``seen`` keep anything. Hosts are reached by the
role ``patching``; everything they say is hostile until ``snapshot`` has read it.
"""

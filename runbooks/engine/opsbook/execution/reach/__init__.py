"""Reaching hosts without Ansible: OpenSSH, sessions, shells, and work done by a script."""

"""Work through Ansible: one call of ansible-playbook, what it tells, and where it keeps files."""

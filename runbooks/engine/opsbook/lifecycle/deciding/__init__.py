"""What counts and what does not: policies in force, signed statements, verdicts on a change."""

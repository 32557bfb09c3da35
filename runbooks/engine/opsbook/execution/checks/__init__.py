"""What can be found wrong beforehand: with an estate, with the control host, with a host."""

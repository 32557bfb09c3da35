"""Reading what is kept: lines by host, source, time and text; listings; completeness by day."""

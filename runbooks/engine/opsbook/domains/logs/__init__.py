"""Log collection: only new bytes travel, every line is kept exactly once, and it is proven."""

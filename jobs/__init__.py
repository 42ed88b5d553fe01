"""Work that nobody waits for: one leader among many processes, fenced, runs it on schedule."""

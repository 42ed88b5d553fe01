"""The versions of each seller's own rules: what it asks of itself beyond the law, since when, by whom and why."""

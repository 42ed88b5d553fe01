"""The past of a number in two times: how it was at a moment, and what was known of that at another."""

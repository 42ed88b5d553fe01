"""Checks over a whole file or campaign: decided by the same rules, once for each distinct combination of facts."""

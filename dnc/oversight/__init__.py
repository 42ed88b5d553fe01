"""Oversight of suppliers: complaints, the walk back to where a number came from, the league table, automatic pauses."""

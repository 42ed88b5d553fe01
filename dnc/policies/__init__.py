"""The law of each country as dated values, one module a country, and a catalogue of them all."""

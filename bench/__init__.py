"""The measured promises: ``make bench`` prints them as a table of ratios, each taken in one run on one machine."""

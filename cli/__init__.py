"""The command ``ringklar``: composition for the command line; one module for each noun."""

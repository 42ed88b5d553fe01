"""Call records: what a dialer or carrier says was called, each call matched to the check that permitted it, or not."""

"""What every part stands on: numbers, time, ids, settings, the database, errors, access and the ledger. No Flask."""

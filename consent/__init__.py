"""On what ground may a person be called: consents and customer relations, with their evidence."""

"""Pages for sales, customer service, compliance and administration; rendered here, usable without JavaScript."""

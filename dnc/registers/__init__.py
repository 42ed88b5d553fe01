"""National do-not-call registers: files as delivered, dated versions, and the snapshots that checks ask."""

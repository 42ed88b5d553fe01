"""May we call this number now: registers, opt-outs, the decision, checks and contacts."""

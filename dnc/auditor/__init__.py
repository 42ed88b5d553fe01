"""The auditor: decides every stored answer again, from its facts and from the tables as they were."""

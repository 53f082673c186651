"""How the state follows from facts, by subject: each module has a table `APPLY` of fact type -> function."""

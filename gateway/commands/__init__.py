"""The command line: `program` finds the noun, one file a noun does the work, `output` speaks to people and programs."""

"""What people see and do: the exceptions list, the timeline of each message, the audit, and who may operate."""

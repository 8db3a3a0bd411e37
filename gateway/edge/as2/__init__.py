"""AS2 over HTTP: the door, who is there, what they brought, and how they are answered."""

"""What is wrong with the partners before the first message: `gateway partner check`."""

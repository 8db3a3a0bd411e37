"""What the partner API remembers of credentials, and the key under which our own secrets lie sealed (`sealing`)."""

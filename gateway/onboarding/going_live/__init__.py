"""From one stage to the next: what must be true before, and the one word in the profile that says so."""

"""What is known of each partner: its profiles and which is in force, certificates, control numbers, trials, traffic."""

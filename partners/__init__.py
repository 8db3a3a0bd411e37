"""Trading partners as files: the profile model, its loader (file:line errors) and the directory: who is who?"""

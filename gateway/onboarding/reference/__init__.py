"""The reference of everything a profile may say, made of its schema: one value, told as Markdown and as a page."""

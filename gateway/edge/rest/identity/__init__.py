"""Who calls: what they showed, and whose it is. Unknown and wrong credentials look alike, in text and in time."""

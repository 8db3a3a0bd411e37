"""The beginning: a first gateway.yaml, a partner's folder out of a template and some answers, the sheet for them."""

"""Business events: on their way to the ERP, in the log that stands in for a broker, and what the ERP made of them."""

"""Where bytes come in: the partner port (AS2, REST) and the operator port, each with limits before anything else."""

"""The service as it runs: one Faust agent for the partners' topics, and five loops beside it."""

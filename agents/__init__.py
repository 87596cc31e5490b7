"""The service as it runs: one Faust agent for the partners' topics, and four loops beside it."""

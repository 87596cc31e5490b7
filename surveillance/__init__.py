"""Real-time public health surveillance: from a partner's event to a cluster alert a person can act on."""

__version__ = "0.1.0"

"""How often a configuration is wrong and how soon it is right: histories replayed as they were known."""

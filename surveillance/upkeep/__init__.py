"""What keeps the database whole over the years: verified, backed up, rebuilt, and rid of what has expired."""

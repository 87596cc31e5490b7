"""What people decide. `Desk` is where; every act is one transaction with its history and its audit entry."""

from surveillance.deciding.decision import Decision, Lessons, Unknown
from surveillance.deciding.desk import Desk

__all__ = ["Decision", "Desk", "Lessons", "Unknown"]

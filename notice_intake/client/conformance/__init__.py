"""Is a deployment, in whatever language, as the published contract says? Each rule by itself, over the wire."""

from .rules import RULES, Rule
from .runner import Report, Result, check

__all__ = ["RULES", "Report", "Result", "Rule", "check"]

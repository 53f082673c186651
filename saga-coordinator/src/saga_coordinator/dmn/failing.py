"""What goes wrong when a decision is evaluated."""


class DecisionFailed(Exception):
    """The decision gives no value for these variables; the message names the rules or the column that are at fault."""

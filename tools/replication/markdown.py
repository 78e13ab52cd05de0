"""Numbers and tables as the page writes them."""


def number(value, digits=2):
    """With a true minus, and no minus before a zero."""
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def with_ends(value, low, high, digits=2):
    return "–" if value is None else f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)

"""From runs to numbers: the file that keeps them, the figures and the page's section."""


def write(plans, root):
    raise SystemExit("not written yet: --no-write")

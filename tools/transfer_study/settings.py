"""What is measured of how the picture reaches the answer, and what would count for and against: written down before there
was a result.

The paper (Basu et al., NeurIPS 2024, arXiv 2406.04236) reports of LLaVA-7B (32 layers, 576 image rows) that what the constraint
takes from the picture comes from its late rows (540 to 576), and that the constraint hands over to the last row in the
middle layers (16 and 17). Here layers are relative, layer / layers, and rows too: *late* are the last sixteenth, rounded up.

Known beforehand of the flags model, from traces: where another flag is shown, the picture's rows are enough and needed up to
three quarters of the depth, the constraint's rows are neither. Of the demo model: it was taught to find out the country
at the constraint. No flow or cut had been looked at, but of one flag of the demo model: with one layer cut at a time nothing
happens there, with all of them either way through the constraint is needed.
"""
import math
from dataclasses import dataclass

QUESTION, PHRASE = "What is the capital of this country?", "this country"
LATE = 1 / 16                    # of the image rows
PAIRS = (("image", "constraint"), ("image", "last"), ("constraint", "last"))
HANDED_OVER = 16.5 / 32          # the paper's layers from the constraint to the last row, relative


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    asked: tuple                 # how the question is put, beside it
    window: int                  # layers in which an edge is cut
    most: int                    # countries


MODELS = (Model("flags", "models/flags/assembled", ("--template", "paper", "--prefill", "The capital city is"), 5, 64),
          Model("demo", "models/demo", (), 4, 64))
ORDERS = ("given", "reverse")    # of the image rows


def late_rows(rows):
    return math.ceil(rows * LATE)


# ---- what is read from the runs of a country ----
# share[l]      of a pair: which part of attn_out at the destinations comes from the sources (docs/flow.md)
# relative[l]   of a pair: (P - P clean) / P clean with its edges cut in the window around l (docs/knockout.md)
# weight[j]     of a pair: the contribution of image row j (mean over layers), as a share of all image rows'
# peak          the depth, layer / layers, at which the mean share is largest
# trough        the depth at which the mean relative change is smallest
# loss          - the mean relative change there
# lateness      the late rows' part of the weight / their part of the rows, - 1: 0 where they are like others
# agreement     the rank correlation over layers of the mean share and of minus the mean relative change


@dataclass(frozen=True)
class Claim:
    """A number expected above 0, over countries: *for* where its interval is above 0 and it reaches the margin, *against*
    where the whole interval is below the margin, else *undecided*. `alike`: instead, whether it is 0: *for* where the
    interval lies within the margin on both sides, *against* where it lies outside, else undecided."""
    key: str
    says: str
    statistic: str
    pair: tuple
    margin: float
    order: str = "given"
    minus: tuple | float | None = None         # another pair's, or a number, to take off
    alike: bool = False


IMAGE, AROUND, HANDS_ON = PAIRS
CLAIMS = (
    Claim("late-constraint", "The constraint takes more from the late image rows than from others (the paper's)", "lateness",
          IMAGE, 0.5),
    Claim("late-last", "So does the last row", "lateness", AROUND, 0.5),
    Claim("late-reversed", "With the image rows reversed it is still the late ones: it is their place, not what they show",
          "lateness", IMAGE, 0.5, "reverse"),
    Claim("late-last-reversed", "The same of the last row", "lateness", AROUND, 0.5, "reverse"),
    Claim("order", "The picture reaches the constraint at a lesser depth than the constraint reaches the last row", "peak",
          HANDS_ON, 0.05, minus=IMAGE),
    Claim("handed-over", "The constraint reaches the last row at the paper's depth, 0.52", "peak", HANDS_ON, 0.1,
          minus=HANDED_OVER, alike=True),
    Claim("cut-constraint", "Cut between picture and constraint, the answer is lost", "loss", IMAGE, 0.5),
    Claim("cut-around", "Cut between picture and last row, the answer is lost", "loss", AROUND, 0.5),
    Claim("cut-hand-over", "Cut between constraint and last row, the answer is lost", "loss", HANDS_ON, 0.5),
    Claim("cut-where", "The cut from constraint to last row hurts most where that flow is largest", "trough", HANDS_ON, 0.1,
          minus="peak", alike=True),
    Claim("cut-agrees", "Over layers, cuts hurt as flows are large: picture to last row", "agreement", AROUND, 0.5),
    Claim("cut-agrees-constraint", "The same, picture to constraint", "agreement", IMAGE, 0.5),
)

"""What is swept, in which order, and what would count for and against: the same for every model and data set.

Layers are counted by depth, layer / layers. Restoring at layer 0 undoes a corruption by construction, so *early* means windows
around layers from a tenth to a third of the depth, of which none that holds layer 0 counts; *middle* means the next third.
"""
from dataclasses import dataclass

SEED = 0
RESAMPLES, LOW, HIGH = 10_000, 249, 9749
SUBJECTS = 30                    # below: not testable here
WEAK = 0.1
WINDOWS = (1, 3, 6)
EARLY, MIDDLE = (0.1, 1 / 3), (1 / 3, 2 / 3)
SHARE, DEPTH = 0.1, 0.05         # margins: a tenth of what the corruption took; one layer and a half of 30
EDIT_DEPTHS = (0.0, 0.1, 0.25, 0.5, 0.75)
LATE = 36 / 576                  # the paper's late image rows, 540 to 575 of 576, as a share

SITES = "attn_out,mlp_out,resid_post"


@dataclass(frozen=True)
class Sweep:
    """One store. `part`: which questions, see questions.py; `limit`: which option says how many of them."""
    name: str
    part: str
    arguments: tuple
    limit: str = "limit"


def grouped(*positions):
    return ("--group", "--positions", ",".join(positions))


# Who is right is asked first, since only those are traced.
ASKED = tuple(Sweep(f"ask-{part}", part, ("--method", "ask"), "ask_limit") for part in ("visual", "textual"))


def sweeps(layers, phrase, target):
    """All other stores, the most important first. phrase: what --corrupt swap-phrase takes; target: what edits write."""
    out = []
    for window in (6, 1, 3):
        out += [Sweep(f"trace-{part}-w{window}", f"right-{part}",
                      ("--method", "trace", "--corrupt", "swap:Paris", "--sites", SITES, "--window", window,
                       *grouped("constraint", "last", "control"))) for part in ("visual", "textual")]
    # As many as are asked: wrong answers are foretold from them, and they cost little more than an answer.
    out.append(Sweep("flow-visual", "visual", ("--method", "flow", "--per-position", "--include-wrong"), "ask_limit"))
    out.append(Sweep("flow-textual", "textual", ("--method", "flow", "--from", "constraint", "--to", "last", "--include-wrong")))
    for direction in ("denoise", "noise"):
        out.append(Sweep(f"image-{direction}", "right-visual",
                         ("--method", "trace", "--corrupt", "image:@other", "--sites", "resid_post", "--direction", direction,
                          *grouped("image", "constraint", "last", "control"))))
        out.append(Sweep(f"phrase-{direction}", "right-textual",
                         ("--method", "trace", "--corrupt", f"swap-phrase:{phrase}", "--sites", "resid_post", "--direction",
                          direction, *grouped("constraint", "last", "control"))))
    out.append(Sweep("knockout-visual", "right-visual",
                     ("--method", "knockout", "--window", 6, "--from", "image", "--to", "constraint", "--from", "constraint",
                      "--to", "last", "--from", "image", "--to", "last")))
    out += [Sweep(f"tokens-{part}", f"right-{part}", ("--method", "trace", "--corrupt", "swap:Paris", "--sites", SITES, "--window", 3,
                                           "--positions", "text"), "grid_limit") for part in ("visual", "textual")]
    layers_of_edits = sorted({min(layers - 1, round(depth * layers)) for depth in EDIT_DEPTHS})
    out += [Sweep(f"edit-{method}-l{layer}", "edits",
                  ("--method", "edit", "--edit-method", method, "--layer", layer, "--target-tokens", "all", *target), "edit_limit")
            for method in ("multedit", "ft", "ft-constrained") for layer in layers_of_edits]
    return out


# Reports: a folder's name, its stores, and whether the two are contrasted. Stores that are not there are left out.
def reports(names):
    edits = tuple(n for n in names if n.startswith("edit-"))
    contrasts = tuple((f"visual-textual-w{w}", (f"trace-visual-w{w}", f"trace-textual-w{w}"), True) for w in WINDOWS)
    return (("answers", ("ask-visual", "ask-textual"), False),
            *contrasts,
            ("windows-visual", tuple(f"trace-visual-w{w}" for w in WINDOWS), False),
            ("windows-textual", tuple(f"trace-textual-w{w}" for w in WINDOWS), False),
            ("tokens", ("tokens-visual", "tokens-textual"), False),
            ("image", ("image-denoise", "image-noise"), False), ("phrase", ("phrase-denoise", "phrase-noise"), False),
            ("flow-visual", ("flow-visual",), False), ("flow-textual", ("flow-textual",), False),
            ("knockout", ("knockout-visual",), False), ("edits", edits, False))


@dataclass(frozen=True)
class Figure:
    """A figure of the paper, made here: which file of which report, and what it shows."""
    report: str
    file: str
    paper: str | None            # None: the paper has none like it
    shows: str


FIGURES = (
    *(Figure(f"visual-textual-w{w}", "contrast.svg", "causal traces of visual and of textual questions" +
             ("" if w == 6 else ", another window (appendix)"), f"AIE of visual less that of textual questions, window {w}") for w in (6, 3, 1)),
    Figure("windows-visual", "compare.svg", "causal traces with windows of several sizes (appendix)",
           "visual questions: windows of 1, 3 and 6 layers over one another"),
    Figure("windows-textual", "compare.svg", "the same of a language model", "textual questions: the same"),
    Figure("tokens", "aie-maps.svg", "heat maps of a traced question", "visual questions: AIE of single rows by token class and layer, window 3"),
    Figure("tokens", "aie-maps-2.svg", "heat maps of a language model", "textual questions: the same"),
    Figure("flow-visual", "flows.svg", "attention contributions from image rows to the constraint, and from it to the last row",
           "what rows are given through attention, by layer"),
    Figure("flow-visual", "source-rows.svg", "which image rows give most", "mean contribution of each image row, and how often it gives most"),
    Figure("flow-visual", "failure.svg", "foreseeing wrong answers by the contribution to the last row (AUROC)",
           "how well wrong answers are foretold"),
    Figure("knockout", "knockouts.svg", None, "what cutting edges in windows of 6 layers takes away"),
    Figure("image", "compare.svg", None, "rows restored, and spoilt, where another picture is shown"),
    Figure("edits", "edits-layers.svg", "tables of edits: MultEdit and fine-tuning", "edits by layer and method"),
)

# The metrics of edit.csv that the table of edits has.
EDIT_METRICS = ("efficacy_exact", "rephrasings_exact", "neighbours_kept")


@dataclass(frozen=True)
class Claim:
    """A number that is expected to be above 0: of one store, or a - b over the subjects that both have. *For* it: the whole
    interval is above 0 and the number reaches the margin, and of one store also lies above control's interval. *Against* it: the
    whole interval is below the margin. Else *undecided*; below 30 subjects, or without its store, *not testable here*."""
    key: str
    says: str
    paper: str
    number: str                  # in words
    statistic: str               # of statistics.py
    site: str
    group: str
    a: str
    b: str | None
    margin: float


PAPER_EARLY = "LLaVA: MLPs and attentions of much earlier layers than in language models"
PAPER_LANGUAGE = "language models: MLPs of the middle layers"


def early(key, site, words):
    return (Claim(f"early-{key}", f"{words} of early layers bring the visual constraint back", PAPER_EARLY,
                  "recovered, early, window 6, visual", "early", site, "constraint", "trace-visual-w6", None, SHARE),
            Claim(f"earlier-{key}", f"{words}: more of it is early rather than in the middle in visual questions than in textual ones",
                  f"{PAPER_EARLY}; {PAPER_LANGUAGE}", "recovered, early − middle, window 6, visual − textual", "earliness", site,
                  "constraint", "trace-visual-w6", "trace-textual-w6", SHARE),
            Claim(f"windows-{key}", f"{words}: a window of 6 brings back more than one layer", "LLaVA needs windows of several layers",
                  "recovered, early, window 6 − window 1, visual", "early", site, "constraint", "trace-visual-w6", "trace-visual-w1",
                  SHARE))


CLAIMS = (
    *early("mlp", "mlp_out", "MLPs"),
    *early("attn", "attn_out", "Attentions"),
    Claim("earlier-resid", "What the constraint's rows hold leaves them at a lesser depth in visual questions than in textual ones",
          "follows from the two above", "depth of half, residual stream, window 1, textual − visual", "half_depth", "resid_post",
          "constraint", "trace-textual-w1", "trace-visual-w1", DEPTH),
    Claim("picture-enough", "Another picture shown: the right one's rows, in the middle layers, are enough for the answer",
          "not asked", "recovered, middle, residual stream", "middle", "resid_post", "image", "image-denoise", None, SHARE),
    Claim("constraint-enough", "Another picture shown: the constraint's rows, in the middle layers, are enough for the answer",
          "the constraint's rows take over from the picture's in early layers", "recovered, middle, residual stream", "middle",
          "resid_post", "constraint", "image-denoise", None, SHARE),
    Claim("picture-needed", "Another picture's rows, in the middle layers, spoil the answer", "not asked",
          "lost, middle, residual stream", "middle", "resid_post", "image", "image-noise", None, SHARE),
    Claim("constraint-needed", "The constraint's rows of another picture, in the middle layers, spoil the answer",
          "the constraint's rows take over from the picture's in early layers", "lost, middle, residual stream", "middle",
          "resid_post", "constraint", "image-noise", None, SHARE),
    Claim("phrase-enough", "Another phrase asked: the right one's rows, in the middle layers, are enough for the answer",
          PAPER_LANGUAGE, "recovered, middle, residual stream", "middle", "resid_post", "constraint", "phrase-denoise", None, SHARE),
    Claim("late-rows", "The last sixteenth of the image's rows gives the constraint more than its share",
          "a consistent small subset of image rows, the late ones (540 to 576 of 576), gives most", "share of the image's contribution − share of its rows, over all layers",
          "late", "image>constraint", "", "flow-visual", None, 0.05),
    Claim("constraint-last", "Cutting constraint → last in the middle layers takes the answer away",
          "attentions of the middle layers move it to the last row", "(clean − prob) / clean, middle, window 6", "lost",
          "constraint>last", "prob", "knockout-visual", None, SHARE),
    Claim("image-constraint", "Cutting image → constraint in the early layers takes the answer away",
          "image rows give to the constraint's in early layers", "(clean − prob) / clean, early, window 6", "lost_early",
          "image>constraint", "prob", "knockout-visual", None, SHARE),
)

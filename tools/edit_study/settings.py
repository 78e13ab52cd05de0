"""What is edited, how it is tuned, and what would count as success: written down before there was a result.

Known beforehand, from a first look at eight requests (EXPLORED below) and eight questions about three other
countries, on models/flags/assembled: at the paper's key (the constraint's last token, an early layer) an edit cannot
tell flags apart; at the last row, around layer 18 of 30, and with the rows of other countries' questions kept, it can
in part; --lambda then trades efficacy against neighbourhood. Some fifteen settings of multedit had been looked at
then, and none of fine-tuning. These countries are tuned on here, or not used. Of the demo model some nine settings
were tried on three of the requests that are tuned on: 20 steps of 0.5 are too few for multedit, fine-tuning needs ten
times ROME's learning rate, and what has no words of its own in the tokenizer, capitals that were not taught, cannot
be made the answer.
"""
from dataclasses import dataclass

SEED = 7                         # of who belongs where, and of the counterfactual targets
LOOKS = 3                        # photographs of each flag: the first is edited, the others are its other pictures
CHUNK = 26                       # requests a run: a study that is stopped goes on behind the last run

# ---- who belongs where: no country twice ----

EXPLORED = ("rw", "ee", "au", "mw", "vn", "si", "mz", "ni")             # edited in the first look: to be tuned on
EXPLORED_ASKED = ("cu", "gb", "rs")                                     # what it took for specificity: likewise
TUNED = (8, 8)                   # requests that trials are judged by: of countries whose capital is told, of others
TUNED_ASKED = 8                  # countries whose questions trials are asked for specificity, all of them told: one each (of
                                 # the first trials all were asked, which chose the same)
ASKED = 12                       # the same of what is reported
KEPT = (8, 56)                   # countries whose questions an edit is to leave alone (--keep): told, others
REPORTED = 104                   # requests that are reported, up to half of them of countries that are told

# ---- the questions that --keep names ----

KEPT_WORDINGS = ("What is the capital of this country?", "What is this country's capital?",
                 "What city is the capital of this country?")
KEPT_CAPITALS = 40               # "capitals": the first wording about the first so many of KEPT
KEPT_MIXED = (0, 1, 2, 0, 1, "language", "continent", "words")          # "mixed": what each of KEPT is asked, in turns
KEPT_BRIEF = 24                  # "brief": as "capitals", for the sweeps


@dataclass(frozen=True)
class Trial:
    """Arguments of `patchbay edit`, and which questions it keeps ("capitals", "mixed", "brief")."""
    arguments: str
    keep: str | None = None

    @property
    def line(self):
        return self.arguments + (f" (keeping {self.keep})" if self.keep else "")

    def changed(self, option, value):
        """With another value of an option."""
        words = self.arguments.split()
        if option in words:
            words[words.index(option) + 1] = str(value)
        else:
            words += [option, str(value)]
        return Trial(" ".join(words), self.keep)

    def value(self, option):
        words = self.arguments.split()
        return float(words[words.index(option) + 1]) if option in words else None


WHOLE = "--target-tokens all"


def multedit(numbers, keep=None, rows=None):
    kept = f" --keep-rows {rows}" if rows else ""
    return Trial(f"{WHOLE} {numbers}{kept}", keep)


def tuned(method, *numbers):
    return tuple(Trial(f"--method {method} --ft-scope matrix {WHOLE} --steps 25 {n}") for n in numbers)


METHODS = {"paper": "MultEdit, the paper's key", "kept": "MultEdit, another key, rows kept",
           "ft": "fine-tuning one matrix", "ft-constrained": "the same, in a ball",
           "official": "MultEdit, the official numbers"}

# Equally many of each; all numbers that are not given are the default preset's.


def at_last(layers, steps, ridge, keep_ridge, keep, lr=0.5):
    numbers = f"--lr {lr} --steps {steps} --clamp 6 --lambda {ridge} --keep-lambda {keep_ridge}"
    return multedit(f"--key last {layers} {numbers}", keep, "all")


FLAGS_TRIALS = {
    "kept": (
        at_last("--layer 18", 40, 0.1, 0.1, "capitals"), at_last("--layer 18", 40, 0.1, 0.1, "mixed"),
        at_last("--layer 18", 40, 0.03, 0.1, "mixed"),
        # these once the first three were known, which are too weak; the last four also after a look at the keys of the
        # countries that are tuned on and kept, which tell flags apart the better the later the layer, at smaller steps
        # for four of the requests, whose delta is half as long, and at three ways to weigh what is kept
        at_last("--layer 18", 40, 0.003, 0.1, "mixed"), at_last("--layer 18", 40, 0.01, 0.3, "mixed"),
        at_last("--layers 16:20", 40, 0.01, 0.1, "mixed"),
        at_last("--layer 18", 100, 0.01, 0.3, "mixed", 0.1), at_last("--layer 20", 100, 0.01, 0.3, "mixed", 0.1),
        at_last("--layer 19", 60, 0.01, 0.3, "mixed", 0.2), at_last("--layer 20", 60, 0.01, 0.3, "mixed", 0.2),
    ),
    "paper": tuple(multedit(n) for n in (
        "--layer 2 --lr 0.5 --steps 20 --clamp 4", "--layer 2 --lr 0.1 --steps 20 --clamp 4",
        "--layer 2 --lr 0.5 --steps 20 --clamp 1", "--layer 6 --lr 0.5 --steps 20 --clamp 4",
        "--layer 10 --lr 0.5 --steps 20 --clamp 4", "--layer 14 --lr 0.5 --steps 20 --clamp 4",
        "--layer 4 --lr 0.5 --steps 20 --clamp 4", "--layer 12 --lr 0.5 --steps 20 --clamp 4",
        "--layer 14 --lr 0.1 --steps 100 --clamp 4", "--layer 18 --lr 0.1 --steps 100 --clamp 4")),
    "ft": tuned("ft", "--layer 2 --lr 0.0005", "--layer 2 --lr 0.0001", "--layer 10 --lr 0.0002",
                "--layer 18 --lr 0.0005", "--layer 18 --lr 0.0002", "--layer 18 --lr 0.0001",
                "--layer 20 --lr 0.0002", "--layer 22 --lr 0.0002", "--layer 20 --lr 0.0001", "--layer 22 --lr 0.0001"),
    "ft-constrained": tuned(
        "ft-constrained", "--layer 2 --lr 0.0005 --epsilon 0.0005", "--layer 2 --lr 0.0005 --epsilon 0.0002",
        "--layer 10 --lr 0.0005 --epsilon 0.0002", "--layer 18 --lr 0.0005 --epsilon 0.0005",
        "--layer 18 --lr 0.0005 --epsilon 0.0002", "--layer 18 --lr 0.0005 --epsilon 0.0001",
        "--layer 20 --lr 0.0005 --epsilon 0.0002", "--layer 22 --lr 0.0005 --epsilon 0.0002",
        "--layer 20 --lr 0.0005 --epsilon 0.0001", "--layer 22 --lr 0.0005 --epsilon 0.0001"),
    "official": (Trial("--preset official"),),
}
DEMO_TRIALS = {
    "kept": (
        multedit("--layer 1 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "capitals"),
        multedit("--layer 3 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "capitals"),
        multedit("--layer 4 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "capitals"),
        multedit("--layer 4 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "mixed", "all"),
        multedit("--key last --layer 5 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "mixed", "all"),
        multedit("--key last --layer 6 --lr 1 --clamp 100 --steps 50 --keep-lambda 0.3", "mixed", "all"),
        # of each method the last four once the first six were known; in a ball, those were far too small
        multedit("--key last --layer 5 --lr 1 --clamp 100 --steps 50 --keep-lambda 1", "mixed", "all"),
        multedit("--key last --layer 5 --lr 1 --clamp 100 --steps 50 --keep-lambda 3", "mixed", "all"),
        multedit("--key last --layer 5 --lr 1 --clamp 100 --steps 50 --lambda 0.001 --keep-lambda 1", "mixed", "all"),
        multedit("--key last --layers 4:7 --lr 1 --clamp 100 --steps 50 --keep-lambda 1", "mixed", "all"),
    ),
    "paper": tuple(multedit(n) for n in (
        "--layer 1 --lr 1 --clamp 100 --steps 50", "--layer 2 --lr 1 --clamp 100 --steps 50",
        "--layer 3 --lr 1 --clamp 100 --steps 50", "--layer 4 --lr 1 --clamp 100 --steps 50",
        "--layer 3 --lr 0.5 --clamp 100 --steps 50", "--layer 4 --lr 0.5 --clamp 100 --steps 50",
        "--layer 2 --lr 1 --clamp 100 --steps 100", "--layer 3 --lr 1 --clamp 100 --steps 100",
        "--layer 2 --lr 2 --clamp 100 --steps 50", "--layer 5 --lr 1 --clamp 100 --steps 50")),
    "ft": tuned("ft", "--layer 3 --lr 0.01", "--layer 3 --lr 0.02", "--layer 4 --lr 0.005", "--layer 4 --lr 0.01",
                "--layer 5 --lr 0.002", "--layer 5 --lr 0.005", "--layer 5 --lr 0.003", "--layer 5 --lr 0.01",
                "--layer 6 --lr 0.005", "--layer 4 --lr 0.02"),
    "ft-constrained": tuned(
        "ft-constrained", "--layer 3 --lr 0.02 --epsilon 0.05", "--layer 3 --lr 0.01 --epsilon 0.02",
        "--layer 4 --lr 0.01 --epsilon 0.02", "--layer 4 --lr 0.01 --epsilon 0.01",
        "--layer 5 --lr 0.005 --epsilon 0.01", "--layer 5 --lr 0.005 --epsilon 0.005",
        "--layer 5 --lr 0.005 --epsilon 0.05", "--layer 5 --lr 0.005 --epsilon 0.1",
        "--layer 5 --lr 0.01 --epsilon 0.03", "--layer 4 --lr 0.02 --epsilon 0.1"),
    "official": (Trial("--preset official"),),
}

# ---- what is measured, and the one number by which a trial is chosen ----
# efficacy        the share of edited questions whose answer contains the target as whole words, case and accents aside
# generalisation  the same of three other wordings and two other photographs each
# neighbourhood   the share of the same question about 10 other countries' pictures whose answer stays
# specificity     accuracy after - before over unrelated questions (capital, language, continent, capital in words)
# score           the harmonic mean of efficacy, generalisation, neighbourhood and accuracy after / before (1 at most)

AIMS = {"efficacy": 0.95, "generalisation": 0.85, "neighbourhood": 0.90, "specificity": -0.015}     # at least

# ---- trade-offs, over TUNED: the option that turns an edit's strength, from the chosen trial on ----

STRENGTHS = {"paper": ("--lambda", (0.01, 0.1, 1, 3, 10, 100)),
             "kept": ("--lambda", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
             "ft": ("--steps", (4, 8, 12, 16, 40)),
             "ft-constrained": ("--epsilon", (0.25, 0.5, 0.75, 1.5, 3))}           # times the chosen one's

# ---- sweeps over all layers, beside causal traces of the same questions ----


@dataclass(frozen=True)
class Sweep:
    """Every layer edited by itself; the trace's effect is read at `span`, where the key is."""
    name: str
    trial: Trial
    span: str


SWEPT = 24                       # requests: TUNED, then the first of REPORTED
SWEEP_CHUNK = 4
SWEEP_NEIGHBOURS = 5
KEPT_SWEPT = "--lambda 0.03 --keep-lambda 0.1"
FLAGS_SWEEPS = (
    Sweep("constraint", multedit("--lr 0.5 --steps 20 --clamp 4"), "constraint"),
    Sweep("last", multedit(f"--key last --lr 0.5 --steps 25 --clamp 6 {KEPT_SWEPT}", "brief", "text"), "last"))
DEMO_SWEEPS = (
    Sweep("constraint", multedit("--lr 1 --clamp 100 --steps 50"), "constraint"),
    Sweep("last", multedit(f"--key last --lr 1 --clamp 100 --steps 50 {KEPT_SWEPT}", "brief", "text"), "last"))
TRACED = (("mlp_out", 5), ("resid_post", 1))             # site, window; " Paris" in the constraint's place
# success of an edit, per request and layer: (P after - P before) / (1 - P before), of the target (Hase et al. 2023,
# "rewrite score"). R2 of it, on the layer (one-hot) alone, and with the trace's effect (patched - corrupted) there.


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    prefill: str | None          # what the answer begins with; of questions about a capital
    corrections: bool            # whether countries whose capital is not told are corrected: the demo model's tokenizer
                                 # has no words for capitals that it was not taught, so there every target is another
                                 # country's capital, which it tells
    trials: dict
    sweeps: tuple


MODELS = (Model("flags", "models/flags/assembled", "The capital city is", True, FLAGS_TRIALS, FLAGS_SWEEPS),
          Model("demo", "models/demo", None, False, DEMO_TRIALS, DEMO_SWEEPS))

# In the order of what is wanted first: (model, what, methods or sweeps)
ORDER = (
    ("flags", "trials", ("kept",)), ("flags", "reports", ("kept",)),
    ("demo", "trials", ("kept", "paper", "ft", "ft-constrained")),
    ("demo", "reports", ("kept", "paper", "ft", "ft-constrained", "official")),
    ("flags", "trials", ("paper", "ft", "ft-constrained")),
    ("flags", "reports", ("paper", "ft", "ft-constrained", "official")),
    ("demo", "traces", ()), ("demo", "sweeps", ("constraint", "last")), ("flags", "traces", ()),
    ("flags", "tradeoffs", ("kept", "paper")), ("demo", "tradeoffs", ("kept", "paper", "ft", "ft-constrained")),
    ("flags", "sweeps", ("constraint",)), ("flags", "tradeoffs", ("ft", "ft-constrained")),
    ("flags", "sweeps", ("last",)),
)

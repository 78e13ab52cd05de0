"""What is asked, of whom, and what would count for and against: written down before there was a result.

The paper (Basu et al., NeurIPS 2024, arXiv 2406.04236) says that a model which sees keeps what a visual constraint needs in
the MLPs and attentions of much earlier layers than a language model keeps what a textual constraint needs, and that larger
windows have to be restored before anything shows. Here the decoder is the same in both, and small, so depth is
relative: layer / layers. Three conditions differ in one thing only, how the country is given:

    visual   the picture of its flag, and "this country" in the question
    text     its name in the question, no picture
    words    the picture's rows written out as the tokens that they were trained to resemble, and "this country"

The picture's rows were trained onto words, so only what differs between visual and words can be said to be visual.

Known beforehand, from a trial of eight countries with an earlier adapter: in visual questions the constraint's rows hold the
answer up to about half of the depth and the picture's rows to about three quarters, and early MLPs bring it back only where
layer 0 is among them. Nothing was known of textual questions or of words in the picture's place.

Since then an earlier model of this kind was traced in part (354 traces, another begun answer), under the claims and margins that
stand here unchanged. New for the present model, and set before it was traced: the begun answer, and how many countries each part takes.
"""
from dataclasses import dataclass

SEED = 0
PICTURES_SEED = 8642             # of the photographed looks: neither the training's nor the model card's
LOOKS = 3                        # photographs of each flag: the first that the model gets right is traced
RESAMPLES = 10_000
LEVEL = (249, 9749)              # the ends of an interval among the sorted resamples, from 0: 95 %
WEAK = 0.1                       # clean - corrupted below it: no share of it is taken

# ---- the questions ----

TEMPLATE = "paper"
QUESTION = "What is the capital of {}?"
PHRASE = "this country"
PREFILL = "The capital city is"             # counted, not traced: right in text 79 of 214, in words too 73, where "The capital of
                                            # this country is" has 59 and 55, and "The capital is" 80 and 69
LAYOUT = " Flag of {0}. Country: {0}."      # repeated and cut to ROWS tokens: what the picture's rows were trained onto, but
                                            # for an offset that is the same for every country
ROWS = 36
WORDS_PROMPT = "{words}\nUSER: {question} Answer in a few words.\nASSISTANT: {prefill}"      # TEMPLATE, its picture as words
ANSWER_TOKENS = 6                # the answer is begun, so that the capital comes first
CONDITIONS = ("visual", "text", "words")

# ---- the traces ----

SITES = ("attn_out", "mlp_out", "resid_post")
CONSTRAINT, PICTURE, CONTROL, LAST = "constraint", "picture", "control", "last"


@dataclass(frozen=True)
class Part:
    """Traces of one kind: every country in every condition, once for each window. `spans`: restored as a whole each where
    `grouped`, else row by row. `most`: so many countries of each condition."""
    name: str
    conditions: tuple
    corruption: str               # "swap": the constraint's tokens become " Paris"; "other": another country is given
    direction: str
    sites: tuple
    windows: tuple
    spans: tuple
    grouped: bool
    most: int


# In the order of what matters most: a run that is cut short has done the first ones. Control's rows, of which nothing is
# expected, are half of the work: fewer countries do. Single rows were first asked of 8 countries, then of all.
PARTS = (
    Part("spans", CONDITIONS, "swap", "denoise", SITES, (1, 5, 3), (CONSTRAINT, LAST), True, 64),
    Part("way", ("visual", "words"), "other", "denoise", ("resid_post",), (1,), (CONSTRAINT, PICTURE, CONTROL, LAST), True, 16),
    Part("need", ("visual", "words"), "other", "noise", ("resid_post",), (1,), (CONSTRAINT, PICTURE, CONTROL, LAST), True, 16),
    Part("control", CONDITIONS, "swap", "denoise", SITES, (1, 5, 3), (CONTROL,), True, 12),
    Part("need", CONDITIONS, "swap", "noise", ("resid_post",), (1,), (CONSTRAINT, CONTROL, LAST), True, 16),
    Part("tokens", CONDITIONS, "swap", "denoise", SITES, (5, 1, 3), (CONSTRAINT, CONTROL, LAST), False, 64),
    Part("rows", CONDITIONS, "swap", "denoise", SITES, (5,), ("text",), False, 3),
)

# ---- what is read from a curve, R(l) = sum(patched - corrupted) / sum(clean - corrupted) over the countries ----

CENTRES = (3, 10)                # "early": windows centred on these layers of 30, a:b; of five layers none restores layer 0
MIDDLE = (10, 20)
# half_depth   the depth, as layer / layers, at which R falls below half of its highest value, between two layers by a line
# early        the mean of R over CENTRES
# middle       the mean of R over MIDDLE
# earliness    early - middle
# gain         early at window 5 - early at window 1


@dataclass(frozen=True)
class Claim:
    """A number that is expected to be above 0, in one condition or as a difference of two over the countries that both have.
    It counts *for* the claim when its interval is above 0 and it is at least `margin` (of one condition: also above the upper
    end of control's); *against* it when the whole interval is below `margin`; else it is *undecided*. `same`: no claim but a check whether two conditions are alike: *alike*
    when the interval lies within the margin on both sides, *different* when 0 is outside of it and the margin is
    reached, else undecided."""
    key: str
    says: str
    statistic: str
    site: str
    window: int
    minuend: str
    subtrahend: str | None
    margin: float
    part: str = "spans"
    corruption: str = "swap"
    span: str = CONSTRAINT
    same: bool = False

    @property
    def direction(self):
        return "noise" if self.part == "need" else "denoise"


DEPTH, SHARE = 0.05, 0.1         # one layer and a half of 30; a tenth of what the corruption took

CLAIMS = (
    Claim("earlier-resid", "What the constraint's rows hold leaves them at a lesser depth in visual questions than in textual ones",
          "half_depth", "resid_post", 1, "text", "visual", DEPTH),
    Claim("early-mlp", "Five early MLPs (none of them layer 0) bring the visual constraint back",
          "early", "mlp_out", 5, "visual", None, SHARE),
    Claim("early-attn", "Five early attentions (none of them layer 0) bring the visual constraint back",
          "early", "attn_out", 5, "visual", None, SHARE),
    Claim("earlier-mlp", "MLPs: more of the effect is early rather than in the middle in visual questions than in textual ones",
          "earliness", "mlp_out", 5, "visual", "text", SHARE),
    Claim("earlier-attn", "Attention: more of the effect is early rather than in the middle in visual questions than in textual ones",
          "earliness", "attn_out", 5, "visual", "text", SHARE),
    Claim("windows-mlp", "MLPs: five layers gain more over one in visual questions than in textual ones",
          "gain", "mlp_out", 5, "visual", "text", SHARE),
    Claim("windows-attn", "Attention: five layers gain more over one in visual questions than in textual ones",
          "gain", "attn_out", 5, "visual", "text", SHARE),
    Claim("same-resid", "Is the depth at which the constraint's rows are left the same with words in the picture's place?",
          "half_depth", "resid_post", 1, "visual", "words", DEPTH, same=True),
    Claim("same-mlp", "Is the early MLPs' share the same with words?", "early", "mlp_out", 5, "visual", "words", SHARE, same=True),
    Claim("same-attn", "Is the early attentions' share the same with words?",
          "early", "attn_out", 5, "visual", "words", SHARE, same=True),
    Claim("way-constraint", "Another flag shown: the right constraint's rows, in the middle layers, are enough for the answer",
          "middle", "resid_post", 1, "visual", None, SHARE, "way", "other"),
    Claim("need-constraint", "Another flag's constraint rows, in the middle layers, spoil the answer",
          "middle", "resid_post", 1, "visual", None, SHARE, "need", "other"),
    Claim("way-picture", "Another flag shown: the right picture's rows, in the middle layers, are enough for the answer",
          "middle", "resid_post", 1, "visual", None, SHARE, "way", "other", PICTURE),
    Claim("need-picture", "Another flag's picture rows, in the middle layers, spoil the answer",
          "middle", "resid_post", 1, "visual", None, SHARE, "need", "other", PICTURE),
)
# Every number is also given for the two halves of the countries apart: those whose capitals the model's training asked for,
# and those held out, of which it was taught the names alone. "For" stands only where both halves are above 0, "against" only
# where both are below the margin.

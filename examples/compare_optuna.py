# %% [markdown]
# # Our searchers and Optuna's TPE, side by side
#
# The same score, the same space, the same seeds, the same number of different architectures. Everything that runs is
# printed, whoever is better. It takes about two minutes.
#
#     pip install "collm-nas[notebook,optuna]" scikit-learn

# %%
import argparse
import tempfile
import warnings
from pathlib import Path

import collm_nas as nas
import numpy as np
import optuna
from scipy.stats import ttest_1samp
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

options = argparse.ArgumentParser()
options.add_argument("--seeds", type=int, default=10, help="how many searches each searcher makes")
options.add_argument("--budget", type=int, default=40, help="how many different architectures each search scores")
options, _ = options.parse_known_args()  # a notebook has arguments of its own
folder = Path(tempfile.mkdtemp(prefix="compare-optuna-"))

# %% [markdown]
# ## The score
#
# A network whose three layers have fixed random weights. Only the classifier behind them is fitted, to half of
# scikit-learn's digits. An architecture says how wide each layer is, which activation it has, how strong its weights
# are, and which layers the classifier reads. The score on the other half is always the same, so it is computed once.

# %%
space = nas.Space(
    width=nas.slots([20, 40, 80, 160], 3, meaning="neurons of each layer"),
    activation=nas.slots(["relu", "tanh", "sin"], 3, meaning="activation of each layer"),
    scale=nas.slots([0.3, 1.0, 3.0], 3, meaning="deviation of each layer's weights, times the root of its inputs"),
    read=nas.choice(["last", "last two", "all"], meaning="the layers that the classifier reads"),
)
pixels, labels = load_digits(return_X_y=True)
pixels = (pixels - pixels.mean()) / pixels.std()
activations = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sin": np.sin}
scores = {}


def score(arch):
    text = space.text(arch)
    if text not in scores:
        source, x, features = np.random.default_rng(0), pixels, []
        for width, activation, scale in zip(arch["width"], arch["activation"], arch["scale"]):
            x = activations[activation](x @ source.normal(0, scale / np.sqrt(x.shape[1]), (x.shape[1], width)))
            features.append(x)
        features = np.hstack(features[{"last": 2, "last two": 1, "all": 0}[arch["read"]] :])
        fitted = RidgeClassifier().fit(features[::2], labels[::2])
        scores[text] = 100 * fitted.score(features[1::2], labels[1::2])
    return scores[text]


print(space)

# %% [markdown]
# ## Our searchers
#
# The budget counts different architectures: what a searcher proposes again is not scored, and costs nothing.

# %%
ours = ["rules", "surrogate", "random"]
bench = nas.bench(space, score, searchers=ours, seeds=options.seeds, budget=options.budget, out=folder / "bench")
best = {searcher: [run.result.best.value for run in bench.runs if run.searcher == searcher] for searcher in ours}

# %% [markdown]
# ## Optuna's TPE, multivariate and independent
#
# Each slot is a categorical parameter. TPE may propose an architecture again. Then it gets the value that is known, and
# that costs nothing either: the study goes on until as many different architectures are scored.

# %%
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate, in Optuna 4
repeats = {}


def tpe(seed, **how):
    seen = {}

    def objective(trial):
        arch = nas.suggest(trial, space)
        return seen.setdefault(space.text(arch), score(arch))

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, **how))
    while len(seen) < options.budget and len(study.trials) < 20 * options.budget:
        study.optimize(objective, n_trials=1)
    return study, len(study.trials) - len(seen)


for name, how in {"TPE multivariate": {"multivariate": True}, "TPE independent": {"multivariate": False}}.items():
    studies, repeated = zip(*(tpe(seed, **how) for seed in range(options.seeds)))
    best[name], repeats[name] = [study.best_value for study in studies], sum(repeated) / options.seeds

# %% [markdown]
# ## What came out
#
# Differences are between searches with the same seed, with a 95 % interval (t). An interval that holds 0 shows no
# difference. Nothing is corrected for the number of comparisons.

# %%
print(f"best of {options.budget} different architectures, mean of {options.seeds} seeds")
for name, values in sorted(best.items(), key=lambda each: -np.mean(each[1])):
    note = f"   {repeats[name]:.1f} proposals a search were repeats" if name in repeats else ""
    print(f"  {name:<17}{np.mean(values):6.2f} %   worst {min(values):.2f}, best {max(values):.2f}{note}")
for reference in repeats:
    print(f"difference to {reference}")
    for name in ours:
        differences = np.subtract(best[name], best[reference])
        low, high = ttest_1samp(differences, 0).confidence_interval()
        verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
        print(f"  {name:<17}{differences.mean():+6.2f}     [{low:+.2f}, {high:+.2f}]  {verdict}")

# %% [markdown]
# ## The same numbers elsewhere
#
# The report compares our searchers; a run as a study is what optuna-dashboard shows.

# %%
print("report ", bench.report(folder / "report.html"))
storage = f"sqlite:///{folder / 'studies.db'}"
first = bench.runs[0].result
study = first.to_optuna(storage)
print("study  ", study.study_name, f"{study.best_value:.2f}", "in", storage)
warm = nas.search(
    space,
    score,
    known=nas.from_optuna(storage, study.study_name, space),
    seed=1,
    budget=options.budget,
    show_progress=False,
    out=folder / "warm",
)
print(f"another {options.budget} that begin with it: {warm.best.value:.2f} %")

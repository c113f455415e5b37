# %% [markdown]
# # Search with a function of your own
#
# Which small network reads handwritten digits best, with at most 6,000 parameters? The score trains a network of
# scikit-learn for each architecture, in two processes. It takes about twenty seconds.
#
#     pip install "collm-nas[notebook]" scikit-learn

# %%
import argparse
import tempfile
import warnings
from itertools import pairwise
from pathlib import Path

import collm_nas as nas
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

options = argparse.ArgumentParser()
options.add_argument("--budget", type=int, default=40, help="how many architectures are scored")
options, _ = options.parse_known_args()  # a notebook has arguments of its own
folder = Path(tempfile.mkdtemp(prefix="own-function-"))  # choose a folder: then the same call continues a search
pixels, labels = load_digits(return_X_y=True)
pixels = pixels / 16
train, rest, train_labels, rest_labels = train_test_split(
    pixels, labels, test_size=0.5, random_state=0, stratify=labels
)
val, test, val_labels, test_labels = train_test_split(
    rest, rest_labels, test_size=0.5, random_state=0, stratify=rest_labels
)

# %% [markdown]
# ## The space
#
# `depth` says how many of the three widths are in use; the others are `None`.

# %%
space = nas.Space(
    depth=nas.choice([1, 2, 3], meaning="number of hidden layers"),
    width=nas.slots([8, 16, 32, 64], groups={"layers": 3}, active="depth", meaning="neurons of each hidden layer"),
    activation=nas.choice(["relu", "tanh", "logistic", "identity"], meaning="activation of every hidden layer"),
    step=nas.choice([0.01, 0.1, 1.0], meaning="size of the first step of the training"),
)
print(space)
print("for example", space.sample())


# %% [markdown]
# ## The score, the cost and the test
#
# What raises is that architecture's failure, and the search goes on. Large steps make some networks diverge here.


# %%
def layers(arch):
    return [width for width in arch["width"] if width is not None]


def trained(arch):
    how = {"activation": arch["activation"], "solver": "sgd", "learning_rate_init": arch["step"]}
    with warnings.catch_warnings(action="ignore"):  # scikit-learn warns that 30 epochs are few
        return MLPClassifier(layers(arch), **how, max_iter=30, random_state=0).fit(train, train_labels)


def score(arch):
    return 100 * trained(arch).score(val, val_labels)


def score_on_test(arch):
    return 100 * trained(arch).score(test, test_labels)


def params(arch):
    sides = [pixels.shape[1], *layers(arch), 10]
    return sum((before + 1) * after for before, after in pairwise(sides))


# %% [markdown]
# ## The search

# %%
result = nas.search(
    space,
    score,
    objective=nas.Metric("accuracy", "percent"),
    test=score_on_test,
    costs={"params": params},
    limits={"params": 6_000},
    budget=options.budget,
    workers=2,
    seed=1,
    out=folder / "run",
)
print(f"best   {result.best.architecture}")
print(f"       {result.best.value:.2f} % on validation, {result.best.test['accuracy']:.2f} % on test,", end=" ")
print(f"{result.best.costs['params']:,.0f} parameters")

# %% [markdown]
# ## What failed, and everything as a table

# %%
print(f"{len(result.failures)} of {result.spend['evaluations']} failed", end="")
print(f", for example {result.failures[0][1].partition(' (')[0][:90]}" if result.failures else "")

# %%
table = result.to_dataframe()
columns = ["value", "params", "depth", "activation", "step"]
print(table.nlargest(5, "value")[columns].to_string(index=False))

# %% [markdown]
# ## Any run can be read again, drawn and reported

# %%
again = nas.open_run(folder / "run", space)
print("again  ", "the same" if again.best == result.best else "another result")
again.plot().figure.savefig(folder / "trace.png")
print("drawn  ", folder / "trace.png")
print("report ", again.report(folder / "report.html"))

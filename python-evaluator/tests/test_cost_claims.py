"""What the texts of the families say about cost is true: each claim, held against the family's own counts.

The texts are the same for every supernet of a family, so a claim must hold for narrow ones too. Each test looks for the
words of a claim, then for the fact.
"""

import pytest

from collm_nas_evaluator.families import autoformer, ofa, spos

OFA_WIDTHS = (0.1, 0.3, 0.5, 1.0, 1.2)
SPOS_WIDTHS = (spos.OFFICIAL, spos.Widths(8, (32, 80, 160, 320), 512), spos.Widths(8, (16, 24, 32, 48), 64))


def says(text: str, *claims: str) -> None:
    for claim in claims:
        assert claim in text


@pytest.mark.parametrize("width", OFA_WIDTHS)
def test_ofa(width: float) -> None:
    meaning = {each.name: each.meaning for each in ofa.dimensions_with((32,))}
    counts = ofa.Counts(width, 10)

    def cost(r: int = 64, d: int = 4, ks: int = 5, e: int = 4) -> tuple[float, float]:
        slots = {"ks": ([ks] * d + [None] * (4 - d)) * 5, "e": ([e] * d + [None] * (4 - d)) * 5}
        values = counts.cost({"r": [r], "d": [d] * 5, **slots})
        return values["macs_m"], values["params_m"]

    says(meaning["r"], "The cost of all but a few small layers grows with its square", "no parameter depends on it")
    assert 3.4 < cost(r=192)[0] / cost(r=96)[0] <= 4
    assert cost(r=192)[1] == cost(r=96)[1]
    says(meaning["d"], "Each block more costs more")
    assert cost(d=2) < cost(d=3) < cost(d=4)
    says(
        meaning["ks"],
        "grow with the square of the side",
        "costs little where blocks are wide, and much where they are narrow",
    )
    for at in (0, 1):
        three, five, seven = (cost(ks=side)[at] for side in (3, 5, 7))
        assert (seven - five) / (five - three) == pytest.approx((49 - 25) / (25 - 9))
    growth = cost(ks=7)[0] / cost(ks=3)[0] - 1
    assert growth < 0.35 if width >= 1 else growth > 0.45
    says(
        meaning["e"],
        "Cost and parameters of a block grow about in proportion, whatever its width",
        "only those of squeeze-and-excitation grow faster",
    )
    for place in ofa.PLACES:
        macs, params = (
            after / before for before, after in zip(*(counts._block(place, 5, e, 64) for e in (3, 6)), strict=True)
        )
        is_faster = (place - 1) // ofa.DEEPEST in (1, 3, 4)
        assert 1.9 < macs < (2.4 if is_faster else 2.05)
        assert 2.1 < params < 2.9 if is_faster else 1.9 < params < 2.05


def test_a_larger_kernel_can_cost_more_than_a_larger_expansion() -> None:
    """Why no text ranks the two: in a narrow supernet the order is not that of the official ones."""

    def growth(width: float, r: int, *, ks: tuple[int, int] = (3, 3), e: tuple[int, int] = (4, 4)) -> float:
        first, last = (
            ofa.Counts(width, 10).cost({"r": [r], "d": [4] * 5, "ks": [ks[at]] * 20, "e": [e[at]] * 20})["macs_m"]
            for at in (0, 1)
        )
        return last / first

    assert growth(0.3, 32, ks=(3, 7)) > growth(0.3, 32, e=(4, 6))
    assert growth(1.0, 224, ks=(3, 7)) < growth(1.0, 224, e=(4, 6))


@pytest.mark.parametrize("widths", SPOS_WIDTHS, ids=["official", "half", "reduced"])
def test_spos(widths: spos.Widths) -> None:
    (dimension,) = spos.DIMENSIONS
    says(
        dimension.meaning,
        "grow with the square of the kernel's side, which is little in a wide stage and much in a narrow one",
        "Choice 3 has more of both than choice 0, and in a wide stage more than choice 2",
        "but in the first block of a stage it halves the map before everything else",
        "computes about as much as choice 0, or less",
        "The other blocks of one stage all cost the same",
    )
    counts = spos.Counts(widths, 10)
    first_of_stage = {0, 4, 8, 16}
    by_stage: dict[int, set[tuple[tuple[int, int], ...]]] = {}
    for place in spos.PLACES:
        stage = sum(place >= first for first in first_of_stage) - 1
        small, middle, large, deep = costs = tuple(counts._block(place, operation) for operation in spos.OPERATIONS)
        for at in (0, 1):
            assert (large[at] - middle[at]) / (middle[at] - small[at]) == pytest.approx(24 / 16)
            growth, width = large[at] / small[at] - 1, widths.stages[stage]
            assert growth < 0.31 if width >= 160 else growth > 0.29
        assert deep[1] > small[1]
        if place in first_of_stage:
            assert 0.6 < deep[0] / small[0] < 1.1
            continue
        by_stage.setdefault(stage, set()).add(costs)
        assert deep[0] > small[0]
        if widths.stages[stage] >= 64:
            assert deep[0] > large[0]
            assert deep[1] > large[1]
    assert [len(kinds) for kinds in by_stage.values()] == [1, 1, 1, 1]


@pytest.mark.parametrize("member", list(autoformer.MEMBERS))
def test_autoformer(member: str) -> None:
    choices = autoformer.CHOICES[member]["paper"]
    depth, dim, mlp, attention = (each.meaning for each in choices.dimensions())
    width, most, layers = (int(autoformer.MEMBERS[member].size[name]) for name in ("dim", "heads", "depth"))
    counts = autoformer.Counts(autoformer.Sizes(width, most, layers))

    def cost(layers: int = 12, width: int = 192, ratio: float = 4, heads: int = most) -> dict[str, float]:
        return counts.cost({"depth": [layers], "dim": [width], "mlp": [ratio] * layers, "heads": [heads] * layers})

    says(depth, "Each layer adds its cost and its parameters")
    says(dim, "grow about in proportion to it, and those of the MLPs with its square")
    says(mlp, "Its parameters and cost grow in proportion")
    says(attention, "the cost of attention grow about in proportion to their number")
    for unit in ("params_m", "flops_m"):

        def at(unit: str = unit, **raw: float) -> float:
            return cost(**raw)[unit]  # type: ignore[arg-type]

        assert at(layers=14) - at(layers=13) == pytest.approx(at(layers=13) - at(layers=12))
        assert at(ratio=4) - at(ratio=3) == pytest.approx(at(ratio=3) - at(ratio=2))
        assert at(heads=2) - at(heads=1) == pytest.approx(at(heads=3) - at(heads=2))
        whole = {width: at(width=width, ratio=4) - at(width=width, ratio=0) for width in (192, 384)}
        assert whole[384] / whole[192] == pytest.approx(4, rel=0.02)
        rest = {width: at(width=width, ratio=0) for width in (192, 384)}
        assert 1.6 < rest[384] / rest[192] < 2.1

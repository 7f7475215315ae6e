"""Perturbation as part of a disclosure policy: noise by cell key, or rounding, and what each demands of its figures.

Cell keys: Fraser and Wooton (2006), Monographs of Official Statistics, Eurostat; noise of greatest entropy: Giessing
(2016), PSD, LNCS 9867; amounts: Giessing and Tent (2019), UNECE/Eurostat work session, and deliverable D4.2 of "Open
source tools for perturbative confidentiality methods". Why and when: docs/decisions/perturbation.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, zip_longest
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from linkage.differential_privacy import DifferentialPrivacy

RoundingMethod = Literal["nearest", "up", "midpoint", "range", "controlled"]
Share = Annotated[float, Field(gt=0, le=1)]
Changes = tuple[int, ...]
"""The changes that a count may undergo, ascending."""

_SLACK = 1e-9


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AmountNoise(_Part):
    """Noise on a sum, in proportion to its largest contributors.

    Attributes:
        bound: the greatest change, in steps.
        variance: of the change, in steps squared.
        parts: so many parts each step is divided into.
        share_small: the noise's standard deviation as a share of a contributor's amount up to `flex_point`.
        share_large: what that share falls to for ever larger amounts.
        flex_point: the amount, in units of the measure, above which the share falls.
        flex_exponent: how fast it falls (q); at least 2 s / (s - l) for the two shares, or the share would rise first.
        weights: of the largest contributor, the second and so on; one is added to for each.
        extra_steps: so many steps are added to the change of a sensitive sum, away from zero.
    """

    bound: int = Field(ge=1, le=20)
    variance: float = Field(gt=0)
    parts: int = Field(default=1, ge=1, le=10)
    share_small: Share
    share_large: Share
    flex_point: float = Field(gt=0)
    flex_exponent: float = Field(default=3.0, ge=1, le=100)
    weights: tuple[Share, ...] = Field(default=(1.0,), min_length=1, max_length=6, strict=False)
    extra_steps: float = Field(default=0.0, ge=0, le=20)

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        if self.share_large > self.share_small:
            raise ValueError("share_large is above share_small")
        if self.share_large < self.share_small:
            # The sign of the flex function's slope at the flex point; from there on the slope only falls.
            least = 2 * self.share_small / (self.share_small - self.share_large)
            if self.flex_exponent < least:
                raise ValueError(
                    f"flex_exponent {self.flex_exponent:g} lets the share rise above share_small: at least {least:.4g}"
                )
        if self.weights[0] != 1 or any(one < other for one, other in pairwise(self.weights)):
            raise ValueError("weights must begin with 1 and not rise")
        if self.bound * self.parts > 100:
            raise ValueError("bound times parts is above 100")
        # An amount that is a single step, with the fewest ways to change: the scarcest of all rows.
        for steps in range(1, self.bound + 1):
            parts = amount_changes(steps, bound=self.bound, parts=self.parts)
            refuse_impossible_variance(parts, self.variance * self.parts**2, what=f"amounts of {steps} steps")
        return self


class Noise(_Part):
    """Counts of persons, changed by whole numbers that follow from who is counted and from a secret key.

    Attributes:
        bound: the greatest change of a count (D).
        variance: of the change (V); its mean is 0.
        never_up_to: counts from 1 to this are never printed (js).
        key_version: of the noise key. Another one is fresh noise, and two draws of noise tell more than one; so a new
            key is a new policy.
        month_to_month: has one value. Whoever writes it has read that noise by cell key does not protect one release
            against the next: the same persons get the same noise, so that any change tells that persons changed.
        amounts: noise of sums, by measure; sums of others are refused.
    """

    bound: int = Field(ge=1, le=50)
    variance: float = Field(gt=0)
    never_up_to: int = Field(default=0, ge=0, le=50)
    key_version: int = Field(ge=1)
    month_to_month: Literal["not_protected"]
    amounts: dict[str, AmountNoise] = {}

    @model_validator(mode="after")
    def _noise_is_possible(self) -> Self:
        refuse_impossible_noise(bound=self.bound, variance=self.variance, never_up_to=self.never_up_to)
        return self

    def weaker_than(self, floor: Noise) -> Iterator[str]:
        """In words, each figure that protects less than `floor` does."""
        for name in ("bound", "variance", "never_up_to"):
            if getattr(self, name) < getattr(floor, name):
                yield f"mechanism.noise.{name} is {getattr(self, name)}, the floor is {getattr(floor, name)}"
        if self.key_version != floor.key_version:
            yield "mechanism.noise.key_version is not the floor's: two draws of noise tell more than one"
        for measure, own in self.amounts.items():
            least = floor.amounts.get(measure)
            if least is None:
                yield f"mechanism.noise.amounts has {measure}, the floor hides it"
            elif any(
                getattr(own, name) < getattr(least, name)
                for name in ("share_small", "share_large", "flex_point", "extra_steps")
            ) or any(one < other for one, other in zip_longest(own.weights, least.weights, fillvalue=0.0)):
                yield f"mechanism.noise.amounts.{measure} is below the floor's"


class Rounding(_Part):
    """Counts of persons rounded to multiples of a base.

    Attributes:
        method: `nearest`, `up`, `midpoint` and `range` round what suppression lets be printed; `controlled` rounds the
            whole table so that it adds up, and hides nothing.
        base: what counts are rounded to.
    """

    method: RoundingMethod
    base: int = Field(ge=2, le=1000)

    @property
    def hides_instead(self) -> bool:
        """Whether it stands in for suppression rather than on top of it."""
        return self.method == "controlled"


class Mechanism(_Part):
    """How a policy changes numbers: by noise (keyed, or of differential privacy), or by rounding."""

    noise: Noise | None = None
    rounding: Rounding | None = None
    differential_privacy: DifferentialPrivacy | None = None

    # Any: what the dump holds.
    @model_serializer(mode="wrap")
    def _leave_out_what_came_later(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Absent, differential privacy leaves no trace, so that the hash of an older policy stays."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if value is not None or name != "differential_privacy"}

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.noise, self.rounding, self.differential_privacy)) != 1:
            raise ValueError("mechanism has one of noise, rounding and differential_privacy")
        return self

    @property
    def replaces_suppression(self) -> bool:
        """Whether small counts are changed instead of hidden."""
        return self.rounding is None or self.rounding.hides_instead


def weaker_mechanism(own: Mechanism | None, floor: Mechanism | None) -> Iterator[str]:
    """In words, what of a policy's mechanism protects less than the floor's, or cannot be compared with it."""
    if floor is None:
        if own is not None and own.replaces_suppression:
            yield "mechanism changes small counts, the floor hides them"
    elif own is None:
        yield "mechanism is absent, the floor has one"
    elif own.noise is not None and floor.noise is not None:
        yield from own.noise.weaker_than(floor.noise)
    elif own.differential_privacy is not None and floor.differential_privacy is not None:
        yield from own.differential_privacy.weaker_than(floor.differential_privacy)
    elif own.rounding is not None and floor.rounding is not None:
        if own.rounding.method != floor.rounding.method:
            yield f"mechanism.rounding.method is {own.rounding.method}, the floor is {floor.rounding.method}"
        if own.rounding.base % floor.rounding.base:
            yield f"mechanism.rounding.base is {own.rounding.base}, no multiple of the floor's {floor.rounding.base}"
    else:
        yield "mechanism is another than the floor's"


def count_changes(count: int, *, bound: int, never_up_to: int) -> Changes:
    """Every change of at most `bound` that makes a count neither negative nor 1 to `never_up_to`."""
    return tuple(
        change for change in range(-bound, bound + 1) if count + change == 0 or count + change > max(never_up_to, 0)
    )


def amount_changes(steps: int, *, bound: int, parts: int) -> Changes:
    """Every change of an amount of so many steps, in parts of a step, that does not make it negative."""
    return tuple(range(max(-bound, -steps) * parts, bound * parts + 1))


def distinct_counts(*, bound: int, never_up_to: int) -> int:
    """From this count on all counts have the same changes, as none makes them 0 or less, or 1 to `never_up_to`."""
    return bound if never_up_to == 0 else bound + never_up_to + 1


def variance_limits(changes: Changes) -> tuple[float, float] | None:
    """The least and the greatest variance of a change with mean 0; None where no mean is 0.

    With mean 0, two changes -a and b have the variance a * b. The closest pair around 0 has the least, the widest the
    greatest (the ends of the convex hull of the points (v, v squared) above 0).
    """
    below, above = [v for v in changes if v <= 0], [v for v in changes if v >= 0]
    if not below or not above:
        return None
    return float(-below[-1] * above[0]), float(-below[0] * above[-1])


def refuse_impossible_noise(*, bound: int, variance: float, never_up_to: int) -> None:
    """Refuse figures that no noise has, for some count.

    Raises:
        ValueError: names the count, its nearest changes and the variances that are possible.
    """
    for count in range(1, distinct_counts(bound=bound, never_up_to=never_up_to) + 1):
        changes = count_changes(count, bound=bound, never_up_to=never_up_to)
        refuse_impossible_variance(changes, variance, what=f"a count of {count}")


def refuse_impossible_variance(changes: Changes, variance: float, *, what: str) -> None:
    """Refuse a variance that no change of mean 0 has.

    Raises:
        ValueError: names what is changed, and the variances that are possible.
    """
    limits = variance_limits(changes)
    if limits is None:
        raise ValueError(f"no noise of mean 0 is possible for {what}: all its changes lie on one side of 0")
    least, greatest = limits
    if not least - _SLACK <= variance <= greatest + _SLACK:
        raise ValueError(
            f"no noise of variance {variance:g} is possible for {what}: its changes allow {least:g} to {greatest:g}"
        )

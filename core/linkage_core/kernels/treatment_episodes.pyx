# cython: freethreading_compatible = True
"""Treatment episodes of all persons, for a grid of permissible gaps, in one pass over their rows.

A person's rows become points in time: a day, the days that its own supply lasts, the days without supply until the next
point, and whether the treatment changed there. Points do not depend on the permissible gap, so every gap of a grid only
splits them anew. Points are made by one of two rules:

- of days: what is dispensed on one day is taken together, so the order of a day's rows has no say, and each drug keeps
  its own stock (or all share one, or nothing is carried);
- of rows (`compatible`): one row after the other, as AdhereR 0.8.1 has it, the defects that it is known for included.

In hospital a stock is neither used nor lost: points of days are made in home days, which leave hospital days out. How
stays lie between and inside the points is told afterwards (`lay_out`), by what hospital days count as.

Days of supply are doubles: multiples of 1/64 days are exact in them, and a stock that is converted to another dose is
not a multiple of anything. The twin is tests/reference/treatment_episodes.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUTPUT_FULL,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, hold_stays

cdef double UNITS_A_DAY = 64.0
cdef double LONG_AGO = -1e18

ctypedef enum Carry:
    CARRY_NOTHING = 0
    CARRY_POOLED = 1
    CARRY_PER_DRUG = 2

ctypedef enum Hospital:
    HOSPITAL_IGNORED = 0
    HOSPITAL_FROZEN = 1
    HOSPITAL_CREDITED = 2
    HOSPITAL_SHIFTS = 3

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int32_t* supply_64ths
    const double* dose

ctypedef struct Rule:
    Carry carry
    bint convert_dose
    bint drug_starts
    bint dose_starts
    bint append_gap
    bint compatible
    bint percent
    int32_t days
    const double* gap
    int64_t gaps
    const int32_t* at_day
    int64_t at_days
    Hospital hospital
    bint gaps_alone
    double least_gap

# `until` is the day on which the gap begins; a point of a stay begins no episode.
ctypedef struct Point:
    int32_t day
    bint changed
    bint stay
    double lasts
    double gap
    double until

# Days in hospital inside follow-up; `place` is the day of admission in home days.
ctypedef struct Stay:
    int32_t admitted
    int32_t discharged
    int32_t place

# What is known of one drug: of earlier days its end of supply and dose, and of today what was dispensed.
ctypedef struct Drug:
    int32_t code
    int32_t day
    int32_t seen_before
    int32_t doses_today
    double end
    double dose
    double lasts
    double amount
    double dose_today

ctypedef struct Workspace:
    Point* points
    Point* laid
    Drug* drugs
    Stay* stays
    int64_t stays_known

ctypedef struct Outcome:
    int64_t persons
    int32_t* start
    int32_t* end
    int32_t* episodes
    double* first_days
    double* first_grace
    int32_t* second_start
    uint8_t* covered
    const int64_t* listed_at
    int32_t* listed_start
    double* listed_gap
    double* listed_end


cdef class Scratch:
    """Room for the points and drugs of the person with most rows, and for the stays of the person with most of them."""
    cdef Workspace parts

    def __cinit__(self, int64_t rows, int64_t stays):
        self.parts.points = <Point*>malloc((rows + 1) * sizeof(Point))
        self.parts.laid = <Point*>malloc((rows + stays + 1) * sizeof(Point))
        self.parts.drugs = <Drug*>malloc((rows + 1) * sizeof(Drug))
        self.parts.stays = <Stay*>malloc((stays + 1) * sizeof(Stay))
        if (
            self.parts.points == NULL
            or self.parts.laid == NULL
            or self.parts.drugs == NULL
            or self.parts.stays == NULL
        ):
            raise MemoryError

    def __dealloc__(self):
        free(self.parts.points)
        free(self.parts.laid)
        free(self.parts.drugs)
        free(self.parts.stays)


cdef inline double supply_of(const Rows* rows, int64_t row) noexcept nogil:
    return rows.supply_64ths[row] / UNITS_A_DAY


# A stock at another dose: the same amount, for so many days. Equal doses change nothing, not even the last bit.
cdef inline double converted(double left, double dose_before, double dose) noexcept nogil:
    if dose_before == dose or dose_before <= 0 or dose <= 0:
        return left
    return left * dose_before / dose


# A person's stays inside [start, end), by day; those that touch or overlap are one.
cdef void know_stays(const Stays* stays, int64_t person, int32_t start, int32_t end, Workspace* scratch) noexcept nogil:
    cdef int64_t known = 0
    cdef int64_t row
    cdef int32_t admitted, discharged, before = 0
    if stays.offsets != NULL:
        for row in range(stays.offsets[person], stays.offsets[person + 1]):
            admitted, discharged = max(stays.admitted[row], start), min(stays.discharged[row], end)
            if discharged <= admitted:
                continue
            if known and admitted <= scratch.stays[known - 1].discharged:
                scratch.stays[known - 1].discharged = max(scratch.stays[known - 1].discharged, discharged)
                continue
            if known:
                before += scratch.stays[known - 1].discharged - scratch.stays[known - 1].admitted
            scratch.stays[known].admitted, scratch.stays[known].discharged = admitted, discharged
            scratch.stays[known].place = admitted - before
            known += 1
    scratch.stays_known = known


cdef inline int32_t home_day(const Workspace* scratch, int32_t day) noexcept nogil:
    cdef int32_t home = day
    cdef int64_t place
    for place in range(scratch.stays_known):
        if scratch.stays[place].admitted >= day:
            break
        home -= min(day, scratch.stays[place].discharged) - scratch.stays[place].admitted
    return home


# The day of a home day: before a stay that lies on it (what ends then), or behind it (what begins then).
cdef inline double day_of(const Workspace* scratch, double home, bint behind) noexcept nogil:
    cdef double day = home
    cdef int64_t place
    for place in range(scratch.stays_known):
        if scratch.stays[place].place > home or (scratch.stays[place].place == home and not behind):
            break
        day += scratch.stays[place].discharged - scratch.stays[place].admitted
    return day


# Points of rows, in their own order; the last day belongs to the follow-up. Returns how many there are.
cdef int64_t points_of_rows(
    const Rows* rows, const Rule* rule, int64_t row, int64_t row_end, int32_t end, Point* points
) noexcept nogil:
    cdef int64_t count = 0
    cdef int64_t before = -1
    cdef double carried = 0
    cdef double rest
    for row in range(row, row_end):
        if rows.day[row] > end:
            break
        if rows.supply_64ths[row] == 0:
            continue
        points[count].changed = points[count].stay = False
        if count:
            rest = rows.day[row] - points[count - 1].day - points[count - 1].lasts - carried
            points[count - 1].gap = max(rest, 0.0)
            points[count - 1].until = rows.day[row] - points[count - 1].gap
            carried = max(-rest, 0.0)
            if rule.carry == CARRY_NOTHING or (rule.carry == CARRY_PER_DRUG and rows.code[row] != rows.code[before]):
                carried = 0
            elif rule.convert_dose:
                carried = converted(carried, rows.dose[before], rows.dose[row])
            points[count].changed = rule.drug_starts and rows.code[row] != rows.code[before]
        points[count].day = rows.day[row]
        points[count].lasts = supply_of(rows, row)
        before = row
        count += 1
    if count:
        points[count - 1].gap = max(end - points[count - 1].day - points[count - 1].lasts - carried, 0.0)
        points[count - 1].until = end - points[count - 1].gap
    return count


# Whether a row of the same day before this one has its dose: a dispensing that is written in two rows is one dose.
cdef inline bint dose_is_new(
    const Rows* rows, int64_t first, int64_t row, bint any_drug
) noexcept nogil:
    cdef int64_t other
    for other in range(first, row):
        if (
            rows.supply_64ths[other] != 0
            and rows.dose[other] == rows.dose[row]
            and (any_drug or rows.code[other] == rows.code[row])
        ):
            return False
    return True


cdef inline Drug* drug_of(Drug* drugs, int64_t* known, int32_t code) noexcept nogil:
    cdef int64_t place
    for place in range(known[0]):
        if drugs[place].code == code:
            return &drugs[place]
    drugs[known[0]].code = code
    drugs[known[0]].day = drugs[known[0]].seen_before = -2147483648
    drugs[known[0]].end = LONG_AGO
    drugs[known[0]].dose = -1
    known[0] += 1
    return &drugs[known[0] - 1]


cdef inline void begin_day(Drug* drug, int32_t day) noexcept nogil:
    drug.seen_before = drug.day
    drug.day = day
    drug.lasts = drug.amount = drug.dose_today = 0
    drug.doses_today = 0


cdef inline void dispense(Drug* drug, double lasts, double dose, bint new_dose) noexcept nogil:
    drug.lasts += lasts
    drug.amount += lasts * dose
    if new_dose:
        drug.dose_today += dose
        drug.doses_today += 1


# Adds today's supply to the stock; what was left is converted to the dose that is in force from today.
cdef inline void fill_stock(Drug* drug, const Rule* rule, bint has_doses) noexcept nogil:
    cdef double left = max(drug.end - drug.day, 0.0)
    if rule.convert_dose:
        left = converted(left, drug.dose, drug.dose_today)
        if drug.doses_today > 1 and drug.dose_today > 0:
            drug.lasts = drug.amount / drug.dose_today
    drug.end = drug.day + (0.0 if rule.carry == CARRY_NOTHING else left) + drug.lasts
    if has_doses:
        drug.dose = drug.dose_today


# Points of days: what one day brings is one point. The day of the end no longer belongs to the follow-up. Days are home
# days: what is dispensed in hospital can be used from the day of discharge.
cdef int64_t points_of_days(
    const Rows* rows, const Rule* rule, int64_t row, int64_t row_end, int32_t end, Workspace* scratch
) noexcept nogil:
    cdef Point* points = scratch.points
    cdef Drug* drugs = scratch.drugs
    cdef Drug pool
    cdef Drug* drug
    cdef int64_t count = 0
    cdef int64_t known = 0
    cdef int64_t first, place
    cdef int32_t today, home_end = home_day(scratch, end)
    cdef bint has_doses = rows.dose != NULL
    cdef bint dispensed, in_common, dose_changed
    cdef double dose, reached = LONG_AGO
    pool.day = -2147483648
    pool.end, pool.dose = LONG_AGO, -1
    begin_day(&pool, pool.day)
    while row < row_end and rows.day[row] < end:
        first, today = row, home_day(scratch, rows.day[row])
        if count and today >= home_end:
            # Dispensed in a stay that lasts to the end: nobody was at home to use it.
            break
        dispensed = False
        while row < row_end and rows.day[row] < end and home_day(scratch, rows.day[row]) == today:
            if rows.supply_64ths[row] != 0:
                if not dispensed:
                    begin_day(&pool, today)
                    dispensed = True
                dose = rows.dose[row] if has_doses else 0.0
                dispense(&pool, supply_of(rows, row), dose, has_doses and dose_is_new(rows, first, row, True))
                drug = drug_of(drugs, &known, rows.code[row])
                if drug.day != today:
                    begin_day(drug, today)
                dispense(drug, supply_of(rows, row), dose, has_doses and dose_is_new(rows, first, row, False))
            row += 1
        if not dispensed:
            continue
        in_common = dose_changed = False
        points[count].lasts = 0
        points[count].stay = False
        if count:
            points[count - 1].gap = max(today - reached, 0.0)
            points[count - 1].until = today - points[count - 1].gap
        if rule.carry == CARRY_NOTHING or rule.convert_dose:
            # A stock that is used up at a higher dose ends before it was to end.
            reached = LONG_AGO
        for place in range(known):
            drug = &drugs[place]
            if drug.day != today:
                if rule.carry != CARRY_NOTHING:
                    reached = max(reached, drug.end)
                continue
            in_common |= count > 0 and drug.seen_before == points[count - 1].day
            dose_changed |= has_doses and drug.dose >= 0 and drug.dose != drug.dose_today
            fill_stock(drug, rule, has_doses)
            if rule.carry != CARRY_POOLED:
                points[count].lasts = max(points[count].lasts, drug.lasts)
                reached = max(reached, drug.end)
        if rule.carry == CARRY_POOLED:
            fill_stock(&pool, rule, has_doses)
            points[count].lasts, reached = pool.lasts, pool.end
        points[count].day = today
        points[count].changed = count > 0 and (
            (rule.drug_starts and not in_common) or (rule.dose_starts and dose_changed)
        )
        count += 1
    if count:
        points[count - 1].gap = max(home_end - reached, 0.0)
        points[count - 1].until = home_end - points[count - 1].gap
    return count


# Points in days of the calendar, between stays in hospital, by what hospital days count as: nothing (frozen), supply
# (credited), or days without (shifts). Returns how many there are.
cdef int64_t lay_out(const Rule* rule, int32_t end, int64_t count, Workspace* scratch) noexcept nogil:
    cdef Point* laid = scratch.laid
    cdef Point* point
    cdef Stay* stay
    cdef int64_t place, known = 0, number = 0
    cdef double until, begins
    for place in range(count):
        point = &scratch.points[place]
        laid[known] = point[0]
        laid[known].day = <int32_t>day_of(scratch, point.day, True)
        until = day_of(scratch, point.until, False)
        begins = day_of(scratch, scratch.points[place + 1].day, True) if place + 1 < count else end
        # Stays before this point's supply begins have been told.
        while number < scratch.stays_known and scratch.stays[number].place <= point.day:
            number += 1
        # Who is in hospital until the end has had no day without supply.
        if rule.hospital == HOSPITAL_SHIFTS and point.day < home_day(scratch, end):
            while number < scratch.stays_known and scratch.stays[number].place < point.until:
                stay = &scratch.stays[number]
                laid[known].until, laid[known].gap = stay.admitted, stay.discharged - stay.admitted
                known += 1
                laid[known] = point[0]
                laid[known].changed, laid[known].day = False, stay.discharged
                number += 1
            laid[known].until, laid[known].gap = until, begins - until
        elif rule.hospital == HOSPITAL_CREDITED and point.gap > 0:
            while number < scratch.stays_known and scratch.stays[number].place < point.until:
                number += 1
            laid[known].until = until
            while number < scratch.stays_known and scratch.stays[number].admitted < begins:
                stay = &scratch.stays[number]
                laid[known].gap = stay.admitted - laid[known].until
                known += 1
                laid[known] = point[0]
                laid[known].changed, laid[known].stay, laid[known].day = False, True, stay.admitted
                laid[known].until = stay.discharged
                number += 1
            laid[known].gap = begins - laid[known].until
        else:
            # What ends and begins at once, on either side of a stay, is one.
            laid[known].until = until if point.gap > 0 else begins
        known += 1
    return known


# Days of the calendar in which so many home days pass from the end of supply on.
cdef inline double passes(const Workspace* scratch, const Rule* rule, double until, double allowed) noexcept nogil:
    cdef double home
    if rule.hospital != HOSPITAL_FROZEN or scratch.stays_known == 0:
        return allowed
    home = home_day(scratch, <int32_t>until) + until - <int32_t>until
    return day_of(scratch, home + allowed, False) - until


cdef inline void list_episode(
    Outcome* outcome, int64_t person, int32_t number, int32_t start, double gap, double end
) noexcept nogil:
    cdef int64_t place
    if outcome.listed_at == NULL:
        return
    place = outcome.listed_at[person] + number - 1
    if place >= outcome.listed_at[person + 1]:
        return
    outcome.listed_start[place], outcome.listed_gap[place], outcome.listed_end[place] = start, gap, end


# Splits a person's points by one permissible gap.
cdef void split(
    const Point* points,
    int64_t count,
    int32_t end,
    const Rule* rule,
    int64_t gap,
    int64_t person,
    const Workspace* scratch,
    Outcome* outcome,
) noexcept nogil:
    cdef int64_t place, cell = gap * outcome.persons + person
    cdef int32_t start = 0
    cdef int32_t number = 0
    cdef double allowed, ends_on
    cdef bint exceeded, under_way = False
    for place in range(count):
        if not under_way:
            if points[place].stay:
                continue
            if number == 1 and outcome.second_start != NULL:
                outcome.second_start[cell] = points[place].day
            # The first begins with the first dispensing, even if that was made in hospital.
            start = points[place].day if number else outcome.start[person]
            number += 1
            under_way = True
        allowed = rule.gap[gap] * points[place].lasts / 100 if rule.percent else rule.gap[gap]
        exceeded = points[place].gap > allowed
        if place + 1 < count:
            if not exceeded and not points[place + 1].changed:
                continue
            ends_on = points[place].until
            if rule.append_gap and exceeded:
                ends_on += allowed
        else:
            # AdhereR ends the last episode where its gap is not exceeded but equal, and takes an appended gap off
            # where there is one episode only. See tests/spec/indicators/test_treatment_episodes.py.
            exceeded = exceeded or (rule.compatible and points[place].gap >= allowed)
            ends_on = points[place].until if exceeded else end
            if rule.append_gap and exceeded:
                ends_on += allowed if number > 1 or not rule.compatible else -allowed
        if number == 1:
            outcome.first_days[cell] = ends_on - start
            # Who changes treatment has stopped the old one at once: there is nothing to wait for.
            outcome.first_grace[cell] = (
                passes(scratch, rule, points[place].until, allowed) if exceeded or place + 1 == count else 0.0
            )
        list_episode(outcome, person, number, start, points[place].gap, ends_on)
        outcome.episodes[cell] = number
        under_way = False


cdef inline void end_episode(
    const Rule* rule, int64_t gap, int64_t person, int32_t begun, double without, double ends_on, Outcome* outcome
) noexcept nogil:
    cdef int64_t cell = gap * outcome.persons + person
    if without > rule.gap[gap] and rule.append_gap:
        ends_on += rule.gap[gap]
    if outcome.episodes[cell] == 1:
        outcome.first_days[cell] = ends_on - outcome.start[person]
    list_episode(outcome, person, outcome.episodes[cell], begun, without, ends_on)


cdef inline void begin_again(int64_t cell, int32_t day, Outcome* outcome) noexcept nogil:
    if outcome.episodes[cell] == 1 and outcome.second_start != NULL:
        outcome.second_start[cell] = day
    outcome.episodes[cell] += 1


# The day until which supply lasts once a row has added to it; `before` is the day of the row before.
cdef inline double lasts_until(
    const Rule* rule, Drug* drug, double reached, int32_t today, int32_t before, double supply
) noexcept nogil:
    if rule.carry == CARRY_POOLED:
        return max(reached, <double>today) + supply
    if rule.carry == CARRY_PER_DRUG or drug.day == today:
        drug.end = max(drug.end, <double>today) + supply
    else:
        drug.end = today + supply
    drug.day = today
    # Without carry-over an earlier day's supply ends with the next; what one day brings of several drugs does not.
    return max(reached, drug.end) if rule.carry == CARRY_PER_DRUG or before == today else drug.end


# Where nothing but gaps ends an episode, rows are walked as they are: no points are made, and all that is asked of a
# row is whether the supply before it lasted.
cdef void split_rows(
    const Rows* rows,
    const Rule* rule,
    int64_t person,
    int64_t row,
    int64_t row_end,
    int32_t end,
    Drug* drugs,
    Outcome* outcome,
) noexcept nogil:
    cdef int64_t gap, known = 0
    cdef int32_t begun = rows.day[row], before = begun - 1, today
    cdef double reached = begun
    cdef Drug* drug = NULL
    for gap in range(rule.gaps):
        outcome.episodes[gap * outcome.persons + person] = 1
        outcome.first_grace[gap * outcome.persons + person] = rule.gap[gap]
    for row in range(row, row_end):
        today = rows.day[row]
        if today >= end:
            break
        if rows.supply_64ths[row] == 0:
            continue
        if today - reached > rule.least_gap:
            for gap in range(rule.gaps):
                if today - reached > rule.gap[gap]:
                    end_episode(rule, gap, person, begun, today - reached, reached, outcome)
                    begin_again(gap * outcome.persons + person, today, outcome)
            # Episodes are listed for one gap only.
            begun = today
        if rule.carry != CARRY_POOLED and (drug == NULL or drug.code != rows.code[row]):
            drug = drug_of(drugs, &known, rows.code[row])
        reached = lasts_until(rule, drug, reached, today, before, supply_of(rows, row))
        before = today
    for gap in range(rule.gaps):
        end_episode(
            rule, gap, person, begun, max(end - reached, 0.0), reached if end - reached > rule.gap[gap] else end, outcome
        )


cdef inline bint in_hospital(const Workspace* scratch, int32_t day) noexcept nogil:
    cdef int64_t place
    for place in range(scratch.stays_known):
        if scratch.stays[place].admitted <= day < scratch.stays[place].discharged:
            return True
    return False


# Whether a whole day's supply is at hand on each of the days after the first dispensing; the days ascend. Points are in
# home days. A day in hospital that counts as nothing is told by 2.
cdef void cover(const Rule* rule, int64_t count, int64_t person, const Workspace* scratch, Outcome* outcome) noexcept nogil:
    cdef int64_t place, point = 0
    cdef int32_t day, home
    cdef uint8_t covered
    for place in range(rule.at_days):
        day = outcome.start[person] + rule.at_day[place]
        home = home_day(scratch, day)
        while point + 1 < count and scratch.points[point + 1].day <= home:
            point += 1
        covered = home + 1 <= scratch.points[point].until
        if rule.hospital != HOSPITAL_IGNORED and in_hospital(scratch, day):
            covered = 2 if rule.hospital == HOSPITAL_FROZEN else rule.hospital == HOSPITAL_CREDITED
        outcome.covered[place * outcome.persons + person] = covered


cdef KernelResult episodes_of_all(
    const int64_t* offsets,
    const int32_t* from_day,
    const int32_t* until_day,
    const int32_t* last_day,
    const Rows* rows,
    const Stays* stays,
    const Rule* rule,
    int64_t longest,
    Workspace* scratch,
    Outcome* outcome,
) noexcept nogil:
    cdef int64_t person, row, first, count, laid, gap, cell
    cdef int32_t end
    cdef const Point* points
    for person in range(outcome.persons):
        for gap in range(rule.gaps):
            cell = gap * outcome.persons + person
            outcome.episodes[cell] = 0
            outcome.first_days[cell] = outcome.first_grace[cell] = 0
            if outcome.second_start != NULL:
                outcome.second_start[cell] = 2147483647
        for gap in range(rule.at_days):
            outcome.covered[gap * outcome.persons + person] = 0
        outcome.start[person] = outcome.end[person] = 2147483647
        if offsets[person + 1] - offsets[person] > longest:
            return kernel_failed(KERNEL_OUTPUT_FULL, offsets[person])
        first = -1
        for row in range(offsets[person], offsets[person + 1]):
            if row > offsets[person] and rows.day[row] < rows.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            if rows.supply_64ths[row] < 0:
                return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
            if first < 0 and rows.supply_64ths[row] > 0 and rows.day[row] >= from_day[person]:
                first = row
        if first < 0 or rows.day[first] >= until_day[person]:
            continue
        end = min(rows.day[first] + rule.days, last_day[person])
        outcome.start[person], outcome.end[person] = rows.day[first], end
        if end <= rows.day[first]:
            continue
        know_stays(stays, person, rows.day[first], end, scratch)
        if rule.gaps_alone and scratch.stays_known == 0:
            if rule.gaps:
                split_rows(rows, rule, person, first, offsets[person + 1], end, scratch.drugs, outcome)
            continue
        if rule.compatible:
            count = points_of_rows(rows, rule, first, offsets[person + 1], end, scratch.points)
        else:
            count = points_of_days(rows, rule, first, offsets[person + 1], end, scratch)
        points, laid = scratch.points, count
        if scratch.stays_known:
            points, laid = scratch.laid, lay_out(rule, end, count, scratch)
        for gap in range(rule.gaps):
            split(points, laid, end, rule, gap, person, scratch, outcome)
        cover(rule, count, person, scratch, outcome)
    return kernel_ok()


def treatment_episodes(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] supply_64ths,
    const double[::1] dose,
    const int32_t[::1] from_day,
    const int32_t[::1] until_day,
    const int32_t[::1] last_day,
    const double[::1] gap,
    const int32_t[::1] at_day,
    int32_t[::1] start,
    int32_t[::1] end,
    int32_t[::1] episodes,
    double[::1] first_days,
    double[::1] first_grace,
    int32_t[::1] second_start,
    uint8_t[::1] covered,
    const int64_t[::1] listed_at,
    int32_t[::1] listed_start,
    double[::1] listed_gap,
    double[::1] listed_end,
    stays=None,
    *,
    int32_t days,
    int64_t longest,
    int carry,
    bint percent,
    bint convert_dose,
    bint drug_starts,
    bint dose_starts,
    bint append_gap,
    bint compatible,
    int hospital=0,
):
    cdef int64_t persons = from_day.shape[0]
    cdef int64_t place, most_stays = 0
    cdef Stays in_hospital_of
    cdef Rows rows
    cdef Rule rule
    cdef Outcome outcome
    cdef Scratch scratch
    cdef KernelResult result
    if not (
        offsets.shape[0] == persons + 1
        and day.shape[0] == code.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and dose.shape[0] in (0, day.shape[0])
        and (dose.shape[0] == day.shape[0] or not (convert_dose or dose_starts))
        and persons == until_day.shape[0] == last_day.shape[0] == start.shape[0] == end.shape[0]
        and gap.shape[0] * persons == episodes.shape[0] == first_days.shape[0] == first_grace.shape[0]
        and second_start.shape[0] in (0, episodes.shape[0])
        and at_day.shape[0] * persons == covered.shape[0]
        and listed_at.shape[0] in (0, persons + 1)
        and listed_start.shape[0] == listed_gap.shape[0] == listed_end.shape[0]
        and (listed_at.shape[0] == 0 or (gap.shape[0] == 1 and listed_at[persons] == listed_start.shape[0]))
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    for place in range(1, at_day.shape[0]):
        if at_day[place] < at_day[place - 1]:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_ORDER, place), "at_day")
    if persons == 0:
        return
    held = hold_stays(&in_hospital_of, None if hospital == HOSPITAL_IGNORED else stays, persons)
    if held is not None and compatible:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "admission_date")
    if in_hospital_of.offsets != NULL:
        for place in range(persons):
            most_stays = max(most_stays, in_hospital_of.offsets[place + 1] - in_hospital_of.offsets[place])
    rule.hospital = <Hospital>hospital
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.supply_64ths = &supply_64ths[0] if supply_64ths.shape[0] else NULL
    rows.dose = &dose[0] if dose.shape[0] else NULL
    rule.days, rule.percent, rule.compatible = days, percent, compatible
    rule.carry, rule.convert_dose, rule.append_gap = <Carry>carry, convert_dose, append_gap
    rule.drug_starts, rule.dose_starts = drug_starts, dose_starts
    rule.gap, rule.gaps = (&gap[0] if gap.shape[0] else NULL), gap.shape[0]
    rule.at_day, rule.at_days = (&at_day[0] if at_day.shape[0] else NULL), at_day.shape[0]
    rule.gaps_alone = not (
        compatible or percent or convert_dose or drug_starts or dose_starts or at_day.shape[0]
    )
    rule.least_gap = min(gap) if gap.shape[0] else 0
    outcome.persons, outcome.start, outcome.end = persons, &start[0], &end[0]
    outcome.episodes = &episodes[0] if episodes.shape[0] else NULL
    outcome.first_days = &first_days[0] if first_days.shape[0] else NULL
    outcome.first_grace = &first_grace[0] if first_grace.shape[0] else NULL
    outcome.second_start = &second_start[0] if second_start.shape[0] else NULL
    outcome.covered = &covered[0] if covered.shape[0] else NULL
    outcome.listed_at = &listed_at[0] if listed_at.shape[0] else NULL
    outcome.listed_start = &listed_start[0] if listed_start.shape[0] else NULL
    outcome.listed_gap = &listed_gap[0] if listed_gap.shape[0] else NULL
    outcome.listed_end = &listed_end[0] if listed_end.shape[0] else NULL
    scratch = Scratch(longest, most_stays)
    with nogil:
        result = episodes_of_all(
            &offsets[0],
            &from_day[0],
            &until_day[0],
            &last_day[0],
            &rows,
            &in_hospital_of,
            &rule,
            longest,
            &scratch.parts,
            &outcome,
        )
    raise_if_failed(result, "days_of_supply")

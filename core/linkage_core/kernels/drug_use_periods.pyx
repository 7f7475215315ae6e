# cython: freethreading_compatible = True
"""Drug use periods (PRE2DUP) of all persons and drugs, in one pass over their rows.

What a day brings of a drug is one purchase. A purchase lasts as long as the sliding average of defined daily doses says,
within the limits of its packages, or as its packages alone say where there are fewer than three purchases to average.
Periods go on where that reaches the next purchase, hospital stays and a few days more included, and where a purchase
was stockpiled; short gaps between periods are closed in the end.

Source: Tanskanen et al., BioData Mining 2015;8:21, as PRE2DUPR 0.2.0 computes it. The order of operations on doubles is
that of the R package, whose periods are cut to whole days at their end; sums of several numbers are rounded once, so
that the rows of a day have no order. The twin is tests/reference/drug_use_periods.py.
"""

from libc.math cimport exp, fabs, floor, isnan, rint, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUT_OF_RANGE,
    KERNEL_OUTPUT_FULL,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef double NOT_KNOWN = float("nan")
cdef int32_t NO_DAY = -2147483648
# An average above this is an error of registration; PRE2DUP cuts it before the spread is taken.
cdef double MOST_AVERAGE = 99.0
# Doses and parameters that are written with few digits say the same as the fractions they stand for: 84 days are 84.
cdef double PARTS_OF_A_DAY = 1e3

ctypedef struct Limits:
    double ddd_low
    double ddd_usual
    double days_min
    double days_usual
    double days_max

ctypedef struct Rule:
    double gap_max
    double duration_min
    double duration_max
    double single_max
    double ddd_max
    double hospital_max
    double days_covered
    double weight_past
    double weight_current
    double weight_next
    double weight_ends
    double join_percent

ctypedef struct Rows:
    const int32_t* day
    const int32_t* drug
    const int32_t* package
    const double* packages
    const double* ddd
    const Limits* of_package
    const Limits* of_drug
    int32_t known_packages
    int32_t known_drugs

ctypedef struct Stay:
    int32_t admitted
    int32_t discharged

# A sum whose rounding errors are kept beside it.
ctypedef struct Sum:
    double whole
    double rest

# `first_row` is the row of the day that stands first; a purchase of one kind of package has `kinds` = 1.
ctypedef struct Purchase:
    int64_t first_row
    int32_t day
    int32_t kinds
    int32_t gap
    int32_t hospital
    bint begins_block
    bint starts
    bint is_short
    bint any_hospital
    bint within_limits
    double packages
    double ddd
    double ddd_low
    double least
    double most
    double by_package
    double average
    double spread
    double lasts
    double reaches

ctypedef struct Period:
    int64_t first
    int64_t last
    double end

ctypedef struct Workspace:
    int64_t rows
    int64_t stays
    int64_t* order
    int64_t* count_of
    int32_t* drugs
    int32_t* place_of_drug
    Purchase* purchases
    Period* periods
    double* numbers
    Stay* stay

ctypedef struct Output:
    int64_t found
    int64_t room
    int32_t* person
    int32_t* drug
    int32_t* start
    int32_t* last
    int32_t* purchases
    int32_t* hospital_days
    double* end
    double* ddd
    double* lasts
    int32_t* refill_days
    double* refill_packages


cdef class Scratch:
    """Room for the rows, purchases, periods and stays of the person with most of each."""
    cdef Workspace room

    def __cinit__(self, int64_t rows, int64_t stays, int64_t drugs):
        cdef int64_t place
        self.room.rows, self.room.stays = rows, stays
        self.room.order = <int64_t*>malloc((rows + 1) * sizeof(int64_t))
        self.room.count_of = <int64_t*>malloc((rows + 2) * sizeof(int64_t))
        self.room.drugs = <int32_t*>malloc((rows + 1) * sizeof(int32_t))
        self.room.place_of_drug = <int32_t*>malloc((drugs + 1) * sizeof(int32_t))
        self.room.purchases = <Purchase*>malloc((rows + 1) * sizeof(Purchase))
        self.room.periods = <Period*>malloc((rows + 1) * sizeof(Period))
        self.room.numbers = <double*>malloc((rows + 1) * sizeof(double))
        self.room.stay = <Stay*>malloc((stays + 1) * sizeof(Stay))
        if (
            self.room.order == NULL
            or self.room.count_of == NULL
            or self.room.drugs == NULL
            or self.room.place_of_drug == NULL
            or self.room.purchases == NULL
            or self.room.periods == NULL
            or self.room.numbers == NULL
            or self.room.stay == NULL
        ):
            raise MemoryError
        for place in range(drugs):
            self.room.place_of_drug[place] = -1

    def __dealloc__(self):
        free(self.room.order)
        free(self.room.count_of)
        free(self.room.drugs)
        free(self.room.place_of_drug)
        free(self.room.purchases)
        free(self.room.periods)
        free(self.room.numbers)
        free(self.room.stay)


cdef inline void add(Sum* sum, double number) noexcept nogil:
    cdef double whole = sum.whole + number
    if fabs(sum.whole) >= fabs(number):
        sum.rest += (sum.whole - whole) + number
    else:
        sum.rest += (number - whole) + sum.whole
    sum.whole = whole


cdef inline void clear(Sum* sum) noexcept nogil:
    sum.whole = sum.rest = 0


cdef inline double rounded(const Sum* sum) noexcept nogil:
    return sum.whole + sum.rest


# Stays that overlap or touch become one; returns how many are left.
cdef int64_t unite(
    const int32_t* admitted, const int32_t* discharged, int64_t first, int64_t end, Stay* stays
) noexcept nogil:
    cdef int64_t count = 0
    cdef int64_t row
    for row in range(first, end):
        if count and admitted[row] <= stays[count - 1].discharged:
            stays[count - 1].discharged = max(stays[count - 1].discharged, discharged[row])
        else:
            stays[count].admitted, stays[count].discharged = admitted[row], discharged[row]
            count += 1
    return count


# Days in hospital from a purchase to the next (`following` may be NO_DAY), of stays that begin before `until`, which is
# cut to a whole day; `any_stay` tells whether there were days of any stay at all. A stay counts its days from the later
# of purchase and admission up to, not including, the day before discharge.
cdef int32_t days_in_hospital(
    const Stay* stays, int64_t count, int32_t day, double until, int32_t following, bint* any_stay
) noexcept nogil:
    cdef int32_t last_day = <int32_t>until
    cdef int32_t every = 0
    cdef int32_t during = 0
    cdef int32_t final, start, end
    cdef int64_t place
    for place in range(count):
        final = stays[place].discharged - 1
        if stays[place].admitted >= day:
            if stays[place].admitted >= (last_day if following == NO_DAY else following):
                break
            start = stays[place].admitted
        elif final > day:
            start = day
        else:
            continue
        if following == NO_DAY:
            if final <= day or stays[place].admitted >= last_day:
                continue
            end = final
        else:
            end = min(final, following)
        every += end - start
        if stays[place].admitted < last_day:
            during += end - start
    any_stay[0] = every > 0
    return during


cdef inline double within(double number, double least, double most) noexcept nogil:
    return min(max(number, least), most)


# Rows of a day, already by package, as one purchase.
cdef void take_day(
    const Rows* rows, const int64_t* order, int64_t first, int64_t end, const Rule* rule, Purchase* purchase
) noexcept nogil:
    cdef const Limits* drug = &rows.of_drug[rows.drug[order[first]]]
    cdef const Limits* own
    cdef const Limits* limits
    cdef int64_t place = first
    cdef int64_t row
    cdef int32_t package
    cdef bint known = True
    cdef bint has_ddd = True
    cdef double most_packages = 0
    cdef double low = 0
    cdef double shortest = 0
    cdef double longest = 0
    cdef Sum of_package, ddd_of_package, packages, ddd, by_ddd, by_days
    clear(&packages)
    clear(&ddd)
    clear(&by_ddd)
    clear(&by_days)
    purchase.first_row, purchase.day, purchase.kinds = order[first], rows.day[order[first]], 0
    while place < end:
        package = rows.package[order[place]]
        clear(&of_package)
        clear(&ddd_of_package)
        while place < end and rows.package[order[place]] == package:
            row = order[place]
            purchase.first_row = min(purchase.first_row, row)
            add(&of_package, rows.packages[row])
            add(&ddd_of_package, rows.ddd[row] if rows.ddd[row] > 0 else 0)
            place += 1
        own = &rows.of_package[package]
        limits = drug if isnan(own.days_usual) else own
        known = known and not isnan(own.days_usual)
        has_ddd = has_ddd and rounded(&ddd_of_package) > 0
        add(&packages, rounded(&of_package))
        add(&ddd, rounded(&ddd_of_package))
        if known:
            add(&by_ddd, rounded(&ddd_of_package) / own.ddd_usual)
            add(&by_days, rounded(&of_package) * own.days_usual)
            low = own.ddd_low if purchase.kinds == 0 else min(low, own.ddd_low)
        most_packages = max(most_packages, rounded(&of_package))
        shortest = max(shortest, rounded(&of_package) * limits.days_min)
        longest = max(longest, rounded(&of_package) * limits.days_max)
        purchase.kinds += 1
    purchase.packages, purchase.ddd = rounded(&packages), rounded(&ddd)
    purchase.ddd_low = low if known else drug.ddd_low
    purchase.least = max(min(shortest, rule.duration_max), rule.duration_min)
    purchase.most = min(max(longest, rule.duration_min), rule.duration_max)
    purchase.within_limits = True
    # Packages of several kinds on one day are used side by side, as many days as the most of one kind.
    if known and has_ddd:
        purchase.by_package = most_packages / purchase.packages * rounded(&by_ddd)
    elif known:
        purchase.by_package = most_packages / purchase.packages * rounded(&by_days)
    elif has_ddd:
        purchase.by_package = purchase.ddd / drug.ddd_usual
    else:
        purchase.by_package = drug.days_min
        purchase.within_limits = False
    purchase.by_package = rint(purchase.by_package * PARTS_OF_A_DAY) / PARTS_OF_A_DAY


# Purchases of one drug from its rows, which are by day; returns how many there are.
cdef int64_t take_days(
    const Rows* rows, int64_t* order, int64_t count, const Rule* rule, Purchase* purchases
) noexcept nogil:
    cdef int64_t found = 0
    cdef int64_t first = 0
    cdef int64_t end, place, row
    cdef Purchase* purchase
    while first < count:
        end = first + 1
        while end < count and rows.day[order[end]] == rows.day[order[first]]:
            row, place = order[end], end
            while place > first and rows.package[order[place - 1]] > rows.package[row]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = row
            end += 1
        purchase = &purchases[found]
        take_day(rows, order, first, end, rule, purchase)
        purchase.gap = purchase.day - purchases[found - 1].day if found else 0
        purchase.begins_block = found == 0 or purchase.gap > rule.gap_max
        purchase.starts = purchase.begins_block
        purchase.average = purchase.spread = NOT_KNOWN
        found += 1
        first = end
    return found


# The sliding average of defined daily doses a day over a block of three purchases or more, and its relative spread.
cdef void average_block(Purchase* block, int64_t count, const Rule* rule, double* average) noexcept nogil:
    cdef int64_t place
    cdef int64_t last = count - 1
    cdef double wait, after, doses, days, mean, spread
    cdef Sum sum
    # How long the last purchase will be used is not known: at the pace of the one before it.
    cdef double pace = block[last - 1].ddd / block[last].gap
    if pace > 0:
        wait = min(block[last].ddd / pace, rule.duration_max)
    else:
        wait = rule.duration_max if block[last].ddd > 0 else 0
    for place in range(count):
        if place == 0:
            doses = rule.weight_ends * block[0].ddd + rule.weight_next * block[1].ddd
            days = rule.weight_ends * block[1].gap + rule.weight_next * block[2].gap
        elif place < last:
            after = wait if place + 1 == last else block[place + 2].gap
            doses = (
                rule.weight_past * block[place - 1].ddd
                + rule.weight_current * block[place].ddd
                + rule.weight_next * block[place + 1].ddd
            )
            days = (
                rule.weight_past * block[place].gap
                + rule.weight_current * block[place + 1].gap
                + rule.weight_next * after
            )
        else:
            doses = rule.weight_ends * block[last].ddd + rule.weight_ends * block[last - 1].ddd
            days = rule.weight_ends * wait + rule.weight_ends * block[last].gap
        average[place] = min(doses / days, MOST_AVERAGE)
    clear(&sum)
    for place in range(count):
        add(&sum, average[place])
    mean = rounded(&sum) / count
    clear(&sum)
    for place in range(count):
        add(&sum, (average[place] - mean) * (average[place] - mean) / count)
    spread = NOT_KNOWN if mean == 0 else within(sqrt(rounded(&sum)) / mean, 0.2, 0.5)
    for place in range(count):
        block[place].average = within(average[place], block[place].ddd_low, rule.ddd_max)
        block[place].spread = spread


# How far a purchase reaches: what it lasts, its days in hospital, and a few days more.
cdef inline void extend(
    Purchase* purchases, int64_t place, int64_t count, const Stay* stays, int64_t stay_count, const Rule* rule
) noexcept nogil:
    cdef Purchase* purchase = &purchases[place]
    cdef int32_t following = purchases[place + 1].day if place + 1 < count else NO_DAY
    cdef bint any_stay = False
    purchase.hospital = 0
    if stay_count:
        purchase.hospital = days_in_hospital(
            stays, stay_count, purchase.day, purchase.day + purchase.lasts, following, &any_stay
        )
    purchase.any_hospital = any_stay
    purchase.reaches = purchase.lasts + min(<double>purchase.hospital, rule.hospital_max) + rule.days_covered


cdef inline double by_average(const Purchase* purchase) noexcept nogil:
    return purchase.ddd * (1 + purchase.spread) / purchase.average


# A purchase at a lower average than its neighbours uses up what was left of the one before: both last together.
cdef inline bint is_stocked(
    const Purchase* before, const Purchase* purchase, const Purchase* after, bint last_but_one, const Rule* rule
) noexcept nogil:
    cdef double both
    if not (
        after.starts
        and before.average > purchase.average
        and (after.average > purchase.average or (purchase.average > after.average and last_but_one))
    ):
        return False
    both = min(
        (before.ddd + purchase.ddd) * (1 + purchase.spread) / purchase.average, before.most + purchase.most
    )
    both += min(<double>(before.hospital + purchase.hospital), rule.hospital_max) + rule.days_covered
    return both >= purchase.gap + after.gap


cdef int64_t end_of_block(const Purchase* purchases, int64_t first, int64_t count) noexcept nogil:
    cdef int64_t end = first + 1
    while end < count and not purchases[end].begins_block:
        end += 1
    return end


cdef int64_t end_of_period(const Purchase* purchases, int64_t first, int64_t count) noexcept nogil:
    cdef int64_t end = first + 1
    while end < count and not purchases[end].starts:
        end += 1
    return end


# Which purchases start a period.
cdef void find_starts(
    Purchase* purchases,
    int64_t count,
    const Stay* stays,
    int64_t stay_count,
    const Rule* rule,
    double* numbers,
) noexcept nogil:
    cdef int64_t first = 0
    cdef int64_t end, place
    cdef double lasts
    cdef bint any_stay
    while first < count:
        end = end_of_block(purchases, first, count)
        if end - first > 2:
            average_block(&purchases[first], end - first, rule, numbers)
        first = end
    for place in range(count):
        lasts = by_average(&purchases[place])
        if lasts > 0:
            purchases[place].lasts = within(lasts, purchases[place].least, purchases[place].most)
        elif purchases[place].within_limits:
            purchases[place].lasts = within(purchases[place].by_package, purchases[place].least, purchases[place].most)
        else:
            purchases[place].lasts = purchases[place].by_package
        extend(purchases, place, count, stays, stay_count, rule)
    for place in range(1, count):
        if not purchases[place].begins_block:
            purchases[place].starts = purchases[place - 1].reaches < purchases[place].gap
    # Stock is looked for among the starts found so far, then all that it bridges are taken back at once.
    first = 0
    while first < count:
        end = end_of_block(purchases, first, count)
        for place in range(first, end):
            purchases[place].is_short = (
                first < place - 1
                and is_stocked(
                    &purchases[place - 2], &purchases[place - 1], &purchases[place], place == end - 1, rule
                )
            )
        first = end
    for place in range(count):
        if purchases[place].is_short:
            purchases[place].starts = False
    # In periods of one or two purchases there is no average worth its name: packages alone say how long they last.
    first = 0
    while first < count:
        end = end_of_period(purchases, first, count)
        for place in range(first, end):
            purchases[place].is_short = end - first < 3
        first = end
    for place in range(count):
        if purchases[place].is_short:
            purchases[place].lasts = purchases[place].by_package
            any_stay = purchases[place].any_hospital
            extend(purchases, place, count, stays, stay_count, rule)
            purchases[place].any_hospital = any_stay
    for place in range(1, count):
        if (
            purchases[place].is_short
            and not purchases[place].begins_block
            and purchases[place - 1].reaches >= purchases[place].gap
        ):
            purchases[place].starts = False


# The end of a period, after its last purchase.
cdef double end_of(
    const Purchase* last, int64_t purchases, const Stay* stays, int64_t stay_count, const Rule* rule
) noexcept nogil:
    cdef double lasts = last.lasts
    cdef int32_t hospital = 0
    cdef bint any_stay
    if purchases > 2 and not isnan(last.spread) and last.ddd > 0:
        # The more purchases, the less has to be guessed.
        lasts = last.ddd * (1 + last.spread) / (last.average * (1 + exp(-<double>purchases)))
    lasts = within(lasts, last.least, last.most)
    if purchases == 1:
        lasts = min(lasts, rule.single_max)
    if stay_count:
        hospital = days_in_hospital(stays, stay_count, last.day, last.day + lasts, NO_DAY, &any_stay)
    return last.day + (lasts + min(<double>hospital, rule.hospital_max))


# Closes gaps that are short beside the period before them, in rounds of an ever smaller share; returns what is left.
cdef int64_t join_periods(
    const Purchase* purchases, Period* periods, int64_t count, double percent
) noexcept nogil:
    cdef int64_t left, place
    cdef double start, end, begins
    cdef bint joined = True
    while joined:
        joined = False
        left = 0
        # Ends and starts of before the round decide: a period that is joined does not make room for the next yet.
        start, end = purchases[periods[0].first].day, periods[0].end
        for place in range(1, count):
            begins = purchases[periods[place].first].day
            if begins - end <= percent / 100 * (end - start):
                periods[left].last = periods[place].last
                start, end = begins, periods[place].end
                periods[left].end = end
                joined = True
            else:
                left += 1
                start, end = begins, periods[place].end
                periods[left] = periods[place]
        count = left + 1
        percent -= 0.1
    return count


# Days in hospital inside a period; its first and last day belong to it.
cdef int32_t hospital_days_of(const Stay* stays, int64_t count, int32_t start, int32_t end) noexcept nogil:
    cdef int32_t days = 0
    cdef int64_t place
    for place in range(count):
        if stays[place].admitted <= end and stays[place].discharged - 1 >= start:
            days += min(end, stays[place].discharged - 1) - max(start, stays[place].admitted)
    return days


# What the purchases of a period tell of how long their packages last, before periods are joined.
cdef void note_refills(const Purchase* purchases, int64_t first, int64_t end, Output* output) noexcept nogil:
    cdef int64_t place
    if end - first < 6:
        return
    for place in range(first, end - 1):
        if (
            not purchases[place].any_hospital
            and purchases[place].kinds == 1
            and purchases[place].packages == floor(purchases[place].packages)
        ):
            output.refill_days[purchases[place].first_row] = purchases[place + 1].gap
            output.refill_packages[purchases[place].first_row] = purchases[place].packages


cdef void put_period(
    const Purchase* purchases,
    const Period* period,
    const Stay* stays,
    int64_t stay_count,
    int32_t person,
    int32_t drug,
    Output* output,
) noexcept nogil:
    cdef int64_t place
    cdef int64_t found = output.found
    cdef Sum ddd
    clear(&ddd)
    for place in range(period.first, period.last + 1):
        add(&ddd, purchases[place].ddd)
        if output.lasts != NULL:
            output.lasts[purchases[place].first_row] = (
                period.end if place == period.last else purchases[place + 1].day
            ) - purchases[place].day
    output.person[found], output.drug[found] = person, drug
    output.start[found] = purchases[period.first].day
    output.last[found] = purchases[period.last].day
    output.purchases[found] = <int32_t>(period.last - period.first + 1)
    output.end[found], output.ddd[found] = period.end, rounded(&ddd)
    output.hospital_days[found] = hospital_days_of(
        stays, stay_count, output.start[found], <int32_t>period.end
    )
    output.found += 1


# Periods of one person and drug, whose rows are by day.
cdef void periods_of_drug(
    const Rows* rows,
    int64_t* order,
    int64_t count,
    int64_t stay_count,
    const Rule* rule,
    const Workspace* room,
    int32_t person,
    Output* output,
) noexcept nogil:
    cdef Purchase* purchases = room.purchases
    cdef Period* periods = room.periods
    cdef int64_t bought = take_days(rows, order, count, rule, purchases)
    cdef int64_t found = 0
    cdef int64_t first = 0
    cdef int64_t end, place
    find_starts(purchases, bought, room.stay, stay_count, rule, room.numbers)
    while first < bought:
        end = end_of_period(purchases, first, bought)
        if output.refill_days != NULL:
            note_refills(purchases, first, end, output)
        periods[found].first, periods[found].last = first, end - 1
        periods[found].end = end_of(&purchases[end - 1], end - first, room.stay, stay_count, rule)
        found += 1
        first = end
    found = join_periods(purchases, periods, found, rule.join_percent)
    for place in range(found):
        put_period(purchases, &periods[place], room.stay, stay_count, person, rows.drug[order[0]], output)


# Puts the rows of a person that count side by side by drug, in the order of each drug's first row.
cdef KernelResult sort_by_drug(
    const Rows* rows, int64_t first, int64_t end, const Workspace* room, int64_t* drugs
) noexcept nogil:
    cdef int64_t row, before
    cdef int64_t place
    cdef int64_t known = 0
    cdef int32_t drug
    cdef int32_t last_day = 0
    cdef KernelResult result = kernel_ok()
    for row in range(first, end):
        drug = rows.drug[row]
        if drug < 0 or not rows.packages[row] > 0:
            continue
        if drug >= rows.known_drugs or not 0 <= rows.package[row] < rows.known_packages:
            result = kernel_failed(KERNEL_OUT_OF_RANGE, row)
            break
        if known and rows.day[row] < last_day:
            result = kernel_failed(KERNEL_OUT_OF_ORDER, row)
            break
        last_day = rows.day[row]
        if room.place_of_drug[drug] < 0:
            room.place_of_drug[drug] = <int32_t>known
            room.drugs[known] = drug
            room.count_of[known] = 0
            known += 1
        room.count_of[room.place_of_drug[drug]] += 1
    if result.status == 0:
        before = 0
        for place in range(known):
            before += room.count_of[place]
            room.count_of[place] = before - room.count_of[place]
        for row in range(first, end):
            drug = rows.drug[row]
            if drug >= 0 and rows.packages[row] > 0:
                place = room.place_of_drug[drug]
                room.order[room.count_of[place]] = row
                room.count_of[place] += 1
    for place in range(known):
        room.place_of_drug[room.drugs[place]] = -1
    drugs[0] = known
    return result


cdef KernelResult periods_of_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int64_t* stay_offsets,
    const int32_t* admitted,
    const int32_t* discharged,
    const Rule* rule,
    const Workspace* room,
    Output* output,
) noexcept nogil:
    cdef int64_t person, place, first
    cdef int64_t drugs = 0
    cdef int64_t stays
    cdef KernelResult result
    for person in range(persons):
        if offsets[person + 1] == offsets[person]:
            continue
        if offsets[person + 1] - offsets[person] > room.rows:
            return kernel_failed(KERNEL_OUTPUT_FULL, offsets[person])
        if stay_offsets[person + 1] - stay_offsets[person] > room.stays:
            return kernel_failed(KERNEL_OUTPUT_FULL, stay_offsets[person])
        result = sort_by_drug(rows, offsets[person], offsets[person + 1], room, &drugs)
        if result.status != 0:
            return result
        if not drugs:
            continue
        stays = unite(admitted, discharged, stay_offsets[person], stay_offsets[person + 1], room.stay)
        first = 0
        for place in range(drugs):
            periods_of_drug(
                rows, &room.order[first], room.count_of[place] - first, stays, rule, room, <int32_t>person, output
            )
            first = room.count_of[place]
    return kernel_ok()


def drug_use_periods(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] package,
    const double[::1] packages,
    const double[::1] ddd,
    const double[:, ::1] package_limits,
    const double[:, ::1] drug_limits,
    const int64_t[::1] stay_offsets,
    const int32_t[::1] admitted,
    const int32_t[::1] discharged,
    const double[::1] rule,
    int32_t[:, ::1] period_numbers,
    double[:, ::1] period_amounts,
    double[::1] lasts,
    int32_t[::1] refill_days,
    double[::1] refill_packages,
    *,
    int64_t longest,
    int64_t most_stays,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef int64_t size = day.shape[0]
    cdef Rows rows
    cdef Rule parameters
    cdef Output output
    cdef Scratch scratch
    cdef Workspace room
    cdef KernelResult result
    if not (
        persons >= 0
        and offsets[persons] == size
        and size == drug.shape[0] == package.shape[0] == packages.shape[0] == ddd.shape[0]
        and package_limits.shape[1] == drug_limits.shape[1] == 5
        and stay_offsets.shape[0] == persons + 1
        and stay_offsets[persons] == admitted.shape[0] == discharged.shape[0]
        and rule.shape[0] * sizeof(double) == sizeof(Rule)
        and period_numbers.shape[0] == 6
        and period_amounts.shape[0] == 2
        and period_numbers.shape[1] == period_amounts.shape[1] == size
        and lasts.shape[0] in (0, size)
        and refill_days.shape[0] in (0, size)
        and refill_packages.shape[0] == refill_days.shape[0]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if size == 0:
        return 0
    rows.day, rows.drug, rows.package = &day[0], &drug[0], &package[0]
    rows.packages, rows.ddd = &packages[0], &ddd[0]
    rows.known_packages, rows.known_drugs = <int32_t>package_limits.shape[0], <int32_t>drug_limits.shape[0]
    rows.of_package = <const Limits*>&package_limits[0, 0] if rows.known_packages else NULL
    rows.of_drug = <const Limits*>&drug_limits[0, 0] if rows.known_drugs else NULL
    parameters = (<const Rule*>&rule[0])[0]
    output.found = 0
    output.person, output.drug = &period_numbers[0, 0], &period_numbers[1, 0]
    output.start, output.last = &period_numbers[2, 0], &period_numbers[3, 0]
    output.purchases, output.hospital_days = &period_numbers[4, 0], &period_numbers[5, 0]
    output.end, output.ddd = &period_amounts[0, 0], &period_amounts[1, 0]
    output.lasts = &lasts[0] if lasts.shape[0] else NULL
    output.refill_days = &refill_days[0] if refill_days.shape[0] else NULL
    output.refill_packages = &refill_packages[0] if refill_packages.shape[0] else NULL
    scratch = Scratch(longest, most_stays, rows.known_drugs)
    room = scratch.room
    with nogil:
        result = periods_of_all(
            &rows,
            &offsets[0],
            persons,
            &stay_offsets[0],
            &admitted[0] if admitted.shape[0] else NULL,
            &discharged[0] if discharged.shape[0] else NULL,
            &parameters,
            &room,
            &output,
        )
    raise_if_failed(result, "dispensing_date")
    return output.found

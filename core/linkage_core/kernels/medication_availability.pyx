# cython: freethreading_compatible = True
"""CMA1 to CMA9 of each person and window, in one pass over her rows.

All measures rest on one recursion: how many days the supply at hand lasts from each event on. `compat` is AdhereR's own,
row by row, where supply carries over to the next row. `corrected` takes the rows of a day together and keeps a stock for
each drug, or one for all. Days are counted from the start of a person's follow-up, so that a shift of all dates changes
no bit.
"""

from libc.math cimport INFINITY, NAN, ceil, floor, rint
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef enum:
    MEASURES = 9

# Why a measure has no value; the order is that of STATES in the stub.
cdef enum:
    HAS_VALUE = 0
    NO_EVENT = 1
    ONE_EVENT = 2
    NO_TIME = 3
    BAD_SUPPLY = 4
    BAD_DOSE = 5
    STOPPED = 6

ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const int32_t* drug
    const double* supply
    const double* dose

ctypedef struct Rule:
    bint corrected
    bint same_medication
    bint dosage_change

# One dispensing inside follow-up. `drug` is 0 for all where they share a stock, `dose` 1 where none is read.
ctypedef struct Item:
    int32_t day
    int32_t drug
    double supply
    double dose

# One dispensing, or in corrected mode all of a day.
ctypedef struct Event:
    int32_t day
    double supply
    int64_t first
    int64_t end

# On an event's day: how long earlier supply still lasts, and how long all that is at hand does.
ctypedef struct Reach:
    double carried
    double lasting

ctypedef struct Stock:
    int32_t drug
    double empty_on
    double dose

# The days of the events lie in one row as well: searching them is adding up comparisons, many at a time.
ctypedef struct Person:
    Item* items
    Event* events
    int32_t* days
    Reach* of_follow_up
    Reach* of_window
    Stock* stocks
    int64_t count
    int32_t follow_up_end
    bint one_drug

ctypedef struct Value:
    double number
    uint8_t state


cdef inline Value known(double number) noexcept nogil:
    cdef Value value
    value.number, value.state = number, HAS_VALUE
    return value


cdef inline Value unknown(uint8_t state) noexcept nogil:
    cdef Value value
    value.number, value.state = 0, state
    return value


# AdhereR divides by no days and says so; the corrected measure is undefined.
cdef inline Value no_time(const Rule* rule, double number) noexcept nogil:
    cdef Value value
    value.number, value.state = 0 if rule.corrected else number, NO_TIME
    return value


cdef inline bint before(const Item* one, const Item* other) noexcept nogil:
    if one.day != other.day:
        return one.day < other.day
    if one.drug != other.drug:
        return one.drug < other.drug
    if one.dose != other.dose:
        return one.dose < other.dose
    return one.supply < other.supply


# Puts the newest item where it belongs among those of its day: sums are then the same whatever their order was.
cdef inline void settle(Item* items, int64_t place) noexcept nogil:
    cdef Item item = items[place]
    while place > 0 and before(&item, &items[place - 1]):
        items[place] = items[place - 1]
        place -= 1
    items[place] = item


# Collects what was dispensed inside follow-up; a row with a negative supply is none of the events.
cdef uint8_t collect(
    const Rows* rows, const Rule* rule, int64_t row, int64_t end, int32_t start, Person* person
) noexcept nogil:
    cdef int64_t items = 0, place
    cdef Item* item
    person.count, person.one_drug = 0, True
    while row < end and rows.day[row] < start:
        row += 1
    while row < end and rows.day[row] <= person.follow_up_end + start:
        if rows.supply[row] < 0:
            row += 1
            continue
        item = &person.items[items]
        item.day, item.supply = rows.day[row] - start, rows.supply[row]
        item.drug = rows.drug[row] if rule.same_medication else 0
        item.dose = rows.dose[row] if rule.dosage_change else 1
        # A missing value is NaN, which is not above 0 either.
        if not item.supply > 0 or item.supply == INFINITY:
            return BAD_SUPPLY
        if not item.dose > 0 or item.dose == INFINITY:
            return BAD_DOSE
        person.one_drug = person.one_drug and item.drug == person.items[0].drug
        if rule.corrected:
            settle(person.items, items)
        items += 1
        row += 1
    for place in range(items):
        item = &person.items[place]
        if person.count == 0 or not rule.corrected or item.day != person.events[person.count - 1].day:
            person.days[person.count] = item.day
            person.events[person.count].day, person.events[person.count].first = item.day, place
            person.events[person.count].supply = 0
            person.count += 1
        person.events[person.count - 1].supply += item.supply
        person.events[person.count - 1].end = place + 1
    return HAS_VALUE


cdef void follow_rows(const Person* person, const Rule* rule, int64_t first, Reach* reach) noexcept nogil:
    cdef int64_t i
    cdef const Item* item
    cdef double carried = 0
    for i in range(first, person.count):
        item = &person.items[i]
        reach[i].carried, reach[i].lasting = carried, item.supply + carried
        if i + 1 == person.count:
            break
        carried = max(0.0, reach[i].lasting - (item[1].day - item.day))
        if rule.same_medication and item[1].drug != item.drug:
            carried = 0
        elif item[1].dose != item.dose:
            carried = carried * item.dose / item[1].dose


# Adds what a day brings to one stock; returns how long the stock lasted before. Rows of one stock lie together, by dose.
cdef double refill(
    const Person* person, const Rule* rule, int64_t first, int64_t end, Stock* stock, bint is_new
) noexcept nogil:
    cdef const Item* item = &person.items[first]
    cdef double carried = 0 if is_new else max(0.0, stock.empty_on - item.day)
    cdef double supply = 0, amount = 0, dose = 0
    cdef int64_t place
    for place in range(first, end):
        # Different doses of one day are taken together; a second package of the same dose is only more of it.
        if place == first or person.items[place].dose != person.items[place - 1].dose:
            dose += person.items[place].dose
        supply += person.items[place].supply
        amount += person.items[place].supply * person.items[place].dose
    if rule.dosage_change:
        if not is_new and dose != stock.dose:
            carried = carried * stock.dose / dose
        if dose != item.dose:
            supply = amount / dose
    stock.drug, stock.dose, stock.empty_on = item.drug, dose, item.day + carried + supply
    return carried


# One stock, of the only drug or of all, held in registers; most days bring a single row.
cdef void follow_pool(const Person* person, const Rule* rule, int64_t first, Reach* reach) noexcept nogil:
    cdef int64_t i
    cdef const Item* item
    cdef Stock pool
    cdef double carried = 0
    pool.empty_on, pool.dose = 0, 0
    for i in range(first, person.count):
        item = &person.items[person.events[i].first]
        if person.events[i].end - person.events[i].first > 1:
            carried = refill(person, rule, person.events[i].first, person.events[i].end, &pool, i == first)
        else:
            carried = 0 if i == first else max(0.0, pool.empty_on - item.day)
            if i > first and item.dose != pool.dose:
                carried = carried * pool.dose / item.dose
            pool.dose, pool.empty_on = item.dose, item.day + carried + item.supply
        reach[i].carried, reach[i].lasting = carried, pool.empty_on - item.day


cdef void follow_stocks(const Person* person, const Rule* rule, int64_t first, Reach* reach) noexcept nogil:
    cdef int64_t i, item, end, stock, stocks = 0
    cdef int32_t day
    cdef double empty_on
    for i in range(first, person.count):
        day, item = person.events[i].day, person.events[i].first
        reach[i].carried = 0
        # Stocks of drugs that this day does not bring lie there too.
        for stock in range(stocks):
            reach[i].carried = max(reach[i].carried, person.stocks[stock].empty_on - day)
        while item < person.events[i].end:
            end = item + 1
            while end < person.events[i].end and person.items[end].drug == person.items[item].drug:
                end += 1
            stock = 0
            while stock < stocks and person.stocks[stock].drug != person.items[item].drug:
                stock += 1
            refill(person, rule, item, end, &person.stocks[stock], stock == stocks)
            stocks = max(stocks, stock + 1)
            item = end
        empty_on = 0
        for stock in range(stocks):
            empty_on = max(empty_on, person.stocks[stock].empty_on)
        reach[i].lasting = empty_on - day


cdef inline void follow(const Person* person, const Rule* rule, int64_t first, Reach* reach) noexcept nogil:
    if rule.corrected and not person.one_drug:
        follow_stocks(person, rule, first, reach)
    elif rule.corrected:
        follow_pool(person, rule, first, reach)
    else:
        follow_rows(person, rule, first, reach)


# Days without supply between an event and the next one, or the end for the last event of `count`.
cdef inline double gap_after(
    const Person* person, const Reach* reach, int64_t i, int64_t count, double end
) noexcept nogil:
    cdef double until = person.events[i + 1].day if i + 1 < count else end
    return max(0.0, until - person.events[i].day - reach[i].lasting)


cdef int64_t events_before(const Person* person, double day, bint itself) noexcept nogil:
    # A stock at a far smaller dose may last longer than days can be counted.
    cdef int32_t limit = <int32_t>min(floor(day) + 1 if itself else ceil(day), 2e9)
    cdef int64_t low = 0, high = person.count, middle, i
    cdef int32_t found = 0
    # Halves are jumps that nobody foresees; where few events are left, all of them are compared.
    while high - low > 64:
        middle = (low + high) >> 1
        if person.days[middle] < limit:
            low = middle + 1
        else:
            high = middle
    for i in range(low, high):
        found += person.days[i] < limit
    return low + found


# CMA1: supply of all events but the last, over the days from the first to the last.
cdef Value cma1(const Person* person, const Rule* rule, int64_t first, int64_t count) noexcept nogil:
    cdef double supply = 0
    cdef int64_t i
    if count - first < 2:
        return unknown(ONE_EVENT if count > first else NO_EVENT)
    if person.events[count - 1].day == person.events[first].day:
        return unknown(NO_TIME)
    for i in range(first, count - 1):
        supply += person.events[i].supply
    return known(supply / (person.events[count - 1].day - person.events[first].day))


# CMA2: supply of all events over the days from the first to the end.
cdef Value cma2(const Person* person, const Rule* rule, int64_t first, int64_t count, double end) noexcept nogil:
    cdef double supply = 0
    cdef int64_t i
    if count == first:
        return unknown(NO_EVENT)
    for i in range(first, count):
        supply += person.events[i].supply
    if end == person.events[first].day:
        return no_time(rule, INFINITY)
    return known(supply / (end - person.events[first].day))


cdef Value at_most_1(Value value) noexcept nogil:
    # AdhereR's infinity is cut as well, and is then a value like another.
    if value.number == INFINITY:
        return known(1)
    if value.number > 1:
        value.number = 1
    return value


# CMA5 leaves out the gap after the last event, CMA6 does not. Nothing is carried into the window.
cdef Value cma5_or_6(
    const Person* person, const Rule* rule, int64_t first, int64_t count, double end, bint to_the_end
) noexcept nogil:
    cdef double days, gaps = 0
    cdef int64_t i
    if count == first or (count - first < 2 and not to_the_end):
        return unknown(ONE_EVENT if count > first else NO_EVENT)
    days = (end if to_the_end else person.events[count - 1].day) - person.events[first].day
    if days == 0:
        return no_time(rule, NAN) if to_the_end else unknown(NO_TIME)
    for i in range(first, count if to_the_end else count - 1):
        gaps += gap_after(person, person.of_window, i, count, end)
    return known(1 - gaps / days)


# CMA7: what is left of the window without gaps; supply is carried in from the start of follow-up.
cdef Value cma7(const Person* person, const Rule* rule, double start, double end, double days) noexcept nogil:
    cdef int64_t count = events_before(person, end, True)
    cdef int64_t first = min(events_before(person, start, False), count)
    cdef double gaps = 0, lead
    cdef int64_t i
    if count == 0:
        return unknown(NO_EVENT)
    if days <= 0:
        return no_time(rule, NAN)
    if first == count:
        gaps = gap_after(person, person.of_follow_up, count - 1, count, end)
        return known(1 - gaps / days if gaps <= days else 0)
    for i in range(first, count):
        gaps += gap_after(person, person.of_follow_up, i, count, end)
    lead = person.events[first].day - start
    if first > 0:
        lead = min(lead, gap_after(person, person.of_follow_up, first - 1, count, end))
    return known(1 - (gaps + lead) / days)


# CMA8: as CMA7, from the day on which supply from before the window ends.
cdef Value cma8(const Person* person, const Rule* rule, double start, double end) noexcept nogil:
    cdef double begin = start, days
    cdef int64_t i
    for i in range(events_before(person, start, False)):
        begin = max(begin, person.events[i].day + person.of_follow_up[i].lasting)
    if begin == start:
        return cma7(person, rule, start, end, end - start)
    days = rint(end - begin)
    if rule.corrected and days <= 0:
        return known(1)
    if begin > end:
        # AdhereR stops where an event lies behind the end and not behind that day, and says 0 else.
        if events_before(person, begin, True) > events_before(person, end, True):
            return unknown(STOPPED)
        return known(0)
    return cma7(person, rule, begin, begin + days, days)


# CMA9: each day has the share of its interval that was covered, in the whole of follow-up.
cdef Value cma9(const Person* person, const Rule* rule, double start, double end) noexcept nogil:
    cdef double covered = 0, until, days, inside
    cdef int64_t i
    if events_before(person, end, True) == 0:
        return unknown(NO_EVENT)
    if end <= start:
        return no_time(rule, NAN)
    for i in range(person.count):
        until = person.events[i + 1].day if i + 1 < person.count else person.follow_up_end
        days = until - person.events[i].day
        inside = min(until, end) - max(<double>person.events[i].day, start)
        if inside > 0:
            covered += inside * (1 - gap_after(person, person.of_follow_up, i, person.count, until) / days)
    return known(covered / (end - start))


# What is said of one person and window; `place_of_measure` tells which measures are asked for.
ctypedef struct Answers:
    const int8_t* place_of_measure
    int64_t stride
    double* number
    uint8_t* state


cdef inline void answer(const Answers* answers, int measure, int64_t cell, Value value) noexcept nogil:
    cdef int8_t place = answers.place_of_measure[measure - 1]
    if place >= 0:
        answers.number[place * answers.stride + cell] = value.number
        answers.state[place * answers.stride + cell] = value.state


cdef inline bint asked(const Answers* answers, int measure) noexcept nogil:
    return answers.place_of_measure[measure - 1] >= 0


cdef void measure_window(
    Person* person, const Rule* rule, double start, double end, const Answers* answers, int64_t cell
) noexcept nogil:
    cdef int64_t first = events_before(person, start, False)
    cdef int64_t count = max(events_before(person, end, True), first)
    cdef int64_t i
    cdef Value value
    if asked(answers, 1) or asked(answers, 3):
        value = cma1(person, rule, first, count)
        answer(answers, 1, cell, value)
        answer(answers, 3, cell, at_most_1(value))
    if asked(answers, 2) or asked(answers, 4):
        value = cma2(person, rule, first, count, end)
        answer(answers, 2, cell, value)
        answer(answers, 4, cell, at_most_1(value))
    if asked(answers, 5) or asked(answers, 6):
        # Without an earlier event nothing was carried in, and what was worked out for follow-up holds.
        if first == 0:
            for i in range(count):
                person.of_window[i] = person.of_follow_up[i]
        else:
            follow(person, rule, first, person.of_window)
        answer(answers, 5, cell, cma5_or_6(person, rule, first, count, end, False))
        answer(answers, 6, cell, cma5_or_6(person, rule, first, count, end, True))
    if asked(answers, 7):
        answer(answers, 7, cell, cma7(person, rule, start, end, end - start))
    if asked(answers, 8):
        answer(answers, 8, cell, cma8(person, rule, start, end))
    if asked(answers, 9):
        answer(answers, 9, cell, cma9(person, rule, start, end))


cdef void say_everywhere(
    const Answers* answers, int64_t person, int64_t windows, int64_t persons, uint8_t state
) noexcept nogil:
    cdef int64_t window
    cdef int measure
    for window in range(windows):
        for measure in range(1, MEASURES + 1):
            answer(answers, measure, window * persons + person, unknown(state))


cdef KernelResult in_order(const Rows* rows, int64_t first, int64_t end) noexcept nogil:
    cdef int64_t row
    for row in range(first + 1, end):
        if rows.day[row] < rows.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
    return kernel_ok()


cdef KernelResult measure_all(
    const Rows* rows,
    int64_t persons,
    const int32_t* follow_up_start,
    const int32_t* follow_up_end,
    const int32_t* window_start,
    const int32_t* window_end,
    int64_t windows,
    const Rule* rule,
    Person* person,
    const Answers* answers,
) noexcept nogil:
    cdef int64_t i, window, cell
    cdef int32_t start
    cdef uint8_t state
    cdef KernelResult result
    for i in range(persons):
        result = in_order(rows, rows.offsets[i], rows.offsets[i + 1])
        if result.status:
            return result
        start = follow_up_start[i]
        if follow_up_end[i] < start:
            say_everywhere(answers, i, windows, persons, NO_TIME)
            continue
        person.follow_up_end = follow_up_end[i] - start
        state = collect(rows, rule, rows.offsets[i], rows.offsets[i + 1], start, person)
        if state != HAS_VALUE:
            say_everywhere(answers, i, windows, persons, state)
            continue
        follow(person, rule, 0, person.of_follow_up)
        for window in range(windows):
            cell = window * persons + i
            measure_window(person, rule, window_start[cell] - start, window_end[cell] - start, answers, cell)
    return kernel_ok()


# Scratch for the longest history.
cdef class Workspace:
    cdef Person person

    def __cinit__(self, int64_t rows):
        rows = max(rows, 1)
        self.person.items = <Item*>malloc(rows * sizeof(Item))
        self.person.events = <Event*>malloc(rows * sizeof(Event))
        self.person.days = <int32_t*>malloc(rows * sizeof(int32_t))
        self.person.of_follow_up = <Reach*>malloc(rows * sizeof(Reach))
        self.person.of_window = <Reach*>malloc(rows * sizeof(Reach))
        self.person.stocks = <Stock*>malloc(rows * sizeof(Stock))
        if not (
            self.person.items and self.person.events and self.person.days
            and self.person.of_follow_up and self.person.of_window and self.person.stocks
        ):
            raise MemoryError

    def __dealloc__(self):
        free(self.person.items)
        free(self.person.events)
        free(self.person.days)
        free(self.person.of_follow_up)
        free(self.person.of_window)
        free(self.person.stocks)


cdef int64_t longest_history(const int64_t[::1] offsets) noexcept nogil:
    cdef int64_t longest = 0, i
    for i in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return longest


cdef Rows rows_of(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const double[::1] supply,
    const double[::1] dose,
    int64_t persons,
    bint dosage_change,
) except *:
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and day.shape[0] == drug.shape[0] == supply.shape[0] == offsets[persons]
        and (not dosage_change or dose.shape[0] == day.shape[0])
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    rows.offsets = &offsets[0]
    rows.day = &day[0] if day.shape[0] else NULL
    rows.drug = &drug[0] if day.shape[0] else NULL
    rows.supply = &supply[0] if day.shape[0] else NULL
    rows.dose = &dose[0] if dosage_change and day.shape[0] else NULL
    return rows


def measure_availability(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const double[::1] supply,
    const double[::1] dose,
    const int32_t[::1] follow_up_start,
    const int32_t[::1] follow_up_end,
    const int32_t[:, ::1] window_start,
    const int32_t[:, ::1] window_end,
    const int8_t[::1] place_of_measure,
    double[:, :, ::1] number,
    uint8_t[:, :, ::1] state,
    *,
    bint corrected,
    bint same_medication,
    bint dosage_change,
):
    cdef int64_t persons = follow_up_start.shape[0], windows = window_start.shape[0], place
    cdef Rows rows = rows_of(offsets, day, drug, supply, dose, persons, dosage_change)
    cdef Rule rule
    cdef Answers answers
    cdef KernelResult result
    if not (
        follow_up_end.shape[0] == window_start.shape[1] == window_end.shape[1] == persons
        and number.shape[1] == state.shape[1] == window_end.shape[0] == windows
        and number.shape[2] == state.shape[2] == persons
        and number.shape[0] == state.shape[0]
        and place_of_measure.shape[0] == MEASURES
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "window")
    for place in range(MEASURES):
        if place_of_measure[place] >= number.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "measure")
    if persons == 0 or windows == 0 or number.shape[0] == 0:
        return
    cdef Workspace workspace = Workspace(longest_history(offsets))
    rule.corrected, rule.same_medication, rule.dosage_change = corrected, same_medication, dosage_change
    answers.place_of_measure, answers.stride = &place_of_measure[0], windows * persons
    answers.number, answers.state = &number[0, 0, 0], &state[0, 0, 0]
    with nogil:
        result = measure_all(
            &rows, persons, &follow_up_start[0], &follow_up_end[0], &window_start[0, 0], &window_end[0, 0], windows,
            &rule, &workspace.person, &answers,
        )
    raise_if_failed(result, "dispensing_date")


# Interval, gap and carry-in of each event up to the end of a window; NaN is nothing.
ctypedef struct EventColumns:
    int32_t* person
    int32_t* day
    double* supply
    double* interval
    double* gap
    double* carried


cdef KernelResult list_all(
    const Rows* rows,
    int64_t persons,
    const int32_t* follow_up_start,
    const int32_t* follow_up_end,
    const int32_t* window_start,
    const int32_t* window_end,
    const Rule* rule,
    Person* person,
    const EventColumns* out,
    int64_t* events,
) noexcept nogil:
    cdef int64_t i, event, place, count
    cdef int32_t start
    cdef double end, until
    cdef KernelResult result
    for i in range(persons):
        result = in_order(rows, rows.offsets[i], rows.offsets[i + 1])
        if result.status:
            return result
        start = follow_up_start[i]
        if follow_up_end[i] < start:
            continue
        person.follow_up_end = follow_up_end[i] - start
        if collect(rows, rule, rows.offsets[i], rows.offsets[i + 1], start, person) != HAS_VALUE:
            continue
        follow(person, rule, 0, person.of_follow_up)
        end = window_end[i] - start
        count = events_before(person, end, True)
        for event in range(person.count):
            place = events[0] + event
            out.person[place], out.day[place] = <int32_t>i, person.events[event].day + start
            out.supply[place] = person.events[event].supply
            out.interval[place] = out.gap[place] = out.carried[place] = NAN
            if event < count:
                until = person.events[event + 1].day if event + 1 < count else end
                if out.day[place] >= window_start[i]:
                    out.interval[place] = until - person.events[event].day
                out.gap[place] = gap_after(person, person.of_follow_up, event, count, end)
                out.carried[place] = person.of_follow_up[event].carried
        events[0] += person.count
    return kernel_ok()


def list_events(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const double[::1] supply,
    const double[::1] dose,
    const int32_t[::1] follow_up_start,
    const int32_t[::1] follow_up_end,
    const int32_t[::1] window_start,
    const int32_t[::1] window_end,
    int32_t[::1] event_person,
    int32_t[::1] event_day,
    double[::1] event_supply,
    double[::1] interval,
    double[::1] gap,
    double[::1] carried,
    *,
    bint corrected,
    bint same_medication,
    bint dosage_change,
):
    cdef int64_t persons = follow_up_start.shape[0], events = 0
    cdef Rows rows = rows_of(offsets, day, drug, supply, dose, persons, dosage_change)
    cdef Rule rule
    cdef EventColumns out
    cdef KernelResult result
    if not (
        follow_up_end.shape[0] == window_start.shape[0] == window_end.shape[0] == persons
        and event_person.shape[0] == event_day.shape[0] == event_supply.shape[0] == day.shape[0]
        and interval.shape[0] == gap.shape[0] == carried.shape[0] == day.shape[0]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "window")
    if persons == 0 or day.shape[0] == 0:
        return 0
    cdef Workspace workspace = Workspace(longest_history(offsets))
    rule.corrected, rule.same_medication, rule.dosage_change = corrected, same_medication, dosage_change
    out.person, out.day, out.supply = &event_person[0], &event_day[0], &event_supply[0]
    out.interval, out.gap, out.carried = &interval[0], &gap[0], &carried[0]
    with nogil:
        result = list_all(
            &rows, persons, &follow_up_start[0], &follow_up_end[0], &window_start[0], &window_end[0],
            &rule, &workspace.person, &out, &events,
        )
    raise_if_failed(result, "dispensing_date")
    return events

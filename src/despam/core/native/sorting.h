/* Ids in order: what training reads of a row.

   Knows numbers below a power of two and nothing of what they stand for. Sorted here because numpy's sort, asked for group by group,
   cost more in calls than in sorting.
   Invariant: as many numbers come out as went in, equal ones side by side. */

#define DIGIT_BITS 7
#define FEW_IDS 48 /* below it moving them up one by one is faster than counting digits */

/* Move each of a few ids up to its place. */
static void insert_ids(const uint32_t *from, Py_ssize_t n, uint32_t *to) {
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t at = i;
        for (; at > 0 && to[at - 1] > from[i]; at--) to[at] = to[at - 1];
        to[at] = from[i];
    }
}

/* Put ids in order by one digit, equal ones as they stood. */
static void sort_by_digit(const uint32_t *from, Py_ssize_t n, int shift, uint32_t *to) {
    uint32_t starts[1 << DIGIT_BITS] = {0}, sum = 0;
    for (Py_ssize_t i = 0; i < n; i++) starts[from[i] >> shift & ((1 << DIGIT_BITS) - 1)]++;
    for (int digit = 0; digit < 1 << DIGIT_BITS; digit++) {
        uint32_t count = starts[digit];
        starts[digit] = sum;
        sum += count;
    }
    for (Py_ssize_t i = 0; i < n; i++) to[starts[from[i] >> shift & ((1 << DIGIT_BITS) - 1)]++] = from[i];
}

/* Write ids up to `mask` to `to` in order; `from` is spent, and `beside` has room for as many. */
static void sort_ids(uint32_t *from, Py_ssize_t n, uint32_t mask, uint32_t *beside, uint32_t *to) {
    if (n < FEW_IDS) { insert_ids(from, n, to); return; }
    uint32_t *source = from;
    for (int shift = 0; mask >> shift; shift += DIGIT_BITS) {
        int last = !(mask >> shift >> DIGIT_BITS);
        uint32_t *target = last ? to : source == beside ? from : beside;
        sort_by_digit(source, n, shift, target);
        source = target;
    }
}

/* Blocks that do not count (comments, styles, scripts) left out of a long text: repair.cut_source in C.

   Knows UTF-8 as bytes and plain searches in it, sixteen places at once. Invariant: one search a kind of end, and what is left is at
   most STRIPPED characters. */

static uint8_t CUT[4 * STRIPPED + 16];

/* Find bytes by the first and the last of them, sixteen places at once; NULL for none. */
static const uint8_t *find(const uint8_t *p, const uint8_t *end, const char *what) {
    Py_ssize_t n = (Py_ssize_t)strlen(what);
    for (; end - p >= n + 15; p += 16) {
        uint64_t at = gather((Bytes)((load_bytes(p) == (uint8_t)what[0]) & (load_bytes(p + n - 1) == (uint8_t)what[n - 1])));
        for (; at; at &= at - 1) {
            const uint8_t *found = p + __builtin_ctzll(at);
            if (!memcmp(found, what, (size_t)n)) return found;
        }
    }
    for (; end - p >= n; p++)
        if (!memcmp(p, what, (size_t)n)) return p;
    return NULL;
}

/* Skip `count` characters, or as many as there are. */
static const uint8_t *skip_up_to(const uint8_t *p, const uint8_t *end, Py_ssize_t count) {
    for (; count >= 16 && end - p >= 16 && !gather((Bytes)(load_bytes(p) > 127)); count -= 16) p += 16;
    for (; count > 0 && p < end; count--) p = skip_characters(p, 1);
    return p;
}

static const struct { const char *start, *end; } HIDDEN_BLOCKS[] = { /* repair.unseen_blocks */
    {"<!--", "-->"}, {"<style", "</style>"}, {"<STYLE", "</STYLE>"}, {"<script", "</script>"}};
enum { BLOCK_KINDS = 4 };

/* Mark where a kind of block that is not `given_up` may start, sixteen places at once, by its first three letters. */
static uint64_t may_start(const uint8_t *p, unsigned given_up) {
    Bytes angle = (Bytes)(load_bytes(p) == '<'), starts = {0};
    if (!gather(angle)) return 0;
    Bytes second = load_bytes(p + 1), third = load_bytes(p + 2);
    for (int kind = 0; kind < BLOCK_KINDS; kind++)
        if (!(given_up >> kind & 1)) {
            const char *start = HIDDEN_BLOCKS[kind].start;
            starts |= (Bytes)((second == (uint8_t)start[1]) & (third == (uint8_t)start[2]));
        }
    return gather(angle & starts);
}

/* Find the next comment, style or script that starts and ends before `limit`; a kind that is never closed is `given_up`.
   Behind `limit` the text goes on for more than a block of bytes. */
static const uint8_t *next_block(const uint8_t *p, const uint8_t *limit, unsigned *given_up, const uint8_t **end) {
    for (; p < limit && *given_up != (1u << BLOCK_KINDS) - 1; p += 16) {
        for (uint64_t at = may_start(p, *given_up); at; at &= at - 1) {
            const uint8_t *start = p + __builtin_ctzll(at);
            for (int kind = 0; kind < BLOCK_KINDS && start < limit; kind++) {
                if (*given_up >> kind & 1 || memcmp(start, HIDDEN_BLOCKS[kind].start, strlen(HIDDEN_BLOCKS[kind].start))) continue;
                const uint8_t *closed = find(start, limit, HIDDEN_BLOCKS[kind].end);
                if (!closed) { *given_up |= 1u << kind; continue; }
                *end = closed + strlen(HIDDEN_BLOCKS[kind].end);
                return start;
            }
        }
    }
    return NULL;
}

static uint8_t *put(uint8_t *to, const uint8_t *from, const uint8_t *end) {
    memcpy(to, from, (size_t)(end - from));
    return to + (end - from);
}

/* Bound the work, comments and styles not counted, into CUT; gives how many bytes are left. */
static Py_ssize_t cut_source(const uint8_t *t, Py_ssize_t size) {
    const uint8_t *end = t + size, *tail = skip_back(end, TAIL * WINDOW), *at = t, *start, *stop = t;
    uint8_t *out = CUT;
    unsigned given_up = 0;
    Py_ssize_t left = HEAD * WINDOW;
    for (int blocks = 0; blocks < BLOCKS_SKIPPED && (start = next_block(at, tail, &given_up, &stop)); blocks++) {
        Py_ssize_t kept = start - at >= 4 * left ? left : count_characters(at, start);
        if (kept >= left) break;
        left -= kept;
        out = put(out, at, start);
        *out++ = ' ';
        at = stop;
        REPORT(HTML);
    }
    stop = skip_up_to(at, tail, left);
    out = put(out, at, stop);
    if (stop < tail) *out++ = '\n';
    return put(out, tail, end) - CUT;
}

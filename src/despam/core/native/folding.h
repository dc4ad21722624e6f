/* Text -> words, in lower case on one line and as written: features.split. */

/* Give the first eight bytes of a word, zeros after its end, and spread all of it over 64 bits. */
static inline uint64_t word_head(const uint8_t *p, int32_t size) {
    uint64_t head = load64(p);
    return size >= 8 ? head : head & ((1ULL << 8 * size) - 1);
}


static void start_line(void) {
    memset(S.line, 0, EDGE);
    S.line[EDGE] = ' ';
    S.words = 0;
    S.starts_upper = 0;
    memset(S.seen, 0, sizeof S.seen);
}

static inline void store64(uint8_t *p, uint64_t value) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(value >> 8 * i);
}

/* Say which flags the letters and zeros of up to eight bytes have together: bit 6 marks a letter, bit 5 with it a small one. */
static uint8_t flags_of(uint64_t written) {
    uint64_t letter = written & 0x4040404040404040ULL, small = written << 1 & 0x4040404040404040ULL;
    return (uint8_t)((letter ? LETTER : 0) | (letter & small ? LOWER : 0) | (letter & ~small ? UPPER | CHANGES : 0) |
                     (small & ~letter ? DIGIT : 0));
}

/* Put one word of S.written, which starts there at `from`, on the line at `out`; gives where it ends. */
static int32_t put_word(int32_t from, int32_t size, int32_t out) {
    uint64_t head = load64(S.written + from);
    uint8_t flags = flags_of(size >= 8 ? head : head & ((1ULL << 8 * size) - 1));
    for (int32_t at = 0; at < size; at += 8) {
        store64(S.line + out + at, load64(S.lower + from + at));
        if (at) flags |= flags_of(word_head(S.written + from + at, size - at));
    }
    S.word[S.words++] = (Word){.start = out, .size = size, .chars = size, .written = from, .written_size = size,
                               .written_chars = size, .flags = flags};
    S.line[out + size] = ' ';
    return out + size + 1;
}

/* Write letters and digits of a block to S.written and S.lower, count its marks; gives one bit a letter or digit. */
static uint64_t fold_block(const uint8_t *t, Py_ssize_t at) {
    uint64_t inside = 0, marks = 0;
    EACH_16(i) {
        Bytes b = load_bytes(t + i), letter = within(b | 32, 'a', 26), digit = within(b, '0', 10), wordly = letter | digit;
        b = (b & ~digit) | (digit & '0');
        Bytes lower = b | (letter & 32);
        memcpy(S.written + at + i, &b, 16);
        memcpy(S.lower + at + i, &lower, 16);
        inside |= gather(wordly) << i;
        marks |= gather(~wordly & (Bytes)(b != ' ')) << i;
    }
    for (; marks; marks &= marks - 1) S.seen[t[__builtin_ctzll(marks)]]++;
    return inside;
}

/* Leave out the apostrophes, which belong to the words around them: rare enough for a loop of its own. */
static Py_ssize_t without_apostrophes(const uint8_t *t, Py_ssize_t n, uint8_t *to) {
    Py_ssize_t out = 0;
    while (n) {
        const uint8_t *next = memchr(t, '\'', (size_t)n);
        Py_ssize_t size = next ? next - t : n;
        memcpy(to + out, t, (size_t)size);
        out += size;
        t += size + (next != NULL);
        n -= size + (next != NULL);
        S.seen['\''] += next != NULL;
    }
    return out;
}

/* Words of plain ASCII, blanks behind it. */
static void fold_ascii(const uint8_t *t, Py_ssize_t n) {
    static uint8_t joined[SCORED + 2 * BLOCK];
    int32_t out = EDGE + 1, start = -1;
    start_line();
    if (memchr(t, '\'', (size_t)n)) {
        n = without_apostrophes(t, n, joined);
        memset(joined + n, ' ', BLOCK);
        t = joined;
    }
    for (Py_ssize_t at = 0; at < n; at += BLOCK) {
        uint64_t inside = fold_block(t + at, at), edges = inside ^ (inside << 1 | (start >= 0)); /* starts and ends in turn */
        for (; edges; edges &= edges - 1) {
            int32_t edge = (int32_t)at + __builtin_ctzll(edges);
            if (start < 0) { start = edge; continue; }
            out = put_word(start, edge - start, out);
            start = -1;
        }
    }
    if (start >= 0) out = put_word(start, (int32_t)n - start, out);
    memset(S.line + out, 0, 16);
    S.starts_upper = S.words && FLAGS[S.written[S.word[0].written]] & UPPER;
}

/* Words of S.code, and its skeleton. */
static void fold_wide(Py_ssize_t n) {
    int32_t out = EDGE + 1, put = 0;
    Word *w = NULL;
    start_line();
    for (Py_ssize_t i = 0; i < n; i++) {
        const Character *c = character(S.code[i]);
        uint8_t bone = S.bones[i] = c->bone, alone = c->flags & IDEOGRAPH_WORD;
        S.seen[bone & 127] += !is_letter(bone) && !is_digit(bone);
        if (c->as_written == NOTHING) continue;
        if (w && (alone || c->as_written == SEPARATOR)) {
            w->size = out - w->start;
            w->written_size = put - w->written;
            S.line[out++] = ' ';
            w = NULL;
        }
        if (c->as_written == SEPARATOR) continue;
        if (!w) {
            w = &S.word[S.words++];
            *w = (Word){.start = out, .written = put};
            if (S.words == 1) S.starts_upper = c->flags & UPPER;
        }
        w->flags |= (c->flags & (LETTER | UPPER | LOWER | DIGIT | CHANGES)) | (c->lower_size > 1 ? BEYOND : 0);
        if (!(c->flags & DIGIT)) w->flags |= LETTER; /* a mark is no digit either */
        memcpy(S.written + put, c->written, 4);
        memcpy(S.line + out, c->lower, 8);
        put += c->written_size;
        w->written_chars++;
        for (int k = 0; k < c->lower_size; k++) w->chars += (c->lower[k] & 0xC0) != 0x80;
        out += c->lower_size;
        if (alone) {
            w->size = out - w->start;
            w->written_size = put - w->written;
            S.line[out++] = ' ';
            w = NULL;
        }
    }
    if (w) {
        w->size = out - w->start;
        w->written_size = put - w->written;
        S.line[out++] = ' ';
    }
    memset(S.line + out, 0, 16);
    memset(S.bones + n, ' ', BLOCK);
}

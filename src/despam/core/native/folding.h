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
    S.starts_upper = S.has_leet = 0;
    S.cased_words = S.shouted_words = S.characters = 0;
    memset(S.seen, 0, sizeof S.seen);
}

/* Count a word that is complete; which ones hold a capital nothing foretells, so no branch asks. */
static inline void count_word(const Word *w) {
    S.cased[S.cased_words] = (uint16_t)(w - S.word);
    S.cased_words += w->flags & CHANGES ? 1 : 0;
    S.shouted_words += ((w->flags & (UPPER | LOWER)) == UPPER) & (w->written_chars > 1);
    S.has_leet |= (w->flags & (DIGIT | LETTER)) == (DIGIT | LETTER);
    S.characters += w->chars;
}

/* What stands where in a block of ASCII: one bit a character. */
typedef struct { uint64_t inside, capitals, digits; } Marks;

/* Say which flags the characters of some places of a block have together. */
static inline uint8_t flags_of(const Marks *m, uint64_t places) {
    uint64_t capitals = m->capitals & places, digits = m->digits & places, small = m->inside & ~(m->capitals | m->digits) & places;
    return (uint8_t)((capitals ? LETTER | UPPER | CHANGES : 0) | (small ? LETTER | LOWER : 0) | (digits ? DIGIT : 0));
}

/* Put one word of S.written, which starts there at `from`, on the line at `out`; gives where it ends. */
static inline int32_t put_word(int32_t from, int32_t size, uint8_t flags, int32_t out) {
    int32_t at = 0;
    do memcpy(S.line + out + at, S.lower + from + at, 16); while ((at += 16) < size); /* what is too much is written over */
    Word *w = &S.word[S.words++];
    *w = (Word){.start = (uint16_t)out, .size = (uint16_t)size, .chars = (uint16_t)size, .written = (uint16_t)from,
                .written_size = (uint16_t)size, .written_chars = (uint16_t)size, .flags = flags};
    count_word(w);
    S.line[out + size] = ' ';
    return out + size + 1;
}

/* Write letters and digits of a block to S.written and S.lower, and count its marks. */
static Marks fold_block(const uint8_t *t, Py_ssize_t at) {
    Marks m = {0};
    uint64_t marks = 0;
    EACH_16(i) {
        Bytes b = load_bytes(t + i), letter = within(b | 32, 'a', 26), capital = within(b, 'A', 26), digit = within(b, '0', 10);
        Bytes wordly = letter | digit, lower;
        b = (b & ~digit) | (digit & '0');
        lower = b | (capital & 32);
        memcpy(S.written + at + i, &b, 16);
        memcpy(S.lower + at + i, &lower, 16);
        m.inside |= gather(wordly) << i;
        m.capitals |= gather(capital) << i;
        m.digits |= gather(digit) << i;
        marks |= gather(~wordly & (Bytes)(b != ' ')) << i;
    }
    for (; marks; marks &= marks - 1) S.seen[t[__builtin_ctzll(marks)]]++;
    return m;
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
    uint8_t flags = 0; /* of the word under way */
    for (Py_ssize_t at = 0; at < n; at += BLOCK) {
        const Marks m = fold_block(t + at, at);
        uint64_t edges = m.inside ^ (m.inside << 1 | (start >= 0)), from = 0; /* starts and ends in turn; `from`: where this word goes on */
        for (; edges; edges &= edges - 1) {
            int place = __builtin_ctzll(edges);
            int32_t edge = (int32_t)at + place;
            if (start < 0) { start = edge; from = (uint64_t)place; continue; }
            out = put_word(start, edge - start, flags | flags_of(&m, ((1ULL << place) - 1) & ~0ULL << from), out);
            start = -1;
            flags = 0;
        }
        if (start >= 0) flags |= flags_of(&m, ~0ULL << from);
    }
    if (start >= 0) out = put_word(start, (int32_t)n - start, flags, out);
    memset(S.line + out, 0, 16);
    S.starts_upper = S.words && FLAGS[S.written[S.word[0].written]] & UPPER;
}

/* End a word; gives where the next begins. */
static int32_t end_word(Word *w, int32_t out, int32_t put) {
    w->size = (uint16_t)(out - w->start);
    w->written_size = (uint16_t)(put - w->written);
    count_word(w);
    S.line[out] = ' ';
    return out + 1;
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
            out = end_word(w, out, put);
            w = NULL;
        }
        if (c->as_written == SEPARATOR) continue;
        if (!w) {
            w = &S.word[S.words++];
            *w = (Word){.start = (uint16_t)out, .written = (uint16_t)put};
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
            out = end_word(w, out, put);
            w = NULL;
        }
    }
    if (w) out = end_word(w, out, put);
    memset(S.line + out, 0, 16);
    memset(S.bones + n, ' ', BLOCK);
}

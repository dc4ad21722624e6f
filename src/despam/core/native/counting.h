/* Words -> grams, contexts, words, pairs and case: features.scan, summed with a model or listed as ids.

   What is counted once is compared byte for byte; pairs are compared by id, as in Python. */

static inline uint64_t spread(uint64_t head, const uint8_t *p, int32_t size) {
    uint64_t h = mix(head ^ (uint64_t)size << 56);
    for (int32_t i = 8; i < size; i += 8) h = mix(h ^ word_head(p + i, size - i));
    return mix(h);
}

static inline uint32_t word_place(uint64_t spread) { return spread >> 32 & (WORD_ENTRIES - WORD_WAYS); }

/* Find the distinct words, compared byte for byte, and fetch ahead what is kept of them. */
static void find_distinct(const Bound *b) {
    uint32_t size = table_size(S.words);
    memset(S.slots, 0, size * sizeof(int32_t));
    S.distincts = 0;
    for (Py_ssize_t i = 0; i < S.words; i++) {
        Word *w = &S.word[i];
        const uint8_t *p = S.line + w->start;
        uint64_t head = word_head(p, w->size);
        uint64_t hash = spread(head, p, w->size);
        uint32_t at = (uint32_t)hash & (size - 1);
        for (; S.slots[at]; at = (at + 1) & (size - 1)) {
            const Distinct *d = &S.distinct[S.slots[at] - 1];
            const Word *other = &S.word[d->word];
            if (d->head == head && other->size == w->size &&
                (w->size <= 8 || !memcmp(p + 8, S.line + other->start + 8, (size_t)w->size - 8)))
                break;
        }
        if (!S.slots[at]) {
            if (b) __builtin_prefetch(b->words + word_place(hash));
            S.distinct[S.distincts] = (Distinct){.head = head, .place = word_place(hash), .word = (uint16_t)i};
            S.slots[at] = (int32_t)++S.distincts;
        }
        w->which = (uint16_t)(S.slots[at] - 1);
    }
}

/* Hash the 4- and 5-grams of " word "; gives their number. */
static Py_ssize_t word_grams(const Word *w, uint32_t *out) {
    const uint8_t *p = S.line + w->start - 1;
    Py_ssize_t n = 0, size = w->size + 2;
    if (!(w->flags & BEYOND)) {
        for (Py_ssize_t k = 0; k + 4 <= size; k++) {
            uint32_t c = step4(SEED[GRAMS], p + k);
            out[n++] = ~c;
            if (k + 5 <= size) out[n++] = ~step1(c, p[k + 4]);
        }
        return n;
    }
    /* the same over characters of several bytes: the ends of the five from k on */
    Py_ssize_t end[6] = {0}, chars = w->chars + 2;
    for (Py_ssize_t k = 0, at = 0; k + 4 <= chars; k++, at = end[1]) {
        end[0] = at;
        int last = k + 5 <= chars ? 5 : 4;
        for (int j = 1; j <= last; j++)
            for (end[j] = end[j - 1] + 1; end[j] < size && (p[end[j]] & 0xC0) == 0x80;) end[j]++;
        uint32_t c = crc_bytes(SEED[GRAMS], p + at, end[4] - at);
        out[n++] = ~c;
        if (last == 5) out[n++] = ~crc_bytes(c, p + end[4], end[5] - end[4]);
    }
    return n;
}

static inline uint32_t pair_hash(const Word *w) { return ~crc_bytes(SEED[PAIRS], S.line + w->start, w->size); }
static inline uint32_t word_hash(const Word *w) { return ~crc_bytes(SEED[WORDS], S.line + w->start, w->size); }

static void fill_entry(WordEntry *e, const Bound *b, const Word *w, uint64_t head) {
    uint32_t *grams = S.ids[GRAMS], hash = word_hash(w), at = hash & b->known_mask;
    Py_ssize_t n = word_grams(w, grams);
    e->grams = (uint16_t)n;
    e->sum = (int32_t)sum_weights(b, grams, n);
    e->own = weight(b, hash);
    e->known = b->known[at >> 3] >> (at & 7) & 1;
    e->pair = pair_hash(w);
    e->head = head;
    e->size = (uint8_t)(w->size < 255 ? w->size : 255);
}

/* What the model says of a word: kept where it has been met, or reckoned into `spare`. */
static const WordEntry *word_entry(Bound *b, const Word *w, const Distinct *d, WordEntry *spare) {
    const uint8_t *p = S.line + w->start;
    uint64_t head = d->head;
    if (w->size > WORD_KEPT) { fill_entry(spare, b, w, head); return spare; }
    WordEntry *e = b->words + d->place;
    const WordEntry *kept = e + ((e->head != head) | (e->size != w->size)); /* the first or the second, without a branch that nothing foretells */
    if (kept->head == head && kept->size == w->size && (w->size <= 8 || !memcmp(kept->rest, p + 8, (size_t)w->size - 8))) return kept;
    e[1] = e[0]; /* the older one goes */
    fill_entry(e, b, w, head);
    if (w->size > 8) memcpy(e->rest, p + 8, (size_t)w->size - 8);
    return e;
}

/* Words and their grams, summed. */
static void sum_words(Bound *b) {
    WordEntry spare;
    long long grams = 0, own = 0;
    Py_ssize_t count = 0;
    S.known = 0;
    for (Py_ssize_t i = 0; i < S.distincts; i++) {
        Distinct *d = &S.distinct[i];
        const WordEntry *e = word_entry(b, &S.word[d->word], d, &spare);
        d->pair = e->pair;
        count += e->grams;
        grams += e->sum;
        own += e->own;
        S.known += e->known;
    }
    S.n[GRAMS] = count;
    S.sum[GRAMS] = grams;
    S.n[WORDS] = S.distincts;
    S.sum[WORDS] = own;
}

/* The same as ids. */
static void list_words(void) {
    for (Py_ssize_t i = 0; i < S.distincts; i++) {
        Distinct *d = &S.distinct[i];
        const Word *w = &S.word[d->word];
        S.n[GRAMS] += word_grams(w, S.ids[GRAMS] + S.n[GRAMS]);
        S.ids[WORDS][S.n[WORDS]++] = d->hash = word_hash(w);
        d->pair = pair_hash(w);
    }
}

/* Hash the windows of a context of nine characters; `end` gives where each starts. NUL is beyond the line. */
static int context_grams(const uint8_t *p, const Py_ssize_t *start, uint32_t *out) {
    static const int8_t first[] = {2, 3, 0, 1, 2, 3};
    int n = 0;
    for (int i = 0; i < 6; i++) {
        int from = first[i], to = from + (i < 2 ? 4 : 6);
        if (!p[start[from]] || !p[start[to - 1]]) continue;
        out[n++] = ~crc_bytes(SEED[ACROSS], p + start[from], start[to] - start[from]);
    }
    return n;
}

/* The same for a context of ASCII, whose other letters are `key`: most have all six windows. */
static int ascii_grams(const uint8_t *p, uint64_t key, uint32_t *out) {
    int n = 0;
    if (!((key - 0x0101010101010101ULL) & ~key & 0x8080808080808080ULL)) {
        out[0] = ~step4(SEED[ACROSS], p + 2);
        out[1] = ~step4(SEED[ACROSS], p + 3);
        for (int i = 0; i < 4; i++) out[2 + i] = ~step6(SEED[ACROSS], p + i);
        return 6;
    }
    if (p[2]) out[n++] = ~step4(SEED[ACROSS], p + 2);
    if (p[6]) out[n++] = ~step4(SEED[ACROSS], p + 3);
    for (int i = 0; i < 4; i++)
        if (p[i] && p[i + 5]) out[n++] = ~step6(SEED[ACROSS], p + i);
    return n;
}

static void add_context(Bound *b, const uint32_t *grams, int n) {
    if (b) S.sum[ACROSS] += sum_weights(b, grams, n);
    else memcpy(S.ids[ACROSS] + S.n[ACROSS], grams, (size_t)n * sizeof *grams);
    S.n[ACROSS] += n;
}

static inline uint32_t context_place(uint64_t spread) { return spread >> 32 & (CONTEXT_ENTRIES - CONTEXT_WAYS); }

/* A context of ASCII: its eight letters are its key. */
static void add_ascii_context(Bound *b, const Context *c) {
    const uint8_t *p = S.line + c->start;
    uint32_t grams[6];
    if (!b) { add_context(NULL, grams, ascii_grams(p, c->key, grams)); return; }
    ContextEntry *e = b->contexts + c->place;
    const ContextEntry *kept = e + ((e[1].key == c->key) | (e[2].key == c->key) << 1 | (e[3].key == c->key) * 3); /* no branch: nothing foretells which */
    if (kept->key == c->key) {
        S.sum[ACROSS] += kept->sum;
        S.n[ACROSS] += kept->count;
        return;
    }
    int n = ascii_grams(p, c->key, grams);
    memmove(e + 1, e, (CONTEXT_WAYS - 1) * sizeof *e); /* the oldest goes */
    *e = (ContextEntry){.key = c->key, .sum = (int32_t)sum_weights(b, grams, n), .count = (uint32_t)n};
    S.sum[ACROSS] += e->sum;
    S.n[ACROSS] += e->count;
}

/* Where the nine characters around the blank at `at` start, and where they end. */
static void context_places(const uint8_t *line, Py_ssize_t at, Py_ssize_t *start) {
    start[CONTEXT] = at;
    for (int k = CONTEXT; k-- > 0;)
        for (start[k] = start[k + 1] - 1; (line[start[k]] & 0xC0) == 0x80;) start[k]--;
    for (int k = CONTEXT + 1; k <= 2 * CONTEXT + 1; k++)
        for (start[k] = start[k - 1] + 1; (line[start[k]] & 0xC0) == 0x80;) start[k]++;
}

/* A context beyond ASCII: compared byte for byte with those of this text, and reckoned anew. */
static void add_wide_context(Bound *b, Py_ssize_t word, uint32_t size) {
    Py_ssize_t start[2 * CONTEXT + 2], other[2 * CONTEXT + 2];
    uint32_t grams[6];
    context_places(S.line, S.word[word].start + S.word[word].size, start);
    const uint8_t *p = S.line + start[0];
    int32_t bytes = (int32_t)(start[2 * CONTEXT + 1] - start[0]);
    uint32_t at = (uint32_t)spread(word_head(p, bytes), p, bytes) & (size - 1);
    for (; S.wide[at]; at = (at + 1) & (size - 1)) {
        const Word *w = &S.word[S.wide[at] - 1];
        context_places(S.line, w->start + w->size, other);
        if (other[2 * CONTEXT + 1] - other[0] == bytes && !memcmp(S.line + other[0], p, (size_t)bytes)) return;
    }
    S.wide[at] = (int32_t)word + 1;
    add_context(b, grams, context_grams(S.line, start, grams));
}

/* Every distinct context once; what is kept of those of ASCII is fetched ahead. */
static void scan_contexts(Bound *b) {
    if (S.words < 2) return;
    uint32_t size = table_size(S.words), wide = 0;
    Py_ssize_t contexts = 0;
    memset(S.keys, 0, size * sizeof *S.keys);
    for (Py_ssize_t i = 0; i + 1 < S.words; i++) {
        int32_t start = S.word[i].start + S.word[i].size - CONTEXT;
        uint64_t key = load32(S.line + start) | (uint64_t)load32(S.line + start + CONTEXT + 1) << 32;
        if (key & 0x8080808080808080ULL) {
            if (!wide) memset(S.wide, 0, size * sizeof *S.wide);
            wide = 1;
            add_wide_context(b, i, size);
            continue;
        }
        uint64_t hash = mix(key);
        uint32_t at = (uint32_t)hash & (size - 1);
        while (S.keys[at] && S.keys[at] != key) at = (at + 1) & (size - 1);
        if (S.keys[at]) continue;
        S.keys[at] = key;
        if (b) __builtin_prefetch(b->contexts + context_place(hash));
        S.context[contexts++] = (Context){.key = key, .place = context_place(hash), .start = (uint16_t)start};
    }
    for (Py_ssize_t i = 0; i < contexts; i++) add_ascii_context(b, &S.context[i]);
}

/* Pairs of words one to three places apart, a gap at a time: the same step at every place, which the compiler makes vectors of. */
static void scan_pairs(const Bound *b) {
    uint32_t *out = S.ids[PAIRS], *pair = S.pair, mask = S.mask;
    const Py_ssize_t words = S.words;
    for (Py_ssize_t i = 0; i < words; i++) pair[i] = S.distinct[S.word[i].which].pair;
    memset(pair + words, 0, 8 * sizeof *pair);
    for (Py_ssize_t gap = 1; gap <= 3 && gap < words; gap++) {
        const uint32_t step = (uint32_t)gap * PAIR_STEP;
        for (Py_ssize_t i = 0; i + gap < words; i += 4) /* what is too much is written over, or not counted */
            for (int k = 0; k < 4; k++) out[i + k] = (pair[i + k] * PAIR_FACTOR + pair[i + gap + k] + step) & mask;
        out += words - gap;
    }
    S.n[PAIRS] = out - S.ids[PAIRS];
    finish_distinct(PAIRS, b);
}

/* Every distinct word that holds a capital, as written. */
static void scan_case(const Bound *b) {
    if (!S.cased_words) return;
    uint32_t size = table_size(S.cased_words);
    memset(S.slots, 0, size * sizeof(int32_t));
    for (Py_ssize_t i = 0; i < S.cased_words; i++) {
        const Word *w = &S.word[S.cased[i]], *other;
        const uint8_t *p = S.written + w->written;
        uint32_t hash = ~crc_bytes(SEED[CASE], p, w->written_size), at = (hash * 0x9E3779B1u) >> 7 & (size - 1);
        for (; S.slots[at]; at = (at + 1) & (size - 1)) {
            other = &S.word[S.slots[at] - 1];
            if (other->written_size == w->written_size && !memcmp(S.written + other->written, p, (size_t)w->written_size)) break;
        }
        if (S.slots[at]) continue;
        S.slots[at] = S.cased[i] + 1;
        if (b) S.sum[CASE] += weight(b, hash);
        S.ids[CASE][S.n[CASE]++] = hash;
    }
}

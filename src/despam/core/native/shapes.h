/* shapes.py, line for line: what a message looks like, read off its skeleton. */

static const int LENGTHS[] = {1, 5, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 200, 250, 300, 400, 600, 1000, 1500, 2000, 3000};
static const int WORD_STEPS[] = {1, 2, 3, 4, 5, 7, 10, 13, 16, 20, 25, 30, 40, 60, 100, 200, 400};
static const int PER_MILLE[] = {1, 10, 20, 30, 50, 80, 120, 200, 300, 500, 700, 900};
static const int COUNTS[] = {1, 2, 3, 4, 6, 10, 20};
static const int TENTHS[] = {20, 25, 30, 33, 36, 39, 42, 45, 48, 51, 55, 60, 70, 90};
enum {
    LENGTH, WORD_COUNT, CAPITALS, DIGITS, PUNCTUATED, SHOUTED, SHOUTED_SHARE, WORD_LENGTH, LINKS, SHORT_HOST, DIGIT_HOST,
    DASHED_HOST, DEEP_HOST, LINK_PATH, MAILS, PHONES, MONEY, NUMBERS, NUMBER_DIGITS, EXCLAMATIONS, QUESTIONS, MARK_RUNS, HANDLES,
    EMOJIS, PUNCT, REPEATED, SCRIPT, MIXED, REPAIRED, FIRST_WORD, LINES, ENDING, STARTS, BARE_LINK, CURRENCIES, LEET
};
static const char *const TOP_LEVELS[] = {
    "com", "net", "org", "info", "biz", "ru", "su", "cn", "uk", "in", "co", "me", "ly", "io", "xyz", "top", "site", "online",
    "club", "shop", "store", "live", "app", "link", "click", "tv", "de", "fr", "it", "es", "nl", "br", "pl", "ua", "gl", "cc",
    "us", "eu", "to", "ws", "id", "tk", "ml", "ga", "cf", "gq", "vip", "pro", "win", "bid", "loan", "work", "tr", "vn", "my",
    "sg", "au", "ca", "tech", "space", "website", "fun", "icu", NULL};

/* Count the steps up to a value: all of them are looked at, because where a search would stop nothing foretells. */
static inline int steps(const int *table, int size, int value) {
    int n = 0;
    for (int i = 0; i < size; i++) n += table[i] <= value;
    return n;
}
#define STEPS(table, value) steps(table, (int)(sizeof(table) / sizeof(int)), (int)(value))

static uint32_t shape_hash(int kind, int value) {
    return ~step1(step1(SEED[SHAPES], (uint8_t)kind), (uint8_t)value);
}

/* Every shape once: kinds and values are below 64. */
static void shape(Bound *b, int kind, int value) {
    uint64_t bit = 1ULL << value;
    if (S.shaped[kind] & bit) return;
    S.shaped[kind] |= bit;
    if (!b) { S.ids[SHAPES][S.n[SHAPES]++] = shape_hash(kind, value); return; }
    int32_t *known = &b->shapes[kind][value];
    if (*known == UNKNOWN_WEIGHT) *known = weight(b, shape_hash(kind, value));
    S.sum[SHAPES] += *known;
    S.n[SHAPES]++;
}

/* The top-level domains of a text's links, at most twelve bytes of each. */
enum { TLD_MOST = 12, TLD_SLOTS = 2048 };
typedef struct { uint8_t size, text[TLD_MOST]; } TopLevel;
static TopLevel TLDS[SCORED];
static int16_t TLD_SLOT[TLD_SLOTS];
static int tlds;

static void top_level_shape(Bound *b, const uint8_t *p, Py_ssize_t n) {
    if (n > TLD_MOST) n = TLD_MOST;
    uint32_t hash = ~crc_bytes(step1(SEED[SHAPES], 'T'), p, n), at = hash & (TLD_SLOTS - 1);
    if (!tlds) memset(TLD_SLOT, 0, sizeof TLD_SLOT);
    for (; TLD_SLOT[at]; at = (at + 1) & (TLD_SLOTS - 1)) {
        const TopLevel *other = &TLDS[TLD_SLOT[at] - 1];
        if (other->size == n && !memcmp(other->text, p, (size_t)n)) return;
    }
    TLDS[tlds].size = (uint8_t)n;
    memcpy(TLDS[tlds].text, p, (size_t)n);
    TLD_SLOT[at] = (int16_t)++tlds;
    if (b) S.sum[SHAPES] += weight(b, hash);
    else S.ids[SHAPES][S.n[SHAPES]] = hash;
    S.n[SHAPES]++;
}

static int is_top_level(const uint8_t *p, Py_ssize_t n) {
    for (int i = 0; TOP_LEVELS[i]; i++)
        if ((Py_ssize_t)strlen(TOP_LEVELS[i]) == n && !memcmp(TOP_LEVELS[i], p, (size_t)n)) return 1;
    return 0;
}

/* Handle one chunk as a link; 1 where it is one. */
static int link_shapes(Bound *b, const uint8_t *p, Py_ssize_t n) {
    static uint8_t host[SCORED];
    Py_ssize_t at = 0, size, dot = -1, dots = 0;
    int scheme = 0, digit = 0, dash = 0;
    for (Py_ssize_t i = 0; i + 2 < n && !scheme; i++)
        if (p[i] == ':' && p[i + 1] == '/' && p[i + 2] == '/') { scheme = 1; at = i + 3; }
    if (!scheme)
        while (at < n && p[at] && strchr("([{<\"'*_-", p[at])) at++;
    for (size = 0; at + size < n && HOSTED[p[at + size]]; size++)
        host[size] = (uint8_t)(FLAGS[p[at + size]] & UPPER ? p[at + size] + 32 : p[at + size]);
    const uint8_t *rest = p + at + size;
    Py_ssize_t rest_n = n - at - size;
    while (size && (host[size - 1] == '.' || host[size - 1] == '-')) size--;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (host[i] == '.') { dot = i; dots++; }
        digit |= is_digit(host[i]);
        dash |= host[i] == '-';
    }
    if (!scheme) {
        if (dot < 1) return 0;
        int www = size >= 4 && !memcmp(host, "www.", 4);
        if (!www && ((rest_n && rest[0] == '@') || dot < 2 || !is_top_level(host + dot + 1, size - dot - 1))) return 0;
    }
    if (!size) return 0;
    if (dot >= 0) top_level_shape(b, host + dot + 1, size - dot - 1);
    if (size <= 8) shape(b, SHORT_HOST, 1);
    if (digit) shape(b, DIGIT_HOST, 1);
    if (dash) shape(b, DASHED_HOST, 1);
    if (dots >= 3) shape(b, DEEP_HOST, 1);
    if (rest_n > 1) shape(b, LINK_PATH, STEPS(COUNTS, rest_n / 8));
    if (!scheme) shape(b, BARE_LINK, 1);
    return 1;
}

typedef struct { int links, mails, phones, money, numbers, handles; } Chunks;

/* Look at what stands between two blanks and holds a digit or one of . @ $ : */
static void chunk_shape(Bound *b, const uint8_t *p, Py_ssize_t n, Chunks *found) {
    if (link_shapes(b, p, n)) { found->links++; return; }
    const uint8_t *at = memchr(p, '@', (size_t)n);
    if (at) {
        if (at != p && memchr(at, '.', (size_t)(n - (at - p)))) { found->mails++; return; }
        found->handles += at == p;
    }
    int digits = 0, sum = 0;
    for (Py_ssize_t k = 0; k < n;) {
        if (!is_digit(p[k])) { k++; continue; }
        Py_ssize_t run = k;
        while (k < n && is_digit(p[k])) k++;
        sum |= (run && is_currency(p[run - 1])) || (k < n && is_currency(p[k]));
        digits += (int)(k - run);
        shape(b, NUMBER_DIGITS, k - run > 15 ? 15 : (int)(k - run));
    }
    found->numbers += digits > 0;
    found->phones += digits >= 7;
    found->money += sum;
}

static void chunk_shapes(Bound *b, const uint8_t *t, Py_ssize_t length) {
    Chunks found = {0};
    Py_ssize_t after_space = 0, done = 0; /* where the chunk under way began, and where the last one that was looked at ended */
    for (Py_ssize_t at = 0; at < length; at += BLOCK) {
        uint64_t bits = 0, spaces = 0;
        EACH_16(i) {
            Bytes c = load_bytes(t + at + i); /* a colon stands behind 9 */
            bits |= gather(within(c, '0', 11) | (Bytes)((c == '.') | (c == '@') | (c == '$')) | within(c, POUND, 3)) << i;
            spaces |= gather((Bytes)(c == ' ') | within(c, 9, 5)) << i;
        }
        if (done > at) bits = done - at < BLOCK ? bits & ~0ULL << (done - at) : 0;
        while (bits) {
            int place = __builtin_ctzll(bits);
            uint64_t behind = spaces >> place, before = spaces & ((1ULL << place) - 1);
            Py_ssize_t first = at + place, start = before ? at + BLOCK - __builtin_clzll(before) : after_space;
            done = behind ? first + __builtin_ctzll(behind) : at + BLOCK;
            if (!behind)
                while (done < length && !SPACE[t[done]]) done++;
            if (done > length) done = length;
            bits = done - at < BLOCK ? bits & ~0ULL << (done - at) : 0;
            if (t[first] == '.' && first + 1 == done) continue; /* the end of a sentence: no host, no digit */
            chunk_shape(b, t + start, done - start, &found);
        }
        if (spaces) after_space = at + BLOCK - __builtin_clzll(spaces);
    }
    shape(b, LINKS, STEPS(COUNTS, found.links));
    shape(b, MAILS, STEPS(COUNTS, found.mails));
    shape(b, PHONES, STEPS(COUNTS, found.phones));
    shape(b, MONEY, STEPS(COUNTS, found.money));
    shape(b, NUMBERS, STEPS(COUNTS, found.numbers));
    shape(b, HANDLES, STEPS(COUNTS, found.handles));
}

static void word_shapes(Bound *b) {
    Py_ssize_t n = S.words;
    shape(b, WORD_COUNT, STEPS(WORD_STEPS, n));
    shape(b, SHOUTED, STEPS(COUNTS, S.shouted_words));
    if (!n) return;
    shape(b, SHOUTED_SHARE, STEPS(PER_MILLE, 1000 * S.shouted_words / n));
    shape(b, WORD_LENGTH, STEPS(TENTHS, 10 * S.characters / n));
    const Word *first = &S.word[0];
    if (!(first->flags & LETTER)) shape(b, FIRST_WORD, 0);
    else if ((first->flags & (UPPER | LOWER)) == UPPER) shape(b, FIRST_WORD, first->written_chars > 1 ? 2 : 1);
    else shape(b, FIRST_WORD, S.starts_upper ? 3 : 4);
    if (S.has_leet) shape(b, LEET, 1);
}

/* Add up sixteen counters. */
static Py_ssize_t total(Bytes counters) {
    Py_ssize_t sum = 0;
    for (int i = 0; i < 16; i++) sum += counters[i];
    return sum;
}

static void count_letters(const uint8_t *t, Py_ssize_t length, Py_ssize_t *letters, Py_ssize_t *capitals, Py_ssize_t *digits) {
    _Static_assert(SCORED / 16 + 1 < 256, "a counter is a byte");
    Bytes l = {0}, c = {0}, d = {0}; /* a yes is 255, so taking it away adds one */
    for (Py_ssize_t at = 0; at < length; at += 16) {
        Bytes b = load_bytes(t + at);
        l -= within(b | 32, 'a', 26);
        c -= within(b, 'A', 26);
        d -= within(b, '0', 10);
    }
    *letters = total(l);
    *capitals = total(c);
    *digits = total(d);
}

static inline Bytes calling(Bytes b) { return (Bytes)((b == '!') | (b == '?')); }

static void run_shapes(Bound *b, const uint8_t *t, Py_ssize_t length) {
    Bytes run = {0}, four = {0};
    for (Py_ssize_t at = 0; at < length; at += 16) {
        Bytes a = load_bytes(t + at), next = load_bytes(t + at + 1);
        run |= calling(a) & calling(next);
        four |= (Bytes)((a == next) & (a == load_bytes(t + at + 2)) & (a == load_bytes(t + at + 3)) & (a > ' '));
    }
    if (gather(run)) shape(b, MARK_RUNS, 1);
    if (gather(four)) shape(b, REPEATED, 1);
}

static void letter_shapes(Bound *b, Py_ssize_t latin, Py_ssize_t capitals) {
    Py_ssize_t cyrillic = S.seen[CYRILLIC] + S.seen[CYRILLIC_CAPITAL];
    Py_ssize_t letters[4] = {latin, cyrillic, S.seen[IDEOGRAPH], S.seen[OTHER]}, most = 0, all = 0;
    int script = 0, scripts = 0;
    for (int i = 0; i < 4; i++) {
        all += letters[i];
        if (letters[i] > most) { most = letters[i]; script = i + 1; }
    }
    for (int i = 0; i < 4; i++) scripts += 10 * letters[i] > all;
    if (latin + cyrillic) shape(b, CAPITALS, STEPS(PER_MILLE, 1000 * (capitals + S.seen[CYRILLIC_CAPITAL]) / (latin + cyrillic)));
    shape(b, SCRIPT, script);
    if (scripts > 1) shape(b, MIXED, 1);
}

static void character_shapes(Bound *b, const uint8_t *t, Py_ssize_t length) {
    Py_ssize_t capitals = 0, latin = 0, digits = 0, marks = 0;
    count_letters(t, length, &latin, &capitals, &digits);
    uint32_t present = 0;
    _Static_assert(sizeof MARKS == 32 + 1, "a mark is a bit");
    for (int i = 0; i < 32; i++) {
        Py_ssize_t count = S.seen[(uint8_t)MARKS[i]];
        marks += count;
        present |= (uint32_t)(count != 0) << i;
    }
    for (; present; present &= present - 1) shape(b, PUNCT, __builtin_ctz(present));
    shape(b, LENGTH, STEPS(LENGTHS, length));
    if (length) {
        shape(b, DIGITS, STEPS(PER_MILLE, 1000 * digits / length));
        shape(b, PUNCTUATED, STEPS(PER_MILLE, 1000 * (marks + S.seen[PUNCTUATION]) / length));
    }
    letter_shapes(b, latin, capitals);
    shape(b, EXCLAMATIONS, STEPS(COUNTS, S.seen['!']));
    shape(b, QUESTIONS, STEPS(COUNTS, S.seen['?']));
    shape(b, EMOJIS, STEPS(COUNTS, S.seen[EMOJI]));
    shape(b, LINES, STEPS(COUNTS, S.seen['\n']));
    shape(b, CURRENCIES, STEPS(COUNTS, S.seen['$'] + S.seen[POUND] + S.seen[EURO] + S.seen[CURRENCY]));
    run_shapes(b, t, length);
    Py_ssize_t last = length;
    while (last && SPACE[t[last - 1]]) last--;
    if (last) {
        uint8_t end = t[last - 1];
        shape(b, ENDING, MARK[end] ? MARK[end] + 2 : is_digit(end) ? 1 : 0);
    }
}

/* The kernel: the loops of features.py and shapes.py, and the solver of train/, in C.

   Knows plain bytes: an ASCII text that needs no repair (scan), or the words that Python has made of any other text (scan_line).
   Whatever it is not sure of it hands back to Python by returning None; it never decides anything differently. All sums are
   integers, so that both engines agree bit for bit; tests/core/test_engines.py and `python -m benchmarks.engines` are the proof.

   Limited API (abi3) of Python 3.11. Scans hold the GIL (an SMS takes a microsecond) and share one workspace; the solver lets it go.
   Invariant: every write is inside a buffer that `reserve` has sized from the length of the text. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE_VERSION 1 /* features.VERSION */
#define INTERFACE 2       /* features.INTERFACE: raise both when a function here changes what it takes or gives */
#define HEAD 3000
#define TAIL 300
#define GROUPS 6
enum { GRAMS, ACROSS, WORDS, PAIRS, SHAPES, CASE };

#define FEW_WORDS 2 /* model.FEW_WORDS, model.FEW_SHARE */
#define FEW_SHARE 5

#define PAIR_FACTOR 31ULL
#define PAIR_STEP 0x9E3779B1ULL

/* ---- crc32, as zlib computes it, eight tables wide ---- */

static uint32_t T[8][256];
static uint32_t SEED[GROUPS]; /* crc32 of the group's name, inverted: the state to start from */

static void make_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        T[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++) T[t][i] = (T[t - 1][i] >> 8) ^ T[0][T[t - 1][i] & 255];
}

static inline uint32_t step1(uint32_t c, uint8_t b) { return (c >> 8) ^ T[0][(c ^ b) & 255]; }

static inline uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t step4(uint32_t c, const uint8_t *p) {
    c ^= load32(p);
    return T[3][c & 255] ^ T[2][c >> 8 & 255] ^ T[1][c >> 16 & 255] ^ T[0][c >> 24];
}

static inline uint32_t step6(uint32_t c, const uint8_t *p) {
    c ^= load32(p);
    return T[5][c & 255] ^ T[4][c >> 8 & 255] ^ T[3][c >> 16 & 255] ^ T[2][c >> 24] ^ T[1][p[4]] ^ T[0][p[5]];
}

static inline uint32_t crc_bytes(uint32_t c, const uint8_t *p, Py_ssize_t n) {
    while (n >= 4) { c = step4(c, p); p += 4; n -= 4; }
    while (n-- > 0) c = step1(c, *p++);
    return c;
}

/* ---- workspace ---- */

typedef struct {
    uint32_t *ids[GROUPS]; /* distinct ids of each group */
    Py_ssize_t n[GROUPS];
    long long sum[GROUPS];
    Py_ssize_t room;       /* bytes of text the buffers are sized for */
    uint8_t *line;         /* blank, words with one blank between, blank */
    uint8_t *written;      /* the same, as written */
    int32_t *start, *len;  /* of each word in line */
    int32_t *which;        /* of each word: its place among the distinct ones */
    int32_t *first;        /* of each distinct word: where it stands first */
    uint32_t *pair;        /* of each distinct word: its hash as part of a pair */
    uint32_t *hash;        /* of each distinct word: its hash */
    int32_t *chars;        /* byte offset of each character, for text beyond ASCII */
    Py_ssize_t words, distinct;
    uint32_t *bits;        /* one bit an id: present in the group at hand */
    int32_t *slots;        /* open addressing over words: 1 + place among the distinct ones */
    uint32_t mask, bits_for;
} Space;

static Space S;

static int grow(void **p, size_t bytes) {
    void *q = realloc(*p, bytes);
    if (!q) { PyErr_NoMemory(); return -1; }
    *p = q;
    return 0;
}

/* Size every buffer for `room` bytes of text: at most 2 grams, 6 windows and 3 pairs a byte. */
static int reserve(Py_ssize_t room, uint32_t mask) {
    if (room > S.room) {
        size_t r = (size_t)room + 16;
        S.room = 0;
        for (int g = 0; g < GROUPS; g++)
            if (grow((void **)&S.ids[g], (8 * r + 1024) * sizeof(uint32_t))) return -1;
        if (grow((void **)&S.line, r) || grow((void **)&S.written, r) || grow((void **)&S.start, r * 4) ||
            grow((void **)&S.len, r * 4) || grow((void **)&S.which, r * 4) || grow((void **)&S.first, r * 4) ||
            grow((void **)&S.pair, r * 4) || grow((void **)&S.hash, r * 4) || grow((void **)&S.chars, r * 4) ||
            grow((void **)&S.slots, 4 * r * 4))
            return -1;
        S.room = room;
    }
    if (!S.bits || S.bits_for != mask) {
        free(S.bits);
        S.bits = calloc(mask / 32 + 1, sizeof(uint32_t));
        if (!S.bits) { PyErr_NoMemory(); return -1; }
        S.bits_for = mask;
    }
    S.mask = mask;
    return 0;
}

typedef struct { const int8_t *w8; const int16_t *w16; } Weights;

static inline void add(int g, uint32_t hash) { S.ids[g][S.n[g]++] = hash & S.mask; }

/* Leave each id of a group once, and sum the weights: one pass, the memory it will touch fetched ahead. */
static void finish(int g, Weights w) {
    enum { AHEAD = 16 };
    uint32_t *ids = S.ids[g];
    Py_ssize_t n = S.n[g], kept = 0;
    long long sum = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t id = ids[i], bit = 1u << (id & 31);
        if (i + AHEAD < n) {
            __builtin_prefetch(&S.bits[ids[i + AHEAD] >> 5], 1);
            if (w.w8) __builtin_prefetch(&w.w8[ids[i + AHEAD]]);
        }
        uint32_t *cell = &S.bits[id >> 5], fresh = !(*cell & bit);
        *cell |= bit;
        ids[kept] = id;
        kept += fresh;
        if (w.w8) sum += w.w8[id] & -(int)fresh;
        else if (w.w16) sum += w.w16[id] & -(int)fresh;
    }
    for (Py_ssize_t i = 0; i < kept; i++) S.bits[ids[i] >> 5] = 0;
    S.n[g] = kept;
    S.sum[g] = sum;
}

/* ---- classes of ASCII ---- */

static uint8_t FOLD[256];  /* what a byte is inside a word as written: letter, '0', or 0 for a separator, 1 for nothing */
static uint8_t LOWER[256];
static uint8_t MARK[256];  /* 1 + place among the punctuation marks, or 0 */
static uint8_t SPACE[256];
static uint8_t CHUNKY[256]; /* makes a chunk worth a look: digit . @ $ : */
static uint8_t HOSTED[256]; /* may stand in a host */
static const char MARKS[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/* classes of characters beyond ASCII in a skeleton (shapes.py) */
enum { EMOJI = 1, POUND, EURO, CURRENCY, PUNCTUATION, IDEOGRAPH, CYRILLIC, CYRILLIC_CAPITAL, OTHER = 0x0E };

static int is_currency(uint8_t b) { return b == '$' || (b >= POUND && b <= CURRENCY); }

static void make_classes(void) {
    for (int b = 0; b < 256; b++) {
        int upper = b >= 'A' && b <= 'Z', lower = b >= 'a' && b <= 'z', digit = b >= '0' && b <= '9';
        FOLD[b] = (uint8_t)(upper || lower ? b : digit ? '0' : b == '\'' ? 1 : 0);
        LOWER[b] = (uint8_t)(upper ? b + 32 : b);
        SPACE[b] = b == ' ' || (b >= 9 && b <= 13);
        CHUNKY[b] = digit || b == '.' || b == '@' || b == ':' || is_currency((uint8_t)b);
        HOSTED[b] = upper || lower || digit || b == '.' || b == '-';
    }
    for (int i = 0; MARKS[i]; i++) MARK[(uint8_t)MARKS[i]] = (uint8_t)(i + 1);
}

/* ---- words: grams, windows across, words, pairs, case ---- */

/* crc32 from another start: crc(a, word) ^ crc(b, word) depends on the length alone (crc32 is affine), so one hash a word will do. */
enum { SHIFTED = 64 };
static uint32_t TO_PAIR[SHIFTED];

static void make_shifts(void) {
    static const uint8_t zeros[SHIFTED];
    for (int n = 0; n < SHIFTED; n++) TO_PAIR[n] = crc_bytes(SEED[WORDS], zeros, n) ^ crc_bytes(SEED[PAIRS], zeros, n);
}

/* Hash the words and find the distinct ones: equal in 32 bits is equal here, and in features.py too. */
static void find_distinct(void) {
    uint32_t size = 64;
    while (size < 2 * (uint32_t)S.words) size *= 2;
    memset(S.slots, 0, size * sizeof(int32_t));
    S.distinct = 0;
    for (Py_ssize_t i = 0; i < S.words; i++) {
        const uint8_t *p = S.line + S.start[i];
        uint32_t h = ~crc_bytes(SEED[WORDS], p, S.len[i]), at = (h * 0x9E3779B1u) >> 7 & (size - 1);
        while (S.slots[at] && S.hash[S.slots[at] - 1] != h) at = (at + 1) & (size - 1);
        if (!S.slots[at]) {
            S.hash[S.distinct] = h;
            S.pair[S.distinct] = S.len[i] < SHIFTED ? h ^ TO_PAIR[S.len[i]] : ~crc_bytes(SEED[PAIRS], p, S.len[i]);
            S.first[S.distinct] = (int32_t)i;
            S.slots[at] = (int32_t)++S.distinct;
        }
        S.which[i] = S.slots[at] - 1;
    }
}

static void scan_ascii_line(Py_ssize_t end, Weights w) {
    const uint8_t *line = S.line;
    for (Py_ssize_t d = 0; d < S.distinct; d++) {
        const uint8_t *p = line + S.start[S.first[d]];
        Py_ssize_t n = S.len[S.first[d]];
        /* the windows of " word ": n - 1 of four, n - 2 of five */
        for (Py_ssize_t k = 0; k + 1 < n; k++) {
            uint32_t c = step4(SEED[GRAMS], p - 1 + k);
            add(GRAMS, ~c);
            if (k + 2 < n) add(GRAMS, ~step1(c, p[k + 3]));
        }
    }
    finish(GRAMS, w);
    for (Py_ssize_t i = 0; i + 1 < S.words; i++) {
        Py_ssize_t at = S.start[i] + S.len[i]; /* the blank after word i */
        for (Py_ssize_t s = at - 2 < 0 ? 0 : at - 2; s < at && s + 4 <= end; s++) add(ACROSS, ~step4(SEED[ACROSS], line + s));
        for (Py_ssize_t s = at - 4 < 0 ? 0 : at - 4; s < at && s + 6 <= end; s++) add(ACROSS, ~step6(SEED[ACROSS], line + s));
    }
    finish(ACROSS, w);
}

static void scan_wide_line(Py_ssize_t end, Weights w) {
    /* the same over characters of several bytes: chars[] holds where each starts */
    const uint8_t *line = S.line;
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < end; i++)
        if ((line[i] & 0xC0) != 0x80) S.chars[count++] = (int32_t)i;
    S.chars[count] = (int32_t)end;
    Py_ssize_t at = 0, word = 0;
    while (at + 1 < count) { /* `at` is the blank before a word */
        Py_ssize_t stop = at + 1;
        while (line[S.chars[stop]] != ' ') stop++;
        int fresh = S.words && S.first[S.which[word]] == word;
        for (Py_ssize_t k = at; fresh && k + 4 <= stop + 1; k++) {
            uint32_t c = crc_bytes(SEED[GRAMS], line + S.chars[k], S.chars[k + 4] - S.chars[k]);
            add(GRAMS, ~c);
            if (k + 5 <= stop + 1) add(GRAMS, ~crc_bytes(c, line + S.chars[k + 4], S.chars[k + 5] - S.chars[k + 4]));
        }
        word++;
        at = stop;
    }
    finish(GRAMS, w);
    for (at = 1; at + 1 < count && S.words > 1; at++) {
        if (line[S.chars[at]] != ' ') continue;
        for (int size = 4; size <= 6; size += 2)
            for (Py_ssize_t s = at - size + 2 < 0 ? 0 : at - size + 2; s < at && s + size <= count; s++)
                add(ACROSS, ~crc_bytes(SEED[ACROSS], line + S.chars[s], S.chars[s + size] - S.chars[s]));
    }
    finish(ACROSS, w);
}

/* Words, pairs and case from line/written/start/len. */
static void scan_words(const int32_t *written_start, const int32_t *written_len, Weights w) {
    for (Py_ssize_t d = 0; d < S.distinct; d++) add(WORDS, S.hash[d]);
    finish(WORDS, w);
    for (Py_ssize_t i = 1; i < S.words; i++) {
        uint32_t right = S.pair[S.which[i]];
        for (Py_ssize_t gap = 1; gap <= 3 && gap <= i; gap++)
            add(PAIRS, (uint32_t)(S.pair[S.which[i - gap]] * PAIR_FACTOR + right + (uint64_t)gap * PAIR_STEP));
    }
    finish(PAIRS, w);
    for (Py_ssize_t i = 0; i < S.words; i++) {
        const uint8_t *p = S.written + written_start[i];
        if (S.len[i] != written_len[i] || memcmp(p, S.line + S.start[i], (size_t)S.len[i]))
            add(CASE, ~crc_bytes(SEED[CASE], p, written_len[i]));
    }
    finish(CASE, w);
}

/* ---- shapes of a skeleton (shapes.py, line for line) ---- */

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

static int steps(const int *table, int size, long value) {
    int n = 0;
    while (n < size && table[n] <= value) n++;
    return n;
}
#define STEPS(table, value) steps(table, (int)(sizeof(table) / sizeof(int)), (long)(value))

static void shape(int kind, int value) {
    uint32_t c = step1(SEED[SHAPES], (uint8_t)kind);
    add(SHAPES, ~step1(c, (uint8_t)value));
}

static int is_top_level(const uint8_t *p, Py_ssize_t n) {
    for (int i = 0; TOP_LEVELS[i]; i++)
        if ((Py_ssize_t)strlen(TOP_LEVELS[i]) == n && !memcmp(TOP_LEVELS[i], p, (size_t)n)) return 1;
    return 0;
}

/* Handle one chunk as a link; 1 where it is one. */
static int link_shapes(const uint8_t *p, Py_ssize_t n) {
    uint8_t host[HEAD + TAIL + 1];
    Py_ssize_t at = 0, size, dot = -1, dots = 0;
    int scheme = 0, digit = 0, dash = 0;
    for (Py_ssize_t i = 0; i + 2 < n && !scheme; i++)
        if (p[i] == ':' && p[i + 1] == '/' && p[i + 2] == '/') { scheme = 1; at = i + 3; }
    if (!scheme)
        while (at < n && p[at] && strchr("([{<\"'*_-", p[at])) at++;
    for (size = 0; at + size < n && HOSTED[p[at + size]]; size++) host[size] = LOWER[p[at + size]];
    const uint8_t *rest = p + at + size;
    Py_ssize_t rest_n = n - at - size;
    while (size && (host[size - 1] == '.' || host[size - 1] == '-')) size--;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (host[i] == '.') { dot = i; dots++; }
        digit |= host[i] >= '0' && host[i] <= '9';
        dash |= host[i] == '-';
    }
    if (!scheme) {
        if (dot < 1) return 0;
        int www = size >= 4 && !memcmp(host, "www.", 4);
        if (!www && ((rest_n && rest[0] == '@') || dot < 2 || !is_top_level(host + dot + 1, size - dot - 1))) return 0;
    }
    if (!size) return 0;
    if (dot >= 0) {
        Py_ssize_t tld = size - dot - 1;
        add(SHAPES, ~crc_bytes(step1(SEED[SHAPES], 'T'), host + dot + 1, tld > 12 ? 12 : tld));
    }
    if (size <= 8) shape(SHORT_HOST, 1);
    if (digit) shape(DIGIT_HOST, 1);
    if (dash) shape(DASHED_HOST, 1);
    if (dots >= 3) shape(DEEP_HOST, 1);
    if (rest_n > 1) shape(LINK_PATH, STEPS(COUNTS, rest_n / 8));
    if (!scheme) shape(BARE_LINK, 1);
    return 1;
}

static void chunk_shapes(const uint8_t *t, Py_ssize_t length) {
    int links = 0, mails = 0, phones = 0, money = 0, numbers = 0, handles = 0;
    for (Py_ssize_t i = 0; i < length;) {
        while (i < length && SPACE[t[i]]) i++;
        Py_ssize_t start = i;
        int chunky = 0;
        while (i < length && !SPACE[t[i]]) chunky |= CHUNKY[t[i++]];
        if (!chunky) continue;
        const uint8_t *p = t + start;
        Py_ssize_t n = i - start;
        if (link_shapes(p, n)) { links++; continue; }
        const uint8_t *at = memchr(p, '@', (size_t)n);
        if (at) {
            if (at != p && memchr(at, '.', (size_t)(n - (at - p)))) { mails++; continue; }
            handles += at == p;
        }
        int digits = 0, sum = 0;
        for (Py_ssize_t k = 0; k < n;) {
            if (p[k] < '0' || p[k] > '9') { k++; continue; }
            Py_ssize_t run = k;
            while (k < n && p[k] >= '0' && p[k] <= '9') k++;
            sum |= (run && is_currency(p[run - 1])) || (k < n && is_currency(p[k]));
            digits += (int)(k - run);
            shape(NUMBER_DIGITS, k - run > 15 ? 15 : (int)(k - run));
        }
        if (!digits) continue;
        numbers++;
        phones += digits >= 7;
        money += sum;
    }
    shape(LINKS, STEPS(COUNTS, links));
    shape(MAILS, STEPS(COUNTS, mails));
    shape(PHONES, STEPS(COUNTS, phones));
    shape(MONEY, STEPS(COUNTS, money));
    shape(NUMBERS, STEPS(COUNTS, numbers));
    shape(HANDLES, STEPS(COUNTS, handles));
}

static void word_shapes(void) {
    Py_ssize_t n = S.words, shouted = 0, total = 0;
    int leet = 0, first_upper = 0, first_lower = 0;
    shape(WORD_COUNT, STEPS(WORD_STEPS, n));
    for (Py_ssize_t i = 0; i < n; i++) {
        const uint8_t *p = S.written + S.start[i];
        int upper = 0, lower = 0, zero = 0;
        for (Py_ssize_t k = 0; k < S.len[i]; k++) {
            upper |= p[k] <= 'Z' && p[k] >= 'A';
            lower |= p[k] >= 'a';
            zero |= p[k] == '0';
        }
        if (!i) { first_upper = upper; first_lower = lower; }
        shouted += upper && !lower && S.len[i] > 1;
        leet |= zero && (upper || lower);
        total += S.len[i];
    }
    shape(SHOUTED, STEPS(COUNTS, shouted));
    if (!n) return;
    shape(SHOUTED_SHARE, STEPS(PER_MILLE, 1000 * shouted / n));
    shape(WORD_LENGTH, STEPS(TENTHS, 10 * total / n));
    const uint8_t *first = S.written + S.start[0];
    if (!first_upper && !first_lower) shape(FIRST_WORD, 0);
    else if (first_upper && !first_lower) shape(FIRST_WORD, S.len[0] > 1 ? 2 : 1);
    else shape(FIRST_WORD, first[0] >= 'A' && first[0] <= 'Z' ? 3 : 4);
    if (leet) shape(LEET, 1);
}

static void character_shapes(const uint8_t *t, Py_ssize_t length) {
    Py_ssize_t seen[128] = {0}, capitals = 0, latin = 0, digits = 0, marks = 0;
    uint8_t run = 0, four = 0;
    for (Py_ssize_t i = 0; i < length; i++) seen[t[i] & 127]++;
    for (Py_ssize_t i = 1; i < length; i++)
        run |= ((t[i] == '!') | (t[i] == '?')) & ((t[i - 1] == '!') | (t[i - 1] == '?'));
    for (Py_ssize_t i = 3; i < length; i++)
        four |= (t[i] == t[i - 1]) & (t[i] == t[i - 2]) & (t[i] == t[i - 3]) & (t[i] > ' ');
    for (int b = 'A'; b <= 'Z'; b++) { capitals += seen[b]; latin += seen[b] + seen[b + 32]; }
    for (int b = '0'; b <= '9'; b++) digits += seen[b];
    for (int i = 0; MARKS[i]; i++) {
        Py_ssize_t count = seen[(uint8_t)MARKS[i]];
        marks += count;
        if (count) shape(PUNCT, i);
    }
    Py_ssize_t cyrillic = seen[CYRILLIC] + seen[CYRILLIC_CAPITAL];
    Py_ssize_t letters[4] = {latin, cyrillic, seen[IDEOGRAPH], seen[OTHER]}, most = 0, all = 0;
    int script = 0, scripts = 0;
    for (int i = 0; i < 4; i++) {
        all += letters[i];
        if (letters[i] > most) { most = letters[i]; script = i + 1; }
    }
    for (int i = 0; i < 4; i++) scripts += 10 * letters[i] > all;
    shape(LENGTH, STEPS(LENGTHS, length));
    if (length) {
        shape(DIGITS, STEPS(PER_MILLE, 1000 * digits / length));
        shape(PUNCTUATED, STEPS(PER_MILLE, 1000 * (marks + seen[PUNCTUATION]) / length));
    }
    if (latin + cyrillic)
        shape(CAPITALS, STEPS(PER_MILLE, 1000 * (capitals + seen[CYRILLIC_CAPITAL]) / (latin + cyrillic)));
    shape(SCRIPT, script);
    if (scripts > 1) shape(MIXED, 1);
    shape(EXCLAMATIONS, STEPS(COUNTS, seen['!']));
    shape(QUESTIONS, STEPS(COUNTS, seen['?']));
    shape(EMOJIS, STEPS(COUNTS, seen[EMOJI]));
    shape(LINES, STEPS(COUNTS, seen['\n']));
    shape(CURRENCIES, STEPS(COUNTS, seen['$'] + seen[POUND] + seen[EURO] + seen[CURRENCY]));
    if (run) shape(MARK_RUNS, 1);
    if (four) shape(REPEATED, 1);
    Py_ssize_t last = length;
    while (last && SPACE[t[last - 1]]) last--;
    if (last) {
        uint8_t b = t[last - 1];
        shape(ENDING, MARK[b] ? MARK[b] + 2 : b >= '0' && b <= '9' ? 1 : 0);
    }
}

/* ---- scan: a plain ASCII text ---- */

/* Say whether letters may be spaced out: more than repair.SPACED finds is all right, less is not. */
static int may_be_spaced(const uint8_t *t, Py_ssize_t n) {
    enum { BLOCK = 64 };
    for (Py_ssize_t from = 1; from + 5 < n; from += BLOCK) {
        Py_ssize_t to = from + BLOCK < n - 5 ? from + BLOCK : n - 5;
        uint8_t hint = 0;
        for (Py_ssize_t i = from; i < to; i++) hint |= (t[i] == t[i + 2]) & (t[i] == t[i + 4]) & (t[i + 1] != t[i]);
        if (!hint) continue;
        for (Py_ssize_t i = from; i < to; i++)
            if (t[i] == t[i + 2] && t[i] == t[i + 4] && FOLD[t[i]] <= 1 && FOLD[t[i - 1]] > '9' && FOLD[t[i + 1]] > '9' &&
                FOLD[t[i + 3]] > '9' && FOLD[t[i + 5]] > '9')
                return 1;
    }
    return 0;
}

static int needs_python(const uint8_t *t, Py_ssize_t n) {
    uint8_t odd = 0; /* compares instead of a table: the compiler makes 16 at once of them */
    for (Py_ssize_t i = 0; i < n; i++)
        odd |= (t[i] >= 127) | (t[i] == '<') | (t[i] == '&') | (t[i] < 9) | ((t[i] >= 14) & (t[i] < 32));
    if (odd) return 1;
    if (n <= 2 * (HEAD + TAIL)) return may_be_spaced(t, n);
    return may_be_spaced(t, 2 * HEAD) || may_be_spaced(t + n - 2 * TAIL, 2 * TAIL);
}

static Py_ssize_t fold(const uint8_t *t, Py_ssize_t n) {
    Py_ssize_t out = 1;
    int inside = 0;
    S.words = 0;
    S.line[0] = S.written[0] = ' ';
    for (Py_ssize_t i = 0; i < n; i++) {
        uint8_t f = FOLD[t[i]];
        if (f > 1) {
            if (!inside) { inside = 1; S.start[S.words] = (int32_t)out; }
            S.written[out] = f;
            S.line[out++] = LOWER[f];
        } else if (!f && inside) {
            S.len[S.words] = (int32_t)(out - S.start[S.words]);
            S.words++;
            inside = 0;
            S.written[out] = ' ';
            S.line[out++] = ' ';
        }
    }
    if (inside) {
        S.len[S.words] = (int32_t)(out - S.start[S.words]);
        S.words++;
        S.written[out] = ' ';
        S.line[out++] = ' ';
    }
    return out;
}

static uint32_t count_known(uint32_t distinct, const uint8_t *known, uint32_t known_mask) {
    uint32_t hits = 0;
    for (uint32_t i = 0; i < distinct; i++) {
        uint32_t h = S.hash[i] & known_mask;
        hits += known[h >> 3] >> (h & 7) & 1;
    }
    return hits;
}

static PyObject *answer(uint32_t distinct, const uint8_t *known, uint32_t known_mask) {
    uint32_t hits = count_known(distinct, known, known_mask);
    return Py_BuildValue("((LLLLLL)(nnnnnn)II)", S.sum[0], S.sum[1], S.sum[2], S.sum[3], S.sum[4], S.sum[5], S.n[0], S.n[1],
                         S.n[2], S.n[3], S.n[4], S.n[5], hits, distinct);
}

static PyObject *answer_ids(uint32_t distinct) {
    PyObject *groups = PyTuple_New(GROUPS + 1);
    if (!groups) return NULL;
    for (int g = 0; g <= GROUPS; g++) {
        const uint32_t *from = g < GROUPS ? S.ids[g] : S.hash;
        Py_ssize_t n = g < GROUPS ? S.n[g] : (Py_ssize_t)distinct;
        PyObject *bytes = PyBytes_FromStringAndSize((const char *)from, n * 4);
        if (!bytes || PyTuple_SetItem(groups, g, bytes)) { Py_DECREF(groups); return NULL; }
    }
    return groups;
}

/* Fold, hash and shape one plain ASCII text that had `repairs`; the number of distinct words, or UINT32_MAX on an error. */
static uint32_t scan_plain(const uint8_t *t, Py_ssize_t n, const Py_buffer *repairs, Weights w, uint32_t mask) {
    static uint8_t cut[HEAD + TAIL + 1];
    if (reserve(HEAD + TAIL + 8, mask)) return UINT32_MAX;
    if (n > HEAD + TAIL) {
        memcpy(cut, t, HEAD);
        cut[HEAD] = '\n';
        memcpy(cut + HEAD + 1, t + n - TAIL, TAIL);
        t = cut;
        n = HEAD + 1 + TAIL;
    }
    memset(S.n, 0, sizeof S.n);
    Py_ssize_t end = fold(t, n);
    find_distinct();
    scan_ascii_line(end, w);
    scan_words(S.start, S.len, w);
    word_shapes();
    character_shapes(t, n);
    chunk_shapes(t, n);
    for (Py_ssize_t i = 0; repairs && i < repairs->len && i < 32; i++) shape(REPAIRED, ((const uint8_t *)repairs->buf)[i]);
    finish(SHAPES, w);
    return (uint32_t)S.distinct;
}

typedef struct { Py_buffer weights, known; } Views;

static int open_views(Views *v, PyObject *weights, PyObject *known, Weights *w) {
    if (PyObject_GetBuffer(weights, &v->weights, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)) return -1;
    if (PyObject_GetBuffer(known, &v->known, PyBUF_C_CONTIGUOUS)) { PyBuffer_Release(&v->weights); return -1; }
    Py_ssize_t n = v->weights.len / v->weights.itemsize;
    int is16 = v->weights.itemsize == 2;
    if ((v->weights.itemsize != 1 && !is16) || n < 1024 || n & (n - 1) || n > 1 << 26 || v->known.len < 1 ||
        v->known.len & (v->known.len - 1) || v->known.len > 1 << 26) {
        PyBuffer_Release(&v->weights);
        PyBuffer_Release(&v->known);
        PyErr_SetString(PyExc_ValueError, "weights and known need powers of two");
        return -1;
    }
    w->w8 = is16 ? NULL : v->weights.buf;
    w->w16 = is16 ? v->weights.buf : NULL;
    return 0;
}

static void close_views(Views *v) {
    PyBuffer_Release(&v->weights);
    PyBuffer_Release(&v->known);
}

/* Give the bytes of a text that can be scanned, else NULL: `repaired` says that Python has repaired it already. */
static const uint8_t *plain_text(PyObject *text, Py_ssize_t *n, int repaired) {
    if (!PyUnicode_Check(text)) return NULL;
    const char *t = PyUnicode_AsUTF8AndSize(text, n);
    if (!t) { PyErr_Clear(); return NULL; } /* lone surrogates: Python repairs them */
    int ascii = PyUnicode_GetLength(text) == *n;
    return ascii && (repaired || !needs_python((const uint8_t *)t, *n)) ? (const uint8_t *)t : NULL;
}

/* scan(text, weights, known[, repairs]) -> (sums, counts, known words, distinct words), or None where Python must look;
   with repairs (their places in repair.REPAIRS) Python has looked already, and any ASCII is scanned as it stands */
static PyObject *scan(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *text, *weights, *known, *result = NULL;
    Py_buffer repairs = {0};
    if (!PyArg_ParseTuple(args, "OOO|y*", &text, &weights, &known, &repairs)) return NULL;
    Py_ssize_t n;
    const uint8_t *t = plain_text(text, &n, repairs.obj != NULL);
    Views v;
    Weights w;
    if (!t) {
        result = Py_NewRef(Py_None);
    } else if (!open_views(&v, weights, known, &w)) {
        uint32_t distinct = scan_plain(t, n, &repairs, w, (uint32_t)(v.weights.len / v.weights.itemsize - 1));
        if (distinct != UINT32_MAX) result = answer(distinct, v.known.buf, (uint32_t)(v.known.len * 8 - 1));
        close_views(&v);
    }
    if (repairs.obj) PyBuffer_Release(&repairs);
    return result;
}

/* ---- a bound model: buffers held open, the score computed here ---- */

typedef struct {
    Views views;
    Weights weights;
    double bias, factors[GROUPS];
} Bound;

static const char BOUND[] = "despam.bound";

static void unbind(PyObject *capsule) {
    Bound *b = PyCapsule_GetPointer(capsule, BOUND);
    close_views(&b->views);
    PyMem_Free(b);
}

/* bind(weights, known, bias, factors) -> a handle for score(); it keeps the buffers open as long as it lives */
static PyObject *bind(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *weights, *known;
    Bound *b = PyMem_Calloc(1, sizeof *b);
    if (!b) return PyErr_NoMemory();
    double *f = b->factors;
    if (!PyArg_ParseTuple(args, "OOd(dddddd)", &weights, &known, &b->bias, f, f + 1, f + 2, f + 3, f + 4, f + 5) ||
        open_views(&b->views, weights, known, &b->weights)) {
        PyMem_Free(b);
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(b, BOUND, unbind);
    if (!capsule) {
        close_views(&b->views);
        PyMem_Free(b);
    }
    return capsule;
}

/* score(handle, text) -> (score, known words, distinct words), the score alone where the evidence is enough
   (model.too_little), or None where Python must look. The float operations are model.HashedScorer.combine's, one by one. */
static PyObject *score(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "score takes a handle and a text");
        return NULL;
    }
    Bound *b = PyCapsule_GetPointer(args[0], BOUND);
    if (!b) return NULL;
    Py_ssize_t n;
    const uint8_t *t = plain_text(args[1], &n, 0);
    if (!t) Py_RETURN_NONE;
    uint32_t mask = (uint32_t)(b->views.weights.len / b->views.weights.itemsize - 1);
    uint32_t distinct = scan_plain(t, n, NULL, b->weights, mask);
    if (distinct == UINT32_MAX) return NULL;
    double sum = b->bias;
    for (int g = 0; g < GROUPS; g++)
        if (S.n[g]) sum += b->factors[g] * (double)S.sum[g] / sqrt((double)S.n[g]);
    uint32_t hits = count_known(distinct, b->views.known.buf, (uint32_t)(b->views.known.len * 8 - 1));
    if (hits >= FEW_WORDS && hits * FEW_SHARE >= distinct) return PyFloat_FromDouble(sum);
    return Py_BuildValue("(dII)", sum, hits, distinct);
}

static int check_mask(unsigned long mask) {
    if (mask >= 1023 && !(mask & (mask + 1)) && mask < 1UL << 26) return 0;
    PyErr_SetString(PyExc_ValueError, "mask is no power of two less one");
    return -1;
}

/* scan_ids(text, mask[, repairs]) -> seven bytes objects of uint32 (ids by group, hashes of distinct words), or None */
static PyObject *scan_ids(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *text, *result = NULL;
    unsigned long mask;
    Py_buffer repairs = {0};
    if (!PyArg_ParseTuple(args, "Ok|y*", &text, &mask, &repairs)) return NULL;
    if (!check_mask(mask)) {
        Py_ssize_t n;
        const uint8_t *t = plain_text(text, &n, repairs.obj != NULL);
        Weights none = {NULL, NULL};
        uint32_t distinct = t ? scan_plain(t, n, &repairs, none, (uint32_t)mask) : 0;
        result = !t ? Py_NewRef(Py_None) : distinct == UINT32_MAX ? NULL : answer_ids(distinct);
    }
    if (repairs.obj) PyBuffer_Release(&repairs);
    return result;
}

/* ---- scan_line: words that Python has made ---- */

/* Copy " w1 w2 ... wn " and find its words; the number of them, or -1. */
static Py_ssize_t take_line(uint8_t *to, const uint8_t *from, Py_ssize_t n, int32_t *start, int32_t *len) {
    Py_ssize_t words = 0;
    if (n < 2 || from[0] != ' ' || from[n - 1] != ' ') return -1;
    memcpy(to, from, (size_t)n);
    for (Py_ssize_t i = 1; i < n;) {
        Py_ssize_t s = i;
        while (to[i] != ' ') i++;
        if (i == s) return n == 2 ? 0 : -1;
        start[words] = (int32_t)s;
        len[words++] = (int32_t)(i - s);
        i++;
    }
    return words;
}

typedef struct { Py_buffer line, written, bones, shapes; } Made;

static void close_made(Made *m) {
    PyBuffer_Release(&m->line);
    PyBuffer_Release(&m->written);
    PyBuffer_Release(&m->bones);
    PyBuffer_Release(&m->shapes);
}

/* Hash a line, the shapes of its skeleton and those that Python has found; the number of distinct words, or UINT32_MAX. */
static uint32_t scan_made(const Made *m, Weights w, uint32_t mask) {
    const Py_buffer *line = &m->line, *written = &m->written, *bones = &m->bones, *shapes = &m->shapes;
    Py_ssize_t room = line->len > written->len ? line->len : written->len;
    if (bones->len > room) room = bones->len;
    uint32_t distinct = UINT32_MAX;
    if (room > 1 << 20 || shapes->len > 4096 || bones->len > HEAD + 1 + TAIL) {
        PyErr_SetString(PyExc_ValueError, "the line is too long");
        return distinct;
    }
    if (reserve(room + 8, mask)) return distinct;
    int32_t *wstart = malloc(((size_t)room + 16) * 8), *wlen = wstart ? wstart + room + 16 : NULL;
    if (!wstart) { PyErr_NoMemory(); return distinct; }
    memset(S.n, 0, sizeof S.n);
    S.words = take_line(S.line, line->buf, line->len, S.start, S.len);
    Py_ssize_t as_written = take_line(S.written, written->buf, written->len, wstart, wlen);
    if (S.words < 0 || S.words != as_written) {
        PyErr_SetString(PyExc_ValueError, "the lines do not hold the same words");
    } else {
        find_distinct();
        scan_wide_line(line->len, w);
        scan_words(wstart, wlen, w);
        character_shapes(bones->buf, bones->len);
        chunk_shapes(bones->buf, bones->len);
        for (Py_ssize_t i = 0; i + 4 <= shapes->len; i += 4) add(SHAPES, load32((const uint8_t *)shapes->buf + i));
        finish(SHAPES, w);
        distinct = (uint32_t)S.distinct;
    }
    free(wstart);
    return distinct;
}

/* scan_line(line, written, bones, shapes, weights, known): as scan. Lines are UTF-8 with a blank around each word, bones the
   skeleton of the repaired text, shapes the uint32 ids of those that Python has found (of words, of repairs). */
static PyObject *scan_line(PyObject *self, PyObject *args) {
    (void)self;
    Made m;
    PyObject *weights, *known, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*OO", &m.line, &m.written, &m.bones, &m.shapes, &weights, &known)) return NULL;
    Views v;
    Weights w;
    if (!open_views(&v, weights, known, &w)) {
        uint32_t distinct = scan_made(&m, w, (uint32_t)(v.weights.len / v.weights.itemsize - 1));
        if (distinct != UINT32_MAX) result = answer(distinct, v.known.buf, (uint32_t)(v.known.len * 8 - 1));
        close_views(&v);
    }
    close_made(&m);
    return result;
}

/* scan_line_ids(line, written, bones, shapes, mask): as scan_ids */
static PyObject *scan_line_ids(PyObject *self, PyObject *args) {
    (void)self;
    Made m;
    unsigned long mask;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*k", &m.line, &m.written, &m.bones, &m.shapes, &mask)) return NULL;
    if (!check_mask(mask)) {
        Weights none = {NULL, NULL};
        uint32_t distinct = scan_made(&m, none, (uint32_t)mask);
        if (distinct != UINT32_MAX) result = answer_ids(distinct);
    }
    close_made(&m);
    return result;
}

/* ---- the solver: dual coordinate descent for logistic loss (Yu, Huang, Lin 2011, algorithm 5) ---- */

typedef struct {
    const uint32_t *ids;
    const int64_t *ends;   /* rows x groups: where the ids of the group end; the first starts at 0 */
    const double *values;  /* rows x groups: the value of a feature of the group in the row */
    const int8_t *labels;  /* +1 spam, -1 ham */
    const double *costs;   /* upper bound of each row's dual variable */
    const double *prior;   /* squared prior scale of each bucket */
    const int32_t *order;  /* passes x active rows: the order of the visits */
    double *weights;       /* out: buckets */
    double *alpha;         /* rows: dual variables, in and out */
    double *norms;         /* rows: squared length of each, with the prior */
    double bias_prior, bias;
    Py_ssize_t active, passes;
} Problem;

static double row_score(const Problem *p, int64_t row) {
    double score = p->bias;
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double sum = 0;
        for (; at < end; at++) sum += p->weights[p->ids[at]];
        score += p->values[row * GROUPS + g] * sum;
    }
    return score;
}

static double row_norm(const Problem *p, int64_t row) {
    double square = p->bias_prior;
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double value = p->values[row * GROUPS + g], sum = 0;
        for (; at < end; at++) sum += p->prior[p->ids[at]];
        square += value * value * sum;
    }
    return square;
}

static void row_update(Problem *p, int64_t row, double delta) {
    int64_t at = row ? p->ends[row * GROUPS - 1] : 0;
    p->bias += delta * p->bias_prior;
    for (int g = 0; g < GROUPS; g++) {
        int64_t end = p->ends[row * GROUPS + g];
        double change = delta * p->values[row * GROUPS + g];
        for (; at < end; at++) p->weights[p->ids[at]] += change * p->prior[p->ids[at]];
    }
}

/* Minimise over one dual variable by Newton's method; gives the new value. */
static double minimise(double old, double cost, double square, double margin) {
    /* z in (0, cost): g(z) = log(z / (cost - z)) + square * (z - old) + margin = 0, from the side that is safe */
    int flip = 0.5 * square * (cost - 2 * old) + margin < 0;
    double start = flip ? cost - old : old, sign = flip ? -1 : 1;
    double z = cost - start < 0.5 * cost ? 0.1 * start : start;
    double slope = square * (z - start) + sign * margin + log(z / (cost - z));
    for (int i = 0; i < 100 && fabs(slope) > 1e-6; i++) {
        double next = z - slope / (square + cost / (cost - z) / z);
        z = next <= 0 ? 0.1 * z : next;
        slope = square * (z - start) + sign * margin + log(z / (cost - z));
    }
    return flip ? cost - z : z;
}

static void descend(Problem *p, double tolerance) {
    for (Py_ssize_t pass = 0; pass < p->passes; pass++) {
        double most = 0;
        for (Py_ssize_t i = 0; i < p->active; i++) {
            int64_t row = p->order[pass * p->active + i];
            double label = p->labels[row], cost = p->costs[row], old = p->alpha[row];
            double fresh = minimise(old, cost, p->norms[row], label * row_score(p, row));
            double delta = fresh - old;
            if (fabs(delta) > 1e-12 * cost) {
                p->alpha[row] = fresh;
                row_update(p, row, label * delta);
            }
            if (fabs(delta) / cost > most) most = fabs(delta) / cost;
        }
        if (most < tolerance) return;
    }
}

/* solve(ids, ends, values, labels, costs, prior, order, active, weights, alpha, bias_prior, tolerance) -> bias.
   weights start at zero and alpha inside (0, cost); the start is put into the weights here. */
static PyObject *solve(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[9];
    Py_ssize_t active;
    double bias_prior, tolerance;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*nw*w*dd", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &active, &b[7], &b[8],
                          &bias_prior, &tolerance))
        return NULL;
    Py_ssize_t rows = b[3].len, visits = b[6].len / 4, buckets = b[7].len / 8, ids = b[0].len / 4;
    const int64_t *ends = b[1].buf;
    int right = b[1].len == rows * GROUPS * 8 && b[2].len == rows * GROUPS * 8 && b[4].len == rows * 8 && b[5].len == buckets * 8 &&
                b[8].len == rows * 8 && active > 0 && active <= rows && visits % active == 0 && rows > 0;
    for (Py_ssize_t i = 0; right && i < rows * GROUPS; i++) right = ends[i] >= (i ? ends[i - 1] : 0) && ends[i] <= ids;
    for (Py_ssize_t i = 0; right && i < ids; i++) right = ((const uint32_t *)b[0].buf)[i] < (uint32_t)buckets;
    for (Py_ssize_t i = 0; right && i < visits; i++)
        right = ((const int32_t *)b[6].buf)[i] >= 0 && ((const int32_t *)b[6].buf)[i] < rows;
    double *norms = right ? malloc((size_t)rows * sizeof(double)) : NULL;
    if (norms) {
        Problem p = {b[0].buf, ends, b[2].buf, b[3].buf, b[4].buf, b[5].buf, b[6].buf, b[7].buf, b[8].buf, norms, bias_prior, 0,
                     active, visits / active};
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < active; i++) {
            norms[p.order[i]] = row_norm(&p, p.order[i]);
            row_update(&p, p.order[i], p.labels[p.order[i]] * p.alpha[p.order[i]]);
        }
        descend(&p, tolerance);
        Py_END_ALLOW_THREADS
        free(norms);
        bias_prior = p.bias;
    } else if (right) {
        right = 0;
        PyErr_NoMemory();
    } else {
        PyErr_SetString(PyExc_ValueError, "the arrays do not fit together");
    }
    for (int i = 0; i < 9; i++) PyBuffer_Release(&b[i]);
    return right ? PyFloat_FromDouble(bias_prior) : NULL;
}

static PyMethodDef methods[] = {
    {"bind", bind, METH_VARARGS, "Hold a model's buffers for score()."},
    {"score", (PyCFunction)(void (*)(void))score, METH_FASTCALL, "Score a plain ASCII text with a bound model."},
    {"scan", scan, METH_VARARGS, "Measure a plain ASCII text."},
    {"scan_ids", scan_ids, METH_VARARGS, "Give the ids of a plain ASCII text."},
    {"scan_line", scan_line, METH_VARARGS, "Measure words that Python has made."},
    {"scan_line_ids", scan_line_ids, METH_VARARGS, "Give the ids of words that Python has made."},
    {"solve", solve, METH_VARARGS, "Learn weights by dual coordinate descent."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    static const char *const names[GROUPS] = {"grams", "across", "words", "pairs", "shapes", "case"};
    make_tables();
    make_classes();
    for (int g = 0; g < GROUPS; g++) {
        uint32_t seed = ~crc_bytes(0xFFFFFFFFu, (const uint8_t *)names[g], (Py_ssize_t)strlen(names[g]));
        SEED[g] = ~seed;
    }
    make_shifts();
    PyObject *m = PyModule_Create(&module);
    if (m && (PyModule_AddIntConstant(m, "FEATURE_VERSION", FEATURE_VERSION) || PyModule_AddIntConstant(m, "INTERFACE", INTERFACE))) {
        Py_DECREF(m);
        return NULL;
    }
    return m;
}

/* The workspace that every scan shares, and a bound model with what was met of it.

   Invariant: buffers are sized once for the longest repaired text (SCORED characters), so no scan can write beyond them; what a
   bound model keeps are sums of its own weights, compared by the whole key, so forgetting an entry changes nothing but time. */

enum { LETTER = 1, UPPER = 2, LOWER = 4, DIGIT = 8, CHANGES = 16, IDEOGRAPH_WORD = 32, ALPHANUMERIC = 64, BEYOND = 64 }; /* features.describe_character */

typedef struct {
    int32_t start, size; /* in the line, bytes */
    int32_t chars;       /* in lower case */
    int32_t written, written_size, written_chars;
    int32_t which;       /* its place among the distinct words */
    uint8_t flags;       /* of its characters, together; DIGIT: has a zero */
} Word;

typedef struct {
    uint64_t head;   /* its first eight bytes */
    uint64_t spread; /* for the tables here, not an id */
    int32_t word;    /* where it stands first */
    uint32_t pair;   /* its hash as part of a pair */
    uint32_t hash;   /* its own, where ids are asked for */
} Distinct;

typedef struct {
    uint64_t key, spread;
    int32_t start; /* in the line */
} Context; /* nine characters of ASCII around a blank */

typedef struct {
    uint32_t *ids[GROUPS];
    Py_ssize_t n[GROUPS];
    long long sum[GROUPS];
    Py_ssize_t known;       /* distinct words that the model knows */
    Py_ssize_t room;        /* characters of a repaired text the buffers are sized for */
    uint32_t *code;         /* the text while it is repaired: STRIPPED characters, expanded */
    uint8_t *bones;         /* its skeleton, blanks after it */
    uint8_t *lower;         /* its letters and digits as in a line, for plain ASCII */
    uint8_t *line;          /* NULs, blank, words with one blank between, blank, NULs */
    uint8_t *written;       /* the words as written, one after another */
    Word *word;
    Distinct *distinct;
    Py_ssize_t words, distincts;
    int32_t *slots;         /* open addressing: 1 + place among the distinct words, then the cased ones */
    Context *context;
    uint64_t *keys;         /* open addressing over contexts of nine ASCII characters */
    int32_t *wide;          /* the same over others: 1 + word before the blank */
    uint32_t *bits;         /* one bit an id: present in the group at hand */
    uint32_t mask, bits_for;
    int starts_upper;       /* the first word does */
    uint32_t repaired;      /* repairs that were made here and are reported: one bit each, by their place in repair.REPAIRS */
    uint16_t seen[128];     /* bones that are neither Latin letters nor digits, counted */
    uint64_t shaped[64];    /* shapes: one bit a value, by kind */
} Space;

static Space S;

typedef enum { READY, LEAVE, LEARN, FAILED } Reading; /* LEAVE: Python must look; LEARN: unknown characters were noted */

#define REPORT(place) (S.repaired |= 1u << (place))
enum { HTML, HIDDEN, ENTITIES_REPORTED, ZERO_WIDTH, BIDI, FULL_WIDTH, LOOK_ALIKES, SPACED_OUT }; /* places in repair.REPAIRS */

static int grow(void **p, size_t bytes) {
    void *q = realloc(*p, bytes);
    if (!q) { PyErr_NoMemory(); return -1; }
    *p = q;
    return 0;
}

/* Size every buffer for a repaired text: a character is at most 4 bytes as written, 8 in lower case, and 2 grams, 6 windows, 3 pairs. */
static int reserve(uint32_t mask) {
    if (!S.room) {
        size_t r = SCORED + 16, source = REPLACED_MOST + 16; /* more than STRIPPED */
        for (int g = 0; g < GROUPS; g++)
            if (grow((void **)&S.ids[g], (8 * r + 1024) * sizeof(uint32_t))) return -1;
        if (grow((void **)&S.code, source * 4) || grow((void **)&S.bones, r + 2 * BLOCK) || grow((void **)&S.lower, r + 2 * BLOCK) || grow((void **)&S.line, 10 * r + 64) ||
            grow((void **)&S.written, 4 * r + 64) || grow((void **)&S.word, r * sizeof(Word)) ||
            grow((void **)&S.distinct, r * sizeof(Distinct)) || grow((void **)&S.slots, 4 * r * sizeof(int32_t)) ||
            grow((void **)&S.context, r * sizeof(Context)) || grow((void **)&S.keys, 4 * r * sizeof(uint64_t)) || grow((void **)&S.wide, 4 * r * sizeof(int32_t)))
            return -1;
        S.room = SCORED;
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

/* The tables of open addressing hold at most half of their places: a power of two, at least twice `count`. */
static uint32_t table_size(Py_ssize_t count) {
    uint32_t size = 32;
    while (size < 2 * (uint32_t)count) size *= 2;
    return size;
}

typedef struct {
    uint64_t head;
    uint8_t size, known;
    uint16_t grams;
    int32_t sum, own;
    uint32_t pair;
    uint8_t rest[40];
} WordEntry; /* one line of the cache */

typedef struct {
    uint64_t key;
    int32_t sum;
    uint32_t count;
} ContextEntry;

#define WORD_ENTRIES 8192 /* 512 KB, touched as they fill */
#define WORD_WAYS 2
#define WORD_KEPT 48 /* bytes: longer words are no vocabulary */
#define CONTEXT_ENTRIES 16384 /* 256 KB */
#define CONTEXT_WAYS 4 /* one line of the cache */
#define UNKNOWN_WEIGHT INT32_MIN

typedef struct {
    Py_buffer weights_view, known_view;
    const int8_t *w8;
    const int16_t *w16;
    const uint8_t *known;
    uint32_t mask, known_mask;
    double bias, factors[GROUPS], limit;
    WordEntry *words;
    ContextEntry *contexts;
    int32_t shapes[64][64];
} Bound;

static inline int32_t weight(const Bound *b, uint32_t hash) {
    uint32_t id = hash & b->mask;
    return b->w8 ? b->w8[id] : b->w16[id];
}

static long long sum_weights(const Bound *b, const uint32_t *hashes, Py_ssize_t n) {
    long long sum = 0;
    for (Py_ssize_t i = 0; i < n; i++) sum += weight(b, hashes[i]);
    return sum;
}

/* Leave each id of a group once, and sum its weights: one pass, the memory it will touch fetched ahead. */
static void finish_distinct(int g, const Bound *b) {
    enum { AHEAD = 16 };
    uint32_t *ids = S.ids[g];
    Py_ssize_t n = S.n[g], kept = 0;
    long long sum = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t id = ids[i], bit = 1u << (id & 31);
        if (i + AHEAD < n) {
            __builtin_prefetch(&S.bits[ids[i + AHEAD] >> 5], 1);
            if (b && b->w8) __builtin_prefetch(&b->w8[ids[i + AHEAD]]);
        }
        uint32_t *cell = &S.bits[id >> 5], fresh = !(*cell & bit);
        *cell |= bit;
        ids[kept] = id;
        kept += fresh;
        if (b) sum += weight(b, id) & -(int32_t)fresh;
    }
    for (Py_ssize_t i = 0; i < kept; i++) S.bits[ids[i] >> 5] = 0;
    S.n[g] = kept;
    S.sum[g] = sum;
}

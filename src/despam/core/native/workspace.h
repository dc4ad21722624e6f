/* The workspace that every scan shares, and a bound model with what was met of it.

   Invariant: buffers are sized once for the longest repaired text (SCORED characters), so no scan can write beyond them; what a
   bound model keeps are sums of its own weights, compared by the whole key, so forgetting an entry changes nothing but time. */

enum { LETTER = 1, UPPER = 2, LOWER = 4, DIGIT = 8, CHANGES = 16, IDEOGRAPH_WORD = 32, ALPHANUMERIC = 64 }; /* features.describe_character */
enum { BEYOND = 128 }; /* of a word alone: it holds a character beyond ASCII */

typedef struct {
    uint16_t start, size; /* in the line, bytes */
    uint16_t chars;       /* in lower case */
    uint16_t written, written_size, written_chars;
    uint16_t which;       /* its place among the distinct words */
    uint8_t flags;        /* of its characters, together; DIGIT: has a zero */
} Word; /* four to a line of the cache */
_Static_assert(10 * (SCORED + 16) + 64 < 1 << 16, "places in a line are 16 bits");

typedef struct {
    uint64_t head;  /* its first eight bytes */
    uint32_t place; /* where a bound model keeps it */
    uint32_t pair;  /* its hash as part of a pair */
    uint32_t hash;  /* its own, where ids are asked for */
    uint16_t word;  /* where it stands first */
} Distinct;

typedef struct {
    uint64_t key;
    uint32_t place; /* where a bound model keeps it */
    uint16_t start; /* in the line */
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
    uint16_t *cased;        /* words that hold a capital */
    Py_ssize_t cased_words, shouted_words, characters; /* of the words: how many, and their characters together */
    int has_leet;           /* letters and digits in one word */
    int32_t *slots;         /* open addressing: 1 + place among the distinct words, then the cased ones */
    Context *context;
    uint64_t *keys;         /* open addressing over contexts of nine ASCII characters */
    int32_t *wide;          /* the same over others: 1 + word before the blank */
    uint32_t *pair;         /* each word's hash as part of a pair, in the order of the text */
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
            grow((void **)&S.pair, r * sizeof(uint32_t)) || grow((void **)&S.cased, r * sizeof(uint16_t)) ||
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
    uint32_t size = 128; /* few words are looked for among many places: a collision costs more than a line to clear */
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
    int16_t *aligned; /* a copy of weights that lay at an odd address, or NULL */
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
    const int8_t *w8 = b->w8;
    uint32_t mask = b->mask;
    long long sum = 0;
    if (w8)
        for (Py_ssize_t i = 0; i < n; i++) sum += w8[hashes[i] & mask];
    else
        for (Py_ssize_t i = 0; i < n; i++) sum += b->w16[hashes[i] & mask];
    return sum;
}

/* Leave each id once, at the front, and sum the weights of one table or of none; behind the ids there is room for AHEAD. */
static inline long long keep_distinct(uint32_t *ids, Py_ssize_t *count, const int8_t *w8, const int16_t *w16) {
    enum { AHEAD = 16 };
    uint32_t *bits = S.bits;
    Py_ssize_t n = *count, kept = 0;
    long long sum = 0;
    memset(ids + n, 0, AHEAD * sizeof *ids);
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t id = ids[i], ahead = ids[i + AHEAD], bit = 1u << (id & 31);
        __builtin_prefetch(bits + (ahead >> 5), 1);
        if (w8) __builtin_prefetch(w8 + ahead);
        uint32_t cell = bits[id >> 5], fresh = !(cell & bit);
        bits[id >> 5] = cell | bit;
        ids[kept] = id;
        kept += fresh;
        if (w8) sum += w8[id] & -(int32_t)fresh;
        if (w16) sum += w16[id] & -(int32_t)fresh;
    }
    for (Py_ssize_t i = 0; i < kept; i++) bits[ids[i] >> 5] = 0;
    *count = kept;
    return sum;
}

/* The same for a group, by what weights there are: one pass, the memory that it will touch fetched ahead. */
static void finish_distinct(int g, const Bound *b) {
    uint32_t *ids = S.ids[g];
    if (!b) S.sum[g] = keep_distinct(ids, &S.n[g], NULL, NULL);
    else if (b->w8) S.sum[g] = keep_distinct(ids, &S.n[g], b->w8, NULL);
    else S.sum[g] = keep_distinct(ids, &S.n[g], NULL, b->w16);
}

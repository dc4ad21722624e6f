/* What a character is: to repair, to folding and in a skeleton.

   ASCII is known; of any other character Python is asked once (features.describe_character), so both engines read the Unicode
   tables of the running interpreter. Invariant: a character is complete before its bone is set, and it is never changed again. */

/* classes of characters beyond ASCII in a skeleton (shapes.py) */
enum { EMOJI = 1, POUND, EURO, CURRENCY, PUNCTUATION, IDEOGRAPH, CYRILLIC, CYRILLIC_CAPITAL, OTHER = 0x0E };
enum { PLAIN, ASK, DROPPED, EXPANDED, FOREIGN, DISGUISED, COMBINING, LONG }; /* repair.look_of */
enum { SEPARATOR = 0, NOTHING = 1 };             /* what a character is as written, if no letter */

typedef struct {
    uint8_t bone, flags, look, lower_size, written_size;
    uint8_t written[4], lower[8]; /* UTF-8 */
    uint32_t as_written, expansion[3], latin; /* latin: the letter that it passes for, or 0 */
} Character; /* bone 0: not asked yet */

static Character *PAGES[0x1100];
static Character ASCII[128];
static PyObject *ASKER;       /* engine.describe_characters */
static PyObject *NAME_ASKER;  /* engine.named_entity */

static uint8_t FOLD[256];   /* ASCII as written: a letter, '0', SEPARATOR or NOTHING */
static uint8_t LOWERED[256];
static uint8_t FLAGS[256];
static uint8_t MARK[256];   /* 1 + place among the punctuation marks, or 0 */
static uint8_t SPACE[256];
static uint8_t HOSTED[256]; /* may stand in a host */
static const char MARKS[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

static int is_currency(uint8_t b) { return b == '$' || (b >= POUND && b <= CURRENCY); }
static int is_letter(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static int is_digit(uint32_t c) { return c >= '0' && c <= '9'; }

static void make_classes(void) {
    for (int b = 0; b < 256; b++) {
        int upper = b >= 'A' && b <= 'Z', lower = b >= 'a' && b <= 'z', digit = is_digit((uint32_t)b);
        FOLD[b] = (uint8_t)(upper || lower ? b : digit ? '0' : b == '\'' ? NOTHING : SEPARATOR);
        LOWERED[b] = (uint8_t)(upper ? b + 32 : FOLD[b]);
        FLAGS[b] = (uint8_t)(upper ? LETTER | UPPER | CHANGES : lower ? LETTER | LOWER : digit ? DIGIT : 0);
        SPACE[b] = b == ' ' || (b >= 9 && b <= 13);
        HOSTED[b] = upper || lower || digit || b == '.' || b == '-';
    }
    for (int i = 0; MARKS[i]; i++) MARK[(uint8_t)MARKS[i]] = (uint8_t)(i + 1);
    for (int b = 0; b < 128; b++) {
        int control = b < 9 || (b >= 14 && b < 32) || b == 127;
        ASCII[b] = (Character){.bone = (uint8_t)b, .flags = FLAGS[b] | (FLAGS[b] ? ALPHANUMERIC : 0), .look = control ? DROPPED : PLAIN,
                               .as_written = FOLD[b], .written = {FOLD[b]}, .lower = {LOWERED[b]}, .lower_size = 1, .written_size = 1};
    }
}

/* Planes 4 to 13 hold no characters and 15 and 16 private ones: all are the same, and a text made of them costs no memory. */
static const Character NOBODY = {.bone = PUNCTUATION, .look = PLAIN, .written_size = 1, .lower_size = 1};

static inline const Character *character(uint32_t c) {
    if (c < 128) return &ASCII[c];
    if (c >= 0x40000 && (c < 0xE0000 || c >= 0xF0000)) return &NOBODY;
    const Character *page = PAGES[c >> 8];
    return page && page[c & 255].bone ? &page[c & 255] : NULL;
}

static uint8_t put_utf8(uint8_t *to, uint32_t c) {
    if (c < 0x80) { to[0] = (uint8_t)c; return 1; }
    if (c < 0x800) { to[0] = (uint8_t)(0xC0 | c >> 6); to[1] = (uint8_t)(0x80 | (c & 63)); return 2; }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xE0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        to[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    to[0] = (uint8_t)(0xF0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    to[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

static inline uint32_t take_utf8(const uint8_t **at) {
    const uint8_t *p = *at;
    if (p[0] < 0x80) { *at = p + 1; return p[0]; }
    if (p[0] < 0xE0) { *at = p + 2; return (uint32_t)(p[0] & 31) << 6 | (p[1] & 63); }
    if (p[0] < 0xF0) { *at = p + 3; return (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63); }
    *at = p + 4;
    return (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 63) << 12 | (uint32_t)(p[2] & 63) << 6 | (p[3] & 63);
}

/* Characters that a text holds and nobody has asked for yet: they are learnt together, and the text is read again. */
#define ASK_AT_ONCE 256
#define NAME_MOST 32
#define CLUSTER_MOST 16 /* characters: repair.make_compatible */
#define CLUSTERS_AT_ONCE 128
typedef struct { uint32_t letters[CLUSTER_MOST]; int n; } Letters;
typedef struct {
    int n, clusters, wants_cyrillic, odd;
    uint32_t code[ASK_AT_ONCE];
    Letters cluster[CLUSTERS_AT_ONCE];
    char name[NAME_MOST + 1]; /* of an entity, or empty */
} Unknown;

/* Note one; 1 where no more fit. */
static int note_unknown(Unknown *u, uint32_t c) {
    if (u->n == ASK_AT_ONCE) return 1;
    for (int i = 0; i < u->n; i++)
        if (u->code[i] == c) return 0;
    u->code[u->n++] = c;
    return u->n == ASK_AT_ONCE;
}

/* The same for a cluster. */
static int note_cluster(Unknown *u, const Letters *letters) {
    if (u->clusters == CLUSTERS_AT_ONCE) return 1;
    for (int i = 0; i < u->clusters; i++)
        if (u->cluster[i].n == letters->n && !memcmp(u->cluster[i].letters, letters->letters, 4 * (size_t)letters->n)) return 0;
    u->cluster[u->clusters++] = *letters;
    return u->clusters == CLUSTERS_AT_ONCE;
}

#define DESCRIBED 32 /* bytes a character: "<BBBx7I" */

static int keep_character(uint32_t c, const uint8_t *from) {
    Character **page = &PAGES[c >> 8];
    if (!*page) {
        *page = calloc(256, sizeof(Character));
        if (!*page) { PyErr_NoMemory(); return -1; }
    }
    Character *to = &(*page)[c & 255];
    to->flags = from[1];
    to->look = from[2];
    for (int i = 0; i < 3; i++) to->expansion[i] = load32(from + 4 + 4 * i);
    to->as_written = load32(from + 16);
    to->written_size = put_utf8(to->written, to->as_written & 0x1FFFFF);
    to->lower_size = put_utf8(to->lower, load32(from + 20) & 0x1FFFFF);
    uint32_t second = load32(from + 24) & 0x1FFFFF;
    if (second) to->lower_size = (uint8_t)(to->lower_size + put_utf8(to->lower + to->lower_size, second));
    to->latin = load32(from + 28);
    to->bone = from[0] ? from[0] & 0x7F : OTHER;
    return 0;
}

/* Names of entities that were asked for. A full table starts anew; a text of many odd names is Python's. */
enum { NAMES = 256, NAMES_A_TEXT = 32 };
typedef struct { char name[NAME_MOST + 1]; uint32_t code; } Name; /* code: NO_ENTITY, ODD_ENTITY or the character */
static Name NAMED[NAMES];
static int named;

#define NO_ENTITY 0xFFFFFFFEu
#define ODD_ENTITY 0xFFFFFFFFu /* one for Python */

static const Name *find_name(const char *name) {
    for (int i = 0; i < named; i++)
        if (!strcmp(NAMED[i].name, name)) return &NAMED[i];
    return NULL;
}

static int learn_name(const char *name) {
    PyObject *told = NAME_ASKER ? PyObject_CallFunction(NAME_ASKER, "s", name) : NULL;
    Py_ssize_t size = 0;
    const char *text = told && PyUnicode_Check(told) ? PyUnicode_AsUTF8AndSize(told, &size) : NULL;
    if (!text) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "what an entity stands for is no str");
        Py_XDECREF(told);
        return -1;
    }
    if (named == NAMES) named = 0;
    Name *to = &NAMED[named++];
    memcpy(to->name, name, NAME_MOST + 1);
    const uint8_t *p = (const uint8_t *)text;
    uint32_t code = size ? take_utf8(&p) : NO_ENTITY;
    to->code = !size || (p == (const uint8_t *)text + size && code >= 128) ? code : ODD_ENTITY;
    Py_DECREF(told);
    return 0;
}

/* Ask Python what characters are. */
static int learn_characters(const Unknown *u) {
    if (!u->n) return 0;
    uint8_t text[4 * ASK_AT_ONCE];
    Py_ssize_t size = 0;
    for (int i = 0; i < u->n; i++) size += put_utf8(text + size, u->code[i]);
    if (!ASKER) { PyErr_SetString(PyExc_RuntimeError, "the kernel was not told whom to ask: call ask() first"); return -1; }
    PyObject *string = PyUnicode_FromStringAndSize((const char *)text, size);
    PyObject *told = string ? PyObject_CallFunctionObjArgs(ASKER, string, NULL) : NULL;
    Py_XDECREF(string);
    char *bytes;
    Py_ssize_t told_size;
    int failed = !told || PyBytes_AsStringAndSize(told, &bytes, &told_size);
    if (!failed && told_size != (Py_ssize_t)u->n * DESCRIBED) {
        PyErr_SetString(PyExc_ValueError, "the description of characters has the wrong size");
        failed = 1;
    }
    for (int i = 0; i < u->n && !failed; i++) failed = keep_character(u->code[i], (const uint8_t *)bytes + i * DESCRIBED);
    Py_XDECREF(told);
    return failed ? -1 : 0;
}

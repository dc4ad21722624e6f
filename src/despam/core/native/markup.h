/* Markup -> what it shows, as UTF-8: repair.strip_html in C.

   Knows tags, comments and what hides their content. Where a regular expression of repair.py would read a sign beyond ASCII as a blank,
   a digit, an edge of a word or a letter in another case, it says LEAVE and Python looks. Work is bounded by the window and by one
   search a kind of end. Invariant: a tag never shows more bytes than it has, so what is shown fits where the source did. */

static uint8_t SHOWN[4 * STRIPPED + 16];

/* A name of a tag in lower case: at most 16 letters and digits, zeros after them. */
typedef struct { char letters[17]; int n; } TagName;

#define NAMED_TAG(of) {of, sizeof of - 1}
static const TagName BLOCK_TAGS[] = { /* repair.BLOCKS, the frequent ones first */
    NAMED_TAG("br"), NAMED_TAG("td"), NAMED_TAG("p"), NAMED_TAG("tr"), NAMED_TAG("table"), NAMED_TAG("div"), NAMED_TAG("center"), NAMED_TAG("tbody"),
    NAMED_TAG("li"), NAMED_TAG("ul"), NAMED_TAG("hr"), NAMED_TAG("form"), NAMED_TAG("title"), NAMED_TAG("th"), NAMED_TAG("h1"),
    NAMED_TAG("h2"), NAMED_TAG("h3"), NAMED_TAG("h4"), NAMED_TAG("h5"), NAMED_TAG("h6"), NAMED_TAG("ol"), NAMED_TAG("pre"),
    NAMED_TAG("option"), NAMED_TAG("blockquote"), NAMED_TAG("dd"), NAMED_TAG("dl"), NAMED_TAG("dt"), NAMED_TAG("address"),
    NAMED_TAG("article"), NAMED_TAG("footer"), NAMED_TAG("header"), NAMED_TAG("main"), NAMED_TAG("section"), NAMED_TAG("tfoot"),
    NAMED_TAG("thead")};
static const TagName UNSEEN_TAGS[] = { /* repair.UNSEEN */
    NAMED_TAG("script"), NAMED_TAG("style"), NAMED_TAG("noscript"), NAMED_TAG("template"), NAMED_TAG("object")};
static const TagName LINKING_TAGS[] = {NAMED_TAG("a"), NAMED_TAG("area"), NAMED_TAG("iframe"), NAMED_TAG("form")}; /* repair.shown */
static const TagName IMAGE_TAG = NAMED_TAG("img");

#define IS_ONE_OF(name, tags) is_one_of(name, tags, (int)(sizeof tags / sizeof *tags))

static int is_tag(const TagName *a, const TagName *b) { return a->n == b->n && !memcmp(a->letters, b->letters, 16); }

static int is_one_of(const TagName *name, const TagName *tags, int count) {
    for (int i = 0; i < count; i++)
        if (is_tag(name, &tags[i])) return 1;
    return 0;
}

typedef struct {
    const uint8_t *start, *end; /* with the angles */
    const uint8_t *attributes;  /* up to the last angle */
    TagName name;               /* empty: a comment or a declaration */
    int closing;
} Tag;

/* What strip_html has seen ahead, so that each is searched for once, and what it is inside of. */
typedef struct {
    const uint8_t *text, *end;
    const uint8_t *comment_end, *comment_start; /* the first at or after where they were looked for; NULL: none */
    TagName hidden;  /* the tag whose content a reader does not see, or empty */
    uint8_t *hidden_at; /* where its place is in what is shown */
    Unknown *unknown;
    int leave;       /* something here is Python's to read */
} Markup;

/* ---- tags ---- */

static const uint8_t *next_angle(const uint8_t *p, const uint8_t *end) {
    for (; end - p >= 16; p += 16) {
        Bytes b = load_bytes(p);
        uint64_t at = gather((Bytes)((b == '<') | (b == '>')));
        if (at) return p + __builtin_ctzll(at);
    }
    while (p < end && *p != '<' && *p != '>') p++;
    return p;
}

/* Say whether a letter, a digit or an underscore stands at `p`. */
static int is_word_at(const uint8_t *p, Markup *m) {
    if (p == m->end) return 0;
    if (*p < 128) return is_letter(*p) || is_digit(*p) || *p == '_';
    uint32_t code = take_utf8(&p);
    const Character *c = is_surrogate(code) ? &NOBODY : character(code);
    if (!c) { m->leave |= note_unknown(m->unknown, code); return 0; }
    return (c->flags & ALPHANUMERIC) != 0;
}

/* Find the end of a comment that begins at `p`, if no other begins before it. */
static const uint8_t *comment_end(const uint8_t *p, Markup *m) {
    const uint8_t *inside = p + 4;
    if (m->comment_end && m->comment_end < inside) m->comment_end = find(inside, m->end, "-->");
    if (!m->comment_end) return NULL;
    if (m->comment_start && m->comment_start < inside) m->comment_start = find(inside, m->end, "<!--");
    return m->comment_start && m->comment_start < m->comment_end ? NULL : m->comment_end + 3;
}

/* Read the name of a tag from `p`; 0 where none stands there. */
static int take_name(const uint8_t *p, Tag *tag, Markup *m) {
    const uint8_t *from = p;
    while (p < m->end && (is_letter(*p) || (p > from && is_digit(*p))) && p - from <= 16) p++;
    Py_ssize_t n = p - from;
    if (!n || n > 16 || is_word_at(p, m)) return 0;
    for (Py_ssize_t i = 0; i < n; i++) tag->name.letters[i] = (char)(is_letter(from[i]) ? from[i] | 32 : from[i]);
    tag->name.n = (int)n;
    tag->attributes = p;
    return 1;
}

/* Read what begins at the angle `p`; 0 where it is no tag: repair.TAG. */
static int take_tag(const uint8_t *p, Tag *tag, Markup *m) {
    *tag = (Tag){.start = p};
    if (m->end - p < 3) return 0;
    if (p[1] == '!' && m->end - p >= 7 && p[2] == '-' && p[3] == '-' && (tag->end = comment_end(p, m))) return 1;
    tag->closing = p[1] == '/';
    const uint8_t *angle;
    if (take_name(p + 1 + tag->closing, tag, m)) angle = next_angle(tag->attributes, m->end);
    else if (p[1] == '!' || p[1] == '?' || p[1] == '/') angle = next_angle(p + 2, m->end);
    else return 0;
    if (angle == m->end || *angle != '>') return 0;
    tag->end = angle + 1;
    if (!tag->name.n) tag->closing = 0;
    return 1;
}

/* ---- what stands in a tag: the regular expressions of repair.py over attributes, which end at `end` ---- */

/* What re takes for a blank in ASCII. */
static int is_blank(uint8_t b) { return b == ' ' || (b >= 9 && b <= 13) || (b >= 28 && b <= 31); }

/* Skip blanks; a sign beyond ASCII might be one. */
static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end, Markup *m) {
    while (p < end && is_blank(*p)) p++;
    if (p < end && *p >= 128) m->leave = 1;
    return p;
}

/* Read a word in any case; NULL where it does not stand there. */
static const uint8_t *take_word(const uint8_t *p, const uint8_t *end, const char *word) {
    for (; *word; word++, p++)
        if (p == end || (is_letter((uint8_t)*word) ? *p | 32 : *p) != *word) return NULL;
    return p;
}

/* Read `word` and a sign, blanks around it. */
static const uint8_t *take_key(const uint8_t *p, const uint8_t *end, const char *word, char sign, Markup *m) {
    p = take_word(p, end, word);
    if (p) p = skip_blanks(p, end, m);
    return p && p < end && *p == sign ? skip_blanks(p + 1, end, m) : NULL;
}

/* Say whether letters stand here that are ASCII in another case: dotted and dotless i, long s. */
static int has_odd_letters(const uint8_t *p, const uint8_t *end) {
    for (; p + 1 < end; p++)
        if ((*p == 0xC4 && (p[1] == 0xB0 || p[1] == 0xB1)) || (*p == 0xC5 && p[1] == 0xBF)) return 1;
    return 0;
}

/* Say whether there is an edge of a word before `p`; a sign beyond ASCII might be a letter. */
static int is_edge(const uint8_t *p, const uint8_t *from, Markup *m) {
    if (p == from) return 1;
    if (p[-1] >= 128) m->leave = 1;
    return !is_letter(p[-1]) && !is_digit(p[-1]) && p[-1] != '_';
}

/* font-size: 0, and no other digit but zeros behind it. */
static int is_zero(const uint8_t *p, const uint8_t *end, Markup *m) {
    if (p == end || *p != '0') return 0;
    for (; p < end && (*p == '.' || is_digit(*p)); p++)
        if (*p >= '1' && *p <= '9') return 0;
    if (p < end && *p >= 128) m->leave = 1;
    return 1;
}

/* Say whether attributes hide what is inside: repair.HIDING. */
static int is_hiding(const uint8_t *from, const uint8_t *end, Markup *m) {
    for (const uint8_t *p = from; p < end; p++) {
        const uint8_t *value;
        int letter = *p | 32;
        if (letter == 'd' && (value = take_key(p, end, "display", ':', m)) && take_word(value, end, "none")) return 1;
        if (letter == 'v' && (value = take_key(p, end, "visibility", ':', m)) && take_word(value, end, "hidden")) return 1;
        if (letter == 'f' && (value = take_key(p, end, "font-size", ':', m)) && is_zero(value, end, m)) return 1;
        if (letter == 'h' && take_word(p, end, "hidden") && is_edge(p, from, m)) {
            if (p + 6 < end && p[6] >= 128) m->leave = 1;
            if (p + 6 == end || (!is_letter(p[6]) && !is_digit(p[6]) && p[6] != '_')) return 1;
        }
    }
    return 0;
}

/* Say whether a reader does not see what stands inside the tag. */
static int is_unseen(const Tag *tag, Markup *m) {
    if (IS_ONE_OF(&tag->name, UNSEEN_TAGS)) return 1;
    const uint8_t *end = tag->end - 1;
    if (!find(tag->attributes, end, "style") && !find(tag->attributes, end, "hidden")) return 0;
    m->leave |= has_odd_letters(tag->attributes, end);
    return is_hiding(tag->attributes, end, m);
}

/* What may stand in a host, as repair.LINK takes it. */
static int is_host_sign(uint8_t b) { return !is_blank(b) && b != '"' && b != '\'' && b != '<' && b != '>' && b != '/' && b != '?' && b != '#'; }

/* Show the address that a link leads to, up to its host, between blanks. */
static uint8_t *show_link(const uint8_t *from, const uint8_t *end, uint8_t *out, Markup *m) {
    m->leave |= has_odd_letters(from, end);
    for (const uint8_t *p = from; p < end; p++) {
        if ((*p | 32) != 'h' && (*p | 32) != 's') continue;
        const uint8_t *link = take_key(p, end, (*p | 32) == 'h' ? "href" : "src", '=', m);
        if (!link) continue;
        if (link < end && (*link == '"' || *link == '\'')) link = skip_blanks(link + 1, end, m);
        const uint8_t *host = take_word(link, end, "http");
        if (!host) continue;
        if (host < end && (*host | 32) == 's') host++;
        if (end - host < 4 || memcmp(host, "://", 3)) continue;
        host += 3;
        const uint8_t *stop = host;
        while (stop < end && stop - host < 100 && is_host_sign(*stop)) m->leave |= *stop++ >= 128;
        if (stop == host) continue;
        *out++ = ' ';
        out = put(out, link, stop);
        *out++ = ' ';
        return out;
    }
    return out;
}

/* Show the text that stands for an image, between blanks: repair.ALT. */
static uint8_t *show_alt(const uint8_t *from, const uint8_t *end, uint8_t *out, Markup *m) {
    for (const uint8_t *p = from; p < end; p++) {
        if ((*p | 32) != 'a') continue;
        const uint8_t *value = take_key(p, end, "alt", '=', m), *stop;
        if (!value || value == end || !is_edge(p, from, m)) continue;
        if (*value == '"' || *value == '\'') {
            stop = memchr(value + 1, *value, (size_t)(end - value - 1));
            if (!stop) continue;
            value++;
        } else {
            for (stop = value; stop < end && !is_blank(*stop) && *stop != '"' && *stop != '\''; stop++) m->leave |= *stop >= 128;
        }
        *out++ = ' ';
        out = put(out, value, stop);
        *out++ = ' ';
        return out;
    }
    return out;
}

/* Write what a reader sees of one tag. */
static uint8_t *show(const Tag *tag, uint8_t *out, Markup *m) {
    if (!tag->name.n) return out;
    if (IS_ONE_OF(&tag->name, BLOCK_TAGS)) { *out++ = '\n'; return out; }
    const uint8_t *end = tag->end - 1;
    if (tag->closing || tag->attributes == end) return out;
    if (IS_ONE_OF(&tag->name, LINKING_TAGS)) return show_link(tag->attributes, end, out, m);
    return is_tag(&tag->name, &IMAGE_TAG) ? show_alt(tag->attributes, end, out, m) : out;
}

/* ---- strip_html ---- */

static int is_unicode_blank(uint32_t c) {
    return (c < 128 ? is_blank((uint8_t)c) : c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
                                                 c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000);
}

static int is_comment_sign(uint8_t b) { return b == '<' || b == '!' || b == '-' || b == '>'; }

/* Say whether a comment says anything, its signs and blanks taken off. */
static int says_something(const uint8_t *p, const uint8_t *end) {
    while (p < end && is_comment_sign(*p)) p++;
    while (end > p && is_comment_sign(end[-1])) end--;
    while (p < end)
        if (!is_unicode_blank(take_utf8(&p))) return 1;
    return 0;
}

/* Say whether letters or digits stand on both sides of a tag: it splits a word. */
static int splits_word(const Tag *tag, Markup *m) {
    if (tag->start == m->text) return 0;
    const uint8_t *before = skip_back(tag->start, 1);
    return *before != '_' && is_word_at(before, m) && (tag->end == m->end || *tag->end != '_') && is_word_at(tag->end, m);
}

/* Write what a tag shows, and keep track of what is hidden. */
static uint8_t *take_in(const Tag *tag, uint8_t *out, Markup *m) {
    if (m->hidden.n) {
        if (tag->closing && is_tag(&tag->name, &m->hidden)) {
            m->hidden = (TagName){.n = 0};
            *m->hidden_at = ' ';
            return m->hidden_at + 1;
        }
    } else if (tag->name.n && !tag->closing && is_unseen(tag, m)) {
        m->hidden = tag->name;
        m->hidden_at = out;
        if (!IS_ONE_OF(&tag->name, UNSEEN_TAGS)) REPORT(HIDDEN);
    }
    if (!tag->name.n && !memcmp(tag->start, "<!-", 3) && tag->start[3] == '-' && says_something(tag->start, tag->end) && splits_word(tag, m))
        REPORT(HIDDEN);
    return show(tag, out, m);
}

/* Turn markup into what it shows, from `t` to SHOWN. */
static Reading strip_html(const uint8_t *t, Py_ssize_t *size, Unknown *unknown) {
    Markup m = {.text = t, .end = t + *size, .comment_end = t, .comment_start = t, .unknown = unknown};
    const uint8_t *last = t, *p = t;
    uint8_t *out = SHOWN;
    while ((p = memchr(p, '<', (size_t)(m.end - p)))) {
        Tag tag;
        int is_one = take_tag(p, &tag, &m);
        if (m.leave) break;
        if (!is_one) { p++; continue; }
        out = take_in(&tag, put(out, last, p), &m);
        last = p = tag.end;
        REPORT(HTML);
    }
    if (unknown->n) return LEARN;
    if (m.leave) return LEAVE;
    *size = put(out, last, m.end) - SHOWN;
    return READY;
}

/* Bound a text with markup and strip it: what is left stands in SHOWN. */
static Reading show_markup(const uint8_t **t, Py_ssize_t *size, Py_ssize_t *chars, Unknown *unknown) {
    int is_ascii = *chars == *size;
    if (*chars > (HEAD + TAIL) * WINDOW) {
        *size = cut_source(*t, *size);
        *t = CUT;
    }
    Reading reading = strip_html(*t, size, unknown);
    *t = SHOWN;
    *chars = is_ascii ? *size : count_characters(SHOWN, SHOWN + *size);
    return reading;
}

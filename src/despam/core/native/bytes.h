/* Bytes: loads, crc32 and vectors.

   Knows zlib's crc32 (the hash of every feature) and how to look at sixteen bytes at once on any processor. Knows nothing of texts. */

static uint32_t T[6][256];
static uint32_t SEED[GROUPS]; /* crc32 of the group's name, inverted: the state to start from */

static void make_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        T[0][i] = c;
    }
    for (int t = 1; t < 6; t++)
        for (int i = 0; i < 256; i++) T[t][i] = (T[t - 1][i] >> 8) ^ T[0][T[t - 1][i] & 255];
}

static inline uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load64(const uint8_t *p) { return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32; }

static inline uint32_t step1(uint32_t c, uint8_t b) { return (c >> 8) ^ T[0][(c ^ b) & 255]; }

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

/* Spread a number over 64 bits. */
static uint64_t mix(uint64_t h) {
    h *= 0x9E3779B97F4A7C15ULL;
    return h ^ h >> 29;
}

/* Loops over characters go by blocks, with blanks behind the text. Vectors are the compiler's (gcc, clang), for any processor:
   loops over bytes are not always made into them, and compares against a few constants never. */
enum { BLOCK = 64 };
typedef uint8_t Bytes __attribute__((vector_size(16))); /* a compare gives 255 for yes and 0 for no */
#define EACH_16(i) for (int i = 0; i < BLOCK; i += 16)

static inline Bytes load_bytes(const uint8_t *from) {
    Bytes to;
    memcpy(&to, from, 16);
    return to;
}

static inline Bytes within(Bytes b, uint8_t from, uint8_t size) { return (Bytes)(b - from < size); }

/* Gather a mask into one bit a byte. */
static inline uint64_t gather(Bytes mask) {
#ifdef __SSE2__
    return (uint64_t)(uint32_t)_mm_movemask_epi8((__m128i)mask);
#else
    uint64_t low, high;
    mask &= 1;
    memcpy(&low, &mask, 8);
    memcpy(&high, (const uint8_t *)&mask + 8, 8);
    return low * 0x0102040810204080ULL >> 56 | high * 0x0102040810204080ULL >> 56 << 8;
#endif
}

static Py_ssize_t count_characters(const uint8_t *p, const uint8_t *end) {
    Py_ssize_t n = 0;
    for (; end - p >= 16; p += 16) n += __builtin_popcountll(gather((Bytes)((load_bytes(p) & 0xC0) != 0x80)));
    for (; p < end; p++) n += (*p & 0xC0) != 0x80;
    return n;
}

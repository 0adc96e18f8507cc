/* CRC-32C (Castagnoli), the checksum of RFC 9260 section 6.8 and appendix A.
 *
 * Polynomial 0x1EDC6F41, bits reflected (0x82F63B78).  Every implementation has the form
 *
 *     state = extend(state, data, length)
 *
 * over the bare shift register, so that a checksum can be taken in pieces; RFC 9260 starts with all
 * ones and inverts the end: crc = ~extend(0xFFFFFFFF, data, length).
 *
 * The processor's own instruction (x86 SSE4.2 crc32, ARMv8 crc32c) takes 8 bytes a cycle but answers
 * after three, so three lanes are computed side by side and joined afterwards.  Joining needs "state
 * after n more bytes of zero", which is a multiplication by x^(8n) modulo the polynomial: a carry-less
 * multiplication, reduced by the same instruction.
 */
#ifndef PYSCTPSOCK_CRC32C_IMPL_H
#define PYSCTPSOCK_CRC32C_IMPL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t (*crc32c_extend_t)(uint32_t state, const uint8_t *data, size_t length);

typedef struct {
    const char *name;
    crc32c_extend_t extend;
} crc32c_implementation_t;

#if defined(_MSC_VER)
#define CRC32C_TARGET(features)
#else
#define CRC32C_TARGET(features) __attribute__((target(features)))
#endif

/* ---- Portable: eight tables, eight bytes a step --------------------------------------------------- */

#define CRC32C_POLYNOMIAL 0x82F63B78u

static uint32_t crc32c_table[8][256];       /* [k][b]: the register after byte b and k zero bytes */

static void crc32c_fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int bit = 0; bit < 8; bit++)
            state = (state >> 1) ^ (state & 1 ? CRC32C_POLYNOMIAL : 0);
        crc32c_table[0][byte] = state;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = crc32c_table[k - 1][byte];
            crc32c_table[k][byte] = (before >> 8) ^ crc32c_table[0][before & 0xFF];
        }
}

static inline uint32_t crc32c_little32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t crc32c_by_table(uint32_t state, const uint8_t *data, size_t length) {
    for (; length >= 8; data += 8, length -= 8) {
        uint32_t low = crc32c_little32(data) ^ state, high = crc32c_little32(data + 4);
        state = crc32c_table[7][low & 0xFF] ^ crc32c_table[6][low >> 8 & 0xFF] ^
                crc32c_table[5][low >> 16 & 0xFF] ^ crc32c_table[4][low >> 24] ^
                crc32c_table[3][high & 0xFF] ^ crc32c_table[2][high >> 8 & 0xFF] ^
                crc32c_table[1][high >> 16 & 0xFF] ^ crc32c_table[0][high >> 24];
    }
    while (length--)
        state = (state >> 8) ^ crc32c_table[0][(state ^ *data++) & 0xFF];
    return state;
}

/* ---- By instruction, for x86-64 and ARMv8 alike ---------------------------------------------------- */

/* With reflected bits a carry-less product of 32 by 32 bits stands for a * k * x, and taking it through
 * the instruction multiplies by x^32 and reduces.  To pass w words of zeros, k is x^(64w - 33). */
#define CRC32C_LANE_WORDS 128               /* longest lane, in words of 8 bytes */
#define CRC32C_LANES_FROM 192               /* below so many bytes the joining costs more than it gains */

static uint32_t crc32c_shift[2 * CRC32C_LANE_WORDS + 1];

static void crc32c_fill_shifts(void) {
    static const uint8_t zeros[8];
    uint32_t constant = 1;                  /* x^31, reflected */
    for (int words = 1; words <= 2 * CRC32C_LANE_WORDS; words++) {
        crc32c_shift[words] = constant;
        constant = crc32c_by_table(constant, zeros, 8);
    }
}

static inline uint64_t crc32c_load64(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

#define CRC32C_DEFINE_SERIAL(NAME, TARGET, STEP64, STEP8)                                            \
    TARGET static uint32_t NAME(uint32_t state, const uint8_t *data, size_t length) {                \
        for (; length >= 8; data += 8, length -= 8)                                                  \
            state = (uint32_t)STEP64(state, crc32c_load64(data));                                    \
        while (length--)                                                                             \
            state = STEP8(state, *data++);                                                           \
        return state;                                                                                \
    }

#define CRC32C_DEFINE_LANES(NAME, TARGET, STEP64, MULTIPLY, SERIAL)                                  \
    TARGET static uint32_t NAME(uint32_t state, const uint8_t *data, size_t length) {                \
        while (length >= CRC32C_LANES_FROM) {                                                        \
            size_t words = length / 24;                                                              \
            if (words > CRC32C_LANE_WORDS)                                                           \
                words = CRC32C_LANE_WORDS;                                                           \
            size_t bytes = 8 * words;                                                                \
            const uint8_t *end = data + bytes;                                                       \
            uint64_t a = state, b = 0, c = 0;                                                        \
            for (; data < end; data += 8) {                                                          \
                a = STEP64(a, crc32c_load64(data));                                                  \
                b = STEP64(b, crc32c_load64(data + bytes));                                          \
                c = STEP64(c, crc32c_load64(data + 2 * bytes));                                      \
            }                                                                                        \
            uint64_t joined = MULTIPLY((uint32_t)a, crc32c_shift[2 * words]) ^                       \
                              MULTIPLY((uint32_t)b, crc32c_shift[words]);                            \
            state = (uint32_t)STEP64(0, joined) ^ (uint32_t)c;                                       \
            data += 2 * bytes;                                                                       \
            length -= 3 * bytes;                                                                     \
        }                                                                                            \
        return SERIAL(state, data, length);                                                          \
    }

#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#define CRC32C_MULTIPLY(a, k) ((uint64_t)_mm_cvtsi128_si64( \
        _mm_clmulepi64_si128(_mm_cvtsi64_si128(a), _mm_cvtsi64_si128(k), 0)))

CRC32C_DEFINE_SERIAL(crc32c_by_sse42, CRC32C_TARGET("sse4.2"), _mm_crc32_u64, _mm_crc32_u8)
CRC32C_DEFINE_LANES(crc32c_by_sse42_pclmul, CRC32C_TARGET("sse4.2,pclmul"), _mm_crc32_u64,
                    CRC32C_MULTIPLY, crc32c_by_sse42)

static int crc32c_cpu_has(int *multiply) {
#if defined(_MSC_VER)
    int registers[4];
    __cpuid(registers, 1);
    *multiply = registers[2] >> 1 & 1;
    return registers[2] >> 20 & 1;
#else
    __builtin_cpu_init();
    *multiply = __builtin_cpu_supports("pclmul") != 0;
    return __builtin_cpu_supports("sse4.2") != 0;
#endif
}

#define CRC32C_SERIAL {"sse4.2", crc32c_by_sse42}
#define CRC32C_LANES {"sse4.2+pclmul", crc32c_by_sse42_pclmul}

#elif defined(__aarch64__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#if defined(__clang__)
#define CRC32C_CRC CRC32C_TARGET("crc")
#define CRC32C_CRC_PMULL CRC32C_TARGET("crc,aes")
#else
#define CRC32C_CRC CRC32C_TARGET("+crc")
#define CRC32C_CRC_PMULL CRC32C_TARGET("+crc+crypto")
#endif

#include <arm_acle.h>
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#define CRC32C_MULTIPLY(a, k) ((uint64_t)vmull_p64((poly64_t)(a), (poly64_t)(k)))

CRC32C_DEFINE_SERIAL(crc32c_by_armv8, CRC32C_CRC, __crc32cd, __crc32cb)
CRC32C_DEFINE_LANES(crc32c_by_armv8_pmull, CRC32C_CRC_PMULL, __crc32cd, CRC32C_MULTIPLY, crc32c_by_armv8)

static int crc32c_cpu_has(int *multiply) {
#if defined(__linux__)
    unsigned long features = getauxval(AT_HWCAP);
    *multiply = (features >> 4 & 1);        /* HWCAP_PMULL */
    return features >> 7 & 1;               /* HWCAP_CRC32 */
#elif defined(__APPLE__)
    int crc = 0;
    size_t size = sizeof crc;
    if (sysctlbyname("hw.optional.armv8_crc32", &crc, &size, NULL, 0) != 0)
        crc = 0;
    *multiply = crc;                        /* every 64-bit Apple processor with the one has the other */
    return crc;
#else
    *multiply = 0;
    return 0;
#endif
}

#define CRC32C_SERIAL {"armv8", crc32c_by_armv8}
#define CRC32C_LANES {"armv8+pmull", crc32c_by_armv8_pmull}

#endif

/* ---- What this processor has, the fastest last ------------------------------------------------------ */

static crc32c_implementation_t crc32c_available[3];

/* Fill the tables and find out the implementations; to be called once, at import.  Returns how many. */
static int crc32c_setup(void) {
    int count = 0;
    crc32c_fill_tables();
    crc32c_fill_shifts();
    crc32c_available[count++] = (crc32c_implementation_t){"table", crc32c_by_table};
#ifdef CRC32C_SERIAL
    int multiply = 0;
    if (crc32c_cpu_has(&multiply)) {
        crc32c_available[count++] = (crc32c_implementation_t)CRC32C_SERIAL;
        if (multiply)
            crc32c_available[count++] = (crc32c_implementation_t)CRC32C_LANES;
    }
#endif
    return count;
}

#endif

// Compiled several times with MOVIEEMBED_ISA = baseline, avx2, avx512 and the matching flags.
//
// Nothing here may instantiate a function of external linkage; see gather_isa.cpp.
#include "cooccurrence_isa.hpp"

#if defined(__AVX512BW__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define MOVIEEMBED_CAT2(a, b) a##b
#define MOVIEEMBED_CAT(a, b) MOVIEEMBED_CAT2(a, b)

namespace movieembed {
namespace {

// Lines of ones and zeros for each byte of a mask.
struct Expansion {
    alignas(64) std::uint16_t at[256][8];
};

constexpr Expansion make_expansion() {
    Expansion e{};
    for (int byte = 0; byte < 256; ++byte)
        for (int bit = 0; bit < 8; ++bit) e.at[byte][bit] = static_cast<std::uint16_t>(byte >> bit & 1);
    return e;
}

constexpr Expansion kExpansion = make_expansion();

#if defined(__GNUC__)
typedef std::uint16_t Counts __attribute__((vector_size(64), may_alias));
#else
struct Counts {
    std::uint16_t at[kPanelRows];
    Counts& operator+=(const Counts& other) {
        for (int r = 0; r < kPanelRows; ++r) at[r] = static_cast<std::uint16_t>(at[r] + other.at[r]);
        return *this;
    }
};
#endif

void count(PanelLine* lines, const PanelVisit* visits, std::int64_t n, const std::uint32_t* labels) {
    for (std::int64_t v = 0; v < n; ++v) {
        PanelLine expanded;
        for (int byte = 0; byte < 4; ++byte)
            for (int bit = 0; bit < 8; ++bit)
                expanded.at[8 * byte + bit] = kExpansion.at[visits[v].mask >> (8 * byte) & 255][bit];
        const Counts ones = reinterpret_cast<const Counts&>(expanded);
        const std::uint32_t* label = labels + visits[v].begin;
        const std::uint32_t* end = label + visits[v].length;
#if defined(__GNUC__)
        if (v + 4 < n) __builtin_prefetch(labels + visits[v + 4].begin);
#endif
        for (; label != end; ++label) reinterpret_cast<Counts&>(lines[*label]) += ones;
    }
}

// Bit r is set where at[r] > bar[r], or at[r] == bar[r] and low[r] > than[r]; never where at[r] is 0.
#if defined(__AVX512BW__)
inline std::uint32_t better(const PanelLine& line, __m512i bar, __m512i low0, __m512i low1, __m512i than0,
                            __m512i than1) {
    const __m512i x = _mm512_load_si512(&line);
    std::uint32_t mask = _mm512_cmpgt_epu16_mask(x, bar);
    const std::uint32_t equal = _mm512_mask_cmpeq_epu16_mask(_mm512_test_epi16_mask(x, x), x, bar);
    if (equal) {
        const std::uint32_t lower = _mm512_cmpgt_epu32_mask(low0, than0);
        mask |= equal & (lower | static_cast<std::uint32_t>(_mm512_cmpgt_epu32_mask(low1, than1)) << 16);
    }
    return mask;
}

inline std::uint32_t better_in_rows(const PanelLine& line, const PanelRows& rows, std::uint32_t low) {
    const __m512i all = _mm512_set1_epi32(static_cast<int>(low));
    return better(line, _mm512_load_si512(rows.bar), all, all, _mm512_load_si512(rows.low),
                  _mm512_load_si512(rows.low + 16));
}

inline std::uint32_t better_in_column(const PanelLine& line, const PanelRows& rows, std::uint16_t bar,
                                      std::uint32_t low) {
    const __m512i all = _mm512_set1_epi32(static_cast<int>(low));
    return better(line, _mm512_set1_epi16(static_cast<short>(bar)), _mm512_load_si512(rows.own_low),
                  _mm512_load_si512(rows.own_low + 16), all, all);
}
#else
// Bit r is set where at[r] >= bar[r], a necessary condition, and at[r] is not 0.
inline std::uint32_t reaching(const PanelLine& line, const std::uint16_t* bar) {
    std::uint32_t mask = 0;
#if defined(__SSE2__)
    const __m128i zero = _mm_setzero_si128();
    for (int half = 0; half < 2; ++half) {
        __m128i reached[2];
        for (int part = 0; part < 2; ++part) {
            const int at = 16 * half + 8 * part;
            const __m128i x = _mm_load_si128(reinterpret_cast<const __m128i*>(line.at + at));
            const __m128i b = _mm_load_si128(reinterpret_cast<const __m128i*>(bar + at));
            reached[part] = _mm_andnot_si128(_mm_cmpeq_epi16(x, zero), _mm_cmpeq_epi16(_mm_subs_epu16(b, x), zero));
        }
        mask |= static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(reached[0], reached[1]))) << (16 * half);
    }
#else
    for (int r = 0; r < kPanelRows; ++r)
        mask |= static_cast<std::uint32_t>(line.at[r] != 0 && line.at[r] >= bar[r]) << r;
#endif
    return mask;
}

inline std::uint32_t better_in_rows(const PanelLine& line, const PanelRows& rows, std::uint32_t low) {
    std::uint32_t mask = reaching(line, rows.bar);
    if (mask) {
        std::uint32_t out = 0;
        for (int r = 0; r < kPanelRows; ++r)
            out |= static_cast<std::uint32_t>(line.at[r] == rows.bar[r] && low <= rows.low[r]) << r;
        mask &= ~out;
    }
    return mask;
}

inline std::uint32_t better_in_column(const PanelLine& line, const PanelRows& rows, std::uint16_t bar,
                                      std::uint32_t low) {
    PanelLine bars;
    for (int r = 0; r < kPanelRows; ++r) bars.at[r] = bar;
    std::uint32_t mask = reaching(line, bars.at);
    if (mask) {
        std::uint32_t out = 0;
        for (int r = 0; r < kPanelRows; ++r)
            out |= static_cast<std::uint32_t>(line.at[r] == bar && rows.own_low[r] <= low) << r;
        mask &= ~out;
    }
    return mask;
}
#endif

// All bits of a line, to see whether any is set, or any of the high bytes.
inline std::uint64_t united(const PanelLine& line) {
#if defined(__GNUC__)
    typedef std::uint64_t Words __attribute__((vector_size(64), may_alias));
    const Words words = reinterpret_cast<const Words&>(line);
    return (words[0] | words[1]) | (words[2] | words[3]) | (words[4] | words[5]) | (words[6] | words[7]);
#else
    std::uint64_t all = 0;
    for (int r = 0; r < kPanelRows; ++r) all |= line.at[r];
    return all;
#endif
}

std::int64_t scan(PanelLine* lines, std::int64_t first, const std::uint32_t* which, std::int64_t n, PanelRows& rows,
                  const PanelColumns& columns, PanelHit* hits) {
    std::int64_t found = 0;
    std::uint32_t small_squares[kPanelRows] = {};  // of at most 65,536 counts below 256
    for (std::int64_t m = 0; m < n; ++m) {
        const std::int64_t j = which ? static_cast<std::int64_t>(which[m]) : first + m;
        PanelLine& line = lines[j];
        const std::uint64_t all = united(line);
        if (all == 0) continue;
        if ((all & 0xff00ff00ff00ff00) == 0) {
            std::uint32_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const std::uint32_t square = static_cast<std::uint16_t>(line.at[r] * line.at[r]);
                small_squares[r] += square;
                sum += square;
            }
            columns.squares[j] += sum;
        } else {
            std::uint64_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const std::uint32_t x = line.at[r];
                rows.squares[r] += x * x;
                sum += x * x;
            }
            columns.squares[j] += static_cast<std::int64_t>(sum);
        }
        if (columns.bar) {
            const std::uint32_t in_rows = better_in_rows(line, rows, columns.own_low[j]);
            const std::uint32_t in_column = better_in_column(line, rows, columns.bar[j], columns.low[j]);
            if (in_rows | in_column) {
                hits[found++] = {static_cast<std::uint32_t>(j), in_rows, in_column};
                continue;
            }
        }
        line = PanelLine{};
    }
    for (int r = 0; r < kPanelRows; ++r) rows.squares[r] += small_squares[r];
    return found;
}

}  // namespace

extern const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA);
const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA) = {&count, &scan};

}  // namespace movieembed

// Compiled several times with MOVIEEMBED_ISA = baseline, avx2, avx512 and the matching flags.
//
// Nothing here may instantiate a function of external linkage; see gather_isa.cpp.
#include "cooccurrence/cooccurrence_isa.hpp"

#include <cstring>

#if defined(__AVX512BW__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define MOVIEEMBED_CAT2(a, b) a##b
#define MOVIEEMBED_CAT(a, b) MOVIEEMBED_CAT2(a, b)

namespace movieembed {
namespace {

// The ones and zeros of each byte of a mask.
template <class Count>
struct Expansion {
    alignas(64) Count at[256][8];
};

template <class Count>
constexpr Expansion<Count> make_expansion() {
    Expansion<Count> e{};
    for (int byte = 0; byte < 256; ++byte)
        for (int bit = 0; bit < 8; ++bit) e.at[byte][bit] = static_cast<Count>(byte >> bit & 1);
    return e;
}

constexpr Expansion<uint16_t> kExpansion = make_expansion<uint16_t>();
constexpr Expansion<uint8_t> kNarrowExpansion = make_expansion<uint8_t>();

#if defined(__GNUC__)
typedef uint16_t Counts __attribute__((vector_size(64), may_alias));
typedef uint8_t NarrowCounts __attribute__((vector_size(32), may_alias));
#else
template <class Count>
struct CountsOf {
    Count at[kPanelRows];
    CountsOf& operator+=(const CountsOf& other) {
        for (int r = 0; r < kPanelRows; ++r) at[r] = static_cast<Count>(at[r] + other.at[r]);
        return *this;
    }
};
using Counts = CountsOf<uint16_t>;
using NarrowCounts = CountsOf<uint8_t>;
#endif

template <class Line, class Count>
inline void expand(uint32_t mask, const Expansion<Count>& expansion, Line& line) {
    for (int byte = 0; byte < 4; ++byte)
        std::memcpy(line.at + 8 * byte, expansion.at[mask >> (8 * byte) & 255], 8 * sizeof(Count));
}

void count(PanelLine* lines, NarrowLine* narrow_lines, const PanelVisit* visits, int64_t n, const PanelUser* users,
           const uint32_t* labels) {
    for (int64_t v = 0; v < n; ++v) {
#if defined(__GNUC__)
        // The processor does not foresee where the next user's items are, and mostly no cache has them.
        constexpr int64_t kAhead = 4, kFarAhead = 16;
        if (v + kFarAhead < n) __builtin_prefetch(users + visits[v + kFarAhead].user);
        if (v + kAhead < n) {
            const PanelUser& next = users[visits[v + kAhead].user];
            for (uint32_t m = visits[v + kAhead].from; m < next.items; m += 16)
                __builtin_prefetch(labels + next.begin + m);
        }
#endif
        PanelLine expanded;
        NarrowLine narrow_expanded;
#if defined(__AVX512BW__)
        _mm512_store_si512(&expanded, _mm512_maskz_set1_epi16(visits[v].mask, 1));
        _mm256_store_si256(reinterpret_cast<__m256i*>(&narrow_expanded), _mm256_maskz_set1_epi8(visits[v].mask, 1));
#else
        expand(visits[v].mask, kExpansion, expanded);
        expand(visits[v].mask, kNarrowExpansion, narrow_expanded);
#endif
        const Counts ones = reinterpret_cast<const Counts&>(expanded);
        const NarrowCounts narrow_ones = reinterpret_cast<const NarrowCounts&>(narrow_expanded);
        const PanelUser& user = users[visits[v].user];
        const uint32_t* label = labels + user.begin + visits[v].from;
        const uint32_t* narrow = labels + user.begin + user.full;
        const uint32_t* end = labels + user.begin + user.items;
        for (; label < narrow; ++label) reinterpret_cast<Counts&>(lines[*label]) += ones;
        for (; label < end; ++label) reinterpret_cast<NarrowCounts&>(narrow_lines[*label]) += narrow_ones;
    }
}

// Bit r is set where at[r] > bar[r], or at[r] == bar[r] and low[r] > than[r]; never where at[r] is 0.
#if defined(__AVX512BW__)
inline uint32_t better(const PanelLine& line, __m512i bar, __m512i low0, __m512i low1, __m512i than0, __m512i than1) {
    const __m512i x = _mm512_load_si512(&line);
    uint32_t mask = _mm512_cmpgt_epu16_mask(x, bar);
    const uint32_t equal = _mm512_mask_cmpeq_epu16_mask(_mm512_test_epi16_mask(x, x), x, bar);
    if (equal) {
        const uint32_t lower = _mm512_cmpgt_epu32_mask(low0, than0);
        mask |= equal & (lower | static_cast<uint32_t>(_mm512_cmpgt_epu32_mask(low1, than1)) << 16);
    }
    return mask;
}

inline uint32_t better_in_rows(const PanelLine& line, const PanelRows& rows, uint32_t low) {
    const __m512i all = _mm512_set1_epi32(static_cast<int>(low));
    return better(line, _mm512_load_si512(rows.bar), all, all, _mm512_load_si512(rows.low),
                  _mm512_load_si512(rows.low + 16));
}

inline uint32_t better_in_column(const PanelLine& line, const PanelRows& rows, uint16_t bar, uint32_t low) {
    const __m512i all = _mm512_set1_epi32(static_cast<int>(low));
    return better(line, _mm512_set1_epi16(static_cast<short>(bar)), _mm512_load_si512(rows.own_low),
                  _mm512_load_si512(rows.own_low + 16), all, all);
}
#else
// Bit r is set where at[r] >= bar[r], a necessary condition, and at[r] is not 0.
inline uint32_t reaching(const PanelLine& line, const uint16_t* bar) {
    uint32_t mask = 0;
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
        mask |= static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(reached[0], reached[1]))) << (16 * half);
    }
#else
    for (int r = 0; r < kPanelRows; ++r) mask |= static_cast<uint32_t>(line.at[r] != 0 && line.at[r] >= bar[r]) << r;
#endif
    return mask;
}

inline uint32_t better_in_rows(const PanelLine& line, const PanelRows& rows, uint32_t low) {
    uint32_t mask = reaching(line, rows.bar);
    if (mask) {
        uint32_t out = 0;
        for (int r = 0; r < kPanelRows; ++r)
            out |= static_cast<uint32_t>(line.at[r] == rows.bar[r] && low <= rows.low[r]) << r;
        mask &= ~out;
    }
    return mask;
}

inline uint32_t better_in_column(const PanelLine& line, const PanelRows& rows, uint16_t bar, uint32_t low) {
    PanelLine bars;
    for (int r = 0; r < kPanelRows; ++r) bars.at[r] = bar;
    uint32_t mask = reaching(line, bars.at);
    if (mask) {
        uint32_t out = 0;
        for (int r = 0; r < kPanelRows; ++r)
            out |= static_cast<uint32_t>(line.at[r] == bar && rows.own_low[r] <= low) << r;
        mask &= ~out;
    }
    return mask;
}
#endif

// All bits of a line, to see whether any is set, or any of the high bytes.
template <class Line>
inline uint64_t united(const Line& line) {
#if defined(__GNUC__)
    typedef uint64_t Words __attribute__((vector_size(32), may_alias));
    const Words* words = reinterpret_cast<const Words*>(&line);
    const Words all = sizeof line == sizeof(Words) ? words[0] : words[0] | words[1];
    return (all[0] | all[1]) | (all[2] | all[3]);
#else
    uint64_t all = 0;
    for (int r = 0; r < kPanelRows; ++r) all |= line.at[r];
    return all;
#endif
}

inline const PanelLine& full(const PanelLine& line) { return line; }

inline PanelLine full(const NarrowLine& line) {
    PanelLine out;
    for (int r = 0; r < kPanelRows; ++r) out.at[r] = line.at[r];
    return out;
}

template <class Line>
inline int64_t scan_lines(Line* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                          const PanelColumns& columns, PanelHit* hits) {
    int64_t found = 0;
    uint32_t small_squares[kPanelRows] = {};  // of at most 65,536 counts below 256
    for (int64_t m = 0; m < n; ++m) {
        const int64_t j = which ? which[m] : first + m;
        const uint64_t all = united(lines[j]);
        if (all == 0) continue;
        const PanelLine& line = full(lines[j]);
        if (sizeof(Line) == sizeof(NarrowLine) || (all & 0xff00ff00ff00ff00) == 0) {
            uint32_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const uint32_t square = static_cast<uint16_t>(line.at[r] * line.at[r]);
                small_squares[r] += square;
                sum += square;
            }
            columns.squares[j] += sum;
        } else {
            uint64_t sum = 0;
            for (int r = 0; r < kPanelRows; ++r) {
                const uint32_t x = line.at[r];
                rows.squares[r] += x * x;
                sum += x * x;
            }
            columns.squares[j] += sum;
        }
        if (columns.bar) {
            const uint32_t in_rows = better_in_rows(line, rows, columns.own_low[j]);
            const uint32_t in_column = better_in_column(line, rows, columns.bar[j], columns.low[j]);
            if (in_rows | in_column) {
                hits[found++] = {static_cast<uint32_t>(j), in_rows, in_column};
                continue;
            }
        }
        lines[j] = Line{};
    }
    for (int r = 0; r < kPanelRows; ++r) rows.squares[r] += small_squares[r];
    return found;
}

int64_t scan(PanelLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
             const PanelColumns& columns, PanelHit* hits) {
    return scan_lines(lines, first, which, n, rows, columns, hits);
}

int64_t scan_narrow(NarrowLine* lines, int64_t first, const uint32_t* which, int64_t n, PanelRows& rows,
                    const PanelColumns& columns, PanelHit* hits) {
    return scan_lines(lines, first, which, n, rows, columns, hits);
}

}  // namespace

extern const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA);
const PanelTable MOVIEEMBED_CAT(panel_table_, MOVIEEMBED_ISA) = {&count, &scan, &scan_narrow};

}  // namespace movieembed
